// Package retain carries out what is to become of raw bytes, and is the only
// package that changes a raw file.
//
// Erasing a range is [Overwrite], [Sync], [Punch], in this order; a finished
// file goes by [Unlink]. What may be erased is decided from the ledger alone,
// before any of this.
package retain

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// pieceSize is how much is read, compared and overwritten in one go, bytes: a
// multiple of ledger.BlockSize, and well under the 1 MiB that the erase protocol
// allows. Between comparing a piece's first block and overwriting it, a
// truncating writer can lose lines: a piece takes some 40 µs at this size, six
// times that at 1 MiB, for about the same 3 to 4 GB/s (ext4, the file and its
// sums in memory).
const pieceSize = 128 << 10

// maxPiece is the longest piece that pieceEnd cuts.
const maxPiece = pieceSize + ledger.BlockSize

// pieceTries is how often a piece is looked at anew when the file got shorter
// between reading and writing it. A file that still shrinks then is left as it
// is, and the piece reported as skipped.
const pieceTries = 3

// ErrAppendMode says that a descriptor has O_APPEND set. Linux appends what
// pwrite(2) is given for such a descriptor, whatever its offset (BUGS there):
// the raw bytes would stay and the file would grow.
var ErrAppendMode = errors.New("descriptor is in append mode")

// Sums compares raw bytes with the keyed sums of their seal.
type Sums interface {
	// Match tells whether block, which stands at off, is what was read when
	// its range was sealed. A block is what [ledger.Blocks] counts: a range's
	// part of one ledger.BlockSize of the file. Match is called between
	// reading a piece and overwriting it, so it must not wait for a disk.
	Match(off int64, block []byte) (bool, error)
}

// Result is what [Overwrite] did to a range, bytes: Erased and the lengths of
// Skipped add up to the range when there was no error.
type Result struct {
	// Erased bytes hold a fill now, those that did before included. They are
	// not on the disk before [Sync] returns nil.
	Erased int64
	// Skipped bytes are not what swab read: truncated away or rewritten. They
	// were left untouched. In order; neighbours are joined.
	Skipped []ledger.Extent
	// Stretched says that the file was truncated in the moment before a
	// write, which then made it longer again: what lies before that write is
	// a hole, and the file has a new generation. The rest of the range is in
	// Skipped. A truncation right before a write that ends where the file
	// ended leaves the very size it had, and is not seen.
	Stretched bool
}

// Overwrite replaces the bytes of r by fill where they are what was sealed.
// f must be open for reading and writing, without O_APPEND, and its offset is
// neither used nor moved for good. r must be a range of sums as it was sealed,
// or a part of one that begins and ends at its blocks' borders.
//
// Each piece is, under lock (which may be nil), measured, read, compared block
// by block, measured again and written at once: comparing first and syncing
// something before the write cost 67,400 lines in 900 truncations, comparing
// right before it none.
//
// Overwrite may be repeated after a crash anywhere, with either fill: a block
// that is not raw and holds nothing but NULs, spaces and line ends is taken for
// overwritten. Such a block is written again as it is, unless it is a hole, since clean pages of
// zeros prove nothing about the disk: Linux marks pages clean whose writing
// failed, so that after a failed [Sync] only a new write brings them there.
// A block that a power failure tore between two of the device's sectors is
// neither raw nor overwritten: it is skipped, and says so.
//
// When there is an error, Result counts the pieces before it.
func Overwrite(f *os.File, r ledger.Extent, sums Sums, fill Fill, lock sync.Locker) (Result, error) {
	if err := overwritable(f); err != nil {
		return Result{}, err
	}
	return overwrite(osFile{f}, r, sums, fill, lock)
}

