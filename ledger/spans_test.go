package ledger

import (
	"testing"

	"pgregory.net/rapid"
)

func TestExtentsAgreeWithABitmap(t *testing.T) {
	const room = 60
	extent := rapid.Custom(func(rt *rapid.T) Extent {
		return Extent{rapid.Int64Range(0, room).Draw(rt, "from"), rapid.Int64Range(0, room).Draw(rt, "to")}
	})
	rapid.Check(t, func(rt *rapid.T) {
		var x Extents
		var bits [room]bool
		for _, e := range rapid.SliceOfN(extent, 0, 25).Draw(rt, "extents") {
			if rapid.IntRange(0, 3).Draw(rt, "cut") == 0 {
				x = without(x, e)
				for i := e.From; i < e.To; i++ {
					bits[i] = false
				}
				continue
			}
			var added int64
			for i := e.From; i < e.To; i++ {
				if !bits[i] {
					bits[i] = true
					added++
				}
			}
			if got := x.Add(e); got != added {
				rt.Fatalf("adding %v covered %d more bytes, want %d", e, got, added)
			}
		}
		var covered int64
		for i, set := range bits {
			if (x.Covered(Extent{int64(i), int64(i) + 1}) == 1) != set {
				rt.Fatalf("byte %d in %v: want %t", i, x, set)
			}
			if set {
				covered++
			}
		}
		if x.Len() != covered {
			rt.Fatalf("%v covers %d bytes, want %d", x, x.Len(), covered)
		}
		for i := range x {
			if x[i].From >= x[i].To || i > 0 && x[i-1].To >= x[i].From {
				rt.Fatalf("%v is not sorted and apart", x)
			}
		}
	})
}
