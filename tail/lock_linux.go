package tail

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockHeld tells whether another open file description has a lock on the byte
// at of f (F_OFD_GETLK of fcntl(2): its own do not count).
func lockHeld(f *os.File, at int64) (bool, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: at, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	return l.Type != unix.F_UNLCK, nil
}

// setLock sets a shared lock, which ends with f.
func setLock(f *os.File, at int64) error { return changeLock(f, at, unix.F_RDLCK) }

func endLock(f *os.File, at int64) error { return changeLock(f, at, unix.F_UNLCK) }

func changeLock(f *os.File, at int64, kind int16) error {
	l := unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: at, Len: 1}
	return os.NewSyscallError("fcntl", unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l))
}

// rawSince is when the file at path was made, where the file system says: no
// byte of it was written before. regular tells whether it can hold raw bytes.
func rawSince(path string) (unixSeconds int64, regular bool) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE|unix.STATX_BTIME, &st)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, false
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return 0, true
	}
	return st.Btime.Sec, true
}
