package swab

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// noAccessTime keeps reads through f from moving the file's access time. Only
// the owner and CAP_FOWNER may ask for that; for others it does nothing.
func noAccessTime(f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err == nil {
			_, _ = unix.FcntlInt(fd, unix.F_SETFL, flags|unix.O_NOATIME)
		}
	})
}

// birthTime is when the file at path was made, in ns since 1970; 0 where the
// file system does not say.
func birthTime(path string) int64 {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
}
