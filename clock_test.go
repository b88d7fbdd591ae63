package swab

import (
	"testing"
	"time"
)

// hands are a wall clock and an elapsed time that a test turns.
type hands struct {
	wall time.Time
	boot time.Duration
}

func (h *hands) clock(last time.Time) *Clock {
	return newClock(last, moment{}, func() time.Time { return h.wall }, func() time.Duration { return h.boot })
}

func (h *hands) pass(d time.Duration) {
	h.wall = h.wall.Add(d)
	h.boot += d
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestClockNeverGoesBack(t *testing.T) {
	h := &hands{wall: noon, boot: time.Hour}
	c := h.clock(time.Time{})
	h.pass(time.Minute)
	h.wall = h.wall.Add(-8 * 24 * time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("the wall clock went back eight days; now is %s", got)
	}
	h.pass(time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(61 * time.Minute)) {
		t.Errorf("an hour later now is %s", got)
	}
	h.wall = noon.Add(8 * 24 * time.Hour)
	if got := c.Now(); !got.Equal(h.wall) {
		t.Errorf("the wall clock went ahead eight days; now is %s", got)
	}
}

func TestClockGoesOnFromTheLastEvent(t *testing.T) {
	h := &hands{wall: noon, boot: time.Hour}
	c := h.clock(noon.Add(48 * time.Hour))
	h.pass(time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(49 * time.Hour)) {
		t.Errorf("the ledger is two days ahead of the wall; now is %s", got)
	}
}

func TestClocksThatDisagreeHoldDestructionBackForTheGrace(t *testing.T) {
	const grace = time.Hour
	for name, turn := range map[string]func(*hands, *Clock){
		"the wall went ahead": func(h *hands, _ *Clock) { h.wall = h.wall.Add(8 * 24 * time.Hour) },
		"the wall went back":  func(h *hands, _ *Clock) { h.wall = h.wall.Add(-8 * 24 * time.Hour) },
		"the store disagrees": func(h *hands, c *Clock) { c.Heard(h.wall.Add(-8 * 24 * time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &hands{wall: noon, boot: time.Hour}
			c := h.clock(time.Time{})
			c.Heard(noon)
			if !c.Agree(grace) {
				t.Fatal("clocks that agree do not")
			}
			h.pass(time.Minute)
			turn(h, c)
			if c.Agree(grace) {
				t.Error("they agree")
			}
			h.pass(grace - time.Second)
			if c.Agree(grace) {
				t.Error("they agree before the grace is over")
			}
			h.pass(time.Second)
			if !c.Agree(grace) {
				t.Error("the limit is put off for longer than the grace")
			}
		})
	}
}

// What was told is not taken back: a wall clock that was ahead for a moment
// leaves bytes that are stamped with its time, and those must not get older.
func TestClockThatWasAheadDoesNotComeBack(t *testing.T) {
	h := &hands{wall: noon, boot: time.Hour}
	c := h.clock(time.Time{})
	h.wall = noon.AddDate(0, 0, 8)
	stamp := c.Now()
	h.wall = noon
	h.pass(7 * 24 * time.Hour)
	if age := c.Now().Sub(stamp); age != 7*24*time.Hour {
		t.Errorf("seven days after the wall clock came back, what was stamped while it was ahead is %s old", age)
	}
}

// The ledger keeps whole seconds; what they leave out may not put the next run
// ahead of the time.
func TestClockCountedOnFromTheLedgerIsNotAhead(t *testing.T) {
	const part = 100 * time.Millisecond
	for wall := time.Duration(0); wall < time.Second; wall += part {
		for boot := time.Duration(0); boot < time.Second; boot += part {
			h := &hands{wall: noon.Add(wall), boot: time.Hour + boot}
			at, up := h.clock(time.Time{}).lastSure().kept()
			h.pass(time.Minute)
			c := newClock(h.wall, moment{time.Unix(at, 0), up.Duration()}, func() time.Time { return h.wall }, func() time.Duration { return h.boot })
			if ahead := c.Now().Sub(h.wall); ahead != 0 {
				t.Errorf("a start at %s, and %s after the boot, leaves the next one %s ahead", wall, boot, ahead)
			}
		}
	}
}

func TestClocksThatAgreeAgainBeginANewGrace(t *testing.T) {
	h := &hands{wall: noon, boot: time.Hour}
	c := h.clock(time.Time{})
	h.wall = noon.Add(-24 * time.Hour)
	c.Agree(time.Hour)
	h.wall = noon
	if !c.Agree(time.Hour) {
		t.Fatal("the wall is right again, and they do not agree")
	}
	h.pass(2 * time.Hour)
	h.wall = h.wall.Add(24 * time.Hour)
	if c.Agree(time.Hour) {
		t.Error("the first disagreement's grace counts for the second")
	}
}

// How long swab was off is what the wall clock says alone, after a reboot: a
// month, or a clock that is a month ahead. The store's Date knows, or the
// kernel, if it has counted on.
func TestClockAfterAStopWantsAWitness(t *testing.T) {
	const month = 30 * 24 * time.Hour
	for _, tt := range []struct {
		name string
		sure moment
		boot time.Duration
		date time.Time
		want bool
	}{
		{"none", moment{}, time.Hour, time.Time{}, false},
		{"the store says so, too", moment{}, time.Hour, noon.Add(month), true},
		{"the store says no", moment{}, time.Hour, noon, false},
		{"the kernel has counted a month", moment{noon, time.Hour}, time.Hour + month, time.Time{}, true},
		{"the kernel has counted a minute", moment{noon, time.Hour}, time.Hour + time.Minute, time.Time{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &hands{wall: noon.Add(month), boot: tt.boot}
			c := newClock(noon, tt.sure, func() time.Time { return h.wall }, func() time.Duration { return h.boot })
			c.Heard(tt.date)
			if got := c.Agree(time.Hour); got != tt.want {
				t.Errorf("they agree: %t, want %t", got, tt.want)
			}
			h.pass(time.Hour)
			if !c.Agree(time.Hour) {
				t.Error("the limit is put off for longer than the grace")
			}
		})
	}
}
