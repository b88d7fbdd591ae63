package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// RefusedError says why a file is not taken. Its text holds no name: names may
// hold addresses.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return "not taken: " + e.Why }

func refuse(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}

// openBeneath opens root/name for reading. No symbolic link on the way leads
// out of root, and the file itself is regular, no link, and has one name: what
// is overwritten later must be the log that was meant, and no other file.
func openBeneath(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := takeable(info); err != nil {
		return nil, err
	}
	dir, err := root.Open(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := openLast(dir, path.Base(name))
	if err != nil {
		return nil, err
	}
	for range openLooks {
		if err := unchanged(root, name, info, f); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// openLast opens the file name in dir for reading. os.Root follows links
// beneath its root whatever the flags, so the last step is openat's own.
// O_NONBLOCK: the file may be a FIFO by now.
func openLast(dir *os.File, name string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := -1, error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Openat(int(dir.Fd()), name, flags, 0)
	}
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, refuse("it was replaced while it was opened")
	case err != nil:
		return nil, &fs.PathError{Op: "openat", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openLooks is how often a name is looked at after it was opened. While the
// kernel removes a hard link, the name still leads to a file that counts one
// link less (ext4_unlink, then d_delete): one look in some thousands meets
// that moment when someone makes and removes links as fast as he can.
const openLooks = 8

// unchanged tells whether f is the file that info is of, and name its only
// name. Looking up a name that nobody ever asked for takes the directory's
// lock, and so waits for a removal that is under way.
func unchanged(root *os.Root, name string, info fs.FileInfo, f *os.File) error {
	nobody := path.Join(path.Dir(name), fmt.Sprintf(".swab-%016x", rand.Uint64()))
	if _, err := root.Lstat(nobody); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) || !os.SameFile(now, opened) {
		return refuse("it was replaced while it was opened")
	}
	return errors.Join(takeable(opened), takeable(now))
}

// takeable refuses everything but regular files with at most one name.
func takeable(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return refuse("a symbolic link (--follow ROOT takes links into ROOT)")
	case !mode.IsRegular():
		return refuse("no regular file")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return refuse("it has %d hard links: overwriting it would change another file", st.Nlink)
	}
	return nil
}

// follow resolves the symbolic link root/name to a place beneath one of the
// roots that --follow names.
func follow(link string, roots []string) (ledger.Place, error) {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return ledger.Place{}, refuse("a symbolic link to nothing")
	}
	for _, root := range roots {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
		if rest, ok := strings.CutPrefix(target, strings.TrimSuffix(root, "/")+"/"); ok {
			return ledger.Place{Root: root, Name: rest}, nil
		}
	}
	return ledger.Place{}, refuse("a symbolic link (--follow ROOT takes links into ROOT)")
}

// OpenPlace opens the file at place for reading, beneath its root.
func OpenPlace(place ledger.Place) (*os.File, error) {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openBeneath(root, place.Name)
}

// writable opens for writing the file that f has open for reading: through the
// descriptor where the system can, else by its place, and then only if that is
// still the same file.
func writable(f *os.File, place ledger.Place) (*os.File, error) {
	w, err := reopen(f)
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return w, err
	}
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w, err = root.OpenFile(place.Name, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	have, err := f.Stat()
	if err == nil {
		var got fs.FileInfo
		if got, err = w.Stat(); err == nil && !os.SameFile(have, got) {
			err = refuse("it was replaced")
		}
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// TryWrite tells whether the file at place can be opened for writing, as
// erasing will. It changes nothing.
func TryWrite(place ledger.Place) error {
	f, err := OpenPlace(place)
	if err != nil {
		return nil // it is not taken, either
	}
	defer f.Close()
	w, err := writable(f, place)
	if err != nil {
		return err
	}
	return w.Close()
}

// Identify tells which file or directory f is. A rename keeps that, and no copy
// shares it.
func Identify(f *os.File) (ledger.FileID, error) { return identify(f) }
