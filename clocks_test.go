package swab

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/ledger"
	"swab/ship"
)

// The safe first start and the clocks, case by case: the store is down and the
// spool is full, so that what is at its limit would be destroyed. Nothing that
// is younger is, and what is sealed goes on time.
func TestClocksDestroyNothingUnsealed(t *testing.T) {
	table := newRows(t, "the wall clock", "expired in 4 hours", "unsealed bytes left", "sealed bytes gone after", "lines in the store")
	ahead := func(s *turned) { s.wall = s.wall.Add(8 * day) }
	back := func(s *turned) { s.wall = s.wall.Add(-8 * day) }
	for _, jump := range []struct {
		name string
		turn func(*turned)
	}{{"8 days ahead", ahead}, {"8 days back", back}} {
		for _, when := range []struct {
			name string
			do   func(s *turned, args []string)
			off  time.Duration
		}{
			{"while it runs", func(s *turned, _ []string) { jump.turn(s) }, 0},
			{"and a restart a minute later", func(s *turned, args []string) {
				jump.turn(s)
				s.turn()
				s.pass(time.Minute)
				s.stop()
				s.start(args...)
			}, 0},
			{"and right again an hour later", func(s *turned, _ []string) {
				was := s.wall
				jump.turn(s)
				by := s.wall.Sub(was)
				s.turn()
				s.add("while.log", noises("W", 0, 3))
				s.turn()
				s.pass(time.Hour)
				s.wall = s.wall.Add(-by)
			}, 0},
			{"while suspended for an hour", func(s *turned, _ []string) { jump.turn(s); s.pass(time.Hour) }, time.Hour},
			{"while stopped for an hour", func(s *turned, args []string) {
				s.stop()
				jump.turn(s)
				s.pass(time.Hour)
				s.start(args...)
			}, time.Hour},
			{"while stopped for an hour, over a reboot", func(s *turned, args []string) {
				s.stop()
				jump.turn(s)
				s.pass(time.Hour)
				s.reboot()
				s.start(args...)
			}, time.Hour},
		} {
			t.Run(jump.name+" "+when.name, func(t *testing.T) {
				t.Parallel()
				s := turnedFor(t)
				args := append([]string{"--log", "api=" + s.logs + "/a*", "--log", "api=" + s.logs + "/while*", "--log", "web=" + s.logs + "/w.log"}, tight...)
				s.add("a.log", "")
				kept := s.add("w.log", "")
				s.start(args...)
				s.turn()
				s.add("w.log", noises("K", 0, 10))
				s.turn()
				sealed := s.store.at()
				s.pass(2 * time.Minute)
				s.turn()
				s.store.down = true
				s.add("a.log", noises("A", 0, overfull))
				s.pass(day)
				s.turn()
				when.do(s, args)
				for range 5 {
					s.turn()
					s.pass(10 * time.Minute)
				}
				held := s.counts().Expired
				if held > 0 {
					t.Errorf("%d bytes expired within the grace", held)
				}
				if strings.HasSuffix(when.name, "reboot") {
					// Nothing but the wall clock knows how long swab was off.
					s.store.down = false
				}
				for range 18 { // four hours in all
					s.turn()
					s.pass(10 * time.Minute)
				}
				lost, left := s.counts().Expired, s.left()
				if lost > 0 {
					t.Errorf("%d bytes expired that are a day old", lost)
				}
				if unread := s.counts().Unread; left < unread {
					t.Errorf("%d bytes are left raw, but %d are unread", left, unread)
				}
				s.store.down = false
				for s.turn(); s.raw(kept) != "" && s.store.at().Sub(sealed) < 20*day; s.turn() {
					s.pass(5 * time.Minute)
				}
				age := s.store.at().Sub(sealed)
				if most := week + 5*time.Minute + when.off; age > most { // the step of this loop, and what no clock has counted
					t.Errorf("what is sealed is gone after %s, want %s", age, most)
				}
				s.goneAll(t, week)
				s.hold()
				n := words(s.shipped())
				if want := overfull + 10 + strings.Count(when.name, "again")*3; len(n) != want {
					t.Errorf("%d lines in the store, want %d", len(n), want)
				}
				for w, k := range n {
					if k != 1 {
						t.Errorf("line %s is in the store %d times", w, k)
					}
				}
				s.check()
				table.add(jump.name+" "+when.name, lost, left, age, len(n))
			})
		}
	}
}

