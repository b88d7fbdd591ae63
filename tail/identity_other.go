//go:build !linux

package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"swab/ledger"
)

// identify tells which file f is by device and inode, which is all that is
// asked for here.
func identify(f *os.File) (ledger.FileID, error) {
	info, err := f.Stat()
	if err != nil {
		return ledger.FileID{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ledger.FileID{}, errors.ErrUnsupported
	}
	return ledger.FileID{FS: fmt.Sprintf("dev-%d", st.Dev), Ino: st.Ino}, nil
}

// idle is not to be known here.
func idle(*os.File) (idle, ok bool) { return false, false }

// reopen is not to be had without a path here.
func reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func reopenReading(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func leased(*os.File, func(*os.File) error) error { return nil }

func fdatasync(f *os.File) error { return f.Sync() }

// changedAt is when a file was last written, in nanoseconds.
func changedAt(info fs.FileInfo) int64 { return info.ModTime().UnixNano() }

// readable tells whether the file at path can be opened for reading.
func readable(path string) bool {
	f, err := os.Open(path)
	return err == nil && f.Close() == nil
}
