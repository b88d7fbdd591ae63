package swab

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"swab/ledger"
	"swab/tail"
)

// Once reads to the end of every file, ships, erases and returns. With the
// store down it seals what there is, holds the limits, and says so. When ctx
// ends before, it leaves with [ErrCutShort]. Either way it says what stays raw.
func (d *Daemon) Once(ctx context.Context, progress func(Progress)) error {
	before := d.total()
	err := d.passOnce(ctx, progress)
	err = errors.Join(err, d.endUnsealed(ctx))
	if ctx.Err() != nil && d.ledger.Broken() == nil {
		if errors.Is(err, context.Canceled) {
			err = nil // it says no more
		}
		err = errors.Join(err, ErrCutShort, d.cutShort(ctx))
	}
	if progress != nil {
		progress(Progress{Done: true})
	}
	if d.ledger.Broken() == nil {
		d.tellLeft(before, err == nil)
	}
	return d.clean(err)
}

// ErrCutShort says that one pass was ended before it was at the end.
var ErrCutShort = errors.New("stopped before all was read, shipped and erased; the next run goes on")

// cutShort ends one pass that was asked to stop: what others removed is read
// and overwritten, within the shutdown timeout, since its descriptor is all
// there is.
func (d *Daemon) cutShort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.ShutdownTimeout)
	defer cancel()
	if err := d.sweepNameless(); err != nil {
		return err
	}
	for _, l := range d.lanes {
		for ctx.Err() == nil && d.namelessUnread(l.class.Name) {
			if sealed, err := d.collect(ctx, l, true); err != nil || !sealed {
				if err != nil {
					d.log.Error("reading a log that others removed", "class", l.class.Name, "error", d.clean(err))
				}
				break
			}
		}
	}
	d.eraseLast(ctx)
	stopped := false
	d.ledger.View(func(s *ledger.State) { stopped = s.Stopped })
	if stopped {
		return nil
	}
	return d.ledger.Append(ledger.Event{Stop: &ledger.Stop{Why: "asked to"}})
}

// sweepNameless sweeps until it is known of each file that others removed
// whether a copy needs it: one more sweep, unless somebody writes what may be one.
func (d *Daemon) sweepNameless() error {
	for range sweepsAtOnce {
		if err := d.sweep(); err != nil {
			return err
		}
		if !slices.ContainsFunc(d.files.Files(), func(f *tail.File) bool { return f.Nameless() && !f.Forsaken() }) {
			break
		}
	}
	return nil
}

// namelessUnread tells whether a class has a log without a name of which
// something is unread.
func (d *Daemon) namelessUnread(class string) bool {
	return slices.ContainsFunc(d.files.Files(), func(f *tail.File) bool {
		return f.Class() == class && f.Nameless() && f.Unread() > 0
	})
}

func (d *Daemon) passOnce(ctx context.Context, progress func(Progress)) error {
	if len(d.streams) > 0 { // to their end, as Run reads them; then the rest
		if err := d.run(ctx); err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
	}
	d.once.Do(func() { close(d.drain) })
	if err := d.sweepOut(ctx, sweepsAtOnce); err != nil { // what became of a log says what is read of its archive
		return err
	}
	if len(d.streams) == 0 {
		d.greet()
	}
	if err := d.noteUncovered(); err != nil {
		return err
	}
	var shipErr error
	for full := true; full && shipErr == nil; {
		var errs error
		for _, l := range d.lanes { // one class keeps no other
			errs = errors.Join(errs, d.readAll(ctx, l, progress))
		}
		if errs != nil {
			return errs
		}
		full = d.spool.Used() >= d.cfg.SpoolLimit // reading stopped there: the store makes room
		shipErr = d.shipAll(ctx, progress)
	}
	if err := d.erase(ctx); err != nil {
		return errors.Join(shipErr, err)
	}
	if err := d.sweepOut(ctx, math.MaxInt); err != nil {
		return errors.Join(shipErr, err)
	}
	if slices.ContainsFunc(d.files.Files(), (*tail.File).Nameless) { // removed meanwhile
		if err := d.erase(ctx); err != nil {
			return errors.Join(shipErr, err)
		}
	}
	for _, l := range d.lanes {
		shipErr = errors.Join(shipErr, l.unread)
	}
	stop := d.ledger.Append(ledger.Event{Stop: &ledger.Stop{Why: "read to the end"}})
	return errors.Join(shipErr, stop)
}

// sweepsAtOnce is after how many sweeps what is to be decided waits for somebody
// else.
const sweepsAtOnce = 5

// sweepOut sweeps until it is known what became of every file that was not
// found: the first sweeps tell, unless somebody still writes what may be its copy.
// It sweeps times times at the most.
func (d *Daemon) sweepOut(ctx context.Context, times int) error {
	const pause = 100 * time.Millisecond
	for k := range times {
		if err := d.sweep(); err != nil {
			return err
		}
		if !d.files.Missing() {
			return nil
		}
		if k < sweepsAtOnce {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}

// readAll seals everything of a class.
func (d *Daemon) readAll(ctx context.Context, l *lane, progress func(Progress)) error {
	for {
		sealed, err := d.collect(ctx, l, true)
		if d.shrinks(l, err) {
			continue
		}
		l.failed = l.failed || err != nil && ctx.Err() == nil
		if err != nil || !sealed {
			return err
		}
		d.report(progress)
	}
}

// Progress is how far a run has come, for a person at a terminal.
type Progress struct {
	Read, Shipped, Unread int64 // bytes
	Lines                 int64 // shipped
	// Done: nothing follows. The numbers are those of the last call.
	Done bool
}

func (d *Daemon) report(progress func(Progress)) {
	if progress == nil {
		return
	}
	var p Progress
	d.ledger.View(func(s *ledger.State) {
		for _, c := range s.Classes {
			p.Read += c.Account.SealedBytes + c.Account.ShippedBytes
			p.Shipped += c.Account.ShippedBytes
			p.Unread += c.Account.Unread
			p.Lines += c.Account.LinesShipped
		}
	})
	progress(p)
}
