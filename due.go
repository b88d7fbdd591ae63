package swab

import (
	"maps"
	"time"

	"swab/config"
	"swab/tail"
)

// retryEvery is how often a file that could not be read is tried again.
const retryEvery = time.Minute

// takeable leaves out what must wait: half lines, unless they are finished or
// at their limit, opaque files that someone still writes, and what could not be
// read a moment ago.
func (l *lane) takeable(list []tail.Waiting, now time.Time, half func(tail.Waiting) bool) []tail.Waiting {
	maps.DeleteFunc(l.retry, func(_ *tail.File, at time.Time) bool { return !now.Before(at) })
	var out []tail.Waiting
	for _, w := range list {
		if !l.retry[w.File].IsZero() {
			continue
		}
		if l.class.Opaque {
			if idle, ok := w.File.Idle(); ok && idle || !ok && now.Sub(w.Since) > time.Minute {
				return append(out, w) // one file, one object
			}
			continue
		}
		if !w.Half || half(w) {
			out = append(out, w)
		}
	}
	return out
}

// halfTime tells whether half a line may be taken: nobody will complete it, or
// it is at its limit. While the clocks disagree, a jump of the wall clock makes
// it no older: it would be cut in two for nothing.
func (d *Daemon) halfTime(l *lane, w tail.Waiting, now time.Time) bool {
	at, since := now, now
	if !d.clock.Agree(d.cfg.ClockGrace) {
		at, since = d.clock.Counted(time.Unix(w.Oldest, 0)), d.clock.Counted(w.Since)
	}
	if w.Oldest > 0 && l.overdue(w.Oldest, at) {
		return true
	}
	if w.Oldest == 0 && since.Sub(w.Since) > time.Minute { // of unknown age, and nobody completes it
		return true
	}
	if !w.Away {
		return false
	}
	idle, ok := w.File.Idle()
	return ok && idle || !ok && since.Sub(w.Since) > time.Minute
}

// due tells whether a batch is: enough bytes, old enough, near the limit, or
// of a file that is on its way out.
func (l *lane) due(list []tail.Waiting, cfg *config.Config, now time.Time, force bool) bool {
	var total int64
	for _, w := range list {
		total += w.Bytes
		if l.orphan {
			if l.nearLimit(w, now) || l.saysOld(w, now) {
				return true
			}
			continue
		}
		if force || l.class.Opaque || w.Away || now.Sub(w.Since) >= cfg.BatchAge || total >= cfg.BatchSize ||
			l.nearLimit(w, now) || l.saysOld(w, now) {
			return true
		}
	}
	return false
}

// nearLimit is from four fifths of the limit on, as far as sizes tell.
func (l *lane) nearLimit(w tail.Waiting, now time.Time) bool {
	return l.near(w.Oldest, now)
}

// saysOld tells whether a line has it that it is near its limit. That is good
// enough for sealing at once, which loses nothing; not for the spool's reserve.
func (l *lane) saysOld(w tail.Waiting, now time.Time) bool {
	return w.Said != 0 && l.near(w.Said, now)
}

func (l *lane) near(at int64, now time.Time) bool { return nearLimit(at, l.class.RawLimit, now) }

// nearLimit tells whether bytes written at a time (Unix seconds, 0 unknown) are
// past four fifths of a limit.
func nearLimit(at int64, limit time.Duration, now time.Time) bool {
	return at == 0 || now.Sub(time.Unix(at, 0)) >= limit/5*4
}
