package tail

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// holeEnd tells where the hole ends that off lies in: at the next byte that
// somebody wrote (lseek(2), SEEK_DATA), or at size, where none follows. It is
// off where off lies in no hole, or the file system knows of none. Pages that
// were written and have no block yet count as data. The descriptor's own
// offset is used by nobody.
func holeEnd(f *os.File, off, size int64) int64 {
	raw, err := f.SyscallConn()
	if err != nil {
		return off
	}
	end := off
	err = raw.Control(func(fd uintptr) {
		data, err := unix.Seek(int(fd), off, unix.SEEK_DATA)
		switch {
		case err == nil:
			end = data
		case errors.Is(err, unix.ENXIO):
			end = size
		}
	})
	if err != nil {
		return off
	}
	return end
}