// left counts the raw bytes of all logs.
func (s *turned) left() (n int64) {
	entries, err := os.ReadDir(s.logs)
	s.must(err)
	for _, e := range entries {
		n += int64(len(s.raw(s.logs + "/" + e.Name())))
	}
	return n
}

// goneAll lets time pass until no log holds a raw byte.
func (s *turned) goneAll(t *testing.T, most time.Duration) {
	t.Helper()
	for waited := time.Duration(0); ; waited += time.Hour {
		s.turn()
		if s.left() == 0 {
			return
		}
		if waited > most {
			t.Fatalf("%d raw bytes are left after %s more", s.left(), most)
		}
		s.pass(time.Hour)
	}
}

// The first start on logs of thirty days, case by case.
func TestFirstStartDestroysNothingBeforeItsGrace(t *testing.T) {
	table := newRows(t, "first start on logs of 30 days", "expired in 23 hours", "expired after 25 hours", "raw bytes left then")
	denied := &ship.Error{Op: "put", Code: ship.CodeAccessDenied, Status: 403, Err: errors.New("no right to put")}
	for _, tt := range []struct {
		name    string
		refused bool // the start itself
		err     error
		later   error
	}{
		{"wrong credentials", true, denied, nil},
		{"no answer at all", false, nil, nil},
		{"no answer, then wrong credentials", false, nil, denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := turnedFor(t)
			s.wall = noon.Add(-30 * day)
			var text strings.Builder
			for i := range overfull {
				text.WriteString(s.wall.Format(time.RFC3339) + " " + noise("A", i))
			}
			path := s.add("a.log", text.String())
			s.wall = noon
			s.store.down, s.store.err = true, tt.err
			err := s.try(append([]string{"--log", "api=" + s.logs + "/*"}, tight...)...)
			if tt.refused {
				if err == nil || s.raw(path) != text.String() {
					t.Errorf("the start: %v; %d raw bytes left of %d", err, len(s.raw(path)), text.Len())
				}
				if _, err := os.Stat(s.state); err == nil {
					t.Error("a start that cannot work leaves a state directory")
				}
				table.add(tt.name, "the start is refused", "nothing was changed", len(s.raw(path)))
				return
			}
			s.must(err)
			s.store.err = tt.later
			for range 23 {
				s.turn()
				s.pass(time.Hour)
			}
			early := s.counts()
			if early.Expired > 0 || early.Lines == 0 || early.Unread == 0 {
				t.Errorf("within the grace: %+v", early)
			}
			if left := int64(len(s.raw(path))); left != early.Unread {
				t.Errorf("%d raw bytes left, want the %d that are not sealed", left, early.Unread)
			}
			s.pass(2 * time.Hour)
			s.turn()
			late := s.counts()
			if late.Expired != early.Unread || s.raw(path) != "" {
				t.Errorf("%d bytes expired after the grace, %d raw bytes left; want the limit to be held", late.Expired, len(s.raw(path)))
			}
			s.hold()
			s.check()
			table.add(tt.name, early.Expired, late.Expired, len(s.raw(path)))
		})
	}
}

