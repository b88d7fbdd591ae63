package retain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

func TestOverwriteFillsTheRangeAndNothingElse(t *testing.T) {
	seal := newSealer(t)
	ranges := []ledger.Extent{
		{From: 0, To: 0},
		{From: 7, To: 7},
		{From: 0, To: 1},
		{From: 0, To: 4096},
		{From: 4095, To: 4097},
		{From: 100, To: 5000},
		{From: 0, To: 300_000},
		{From: 123, To: 299_999},
		{From: 100, To: 8193}, // a newline alone in its block
		{From: pieceSize - 1, To: pieceSize + 1},
		{From: pieceSize - 300, To: pieceSize + 255},
		{From: pieceSize - 255, To: 2*pieceSize + 255},
		{From: 4096, To: pieceSize},
	}
	orig := lines(300_000, 1)
	orig[8192] = '\n'
	copy(orig[9000:], "carriage\rreturn\r\n\r\n")
	for _, fill := range []Fill{FillZero, FillBlank} {
		for _, r := range ranges {
			t.Run(fmt.Sprintf("%s/%d-%d", fill, r.From, r.To), func(t *testing.T) {
				f := tempFile(t, orig)
				res := mustOverwrite(t, f, r, seal.sums(t, r.From, orig[r.From:r.To]), fill)
				if res.Erased != r.To-r.From || res.Skipped != nil || res.Stretched {
					t.Errorf("result %+v, want %d erased", res, r.To-r.From)
				}
				want := bytes.Clone(orig)
				copy(want[r.From:], wantFill(orig[r.From:r.To], fill))
				if got := content(t, f); !bytes.Equal(got, want) {
					t.Error("the file is not what it should be")
				}
			})
		}
	}
}

func TestBlankKeepsLineCount(t *testing.T) {
	orig := []byte(strings.Repeat("203.0.113.7 a line\r\nanother\n\n", 1000))
	f := tempFile(t, orig)
	r := ledger.Extent{To: int64(len(orig))}
	mustOverwrite(t, f, r, newSealer(t).sums(t, 0, orig), FillBlank)
	got := content(t, f)
	for _, end := range []string{"\n", "\r\n"} {
		if g, w := bytes.Count(got, []byte(end)), bytes.Count(orig, []byte(end)); g != w {
			t.Errorf("%d ends %q, want %d", g, end, w)
		}
	}
	if left := bytes.Trim(got, " \r\n"); len(left) > 0 || len(got) != len(orig) {
		t.Errorf("%d bytes, %d of them neither blank nor line end", len(got), len(left))
	}
}

func TestOverwriteSkipsWhatSwabDidNotRead(t *testing.T) {
	const border = pieceSize
	orig := lines(border+40_000, 1)
	tests := []struct {
		name   string
		change func(p []byte) []byte
		r      ledger.Extent
		want   []ledger.Extent
	}{
		{"one byte changed", func(p []byte) []byte { p[10_000]++; return p }, ledger.Extent{To: 40_000}, []ledger.Extent{{From: 8192, To: 12_288}}},
		{"two blocks beside each other", func(p []byte) []byte { p[8191]++; p[8192]++; return p }, ledger.Extent{To: 40_000}, []ledger.Extent{{From: 4096, To: 12_288}}},
		{"truncated in a block", func(p []byte) []byte { return p[:10_000] }, ledger.Extent{To: 40_000}, []ledger.Extent{{From: 8192, To: 40_000}}},
		{"truncated at a block", func(p []byte) []byte { return p[:8192] }, ledger.Extent{From: 10, To: 40_000}, []ledger.Extent{{From: 8192, To: 40_000}}},
		{"truncated before the range", func(p []byte) []byte { return p[:10] }, ledger.Extent{From: 5000, To: 40_000}, []ledger.Extent{{From: 5000, To: 40_000}}},
		{"emptied", func([]byte) []byte { return nil }, ledger.Extent{From: 5000, To: 40_000}, []ledger.Extent{{From: 5000, To: 40_000}}},
		{"scant first block, next one changed", func(p []byte) []byte { p[4096]++; return p }, ledger.Extent{From: 4090, To: 8192}, []ledger.Extent{{From: 4090, To: 8192}}},
		{"scant first block before a piece's border", func(p []byte) []byte { p[border]++; return p }, ledger.Extent{From: border - 10, To: border + 5000}, []ledger.Extent{{From: border - 10, To: border + 4096}}},
		{"scant last block after a piece's border", func(p []byte) []byte { p[border-1]++; return p }, ledger.Extent{From: 4096, To: border + 10}, []ledger.Extent{{From: border - 4096, To: border + 10}}},
		{"scant last block, one before changed", func(p []byte) []byte { p[4000]++; return p }, ledger.Extent{From: 0, To: 4100}, []ledger.Extent{{From: 0, To: 4100}}},
	}
	seal := newSealer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := tt.change(bytes.Clone(orig))
			f := tempFile(t, now)
			res := mustOverwrite(t, f, tt.r, seal.sums(t, tt.r.From, orig[tt.r.From:tt.r.To]), FillZero)
			if fmt.Sprint(res.Skipped) != fmt.Sprint(tt.want) {
				t.Errorf("skipped %v, want %v", res.Skipped, tt.want)
			}
			want := bytes.Clone(now)
			for i := tt.r.From; i < min(tt.r.To, int64(len(now))); i++ {
				want[i] = 0
			}
			for _, s := range tt.want {
				if from, to := min(s.From, int64(len(now))), min(s.To, int64(len(now))); from < to {
					copy(want[from:to], now[from:to])
				}
			}
			if got := content(t, f); !bytes.Equal(got, want) {
				t.Error("the file is not what it should be")
			}
			if skipped := ledger.Extents(tt.want).Len(); res.Erased+skipped != tt.r.To-tt.r.From {
				t.Errorf("%d erased and %d skipped of %d", res.Erased, skipped, tt.r.To-tt.r.From)
			}
		})
	}
}

