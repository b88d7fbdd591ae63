package swab

import (
	"sync"
	"time"
)

// Clock is swab's time: it never goes back, neither in a run nor from one run
// to the next. Wall time may jump; elapsed time is the kernel's, which counts
// on through suspends.
type Clock struct {
	wall func() time.Time
	boot func() time.Duration

	mu     sync.Mutex
	base   time.Time // swab's time when the clock was made
	booted time.Duration
	// apart is since when the clocks disagree, in elapsed time; 0: they agree.
	apart time.Duration
	store time.Duration // store's Date minus swab's time
	known bool          // a Date was seen
}

// NewClock makes a clock that is never behind last, the time of the ledger's
// last event (zero for none).
func NewClock(last time.Time) *Clock {
	return newClock(last, time.Now, bootTime)
}

func newClock(last time.Time, wall func() time.Time, boot func() time.Duration) *Clock {
	c := &Clock{wall: wall, boot: boot, booted: boot()}
	c.base = later(wall().Round(0), last)
	return c
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Now is the later of the wall clock and of what the last event and the
// elapsed time come to.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	return later(c.wall().Round(0), c.base.Add(c.boot()-c.booted))
}

// Heard notes the store's Date.
func (c *Clock) Heard(date time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store, c.known = date.Sub(c.now()), true
}

// clockSlack is how far clocks may lie apart and still agree: a Date header
// counts whole seconds, and hosts drift.
const clockSlack = 10 * time.Minute

// Agree tells whether the wall clock, the elapsed time and the store's Date
// are of one mind, so that bytes may be destroyed that nobody else has. While
// they are not, it stays false for grace, in elapsed time; then the wall clock
// has its way, since a limit may not be put off for ever.
func (c *Clock) Agree(grace time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := c.base.Add(c.boot() - c.booted)
	apart := abs(c.wall().Round(0).Sub(elapsed)) > clockSlack || c.known && abs(c.store) > clockSlack
	if !apart {
		c.apart = 0
		return true
	}
	if c.apart == 0 {
		c.apart = max(c.boot(), 1)
	}
	return c.boot()-c.apart >= grace
}

func abs(d time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return d
}
