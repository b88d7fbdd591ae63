package ledger

import (
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldFromLastSnapshotIsFoldOfAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		clock := newTicker()
		l := open(t, dir, Options{Now: clock.Now, SegmentSize: int64(rapid.IntRange(1, 3000).Draw(rt, "segment size")), Daily: rapid.Bool().Draw(rt, "daily")})
		s := &story{state: func() *State { return l.state }}
		add(t, l, startEvent())
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			clock.advance(s.pause(rt))
			if e, ok := s.next(rt); ok {
				if err := l.Append(e); err != nil {
					rt.Fatalf("%s: %v", toJSON(t, e), err)
				}
			}
		}
		live := toJSON(t, l.state)
		l.Close()

		var all *State
		if err := Walk(dir, func(e *Event, sum string) error {
			if e.Snapshot != nil {
				if all == nil {
					all = e.Snapshot.State
				}
				all.LastAt = e.At
				return nil
			}
			return all.apply(e, sum)
		}); err != nil {
			rt.Fatal(err)
		}
		list, err := segments(filepath.Join(dir, dirName))
		if err != nil {
			rt.Fatal(err)
		}
		last, err := foldSegment(segmentPath(filepath.Join(dir, dirName), list[len(list)-1]))
		if err != nil {
			rt.Fatal(err)
		}
		if got := toJSON(t, last.state); got != toJSON(t, all) || got != live {
			rt.Fatalf("fold from the last snapshot:\n%s\nfold of all:\n%s\nlive:\n%s", got, toJSON(t, all), live)
		}
		if r, err := Check(dir); err != nil || len(r.Problems) > 0 || r.Segments != list[len(list)-1] {
			rt.Fatalf("check: %v, %+v", err, r)
		}
	})
}

func TestForeignFilesAreNoSegments(t *testing.T) {
	dir := smallLedger(t)
	for _, name := range []string{"00001a.jsonl", "+00001.jsonl", "000003.jsonl.tmp", "0000003.jsonl", "000000.jsonl", "notes"} {
		write(t, filepath.Join(dir, dirName, name), []byte("x\n"))
	}
	if r := clean(t, dir); r.Segments != 2 {
		t.Errorf("%d segments, want 2", r.Segments)
	}
}

// A state whose snapshot is larger than a segment must not begin one for each
// group.
func TestSegmentSizeCountsWhatFollowsTheSnapshot(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 2000})
	add(t, l, startEvent())
	for i := range 60 {
		add(t, l, openEvent(uint64(i+1), "api", 0))
	}
	l.Close()
	if n := clean(t, dir).Segments; n > 12 {
		t.Errorf("%d segments for 60 events of about 300 bytes", n)
	}
}
