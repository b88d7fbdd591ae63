package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func removeSegment(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.Remove(segmentPath(filepath.Join(dir, dirName), n)); err != nil {
		t.Fatal(err)
	}
}

// However much of the last group a crash left, the groups before it are all
// there, the torn line is kept aside, and the chain goes on.
func TestTornTailIsCutAtEveryByte(t *testing.T) {
	base := t.TempDir()
	l := open(t, base, Options{})
	add(t, l, life()[:6]...)
	path := segmentFiles(t, base)[0]
	synced := len(read(t, path))
	if err := l.Append(erasedEvent("api", 1), seenEvent(2, 50, 0), Event{Stop: &Stop{}}); err != nil { // one group
		t.Fatal(err)
	}
	l.Close()
	whole := read(t, path)

	for end := synced; end < len(whole); end++ {
		dir := t.TempDir()
		torn := segmentPath(filepath.Join(dir, dirName), 1)
		if err := os.MkdirAll(filepath.Dir(torn), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, torn, whole[:end])
		kept := bytes.LastIndexByte(whole[:end], '\n') + 1
		rest := whole[kept:end]

		if problems := check(t, dir).Problems; (len(problems) > 0) != (len(rest) > 0) {
			t.Fatalf("cut at %d: problems %q with %d torn bytes", end, problems, len(rest))
		}
		l, err := Open(dir, Options{Now: newTicker().Now})
		if err != nil {
			t.Fatalf("cut at %d: %v", end, err)
		}
		add(t, l, openEvent(3, "api", 7), openEvent(4, "api", 7))
		l.Close()
		if got := read(t, torn); !bytes.HasPrefix(got, whole[:kept]) {
			t.Fatalf("cut at %d: a whole line is gone", end)
		}
		aside, _ := os.ReadFile(filepath.Join(dir, tornName))
		if want := string(rest); strings.TrimSuffix(string(aside), "\n") != want {
			t.Fatalf("cut at %d: %s holds %q, want %q", end, tornName, aside, want)
		}
		var cut *Cut
		r := clean(t, dir)
		if err := Walk(dir, func(e *Event, _ string) error {
			if e.Cut != nil {
				cut = e.Cut
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if (cut != nil) != (len(rest) > 0) {
			t.Fatalf("cut at %d: cut event %v for %d torn bytes", end, cut, len(rest))
		}
		if cut != nil && *cut != (Cut{Segment: 1, At: int64(kept), Bytes: int64(len(rest))}) {
			t.Fatalf("cut at %d: %+v", end, cut)
		}
		if r.State.Files[4] == nil || r.State.Files[1] == nil {
			t.Fatalf("cut at %d: files are missing", end)
		}
		reopened, err := Open(dir, Options{Now: newTicker().Now})
		if err != nil {
			t.Fatalf("cut at %d, opened again: %v", end, err)
		}
		reopened.Close()
	}
}

func TestTornTailMayHoldAnything(t *testing.T) {
	for name, rest := range map[string]string{
		"zeros":          strings.Repeat("\x00", 5000),
		"zeros and more": strings.Repeat("\x00", 5000) + "\nx",
		"empty lines":    "\n\n",
		"half a line":    `{"n":99,"g":`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallLedger(t)
			path := segmentFiles(t, dir)[1]
			good := read(t, path)
			write(t, path, append(good, rest...))
			l := open(t, dir, Options{})
			add(t, l, openEvent(3, "api", 7))
			l.Close()
			clean(t, dir)
		})
	}
}

func TestDamageBeforeTheLastGroupStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, life()...)
	l.Close()
	path := segmentFiles(t, dir)[0]
	good := read(t, path)
	last := bytes.LastIndexByte(good[:len(good)-1], '\n') + 1
	for _, at := range []int{0, 20, last / 2, last - 10, last - 1} {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		write(t, path, bad)
		l, err := Open(dir, Options{})
		if err == nil {
			l.Close()
		}
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Torn || corrupt.Path != path {
			t.Fatalf("byte %d: error %v, want damage in %s", at, err, path)
		}
		if !strings.Contains(err.Error(), "swab ledger repair") {
			t.Fatalf("byte %d: %v names no way out", at, err)
		}
		if !bytes.Equal(read(t, path), bad) {
			t.Fatalf("byte %d: the segment was changed", at)
		}
	}
	write(t, path, good)
	open(t, dir, Options{})
}

func TestDamagedSnapshotIsNeverCut(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	path := segmentFiles(t, dir)[0]
	good := read(t, path)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		write(t, path, bad)
		l, err := Open(dir, Options{})
		if err == nil {
			l.Close()
		}
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Torn {
			t.Fatalf("byte %d: error %v, want damage", i, err)
		}
	}
}

// A group that lacks its end in an earlier segment is damage, never a crash.
func TestTornEndOfAnEarlierSegmentIsDamage(t *testing.T) {
	dir := smallLedger(t)
	path := segmentFiles(t, dir)[0]
	good := read(t, path)
	write(t, path, good[:len(good)-5])
	lock, err := lockFile(filepath.Join(dir, lockName)) // as if a daemon ran
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	r := check(t, dir)
	if !r.Live || len(r.Problems) == 0 || !strings.Contains(r.Problems[0], "damaged") {
		t.Fatalf("live %t, problems %q", r.Live, r.Problems)
	}
}

// A segment without a byte, or without its first line, was never left by a
// crash: a segment has its name only when its snapshot is on the disk.
func TestASegmentThatLostItsSnapshotStopsTheStart(t *testing.T) {
	for _, keep := range []int64{0, 1, 100} {
		for which, n := range map[string]int{"the only one": 1, "the last one": -1} {
			dir := t.TempDir()
			if n == 1 {
				l := open(t, dir, Options{})
				add(t, l, life()...)
				l.Close()
			} else {
				dir = smallLedger(t)
			}
			list := segmentFiles(t, dir)
			path := list[len(list)-1]
			if err := os.Truncate(path, keep); err != nil {
				t.Fatal(err)
			}
			l, err := Open(dir, Options{})
			if err == nil {
				l.Close()
			}
			var corrupt *CorruptionError
			if !errors.As(err, &corrupt) || corrupt.Torn || corrupt.Path != path || !strings.Contains(err.Error(), "swab ledger repair") {
				t.Errorf("%s cut to %d bytes: %v", which, keep, err)
			}
			r, err := Check(dir)
			if err == nil && len(r.Problems) == 0 {
				t.Errorf("%s cut to %d bytes: check finds nothing", which, keep)
			}
			_, err = Repair(dir, begin.AddDate(1, 0, 0))
			if whole := n != 1; (err == nil) != whole { // there is nothing to begin a new chain with
				t.Errorf("%s cut to %d bytes: repair: %v", which, keep, err)
			} else if whole {
				open(t, dir, Options{}).Close()
			}
		}
	}
}