// A line's word for its own time: a forged one seals bytes early, and never
// destroys them; and never makes them younger.
func TestForgedTimesOfLines(t *testing.T) {
	table := newRows(t, "the line says", "the store", "gone after", "expired before the limit", "reasons")
	for _, tt := range []struct {
		name string
		says time.Duration // from when it is written
		down bool
		want string
	}{
		{"thirty days ago", -30 * day, false, "shipped"},
		{"thirty days ago", -30 * day, true, "expire"},
		{"in a year", 365 * day, false, "limit"},
		{"in a year", 365 * day, true, "expire"},
	} {
		down := map[bool]string{true: "is down, the spool full", false: "is up"}[tt.down]
		t.Run(tt.name+", the store "+down, func(t *testing.T) {
			s := turnedFor(t)
			class, n := "web", 10
			if tt.down {
				n = overfull
			}
			if tt.says < 0 && !tt.down {
				class = "api"
			}
			s.add("first.log", noises("F", 0, 1))
			s.start(append([]string{"--log", class + "=" + s.logs + "/*"}, tight...)...)
			s.pass(2 * time.Minute)
			s.turn()
			s.store.down = tt.down
			says := s.wall.Add(tt.says).Format(time.RFC3339) + " "
			var text strings.Builder
			for i := range n {
				text.WriteString(says + noise("A", i))
			}
			path := s.add("a.log", text.String())
			written := s.wall
			s.turn()
			if tt.says < 0 && !tt.down && s.raw(path) != "" {
				t.Error("what says that it is overdue does not ship at once")
			}
			var early int64
			for s.wall.Sub(written) < week && s.raw(path) != "" {
				s.turn()
				early = s.counts().Expired
				s.pass(time.Hour)
			}
			if early > 0 {
				t.Errorf("%d bytes expired on the line's word", early)
			}
			s.turn()
			if s.raw(path) != "" {
				t.Errorf("%d bytes are left at the limit", len(s.raw(path)))
			}
			why, _ := s.reasons()
			if !slices.Contains(why, tt.want) {
				t.Errorf("reasons %v, want %s", why, tt.want)
			}
			s.hold()
			table.add(tt.name, down, s.wall.Sub(written), early, strings.Join(why, ", "))
			s.check()
		})
	}
}

// A disagreement of the clocks is told, once a minute at the most.
func TestClocksThatDisagreeAreToldOf(t *testing.T) {
	s := turnedFor(t)
	s.add("a.log", noises("F", 0, 1))
	s.start(append([]string{"--log", "api=" + s.logs + "/*"}, tight...)...)
	s.pass(2 * time.Minute)
	s.turn()
	s.store.down = true
	s.add("a.log", noises("A", 0, overfull))
	s.turn()
	s.wall = s.wall.Add(8 * day)
	s.turn()
	if !strings.Contains(s.said.String(), "level=ERROR msg=\"the wall clock, the elapsed time and the store's clock disagree") {
		t.Error("it is not told")
	}
	if n := len(s.kinds(ledger.KindExpire)); n > 0 {
		t.Errorf("%d ranges expired", n)
	}
}

// kinds are the ledger's events of one kind.
func (s *turned) kinds(kind ledger.Kind) (list []ledger.Event) {
	s.must(ledger.Walk(s.state, func(e *ledger.Event, _ string) error {
		if e.Kind == kind {
			list = append(list, *e)
		}
		return nil
	}))
	return list
}

// Half a line that somebody still writes is at its limit by time that has elapsed,
// not by a wall clock that jumps: it is shipped as one line. When the clocks have
// disagreed for the grace, the limit is not put off any more.
func TestInvariant5AJumpOfTheClockCutsNoLineInTwo(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": 27 * day, "back": -27 * day} {
		t.Run(name, func(t *testing.T) {
			s := turnedFor(t)
			s.add("a.log", "")
			s.start("--log", "api="+s.logs+"/a.log")
			s.turn()
			s.add("a.log", "the first half ")
			s.turn()
			s.pass(time.Minute)
			s.wall = s.wall.Add(by)
			for range 3 {
				s.turn()
				s.pass(time.Minute)
			}
			s.add("a.log", "and the second\n")
			s.turn()
			s.pass(2 * time.Minute)
			s.turn()
			got, _, _ := strings.Cut(s.shipped(), `{"n":`) // segments of the ledger
			if want := "the first half and the second\n"; got != want {
				t.Errorf("%q is in the store, want %q", got, want)
			}
			s.add("a.log", "never completed")
			s.turn()
			s.pass(8 * day)
			for range 3 {
				s.turn()
				s.pass(time.Hour)
			}
			if left := s.left(); left > 0 {
				t.Errorf("%d raw bytes of half a line are left past the limit", left)
			}
			s.check()
		})
	}
}