// overwritable refuses what a positioned write would not overwrite in place.
func overwritable(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("file to overwrite: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("file to overwrite %s: not a regular file", f.Name())
	}
	var flags int
	err = control(f, func(fd int) (err error) {
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("flags of %s: %w", f.Name(), err)
	}
	if flags&unix.O_APPEND != 0 {
		return fmt.Errorf("file to overwrite %s: %w", f.Name(), ErrAppendMode)
	}
	return nil
}

// rawFile is what overwriting needs of a file. WriteAt writes all or returns
// an error; os.File repeats short and interrupted writes.
type rawFile interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	// Allocation tells whether off lies in a hole, and where that hole, or
	// the data, ends: past off.
	Allocation(off int64) (end int64, hole bool, err error)
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Allocation(off int64) (end int64, hole bool, err error) {
	return allocation(f.File, off)
}

func overwrite(f rawFile, r ledger.Extent, sums Sums, fill Fill, lock sync.Locker) (Result, error) {
	if r.From < 0 || r.To < r.From {
		return Result{}, fmt.Errorf("range [%d, %d) to overwrite: not a range", r.From, r.To)
	}
	if lock == nil {
		lock = noLock{}
	}
	// One block more than the largest piece, so that every block of the file
	// can lie on a page of its own in the buffer: should the kernel copy a
	// write only in part, it stops between two pages of ours, which is between
	// two blocks.
	e := &eraser{f: f, sums: sums, fill: fill, buf: make([]byte, min(maxPiece, r.To-r.From)+ledger.BlockSize)}
	for from := r.From; from < r.To; {
		to := pieceEnd(ledger.Extent{From: from, To: r.To})
		if e.res.Stretched {
			e.res.skip(ledger.Extent{From: from, To: r.To})
			break
		}
		if err := e.piece(ledger.Extent{From: from, To: to}, lock); err != nil {
			return e.res, fmt.Errorf("overwriting [%d, %d): %w", from, to, err)
		}
		from = to
	}
	return e.res, nil
}

// pieceEnd cuts a piece from the front of r. A scant first or last block of
// the range is in a piece with its neighbour.
func pieceEnd(r ledger.Extent) int64 {
	to := r.From/pieceSize*pieceSize + pieceSize
	if to-r.From < scantBlock {
		to += ledger.BlockSize
	}
	if r.To-to < scantBlock {
		return r.To
	}
	return to
}

type noLock struct{}

func (noLock) Lock()   {}
func (noLock) Unlock() {}

func (res *Result) skip(e ledger.Extent) {
	if e.From >= e.To {
		return
	}
	if n := len(res.Skipped); n > 0 && res.Skipped[n-1].To == e.From {
		res.Skipped[n-1].To = e.To
		return
	}
	res.Skipped = append(res.Skipped, e)
}

// eraser overwrites one range, piece by piece, through one buffer.
type eraser struct {
	f    rawFile
	sums Sums
	fill Fill
	buf  []byte
	res  Result

	// Of the current piece.
	kinds []kind          // a block
	runs  []ledger.Extent // to write, in order
	zone  zone            // the last allocation asked for
}

// piece overwrites p, which lies between two multiples of pieceSize.
func (e *eraser) piece(p ledger.Extent, lock sync.Locker) error {
	lock.Lock()
	defer lock.Unlock()
	for range pieceTries {
		done, err := e.try(p)
		if done || err != nil {
			return err
		}
	}
	e.res.skip(p)
	return nil
}

// try is one look at p. It returns false, having written and counted nothing,
// when the file got shorter meanwhile.
func (e *eraser) try(p ledger.Extent) (done bool, err error) {
	size, err := e.f.Size()
	if err != nil {
		return false, err
	}
	data := e.buf[p.From%ledger.BlockSize:][:max(0, min(p.To, size)-p.From)]
	if _, err := e.f.ReadAt(data, p.From); errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	var res Result
	e.runs, e.zone = e.runs[:0], zone{}
	if err := e.compare(p, data, &res); err != nil {
		return false, err
	}
	if len(e.runs) > 0 {
		again, err := e.write(p.From, data, &res)
		if again || err != nil {
			return false, err
		}
	}
	e.res.Erased += res.Erased
	e.res.Stretched = res.Stretched
	for _, s := range res.Skipped {
		e.res.skip(s)
	}
	return true, nil
}

// write writes e.runs from data, which stands at from. It returns true, having
// written nothing, when the file is shorter than they reach.
func (e *eraser) write(from int64, data []byte, res *Result) (again bool, err error) {
	end := e.runs[len(e.runs)-1].To
	before, err := e.f.Size()
	if err != nil {
		return false, err
	}
	if before < end {
		return true, nil
	}
	for _, run := range e.runs {
		if _, err := e.f.WriteAt(data[run.From-from:run.To-from], run.From); err != nil {
			return false, err
		}
	}
	after, err := e.f.Size()
	if err != nil {
		return false, err
	}
	// Truncated after the writes, it would be shorter than they reach.
	res.Stretched = after < before && after >= end
	return false, nil
}

// control calls do with f's descriptor, which stays open meanwhile, again as
// long as a signal interrupts it.
func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		for {
			if failed = do(int(fd)); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}