func TestOverwriteRefusesAppendMode(t *testing.T) {
	orig := lines(5000, 1)
	f := tempFile(t, orig)
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_APPEND); err != nil {
		t.Fatal(err)
	}
	_, err := Overwrite(f, ledger.Extent{To: 5000}, newSealer(t).sums(t, 0, orig), FillZero, nil)
	if !errors.Is(err, ErrAppendMode) {
		t.Errorf("error %v, want ErrAppendMode", err)
	}
	if !bytes.Equal(content(t, f), orig) {
		t.Error("the file was changed")
	}
}

func TestOverwriteRefusesWhatIsNoFileOrRange(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := Overwrite(dir, ledger.Extent{To: 1}, nil, FillZero, nil); err == nil {
		t.Error("a directory was taken")
	}
	f := tempFile(t, lines(100, 1))
	for _, r := range []ledger.Extent{{From: -1, To: 1}, {From: 2, To: 1}} {
		if _, err := Overwrite(f, r, nil, FillZero, nil); err == nil {
			t.Errorf("range %v was taken", r)
		}
	}
}

// countingLock tells whether it is held, and how often it was taken.
type countingLock struct {
	held  bool
	times int
}

func (l *countingLock) Lock()   { l.held = true; l.times++ }
func (l *countingLock) Unlock() { l.held = false }

func TestOverwriteHoldsTheLockForAPieceAtATime(t *testing.T) {
	orig := lines(3*pieceSize, 1)
	f := tempFile(t, orig)
	lock := new(countingLock)
	check := func() error {
		if !lock.held {
			return errors.New("lock is not held")
		}
		return nil
	}
	real := newSealer(t).sums(t, 0, orig)
	sums := sumsFunc(func(off int64, p []byte) (bool, error) {
		match, err := real.Match(off, p)
		return match, errors.Join(err, check())
	})
	file := faulty{osFile: osFile{f}, before: func(int64) error { return check() }}
	if _, err := overwrite(file, ledger.Extent{To: int64(len(orig))}, sums, FillZero, lock); err != nil {
		t.Fatal(err)
	}
	if lock.held || lock.times != 3 {
		t.Errorf("taken %d times, held %v; want 3, released", lock.times, lock.held)
	}
}

func TestFillIsReadAsItIsWritten(t *testing.T) {
	for _, fill := range []Fill{FillZero, FillBlank} {
		if got, err := ParseFill(fill.String()); err != nil || got != fill {
			t.Errorf("ParseFill(%q) = %v, %v", fill, got, err)
		}
	}
	for _, s := range []string{"", "Zero", "zeros", "Fill(7)"} {
		if _, err := ParseFill(s); err == nil {
			t.Errorf("ParseFill(%q) succeeded", s)
		}
	}
}
