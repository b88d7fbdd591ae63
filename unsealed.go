package swab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"swab/ledger"
	"swab/ship"
	"swab/tail"
)

// sealGrace is for how long a class's batches have failed, run after run, before
// its bytes at their limit expire: the next start may well seal them, and where
// none does, the limit wins.
const sealGrace = time.Hour

// sealPatience is for how long batches fail in a run that goes on before bytes at
// their limit expire: descriptors that are used up come back, and a device may
// stall. A full disk is no such thing: what is at its limit waits for nobody there.
const sealPatience = time.Minute

// notSealed says what becomes of bytes at their limit after a batch could not be
// sealed: where that ends the process, the next start tries to seal them first.
func (d *Daemon) notSealed(ctx context.Context, l *lane, waiting []tail.Waiting, now time.Time, err error) error {
	if l.failing.IsZero() {
		l.failing = now
	}
	switch {
	case ctx.Err() != nil: // it is asked to stop
		return err
	case d.shrinks(l, err), d.ends(err) && !d.failsForGood(l, now):
		return err
	case !d.ends(err) && !fullDisk(err) && now.Sub(l.failing) < sealPatience:
		return err
	}
	return errors.Join(err, d.expire(l, waiting, now, "nothing could be sealed"))
}

// ends tells whether the process ends when a batch cannot be sealed for this
// reason. One pass ends with any.
func (d *Daemon) ends(err error) bool { return d.cfg.Once || d.fatal(err) != nil }

// shrinks tells whether a smaller batch may find room, and is tried.
func (d *Daemon) shrinks(l *lane, err error) bool {
	return fullDisk(err) && d.fatal(err) == nil && l.tried > d.leastBatch()
}

// failsForGood tells whether the batches of a class have failed for so long.
func (d *Daemon) failsForGood(l *lane, now time.Time) (long bool) {
	d.ledger.View(func(s *ledger.State) {
		c := s.Classes[l.class.Name]
		long = c != nil && c.Unsealed > 0 && now.Sub(time.Unix(c.Unsealed, 0)) >= sealGrace
	})
	return long
}

// beginSmall has the first batch of a class be small whose batches ended the last
// runs: it may find room.
func (d *Daemon) beginSmall() {
	d.ledger.View(func(s *ledger.State) {
		for _, l := range d.lanes {
			if c := s.Classes[l.class.Name]; c != nil && c.Unsealed > 0 {
				l.budget = min(l.budget, leastBatch)
			}
		}
	})
}

// endUnsealed is the end of a process that could not seal: what may be erased is,
// since the next one may live as short, and the ledger hears whose batches failed.
func (d *Daemon) endUnsealed(ctx context.Context) error {
	var classes []string
	for _, l := range d.lanes {
		if l.failed {
			classes = append(classes, l.class.Name)
		}
		l.failed = false
	}
	if len(classes) == 0 || d.ledger.Broken() != nil {
		return nil
	}
	d.eraseLast(context.WithoutCancel(ctx))
	slices.Sort(classes)
	return d.ledger.Append(ledger.Event{Stop: &ledger.Stop{Why: "nothing could be sealed of " + strings.Join(classes, ", "), Unsealed: classes}})
}

// sweepSpool removes what a crash left in the spool. That it could not be
// overwritten for sure keeps nothing else from its limit: the next start tries
// again.
func (d *Daemon) sweepSpool() error {
	_, err := d.spool.Sweep(d.spoolKnown)
	var sync *ship.SyncError
	if errors.As(err, &sync) {
		d.log.Error("orphans in the spool could not be removed; the next start tries again", "error", d.clean(err))
		return nil
	}
	return err
}
