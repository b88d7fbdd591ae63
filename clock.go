package swab

import (
	"sync"
	"time"

	"swab/ledger"
)

// Clock is swab's time: it never goes back, neither in a run nor from one run
// to the next. Wall time may jump; elapsed time is the kernel's, which counts
// on through suspends.
type Clock struct {
	wall func() time.Time
	boot func() time.Duration

	mu   sync.Mutex
	told moment // what was told last, and is never taken back
	// sure is when the clocks were of one mind; zero: not that it is known.
	sure moment
	// store is the store's Date; zero: none was heard of.
	store moment
	// apart is since when the clocks disagree, in elapsed time; 0: they agree.
	apart time.Duration
	// began is the time at which the clock was made; dated tells that the store's
	// Date, or an earlier run of this boot, has vouched for it.
	began time.Time
	dated bool
	// jumps are those of the wall clock that nothing has borne out, in order.
	jumps []jump
	// lag is how far the wall clock was behind swab's time at the most, up to
	// lagged.
	lag    time.Duration
	lagged time.Time
}

// jump is a wall clock that ran away from the elapsed time: swab's time went
// ahead from a moment, by so much. Bytes that were stamped until then, and since
// an earlier moment, are younger by that.
type jump struct {
	from  time.Time
	by    time.Duration
	since time.Time // zero: all of them
	seen  bool      // by this run, which had counted up to from; else it may be part of what was told before
}

// maxJumps bounds the jumps that are remembered one by one.
const maxJumps = 16

// moment is a time and the elapsed time at which it was so.
type moment struct {
	at   time.Time
	boot time.Duration
}

// after is what the moment comes to at a later elapsed time.
func (m moment) after(boot time.Duration) time.Time { return m.at.Add(max(0, boot-m.boot)) }

// newClock makes a clock that is never behind last, the time of the ledger's
// last event (zero for none). sure is when the clocks were of one mind, if that
// was in an earlier run since this boot (else zero).
func newClock(last time.Time, sure moment, wall func() time.Time, boot func() time.Duration) *Clock {
	c := &Clock{wall: wall, boot: boot, sure: sure}
	now := moment{later(wall().Round(0), last), boot()}
	if c.dated = !sure.at.IsZero(); c.dated {
		counted := sure.after(now.boot) // the kernel has counted on
		now.at = later(now.at, counted)
		c.jumped(counted, now.at, false)
	}
	c.told, c.began = now, now.at
	// For how long swab was off is the wall clock's word alone, unless the kernel
	// has counted on, or it was no more than moments.
	if sure.at.IsZero() && (last.IsZero() || wall().Sub(last).Abs() <= clockSlack) {
		c.sure = now
	}
	return c
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Now is the later of the wall clock and of what was told last and the time
// that has elapsed since. Bytes are stamped with it: were it to go back, those
// that were written while a clock was ahead would be erased late.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().at
}

func (c *Clock) now() moment {
	boot, wall := c.boot(), c.wall().Round(0)
	counted := c.told.after(boot)
	c.told = moment{later(wall, counted), max(boot, c.told.boot)}
	c.jumped(counted, c.told.at, true)
	if lag := c.told.at.Sub(wall); lag > clockSlack {
		c.lag, c.lagged = max(c.lag, lag), c.told.at
	}
	return c.told
}

// jumped notes that the wall clock is where no time has led that elapsed.
func (c *Clock) jumped(from, to time.Time, seen bool) {
	if to.Sub(from) <= clockSlack {
		return
	}
	j := jump{from: from, by: to.Sub(from), seen: seen}
	if !c.dated {
		j.since = c.began
	}
	if n := len(c.jumps); n == maxJumps { // bytes count as younger, never as older
		j.by += c.jumps[n-1].by
		j.since = earlier(j.since, c.jumps[n-1].since)
		j.seen = seen && c.jumps[n-1].seen
		c.jumps = c.jumps[:n-1]
	}
	c.jumps = append(c.jumps, j)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Certain is until when bytes were written that are of an age at least, without
// the time that the wall clock alone says has passed: for what cannot be undone.
// It is asked for bytes that were stamped at a time; born tells that the stamp
// is a file's birth, which is by the wall clock itself, and may be too early by
// as much as that was behind.
func (c *Clock) Certain(age time.Duration, stamp time.Time, born bool) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().at
	certain := now.Add(-age)
	for _, j := range c.jumps {
		if !stamp.After(j.from) && !stamp.Before(j.since) {
			certain = certain.Add(-j.by)
		}
	}
	if born && now.Sub(c.lagged) < age {
		certain = earlier(certain, now.Add(-age-c.lag))
	}
	return certain
}

// Counted is what the time has come to, by elapsed time, for bytes that were
// stamped at a time: without the jumps of the wall clock that this run has seen
// since then, and that nothing has borne out.
func (c *Clock) Counted(stamp time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.now().at
	for _, j := range c.jumps {
		if j.seen && !stamp.After(j.from) {
			at = at.Add(-j.by)
		}
	}
	return at
}

// Astray tells whether swab's time is not the wall clock's, or not for sure, so
// that only the ledger leads the next start to it.
func (c *Clock) Astray() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().at.Sub(c.wall().Round(0)) > clockSlack || len(c.jumps) > 0 || c.sure.at.IsZero()
}

// Heard notes the store's Date.
func (c *Clock) Heard(date time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store = moment{date, c.boot()}
}

// clockSlack is how far clocks may lie apart and still agree: a Date header
// counts whole seconds, and hosts drift.
const clockSlack = 10 * time.Minute

// Agree tells whether the wall clock, the elapsed time and the store's Date
// are of one mind, so that bytes may be destroyed that nobody else has. While
// they are not, it stays false for grace, in elapsed time; then it is true, since
// a limit may not be put off for ever.
func (c *Clock) Agree(grace time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.ofOneMind(now) {
		c.apart = 0
		return true
	}
	if c.apart == 0 {
		c.apart = max(now.boot, 1)
	}
	return now.boot-c.apart >= grace
}

// ofOneMind tells whether the wall clock is where swab's time is, and the
// store's Date confirms it. Without one, no more time may have passed than
// elapsed since the clocks were sure.
func (c *Clock) ofOneMind(now moment) bool {
	near := func(t time.Time) bool { return now.at.Sub(t).Abs() <= clockSlack }
	if !near(c.wall().Round(0)) {
		return false
	}
	if c.store.at.IsZero() {
		return !c.sure.at.IsZero() && near(c.sure.after(now.boot))
	}
	if !near(c.store.after(now.boot)) {
		return false
	}
	c.sure, c.dated, c.jumps = now, true, nil
	return true
}

// lastSure is when the clocks were last of one mind, for the next run of this boot
// to go on from; zero where it is not known.
func (c *Clock) lastSure() moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ofOneMind(c.now())
	return c.sure
}

// kept is the moment as the ledger keeps it: Unix seconds, 0 for none, and
// seconds since the boot. The first are rounded down and the second up, so that a
// later run that counts on from them is never ahead of the time.
func (m moment) kept() (at int64, up ledger.Seconds) {
	if m.at.IsZero() {
		return 0, 0
	}
	return m.at.Unix(), seconds(m.boot + time.Second - 1)
}
