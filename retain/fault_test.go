package retain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// sumsFunc is a Sums that does something besides.
type sumsFunc func(off int64, block []byte) (bool, error)

func (f sumsFunc) Match(off int64, block []byte) (bool, error) { return f(off, block) }

func TestOverwriteSeesATruncationWhileItCompares(t *testing.T) {
	orig := lines(10_000, 1)
	f := tempFile(t, orig)
	real := newSealer(t).sums(t, 0, orig)
	fresh := []byte("a line of the next generation\n")
	sums := sumsFunc(func(off int64, block []byte) (bool, error) {
		if off == 8192 {
			if err := os.WriteFile(f.Name(), fresh, 0o600); err != nil {
				return false, err
			}
		}
		return real.Match(off, block)
	})
	res := mustOverwrite(t, f, ledger.Extent{To: 10_000}, sums, FillZero)
	if got := content(t, f); !bytes.Equal(got, fresh) {
		t.Errorf("the new generation is %d bytes long and changed", len(got))
	}
	if res.Erased != 0 || res.Stretched || fmt.Sprint(res.Skipped) != "[{0 10000}]" {
		t.Errorf("result %+v, want all skipped", res)
	}
}

// flapping is a file that is short each time that its writing is near.
type flapping struct {
	osFile
	asked int
}

func (f *flapping) Size() (int64, error) {
	f.asked++
	if f.asked%2 == 0 {
		return 0, nil
	}
	return f.osFile.Size()
}

func TestOverwriteLeavesAPieceThatIsTruncatedAgainAndAgain(t *testing.T) {
	orig := lines(10_000, 1)
	f := tempFile(t, orig)
	res, err := overwrite(&flapping{osFile: osFile{f}}, ledger.Extent{To: 10_000}, newSealer(t).sums(t, 0, orig), FillZero, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Erased != 0 || fmt.Sprint(res.Skipped) != "[{0 10000}]" {
		t.Errorf("result %+v, want all skipped", res)
	}
	if !bytes.Equal(content(t, f), orig) {
		t.Error("the file was changed")
	}
}

// faulty is a file on which something happens right before, and right after, a
// write.
type faulty struct {
	osFile
	before, after func(off int64) error
}

func (f faulty) WriteAt(p []byte, off int64) (n int, err error) {
	if f.before != nil {
		err = f.before(off)
	}
	if err == nil {
		n, err = f.osFile.WriteAt(p, off)
	}
	if err == nil && f.after != nil {
		err = f.after(off)
	}
	return n, err
}

func TestOverwriteTellsThatItStretchedTheFile(t *testing.T) {
	size := int64(3*pieceSize + 10_000)
	orig := lines(int(size), 1)
	f := tempFile(t, nil)
	cut := func(off int64) error {
		if off == pieceSize {
			return f.Truncate(0)
		}
		return nil
	}
	for _, tt := range []struct {
		name      string
		file      faulty
		stretched bool
		size      int
	}{
		{"truncated before a write", faulty{osFile: osFile{f}, before: cut}, true, 2 * pieceSize},
		{"truncated after it", faulty{osFile: osFile{f}, after: cut}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(f.Name(), orig, 0o600); err != nil {
				t.Fatal(err)
			}
			res, err := overwrite(tt.file, ledger.Extent{To: size}, newSealer(t).sums(t, 0, orig), FillZero, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.Stretched != tt.stretched || res.Erased != 2*pieceSize {
				t.Errorf("result %+v, want stretched %v in the second piece", res, tt.stretched)
			}
			if skipped := ledger.Extents(res.Skipped).Len(); res.Erased+skipped != size {
				t.Errorf("%d erased and %d skipped of %d", res.Erased, skipped, size)
			}
			if got := len(content(t, f)); got != tt.size {
				t.Errorf("the file is %d bytes long, want %d", got, tt.size)
			}
		})
	}
}

func TestOverwriteCountsThePiecesBeforeAnError(t *testing.T) {
	size := int64(3 * pieceSize)
	orig := lines(int(size), 1)
	f := tempFile(t, orig)
	seal := newSealer(t)
	full := faulty{osFile: osFile{f}, before: func(off int64) error {
		if off >= pieceSize {
			return unix.ENOSPC
		}
		return nil
	}}
	res, err := overwrite(full, ledger.Extent{To: size}, seal.sums(t, 0, orig), FillZero, nil)
	if !errors.Is(err, unix.ENOSPC) || res.Erased != pieceSize {
		t.Errorf("%+v, %v; want one piece and ENOSPC", res, err)
	}
	gone := errors.New("sums gone")
	res, err = Overwrite(f, ledger.Extent{To: size}, sumsFunc(func(int64, []byte) (bool, error) { return false, gone }), FillZero, nil)
	if !errors.Is(err, gone) || res.Erased != pieceSize {
		t.Errorf("%+v, %v; want one piece and the error of the sums", res, err)
	}
	if got := content(t, f); !bytes.Equal(got[pieceSize:], orig[pieceSize:]) {
		t.Error("what follows the error was changed")
	}
}
