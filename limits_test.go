package swab

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// rows is a table that grows with the cases of a test, in any order, and is
// printed at its end, sorted.
type rows struct {
	mu   sync.Mutex
	list []string
}

func newRows(t *testing.T, head ...any) *rows {
	r := &rows{}
	r.add(head...)
	t.Cleanup(func() {
		slices.Sort(r.list[1:])
		var text strings.Builder
		w := tabwriter.NewWriter(&text, 0, 8, 1, ' ', tabwriter.Debug)
		fmt.Fprintln(w, strings.Join(r.list, "\n"))
		w.Flush()
		t.Log("\n" + text.String())
	})
	return r
}

func (r *rows) add(cells ...any) {
	var row strings.Builder
	for _, c := range cells {
		fmt.Fprintf(&row, " %v\t", c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, row.String())
}

// goneAt turns the cranks every step until the file holds nothing raw, and says
// how long that took.
func (s *turned) goneAt(path string, step, most time.Duration) time.Duration {
	for age := time.Duration(0); age <= most; age += step {
		if s.turn(); s.raw(path) == "" {
			return age
		}
		s.pass(step)
	}
	s.fail("%d raw bytes are left after %s", len(s.raw(path)), most)
	return 0
}

// tight are flags with which a spool is soon full.
var tight = []string{"--batch-size", "4KiB", "--spool-limit", "8KiB"}

// overfull is what no such spool takes, its reserve included.
const overfull = 400

// Invariant 4, case by case: what was written is gone when it is seven days old,
// and not before unless it is shipped and the class says so.
func TestInvariant4TheLimitHolds(t *testing.T) {
	table := newRows(t, "the limit holds when", "gone after", "reasons", "expired bytes")
	type scene struct {
		*turned
		path string
		args []string
	}
	for _, tt := range []struct {
		name  string
		class string
		lines int
		args  []string
		// then is what happens once the lines are written and seen.
		then func(s *scene)
		// late is what comes on top of the limit.
		late    time.Duration
		reason  string // of the erasing
		shipped int    // lines, in the end
	}{
		{name: "the store is down", class: "api", lines: 10, shipped: 10, reason: "limit-sealed",
			then: func(s *scene) { s.store.down = true }},
		{name: "the store is down, the spool full", class: "api", lines: overfull, args: tight, shipped: -1, reason: "expire",
			then: func(s *scene) { s.store.down = true }},
		{name: "the store is up, the class keeps its bytes", class: "web", lines: 10, shipped: 10, reason: "limit",
			then: func(s *scene) {}},
		{name: "the file is idle, in half a line", class: "web", lines: 10, shipped: 11, reason: "limit",
			then: func(s *scene) { s.add("a.log", "Z000001 half a line of 203.0.113"); s.turn() }},
		{name: "the file is rotated away, the store down", class: "api", lines: 10, shipped: 10, reason: "limit-sealed",
			then: func(s *scene) {
				s.store.down = true
				s.must(os.Rename(s.path, s.path+".1"))
				s.path += ".1"
			}},
		{name: "the file never rotates, and is erased when it does", class: "api", lines: 10, args: []string{"--erase", "rotated"}, shipped: 10, reason: "limit",
			then: func(s *scene) {}},
		{name: "no glob leads to the file any more", class: "web", lines: 10, shipped: 10, reason: "limit",
			then: func(s *scene) { s.stop(); s.start("--log", "web="+s.logs+"/other*") }},
		{name: "the file is excluded", class: "web", lines: 10, shipped: 10, reason: "limit",
			then: func(s *scene) { s.stop(); s.start("--log", "web="+s.logs+"/*", "--exclude", "a.log") }},
		{name: "no flag names the class any more", class: "web", lines: 10, shipped: 10, reason: "limit",
			then: func(s *scene) { s.stop(); s.start("--log", "api="+s.logs+"/other*") }},
		{name: "no flag names the class, nothing was sealed, the store is down", class: "web", lines: 10, shipped: 10, reason: "limit-sealed",
			then: func(s *scene) { s.store.down = true; s.stop(); s.start("--log", "api="+s.logs+"/other*") }},
		{name: "swab was off for a month", class: "web", lines: 10, late: 30*day - week, shipped: 10, reason: "limit",
			then: func(s *scene) { s.stop(); s.pass(30 * day); s.start(s.args...) }},
		{name: "off for a month, the store down", class: "api", lines: 10, late: 30*day - week, shipped: 10, reason: "limit-sealed",
			then: func(s *scene) { s.store.down = true; s.stop(); s.pass(30 * day); s.start(s.args...) }},
		{name: "off for a month, the store down, the spool full", class: "api", lines: overfull, args: tight, late: 30*day - week, shipped: -1, reason: "expire",
			then: func(s *scene) { s.store.down = true; s.stop(); s.pass(30 * day); s.start(s.args...) }},
		{name: "the same, after a reboot: the clock has no witness", class: "api", lines: overfull, args: tight, late: 30*day - week + time.Hour, shipped: -1, reason: "expire",
			then: func(s *scene) { s.store.down = true; s.stop(); s.pass(30 * day); s.reboot(); s.start(s.args...) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scene{turned: turnedFor(t)}
			s.args = append([]string{"--log", tt.class + "=" + s.logs + "/*"}, tt.args...)
			first := s.add("first.log", noises("F", 0, 1))
			s.start(s.args...)
			s.turn()
			s.pass(2 * time.Minute)
			s.turn()
			s.must(os.Remove(first))
			s.turn()
			s.path = s.add("a.log", "")
			s.turn()
			s.pass(time.Second)
			s.must(os.WriteFile(s.path, []byte(noises("A", 0, tt.lines)), 0o644))
			written := s.wall
			s.must(s.d.sweep())
			tt.then(s)
			s.goneAt(s.path, time.Hour, 40*day)
			age := s.wall.Sub(written)
			if late := age - week - tt.late; late > 0 {
				t.Errorf("gone when it was %s old, %s late", age, late)
			}
			if age < week {
				t.Errorf("gone when it was %s old, before its limit", age)
			}
			why, expired := s.reasons()
			if !strings.Contains(strings.Join(why, " ")+" ", tt.reason+" ") {
				t.Errorf("reasons %v, want %s", why, tt.reason)
			}
			if (expired > 0) != (tt.reason == "expire") {
				t.Errorf("%d bytes expired", expired)
			}
			if expired > 0 && !strings.Contains(s.said.String(), "level=ERROR msg=\"bytes reached their limit and could not be sealed; they are lost\"") {
				t.Error("a loss is no error")
			}
			s.store.down = false
			s.pass(time.Hour)
			s.turn()
			s.hold()
			n := words(s.shipped())
			delete(n, "F000000")
			for w, k := range n {
				if k != 1 {
					t.Errorf("line %s is in the store %d times", w, k)
				}
			}
			if tt.shipped >= 0 && len(n) != tt.shipped {
				t.Errorf("%d lines in the store, want %d", len(n), tt.shipped)
			}
			s.check()
			table.add(tt.name, age, strings.Join(why, ", "), expired)
		})
	}
}

// Invariant 4, for a log that is never rotated: a line an hour for three weeks.
// Each hour what is seven days old is gone, and all that is younger is there. A
// line is a second younger than the look before it, which is what bounds its age.
func TestInvariant4AFileThatNeverRotatesLosesItsOldRanges(t *testing.T) {
	hours := 21 * 24
	if testing.Short() { // from the eighth day on each hour is like the one before
		hours = 9 * 24
	}
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("store down %t", down), func(t *testing.T) {
			t.Parallel()
			s := turnedFor(t)
			path := s.add("a.log", "")
			s.start("--log", "web="+s.logs+"/*")
			s.turn()
			s.store.down = down
			for hour := range hours {
				s.pass(time.Second)
				s.add("a.log", noise("A", hour))
				s.turn()
				s.pass(time.Hour - time.Second)
				s.turn()
				left := s.raw(path)
				if kept := min(hour+1, 7*24-1); left != noises("A", hour+1-kept, hour+1) {
					t.Fatalf("after %d hours %d lines are left, want those of seven days", hour+1, strings.Count(left, "\n"))
				}
			}
			s.store.down = false
			s.pass(week)
			s.turn()
			if n := words(s.shipped()); len(n) != hours || s.raw(path) != "" {
				t.Errorf("%d lines in the store, %d raw bytes left", len(n), len(s.raw(path)))
			}
			s.check()
		})
	}
}
