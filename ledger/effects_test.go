package ledger

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"swab/testdata/crashtest"
)

// effectsVar names the state directory in which the test binary, started
// again, appends a few events, over several segments.
const effectsVar = "SWAB_LEDGER_TEST_EFFECTS"

// effectsOptions make a segment of a few events.
var effectsOptions = Options{SegmentSize: 1 << 10}

// appendSome says after each Append how far the state is, and how it ended.
func appendSome(dir string) {
	l, err := Open(dir, effectsOptions)
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		return
	}
	defer l.Close()
	keys, err := OpenKeys(dir + "/keys")
	if err != nil {
		fmt.Fprintln(os.Stderr, "keys:", err)
		return
	}
	for i := range 8 {
		file := uint64(i + 1)
		err := l.Append(
			Event{Open: &FileOpen{File: file, Class: "api", Size: 50}},
			sealEvent("api", file, lines(file, 0, 50)),
		)
		l.View(func(s *State) { fmt.Fprintln(os.Stderr, "state", s.NextFile-1, err == nil) })
		if _, _, err := keys.Make(fmt.Sprintf("2026-11-0%d", i%2+1)); err != nil {
			fmt.Fprintln(os.Stderr, "key:", err)
		}
		if err := keys.Destroy(fmt.Sprintf("2026-11-0%d", (i+1)%2+1)); err != nil {
			fmt.Fprintln(os.Stderr, "key:", err)
		}
	}
}

// Whatever effect of appending, of beginning a segment, or of making and
// destroying a key is the last one, or fails: the state never holds what was
// not answered, and the next Open holds all that was.
func TestEveryEffectOfTheLedgerMayBeTheLast(t *testing.T) {
	for _, mode := range []crashtest.Mode{crashtest.Kill, crashtest.Tear, crashtest.Fail, crashtest.Ruin} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			every := 1
			if testing.Short() || mode == crashtest.Ruin {
				every = 7
			}
			for at := 1; ; at += every {
				dir := crashtest.Dir(t)
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), effectsVar+"="+dir)
				var said strings.Builder
				cmd.Stderr = &said
				r, err := crashtest.Run(cmd, crashtest.Plan{Dir: dir, Mode: mode, At: at})
				if errors.Is(err, crashtest.ErrUnsupported) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				if !r.Reached {
					if at < 60 {
						t.Fatalf("only %d effects", len(r.Effects))
					}
					return
				}
				t.Logf("%s %s", mode, r.Effects[at-1])
				openedAfter(t, dir, answered(t, said.String()))
				if t.Failed() {
					t.Fatalf("it said:\n%s", &said)
				}
			}
		})
	}
}

// answered is how many files the child was told to be on the disk.
func answered(t *testing.T, said string) uint64 {
	t.Helper()
	var n uint64
	for line := range strings.Lines(said) {
		var state uint64
		var ok bool
		if _, err := fmt.Sscanf(line, "state %d %t", &state, &ok); err != nil {
			continue
		}
		if ok {
			n = state
		} else if state != n {
			t.Errorf("an Append failed, and the state holds %d files, where %d were answered", state, n)
		}
	}
	return n
}

// openedAfter opens a ledger that a child left, and goes on with it.
func openedAfter(t *testing.T, dir string, answered uint64) {
	t.Helper()
	l, err := Open(dir, effectsOptions)
	if err != nil {
		t.Errorf("the next start: %v", err)
		return
	}
	defer l.Close()
	var next, sealed uint64
	l.View(func(s *State) { next, sealed = s.NextFile, s.class("api").Sealed })
	if next-1 < answered || next-1 > answered+1 {
		t.Errorf("%d files were answered, the next start has %d", answered, next-1)
	}
	add(t, l, openEvent(next, "api", 50), sealEvent("api", sealed+1, lines(next, 0, 50)))
	clean(t, dir)
}
