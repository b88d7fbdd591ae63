package ledger

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func newKey(t testing.TB, day string) *SumKey {
	t.Helper()
	keys, err := OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	key, made, err := keys.Make(day)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	return key
}

// blocksOf cuts [from, to) the naive way.
func blocksOf(from, to int64) []Extent {
	var list []Extent
	for off := from; off < to; {
		end := off + 1
		for end < to && end%BlockSize != 0 {
			end++
		}
		list = append(list, Extent{off, end})
		off = end
	}
	return list
}

func TestRangeSumsMatchWhatWasReadAndNothingElse(t *testing.T) {
	key, other := newKey(t, "2026-11-23"), newKey(t, "2026-11-24")
	content := make([]byte, 9*BlockSize)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	offset := rapid.OneOf(
		rapid.Int64Range(0, int64(len(content))),
		rapid.Map(rapid.Int64Range(0, 9), func(n int64) int64 { return n * BlockSize }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		var file bytes.Buffer
		w := NewSumWriter(&file, key)
		var ranges []Range
		for range rapid.IntRange(1, 4).Draw(rt, "ranges") {
			r := Range{From: offset.Draw(rt, "from"), To: offset.Draw(rt, "to")}
			if r.From > r.To {
				r.From, r.To = r.To, r.From
			}
			ranges = append(ranges, r)
			w.Begin(r.From)
			for p := content[r.From:r.To]; len(p) > 0; {
				n := rapid.IntRange(1, len(p)).Draw(rt, "write")
				if _, err := w.Write(p[:n]); err != nil {
					rt.Fatal(err)
				}
				p = p[n:]
			}
			if err := w.End(); err != nil {
				rt.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			rt.Fatal(err)
		}
		var want int64
		for i, r := range ranges {
			sums := NewRangeSums(bytes.NewReader(file.Bytes()), key, ranges, i)
			stranger := NewRangeSums(bytes.NewReader(file.Bytes()), other, ranges, i)
			list := blocksOf(r.From, r.To)
			if got := Blocks(r.From, r.To); got != int64(len(list)) {
				rt.Fatalf("[%d, %d) has %d blocks, want %d", r.From, r.To, got, len(list))
			}
			want += int64(len(list)) * blockSumSize
			for _, b := range list {
				p := bytes.Clone(content[b.From:b.To])
				if ok, err := sums.Match(b.From, p); !ok || err != nil {
					rt.Fatalf("block %v of %v: %t, %v", b, r, ok, err)
				}
				if ok, _ := stranger.Match(b.From, p); ok {
					rt.Fatalf("block %v matches under another key", b)
				}
				at := rapid.IntRange(0, len(p)-1).Draw(rt, "changed")
				p[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
				if ok, err := sums.Match(b.From, p); ok || err != nil {
					rt.Fatalf("block %v with byte %d changed: %t, %v", b, at, ok, err)
				}
				if _, err := sums.Match(b.From, p[1:]); err == nil && len(p) > 0 {
					rt.Fatalf("a part of block %v was taken for it", b)
				}
				if _, err := sums.Match(b.From+1, p); err == nil {
					rt.Fatalf("bytes beside block %v were taken for it", b)
				}
			}
			if _, err := sums.Match(r.To, nil); err == nil {
				rt.Fatalf("nothing at the end of %v was taken for a block", r)
			}
		}
		if int64(file.Len()) != want {
			rt.Fatalf("%d bytes of sums, want %d", file.Len(), want)
		}
	})
}

func TestTailSpansAreTheLastBytesSplitAtBlocks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from := rapid.Int64Range(0, 3*BlockSize).Draw(rt, "from")
		to := from + rapid.Int64Range(0, 200).Draw(rt, "bytes")
		at := max(from, to-TailBytes)
		spans := TailSpans(from, to)
		for _, s := range spans {
			if s.From != at || s.To <= s.From || s.From/BlockSize != (s.To-1)/BlockSize {
				rt.Fatalf("tail of [%d, %d): %v", from, to, spans)
			}
			at = s.To
		}
		if at != to {
			rt.Fatalf("tail of [%d, %d): %v", from, to, spans)
		}
	})
}

func TestKeysAreMadeOnceAndDestroyedForGood(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	keys, err := OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	const day = "2026-11-23"
	if _, err := keys.Get(day); !errors.Is(err, ErrNoKey) {
		t.Fatalf("key before it was made: %v", err)
	}
	key, made, err := keys.Make(day)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	mark := key.Mark(7, []byte("line"))
	if again, made, err := keys.Make(day); err != nil || made || again.Mark(7, []byte("line")) != mark {
		t.Fatalf("made again: %t, %v", made, err)
	}
	if info, err := os.Stat(keys.path(day)); err != nil || info.Mode().Perm() != 0o600 || info.Size() != keySize {
		t.Fatalf("key file: %v, %v", info, err)
	}
	reopened, err := OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"line": true, "Line": false, "": false} {
		if ok, err := reopened.MarkMatches(mark, []byte(text)); ok != want || err != nil {
			t.Errorf("mark of %q: %t, %v", text, ok, err)
		}
	}
	if _, _, err := keys.Make("2026-11-24"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, UseSums+"-"+"2026-11-25"+tempSuffix), nil)
	if days, err := keys.Days(); err != nil || len(days) != 2 || days[0] != day {
		t.Errorf("days %v, %v", days, err)
	}

	for range 2 { // a second time is no error
		if err := keys.Destroy(day); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := keys.MarkMatches(mark, []byte("line")); !errors.Is(err, ErrNoKey) {
		t.Errorf("mark after its key: %v", err)
	}
	if next, made, err := keys.Make(day); err != nil || !made || next.Mark(7, []byte("line")) == mark {
		t.Errorf("the destroyed key came back: %t, %v", made, err)
	}
}

func TestHalfDestroyedKeyIsNoKey(t *testing.T) {
	keys, err := OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, keys.path("2026-11-23"), make([]byte, keySize))
	if _, err := keys.Get("2026-11-23"); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key of zeros: %v", err)
	}
	write(t, keys.path("2026-11-24"), make([]byte, 5))
	if _, err := keys.Get("2026-11-24"); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("a short key: %v", err)
	}
}
