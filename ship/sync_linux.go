package ship

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync waits until the file's content, without its times, is on disk.
func datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return err
		}
	}
}
