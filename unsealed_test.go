package swab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
	"swab/ship"
)

// overdueFor is a log with lines past their limit that no run has sealed, in a
// class that has shipped before.
func overdueFor(t *testing.T, lines int) (s *turned, path, text string) {
	s = turnedFor(t)
	s.add("first.log", noises("F", 0, 1))
	s.start("--log", "api="+s.logs+"/*")
	s.turn()
	s.pass(2 * time.Minute)
	s.turn()
	text = noises("A", 0, lines)
	path = s.add("a.log", text)
	s.must(s.d.sweep())
	s.must(s.d.noteGrowth())
	s.stop()
	s.pass(30 * day)
	return s, path, text
}

// failSync has the next syncs of the spool fail, and says how many did.
func (s *turned) failSync(times int) (failed *int) {
	failed = new(int)
	s.d.spool.Sync = func(f *os.File, how func(*os.File) error) error {
		if *failed == times {
			return how(f)
		}
		*failed++
		return syscall.EIO
	}
	return failed
}

// endsUnsynced runs the daemon until a failed sync ends it.
func (s *turned) endsUnsynced() {
	run := s.d.Run
	if s.d.cfg.Once {
		run = func(ctx context.Context) error { return s.d.Once(ctx, nil) }
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	err := run(ctx)
	var sync *ship.SyncError
	if !errors.As(err, &sync) {
		s.fail("ended with %v", err)
	}
}

// Invariant 5, at the limit: a failed sync of the spool ends the process, and
// destroys nothing on its way out. The next start seals what is overdue, and
// then erases it.
func TestInvariant5AFailedSyncDestroysNothing(t *testing.T) {
	const lines = 20
	for _, how := range []string{"run", "one pass"} {
		t.Run(how, func(t *testing.T) {
			s, path, text := overdueFor(t, lines)
			args := []string{"--log", "api=" + s.logs + "/*"}
			if how == "one pass" {
				args = append(args, "--once")
			}
			s.start(args...)
			failed := s.failSync(1)
			s.endsUnsynced()
			if *failed != 1 {
				t.Errorf("%d syncs failed", *failed)
			}
			if a := s.counts(); a.Expired != 0 || s.raw(path) != text {
				t.Errorf("%d bytes expired, %d of %d are left raw", a.Expired, len(s.raw(path)), len(text))
			}
			s.stop()
			s.start(args...)
			s.store.down = true
			s.turn()
			if a := s.counts(); a.Expired != 0 || a.SealedBytes != int64(len(text)) || s.raw(path) != "" {
				t.Errorf("the next start: %d raw bytes are left; account %+v", len(s.raw(path)), a)
			}
			s.store.down = false
			s.pass(time.Hour)
			s.turn()
			if n := words(s.shipped()); len(n) != lines+1 {
				t.Errorf("%d lines in the store, want %d", len(n), lines+1)
			}
			s.hold()
			s.check()
		})
	}
}

// Invariant 4 is the last word: where no start can seal, bytes at their limit
// expire after an hour of tries, with an error, though nothing can be synced but
// the ledger.
func TestInvariant4WinsWhereNothingCanEverBeSealed(t *testing.T) {
	for _, how := range []string{"run", "one pass"} {
		t.Run(how, func(t *testing.T) {
			s, path, text := overdueFor(t, 20)
			args := []string{"--log", "api=" + s.logs + "/*"}
			if how == "one pass" {
				args = append(args, "--once")
			}
			tries, begun := 0, s.wall
			for s.raw(path) != "" && tries < 20 {
				if a := s.wall.Sub(begun); tries > 0 && a > sealGrace {
					t.Errorf("%d raw bytes are left after %s of tries", len(s.raw(path)), a)
				}
				s.start(args...)
				s.failSync(-1)
				s.endsUnsynced()
				s.stop()
				s.pass(sealGrace / 4)
				tries++
			}
			if why, expired := s.reasons(); expired != int64(len(text)) || tries != 5 {
				t.Errorf("%d bytes expired in %d tries, want all %d in the fifth; reasons %v", expired, tries, len(text), why)
			}
			if !strings.Contains(s.said.String(), "level=ERROR msg=\"bytes reached their limit and could not be sealed; they are lost\" class=api") {
				t.Error("the loss is no error")
			}
			s.add("a.log", noise("B", 0))
			s.start(args...)
			s.turn()
			s.pass(time.Hour)
			s.turn()
			if n := words(s.shipped()); len(n) != 2 {
				t.Errorf("%d lines in the store, want those before and after", len(n))
			}
			s.d.ledger.View(func(st *ledger.State) {
				if at := st.Classes["api"].Unsealed; at != 0 {
					t.Errorf("a batch is sealed, and the class counts as unsealed since %d", at)
				}
			})
			s.hold()
			s.check()
		})
	}
}

// A stop in the middle of a batch is no reason for what is overdue to go unsealed.
func TestInvariant5AStopDestroysNothing(t *testing.T) {
	s, path, text := overdueFor(t, 20)
	s.start("--log", "api="+s.logs+"/*")
	s.must(s.d.sweep())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.d.collect(ctx, s.d.lanes[0], false); !errors.Is(err, context.Canceled) {
		t.Errorf("collected with %v", err)
	}
	if a := s.counts(); a.Expired != 0 || s.raw(path) != text {
		t.Errorf("%d bytes expired", a.Expired)
	}
	s.check()
}

// Where a batch fails and the run goes on, bytes at their limit wait a moment for
// what passes by itself. What stays for longer than that has them expire.
func TestInvariant5AFailureThatPassesDestroysNothing(t *testing.T) {
	for name, after := range map[string]time.Duration{"passes": sealPatience - time.Second, "stays": sealPatience} {
		t.Run(name, func(t *testing.T) {
			s, path, text := overdueFor(t, 20)
			s.start("--log", "api="+s.logs+"/*")
			inTheWay := filepath.Join(spoolDir(s.state), "api-000000000002.tmp")
			s.must(os.Mkdir(inTheWay, 0o700))
			s.turn()
			if !strings.Contains(s.said.String(), "nothing could be sealed; the raw bytes wait where they are") {
				t.Fatal("the batch did not fail")
			}
			if a := s.counts(); a.Expired != 0 || s.raw(path) != text {
				t.Errorf("at the first failure %d bytes expired, %d of %d are left raw", a.Expired, len(s.raw(path)), len(text))
			}
			s.pass(after)
			if name == "passes" {
				s.must(os.Remove(inTheWay))
			}
			s.turn()
			want := int64(0)
			if name == "stays" {
				want = int64(len(text))
				s.must(os.Remove(inTheWay))
			}
			if a := s.counts(); a.Expired != want || s.raw(path) != "" {
				t.Errorf("%d bytes expired, want %d; %d are left raw", a.Expired, want, len(s.raw(path)))
			}
			s.hold()
			s.check()
		})
	}
}
