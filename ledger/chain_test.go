package ledger

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// smallLedger has two segments, closed in order.
func smallLedger(t *testing.T) string {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 700})
	first := startEvent()
	first.Start.Policies = map[string]Retention{"api": {RawLimit: week}}
	add(t, l, append([]Event{first}, life()[1:6]...)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(segmentFiles(t, dir)); n != 2 {
		t.Fatalf("%d segments, want 2", n)
	}
	clean(t, dir)
	return dir
}

func TestAnyByteChangedIsFound(t *testing.T) {
	t.Parallel()
	dir := smallLedger(t)
	for _, path := range segmentFiles(t, dir) {
		good := read(t, path)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i, c := range good {
			for _, other := range []byte{c ^ 1, c ^ 0x20, '\n'} {
				if other == c {
					continue
				}
				if _, err := f.WriteAt([]byte{other}, int64(i)); err != nil {
					t.Fatal(err)
				}
				if len(check(t, dir).Problems) == 0 {
					t.Fatalf("byte %d of %s, from %q to %q: nothing found", i, path, c, other)
				}
			}
			if _, err := f.WriteAt([]byte{c}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	clean(t, dir)
}

func TestAnyByteRemovedOrAddedIsFound(t *testing.T) {
	t.Parallel()
	dir := smallLedger(t)
	for _, path := range segmentFiles(t, dir) {
		good := read(t, path)
		for i := range good {
			write(t, path, slices.Delete(slices.Clone(good), i, i+1))
			if len(check(t, dir).Problems) == 0 {
				t.Fatalf("without byte %d of %s: nothing found", i, path)
			}
		}
		for i := range len(good) + 1 {
			for _, more := range []byte{'\n', ' '} {
				write(t, path, slices.Insert(slices.Clone(good), i, more))
				if len(check(t, dir).Problems) == 0 {
					t.Fatalf("%q added before byte %d of %s: nothing found", more, i, path)
				}
			}
		}
		write(t, path, good)
	}
	clean(t, dir)
}

func TestLinesRemovedSwappedOrRepeatedAreFound(t *testing.T) {
	dir := smallLedger(t)
	path := segmentFiles(t, dir)[0]
	good := slices.Collect(bytes.Lines(read(t, path)))
	for i := range good {
		if i+1 < len(good) {
			swapped := slices.Clone(good)
			swapped[i], swapped[i+1] = good[i+1], good[i]
			write(t, path, bytes.Join(swapped, nil))
			if len(check(t, dir).Problems) == 0 {
				t.Fatalf("lines %d and %d swapped: nothing found", i, i+1)
			}
		}
		for name, list := range map[string][][]byte{
			"removed":  slices.Delete(slices.Clone(good), i, i+1),
			"repeated": slices.Insert(slices.Clone(good), i, good[i]),
		} {
			write(t, path, bytes.Join(list, nil))
			if len(check(t, dir).Problems) == 0 {
				t.Fatalf("line %d %s: nothing found", i, name)
			}
		}
	}
}

// Even sums that fit do not make a story true that cannot have happened.
func TestForgedEventsAreFoundByTheFold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(e *Event)
		want   string
	}{
		{"a range that skips bytes", func(e *Event) {
			if e.Seal != nil {
				e.Seal.Ranges[0].From, e.Seal.Raw = 5, e.Seal.Raw-5
			}
		}, "cursor"},
		{"a snapshot that is not the fold", func(e *Event) {
			if e.Snapshot != nil && e.N > 1 {
				e.Snapshot.State.Files[1].Cursor++
			}
		}, "snapshot is not the fold"},
		{"a snapshot with a smaller account", func(e *Event) {
			if e.Snapshot != nil && e.N > 1 {
				e.Snapshot.State.Classes["api"].Account.Written--
			}
		}, "snapshot is not the fold"},
		{"an erase without a reason", func(e *Event) {
			if e.Erase != nil {
				e.Erase.Reason = "because"
			}
		}, "no reason"},
		{"a clock that goes back", func(e *Event) {
			if e.Ship != nil {
				e.At = e.At.AddDate(0, 0, -1)
			}
		}, "before the event before it"},
		{"a kind that is not the content's", func(e *Event) {
			if e.Ship != nil {
				e.Kind = KindSeal
			}
		}, `event of kind "seal" holds a "ship"`},
		{"a number left out", func(e *Event) {
			if e.N > 3 {
				e.N++
			}
		}, "event 5 after event 3"},
		{"a snapshot that quotes another sum", func(e *Event) {
			if e.Snapshot != nil && e.N > 1 {
				e.Snapshot.Prev = strings.Repeat("00", 32)
			}
		}, "quotes another sum"},
		{"a first snapshot that quotes a long sum", func(e *Event) {
			if e.Snapshot != nil && e.N == 1 {
				e.Snapshot.Prev = strings.Repeat("00", 40)
			}
		}, "malformed sum"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := smallLedger(t)
			rechain(t, dir, tt.change)
			got := check(t, dir).Problems
			if len(got) == 0 || !strings.Contains(got[0], tt.want) {
				t.Fatalf("problems %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestMissingSegmentsAreFound(t *testing.T) {
	for i := range 3 {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, Options{SegmentSize: 1})
			add(t, l, life()[:3]...)
			l.Close()
			removeSegment(t, dir, i+1)
			got := check(t, dir).Problems
			if len(got) == 0 || !strings.Contains(got[0], "missing") {
				t.Fatalf("problems %q, want a missing segment", got)
			}
		})
	}
}

func TestCheckOfNothingIsAnError(t *testing.T) {
	if _, err := Check(t.TempDir()); err == nil {
		t.Fatal("no error for a directory without a ledger")
	}
}
