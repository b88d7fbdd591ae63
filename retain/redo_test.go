package retain

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"swab/ledger"
)

// A crash leaves any pages of a range overwritten, with either fill; others may
// have been rewritten, or the file truncated and grown again.
func TestRedoEndsWithRawBlocksOverwrittenAndOthersUntouched(t *testing.T) {
	seal := newSealer(t)
	f := tempFile(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		orig := lines(rapid.SampledFrom([]int{0, 20_000, pieceSize - 4500, 2 * pieceSize}).Draw(t, "about")+
			rapid.IntRange(1, 9000).Draw(t, "size"), 1)
		orig = bytes.Map(unframed, orig)
		size := int64(len(orig))
		from := near(0, size-1).Draw(t, "from")
		r := ledger.Extent{From: from, To: near(from+1, size).Draw(t, "to")}
		sums := seal.sums(t, r.From, orig[r.From:r.To])

		now := bytes.Clone(orig)
		for b := r.From; b < r.To; b = blockEnd(b, r.To) {
			block := now[b:blockEnd(b, r.To)]
			switch rapid.SampledFrom([]string{"raw", "raw", "zero", "blank", "rewritten"}).Draw(t, "block") {
			case "zero":
				copy(block, wantFill(block, FillZero))
			case "blank":
				copy(block, wantFill(block, FillBlank))
			case "rewritten":
				copy(block, bytes.Map(unframed, lines(len(block), 2)))
				block[0] = '!'
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "truncate") == 0 {
			now = now[:rapid.Int64Range(0, size).Draw(t, "at")]
			now = append(now, bytes.Map(unframed, lines(rapid.IntRange(0, 20_000).Draw(t, "grown"), 3))...)
		}
		if err := os.WriteFile(f.Name(), now, 0o600); err != nil {
			t.Fatal(err)
		}

		fill := rapid.SampledFrom([]Fill{FillZero, FillBlank}).Draw(t, "fill")
		res := mustOverwrite(t, f, r, sums, fill)
		want, erased := redone(orig, now, r, fill)
		if got := content(t, f); !bytes.Equal(got, want) {
			t.Fatal("the file is not what it should be")
		}
		if skipped := ledger.Extents(res.Skipped).Len(); res.Erased != erased || res.Erased+skipped != r.To-r.From {
			t.Fatalf("%d erased and %d skipped of %d, want %d erased", res.Erased, skipped, r.To-r.From, erased)
		}
		again := mustOverwrite(t, f, r, sums, fill)
		if got := content(t, f); !bytes.Equal(got, want) || again.Erased != erased {
			t.Fatal("overwriting once more changed something")
		}
	})
}

// unframed replaces what a frame has: a byte or two that a truncation leaves of a
// line may else be what it leaves of a frame.
func unframed(r rune) rune {
	if r != ' ' && strings.ContainsRune(ledger.Frame, r) {
		return '#'
	}
	return r
}

// near draws offsets in [low, high], half of them beside a block's border.
func near(low, high int64) *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(low, high), rapid.Custom(func(t *rapid.T) int64 {
		border := rapid.Int64Range(low/ledger.BlockSize, high/ledger.BlockSize+1).Draw(t, "block") * ledger.BlockSize
		return min(max(border+rapid.Int64Range(-scantBlock-3, scantBlock+3).Draw(t, "off"), low), high)
	}))
}

// redone says what is left of now, which was orig when r was sealed, after r
// was overwritten, and how many bytes of r are erased then.
func redone(orig, now []byte, r ledger.Extent, fill Fill) (want []byte, erased int64) {
	type block struct {
		from, to   int64
		raw, blank bool
	}
	var blocks []block
	size := int64(len(now))
	for from := r.From; from < r.To; from = blockEnd(from, r.To) {
		b := block{from: from, to: min(blockEnd(from, r.To), max(size, from))}
		p := now[min(from, size):min(b.to, size)]
		b.raw = b.to == blockEnd(from, r.To) && bytes.Equal(p, orig[from:b.to])
		b.blank = !b.raw && len(p) > 0 && len(bytes.Trim(p, "\x00\r\n ")) == 0
		blocks = append(blocks, b)
	}
	scant := func(i int) bool {
		return blockEnd(blocks[i].from, r.To)-blocks[i].from < scantBlock
	}
	if n := len(blocks); n > 1 { // the outermost, when scant, need a neighbour
		blocks[0].raw = blocks[0].raw && (!scant(0) || blocks[1].raw || blocks[1].blank)
		blocks[n-1].raw = blocks[n-1].raw && (!scant(n-1) || blocks[n-2].raw || blocks[n-2].blank)
	}
	want = bytes.Clone(now)
	for _, b := range blocks {
		if b.raw {
			copy(want[b.from:b.to], wantFill(now[b.from:b.to], fill))
		}
		if b.raw || b.blank {
			erased += b.to - b.from
		}
	}
	return want, erased
}

// A page of zeros may be clean although its writing failed: only writing it
// again brings it to the device.
func TestRedoWritesOverwrittenBlocksAgain(t *testing.T) {
	orig := lines(3*4096, 1)
	for _, fill := range []Fill{FillZero, FillBlank} {
		t.Run(fill.String(), func(t *testing.T) {
			f := tempFile(t, orig)
			r := ledger.Extent{To: int64(len(orig))}
			sums := newSealer(t).sums(t, 0, orig)
			mustOverwrite(t, f, r, sums, fill)
			long := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
			if err := os.Chtimes(f.Name(), long, long); err != nil {
				t.Fatal(err)
			}
			mustOverwrite(t, f, r, sums, fill)
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if info.ModTime().Equal(long) {
				t.Error("nothing was written the second time")
			}
		})
	}
}
