package retain

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

func unlink(dir *os.Root, name string, want func(os.FileInfo) bool) error {
	// os.Root follows a link beneath its root whatever the flags: check sees
	// to that. O_NONBLOCK, or a named pipe would keep us waiting for its writer.
	f, err := dir.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close() // releases the lease, should that not have happened yet
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrNotWanted
	}
	if err := lease(f); err != nil {
		return err
	}
	// All that follows is under the lease: what came before it may be out of
	// date, by a writer who closed the file, or by a new file of that name.
	// Whoever opens this one for writing from here on breaks the lease and
	// waits for its end (lease-break-time, 45 s).
	if err := check(f, dir, name, want); err != nil {
		return err
	}
	if err := unbroken(f); err != nil {
		return err
	}
	if err := remove(info, dir, name); err != nil {
		return err
	}
	return release(f)
}

// remove removes the name of the file that info is of, and of no other: who
// rotates may give the name to the next file in this very moment, and unlink(2)
// knows names alone. So the file is first given a name that nobody asks for;
// what turns out to be another one gets its name back. In a crash between the two
// the file lies in its directory under that name, which begins with its own.
func remove(info os.FileInfo, dir *os.Root, name string) error {
	parent, err := dir.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer parent.Close()
	was, now := path.Base(name), fmt.Sprintf("%s.swab-%016x", path.Base(name), rand.Uint64())
	err = rename(parent, was, now)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENAMETOOLONG) {
		return dir.Remove(name) // nothing better is to be had on this file system
	}
	if err != nil {
		return err
	}
	aside := path.Join(path.Dir(name), now)
	got, err := dir.Lstat(aside)
	if err != nil {
		return err
	}
	if os.SameFile(info, got) {
		return dir.Remove(aside)
	}
	return errors.Join(ErrNotWanted, rename(parent, now, was))
}

// rename gives the file was in dir the name now, which must be free
// (RENAME_NOREPLACE, renameat2(2)).
func rename(dir *os.File, was, now string) error {
	return control(dir, func(fd int) error {
		if err := unix.Renameat2(fd, was, fd, now, unix.RENAME_NOREPLACE); err != nil {
			return &os.LinkError{Op: "renameat2", Old: was, New: now, Err: err}
		}
		return nil
	})
}

// check tells whether f is wanted and name is its only link, not a symbolic
// one.
func check(f *os.File, dir *os.Root, name string, want func(os.FileInfo) bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink != 1 || want != nil && !want(info) {
		return ErrNotWanted
	}
	now, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(info, now) {
		return ErrNotWanted
	}
	return nil
}

func isIdle(f *os.File) (bool, error) {
	err := lease(f)
	if errors.Is(err, ErrInUse) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, release(f)
}

// lease takes a read lease on f, open for reading only. The signal that a
// broken lease raises, SIGIO, is ignored by the Go runtime.
func lease(f *os.File) error {
	err := setLease(f, unix.F_RDLCK)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN):
		return ErrInUse
	}
	return fmt.Errorf("%w: %w", ErrNoLease, err)
}

func release(f *os.File) error { return setLease(f, unix.F_UNLCK) }

func setLease(f *os.File, kind int) error {
	return control(f, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, kind)
		return err
	})
}

// unbroken returns ErrInUse when someone waits for the lease to end.
func unbroken(f *os.File) error {
	var kind int
	err := control(f, func(fd int) (err error) {
		kind, err = unix.FcntlInt(uintptr(fd), unix.F_GETLEASE, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("state of the lease: %w", err)
	}
	if kind != unix.F_RDLCK {
		return ErrInUse
	}
	return nil
}
