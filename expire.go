package swab

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"time"

	"swab/ledger"
	"swab/ship"
	"swab/tail"
)

// expire is the last resort of invariant 4: bytes at their limit that could
// not be sealed (why says what kept them) are marked for overwriting unread.
// It is a loss, and always an error with counts.
func (d *Daemon) expire(l *lane, waiting []tail.Waiting, now time.Time, why string) error {
	var off bool
	d.ledger.View(func(s *ledger.State) { off = s.Policies[l.class.Name].Erase == "off" })
	if off {
		return nil
	}
	due := slices.DeleteFunc(slices.Clone(waiting), func(w tail.Waiting) bool {
		return w.File.EraseMode() == "off" || !l.overdue(w.Oldest, now)
	})
	if len(due) == 0 || !d.mayExpire(now) {
		return nil
	}
	by := func(w tail.Waiting) time.Time {
		return d.clock.Certain(l.class.RawLimit, time.Unix(w.Oldest, 0), w.Met)
	}
	all := len(due)
	if due = slices.DeleteFunc(due, func(w tail.Waiting) bool { return !until(w.Oldest, by(w)) }); len(due) < all {
		d.told.say(d.log.Error, "age/"+l.class.Name, "the wall clock alone says that unsealed bytes are at their limit; they stay until as much time has elapsed",
			"class", l.class.Name, "files", all-len(due))
	}
	var key *ledger.SumKey
	var done func()
	err := d.spare(func() (err error) {
		key, done, err = d.dayKey(now)
		return err
	})
	if err != nil {
		return err
	}
	defer done()
	var failed error // the first; a file that cannot be read keeps no other
	for _, w := range due {
		for oldest, unread := w.Oldest, true; unread && until(oldest, by(w)); oldest, unread = w.File.OldestUnread() {
			var taken bool
			err := d.spare(func() error {
				r, err := w.File.Take(tail.TakeOptions{
					Budget: d.cfg.BatchSize, By: by(w).Unix(), Half: true, Now: now, Key: key, Location: time.Local,
				})
				if taken = err == nil && r != nil; taken {
					err = d.expireRange(l, r, key, w, why)
				}
				return err
			})
			var refused *tail.RefusedError
			if !taken && (err == nil || errors.Is(err, tail.ErrRewritten) || errors.As(err, &refused)) {
				break
			}
			if err != nil {
				failed = cmp.Or(failed, err)
				break
			}
		}
	}
	return failed
}

// storeIsDown tells whether the store, which had failed, fails still, if that
// decides about bytes that are at their limit: it may have come back since it was
// tried last, which is minutes ago where it asked for that.
func (d *Daemon) storeIsDown(l *lane, waiting []tail.Waiting, now time.Time) bool {
	if !slices.ContainsFunc(waiting, func(w tail.Waiting) bool { return l.overdue(w.Oldest, now) }) {
		return true // nothing will expire
	}
	down, ask := d.contact.surelyDown(now)
	if ask {
		for _, s := range d.shippers {
			select {
			case s.hurry <- struct{}{}:
			default:
			}
		}
	}
	return down
}

// until tells whether bytes written at oldest (Unix seconds, 0 unknown) were so
// by a time.
func until(oldest int64, by time.Time) bool {
	return oldest == 0 || !time.Unix(oldest, 0).After(by)
}

// overdue tells whether bytes written at oldest (Unix seconds, 0 unknown) are
// at the class's limit.
func (l *lane) overdue(oldest int64, now time.Time) bool {
	return oldest == 0 || now.Sub(time.Unix(oldest, 0)) >= l.class.RawLimit
}

// mayExpire is the safe first start: nobody else has these bytes, so nothing
// is destroyed before one batch was shipped since the installation, or its
// first grace has passed, and not while the clocks disagree.
func (d *Daemon) mayExpire(now time.Time) bool {
	var begun, shipped time.Time
	d.ledger.View(func(s *ledger.State) { begun, shipped = s.Begun, s.FirstShip })
	if shipped.IsZero() && now.Sub(begun) < d.cfg.FirstGrace {
		return false
	}
	if !d.clock.Agree(d.cfg.ClockGrace) {
		d.told.say(d.log.Error, "clock", "the wall clock, the elapsed time and the store's clock disagree; nothing unsealed is destroyed until they agree", "grace", d.cfg.ClockGrace)
		return false
	}
	d.told.over("clock")
	return true
}

// expireRange writes the sums of what is to be overwritten and the event,
// which is the intent, too.
func (d *Daemon) expireRange(l *lane, r *tail.Reader, key *ledger.SumKey, w tail.Waiting, why string) error {
	d.expiring.Lock() // until the number is in the ledger, no other lane takes it
	defer d.expiring.Unlock()
	id := ledger.BatchID{Class: ledger.ExpireClass}
	d.ledger.View(func(s *ledger.State) { id.Number = s.NextExpire })
	sealed, err := d.expireSums(l, r, key, id)
	if err != nil {
		return err
	}
	// One range an event: what a split found younger waits for its own time.
	first := r.Ranges()[0]
	event := ledger.Expire{
		Batch: id, Range: first, Sums: hex.EncodeToString(sealed.SumsSHA256[:]), SumsKey: key.Day, Why: why,
	}
	if err := d.ledger.Append(ledger.Event{Expire: &event}); err != nil {
		return errors.Join(err, d.withdraw(id))
	}
	d.haveSums(id)
	d.log.Error("bytes reached their limit and could not be sealed; they are lost", "class", l.class.Name,
		"file", d.fileName(w.File), "bytes", first.Len(), "lines", first.Lines, "why", why)
	return d.spool.RemoveBody(ship.ID(id), false)
}

// expireSums reads a range to its end and makes its sums durable.
func (d *Daemon) expireSums(l *lane, r *tail.Reader, key *ledger.SumKey, id ledger.BatchID) (ship.Sealed, error) {
	draft, err := d.spool.Create(ship.ID(id), ship.Codec{})
	if err != nil {
		return ship.Sealed{}, err
	}
	sums := ledger.NewSumWriter(sumsOf{draft}, key)
	for {
		c, err := r.Next(l.buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return ship.Sealed{}, errors.Join(err, draft.Discard())
		}
		if c.Begins {
			if err := sums.End(); err != nil {
				return ship.Sealed{}, errors.Join(err, draft.Discard())
			}
			sums.Begin(c.From)
		}
		if _, err := sums.Write(c.Raw); err != nil {
			return ship.Sealed{}, errors.Join(err, draft.Discard())
		}
	}
	if err := errors.Join(sums.End(), sums.Flush()); err != nil {
		return ship.Sealed{}, errors.Join(err, draft.Discard())
	}
	if d.failsForGood(l, d.clock.Now()) {
		return draft.SealAnyhow()
	}
	return draft.Seal()
}
