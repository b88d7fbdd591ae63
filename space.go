package swab

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"swab/tail"
)

const (
	// leastFree is what the file system of the spool must have left for reading
	// to go on, bytes; leastReserve is the part of the spool's reserve that is for
	// the sums of what expires alone.
	leastFree    = 1 << 20
	leastReserve = 256 << 10
	// leastBatch is the smallest batch that is tried on a full disk or with a full
	// spool, raw bytes, but for a smaller --batch-size.
	leastBatch = 64 << 10
	// fullRetry is how often a full disk is tried again where nothing is near its
	// limit.
	fullRetry = 5 * time.Second
)

// room returns what of the list may be read now. At the spool's limit, and on a
// full disk, reading stops, and the raw bytes wait where they are; what is near
// its limit has a reserve: an eighth of the spool's limit, and a file of the
// spool that is given back to the disk.
func (d *Daemon) room(l *lane, list []tail.Waiting, now time.Time) []tail.Waiting {
	used, limit := d.spool.Used(), d.cfg.SpoolLimit
	near := slices.DeleteFunc(slices.Clone(list), func(w tail.Waiting) bool { return !l.nearLimit(w, now) })
	if used >= limit {
		d.told.say(d.log.Warn, "spool/"+l.class.Name, "the spool is full; reading waits until the store takes something",
			"class", l.class.Name, "spool_bytes", used, "spool_limit", limit)
		if used >= d.spoolMost() {
			return nil
		}
		list = near
	} else {
		d.told.over("spool/" + l.class.Name)
	}
	if !d.diskRoom(now) {
		if len(near) > 0 {
			d.giveReserve(leastReserve)
		}
		list = near
	}
	return list
}

// spoolMost is what the spool holds at the most: its limit, and the reserve.
func (d *Daemon) spoolMost() int64 { return d.cfg.SpoolLimit + d.cfg.SpoolLimit/8 }

// leastBatch is the smallest batch that is tried, raw bytes.
func (d *Daemon) leastBatch() int64 { return min(leastBatch, d.cfg.BatchSize) }

// batchBudget is of how many raw bytes the lane's next batch may be: no more than
// the spool has room for, as if nothing made them shorter.
func (d *Daemon) batchBudget(l *lane) int64 {
	return max(d.leastBatch(), min(l.budget, d.spoolMost()-d.spool.Used()))
}

// warnNear tells of bytes near their limit that cannot be sealed, while there is
// time to do something.
func (d *Daemon) warnNear(l *lane, waiting []tail.Waiting, now time.Time) {
	var bytes, oldest int64
	for _, w := range waiting {
		if l.nearLimit(w, now) && !l.overdue(w.Oldest, now) {
			bytes += w.Bytes
			if oldest == 0 || w.Oldest < oldest {
				oldest = w.Oldest
			}
		}
	}
	if bytes == 0 {
		d.told.over("near/" + l.class.Name)
		return
	}
	left := time.Unix(oldest, 0).Add(l.class.RawLimit).Sub(now)
	d.told.say(d.log.Warn, "near/"+l.class.Name, "raw bytes are near their limit and cannot be sealed, since the spool is full; at the limit they are lost",
		"class", l.class.Name, "bytes", bytes, "left", left.Round(time.Second))
}

// diskRoom tells whether the disk of the spool has room for what may wait as
// well, and makes the reserve whole again when it has.
func (d *Daemon) diskRoom(now time.Time) bool {
	d.spaceMu.Lock()
	defer d.spaceMu.Unlock()
	r, err := d.spool.Room()
	if err != nil {
		return true // writing will tell
	}
	missing := max(0, r.Whole-r.Reserve)
	if missing > 0 && !d.noReserve && r.Free >= leastFree+missing {
		switch err := d.spool.Keep(r.Whole); {
		case err == nil:
			r.Free, missing = r.Free-missing, 0
			d.told.over("reserve")
		case errors.Is(err, errors.ErrUnsupported):
			d.noReserve = true // what is free counts
		}
	}
	if r.Free < leastFree+missing || now.Before(d.fullUntil) {
		d.told.say(d.log.Error, "disk", "the disk of the spool is full; reading waits, and the raw bytes stay where they are, until there is room",
			"free_bytes", r.Free, "reserve_bytes", r.Reserve)
		return false
	}
	d.told.over("disk")
	return true
}

// giveReserve gives the reserve back to the disk, but for keep bytes.
func (d *Daemon) giveReserve(keep int64) {
	d.spaceMu.Lock()
	defer d.spaceMu.Unlock()
	if r, err := d.spool.Room(); err == nil && r.Reserve > keep {
		if d.spool.Keep(keep) == nil {
			d.told.say(d.log.Warn, "reserve", "the disk of the spool is full; the reserve is used for what is at its limit", "reserve_bytes", r.Reserve)
		}
	}
}

// spare does what must not wait: once more with all of the reserve, where the
// disk is full.
func (d *Daemon) spare(do func() error) error {
	err := do()
	if fullDisk(err) {
		d.giveReserve(0)
		err = do()
	}
	return err
}

// fullDisk tells whether a disk or a quota is used up.
func fullDisk(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// crampedBy makes the lane's next batch smaller where the disk had no room for
// this one, and larger again when it had.
func (d *Daemon) crampedBy(l *lane, err error, now time.Time) {
	switch {
	case fullDisk(err):
		if l.budget = max(d.leastBatch(), l.tried/2); l.tried <= d.leastBatch() {
			d.spaceMu.Lock()
			d.fullUntil = now.Add(fullRetry)
			d.spaceMu.Unlock()
		}
	case err == nil:
		l.budget = min(d.cfg.BatchSize, l.budget*2)
	}
}
