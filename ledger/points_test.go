package ledger

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A writer appends at known times; swab looks at the size now and then, and
// its events reach the ledger late. What the state says of a byte's age must
// never make it younger than it is.
func TestNoByteCountsAsYoungerThanItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now, size := begin.Unix(), rapid.Int64Range(0, 50).Draw(rt, "size")
		var written []int64 // when each byte was
		grow := func() {
			now += rapid.Int64Range(0, 90).Draw(rt, "seconds")
			for range rapid.IntRange(0, 40).Draw(rt, "bytes") {
				written = append(written, now)
			}
			size = int64(len(written))
			now += rapid.Int64Range(0, 90).Draw(rt, "seconds")
		}
		state := newState()
		apply := func(e Event) {
			// The event is later than the look it tells of, and the writer went on.
			grow()
			stamp(state, &e, 0)
			e.At = time.Unix(now, 0)
			if err := state.apply(&e, ""); err != nil {
				rt.Fatal(err)
			}
		}
		apply(startEvent())
		e := openEvent(1, "api", size)
		e.Open.SizeAt, e.Open.ID.Born = now, rapid.SampledFrom([]int64{0, begin.UnixNano()}).Draw(rt, "born")
		apply(e)
		number := uint64(0)
		quiet, quietSize := now, size // the last look
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			f := state.Files[1]
			grow()
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0:
				e := seenEvent(1, size, 0)
				if quietSize <= f.Size {
					e.Seen.Files[0].Quiet = quiet
				}
				e.Seen.Files[0].SizeAt = now
				quiet, quietSize = now, size
				apply(e)
			case 1:
				to := f.Cursor + rapid.Int64Range(0, size-f.Cursor).Draw(rt, "seal")
				if to == f.Cursor {
					continue
				}
				r := lines(1, f.Cursor, to)
				if to == size {
					r.EndAt = now
				}
				number++
				apply(sealEvent("api", number, r))
			}
			f = state.Files[1]
			for off := f.Cursor; off < size; off++ {
				if got := f.Oldest(off); got > written[off] {
					rt.Fatalf("byte %d was written at %d, and counts as written at %d: %+v", off, written[off], got, f)
				}
			}
		}
	})
}

func TestOldestOfBytesBeforeFirstSight(t *testing.T) {
	f := &File{First: Point{At: 1000, Size: 10}, ID: FileID{Born: 500e9}, Points: Points{{At: 2000, Size: 30}}}
	for _, tt := range []struct{ off, want int64 }{{0, 500}, {9, 500}, {10, 1000}, {29, 1000}, {30, 2000}, {99, 2000}} {
		if got := f.Oldest(tt.off); got != tt.want {
			t.Errorf("byte %d is of %d, want %d", tt.off, got, tt.want)
		}
	}
	f.ID.Born = 0
	if got := f.Oldest(3); got != 0 {
		t.Errorf("byte of unknown age is of %d, want 0", got)
	}
}
