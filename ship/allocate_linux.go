package ship

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate makes f n bytes long, of blocks that are its own.
func allocate(f *os.File, n int64) error {
	return unix.Fallocate(int(f.Fd()), 0, 0, n)
}
