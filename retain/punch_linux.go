package retain

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// maxUnit bounds what is believed of a file system's block size, bytes: the
// largest page of the platforms. Network file systems name their transfer size.
const maxUnit = 64 << 10

// allocationUnit returns the size of the blocks that f's file system gives and
// takes back, bytes.
func allocationUnit(f *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := control(f, func(fd int) error { return unix.Fstatfs(fd, &st) }); err != nil {
		return 0, fmt.Errorf("block size: %w", err)
	}
	return min(max(int64(st.Bsize), 1), maxUnit), nil
}

// punchHole frees the whole blocks of [off, off+n) and writes zeros into the
// parts of blocks at its ends. KEEP_SIZE: the file is never made longer.
func punchHole(f *os.File, off, n int64) error {
	if n == 0 {
		return nil
	}
	return control(f, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

// allocation tells whether off lies in a hole, and where that ends; a file
// system without SEEK_DATA (lseek(2)) knows of none. The descriptor's offset
// is put back where it was.
func allocation(f *os.File, off int64) (end int64, hole bool, err error) {
	err = control(f, func(fd int) error {
		was, err := unix.Seek(fd, 0, unix.SEEK_CUR)
		if err != nil {
			return err
		}
		end, hole, err = nextChange(fd, off)
		_, back := unix.Seek(fd, was, unix.SEEK_SET)
		return errors.Join(err, back)
	})
	return end, hole, err
}

func nextChange(fd int, off int64) (end int64, hole bool, err error) {
	data, err := unix.Seek(fd, off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // no data from here on
		return math.MaxInt64, true, nil
	case errors.Is(err, unix.EINVAL):
		return math.MaxInt64, false, nil
	case err != nil:
		return 0, false, err
	case data > off:
		return data, true, nil
	}
	end, err = unix.Seek(fd, off, unix.SEEK_HOLE)
	if errors.Is(err, unix.ENXIO) { // truncated meanwhile
		return math.MaxInt64, true, nil
	}
	return end, false, err
}
