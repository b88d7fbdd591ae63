package ledger

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves blocks for [off, off+n) without moving the file's end.
func allocate(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
}
