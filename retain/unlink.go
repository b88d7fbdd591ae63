package retain

import (
	"errors"
	"fmt"
	"os"
)

var (
	// ErrInUse says that someone has the file open for writing, or was about
	// to open it.
	ErrInUse = errors.New("file is open for writing")

	// ErrNoLease says that it cannot be known whether anyone has the file
	// open for writing: a lease needs the file's owner or CAP_LEASE, a file
	// system that grants leases, and Linux (F_SETLEASE, fcntl(2)).
	ErrNoLease = errors.New("no right to a lease on the file")

	// ErrNotWanted says that the name does not stand for the file that was to
	// be unlinked: it is a link, not regular, has other links, was replaced,
	// or was not wanted.
	ErrNotWanted = errors.New("not the file to unlink")
)

// Unlink removes a finished file: one that nobody has open for writing, this
// process included, that has one link and that want, given what fstat says of
// it, takes for the one meant (nil takes any). name is beneath dir; it may not
// be a symbolic link.
//
// A read lease is held meanwhile. It is refused while there is a writer, and
// whoever opens the file for writing afterwards waits for its end, which the
// lease shows; so the file goes only when no line can have been written into
// it since it was found finished. What remains is an opener who has looked
// the name up and not come to the lease yet when the name goes: nanoseconds,
// and only for a file that was renamed away.
//
// The errors are ErrInUse, ErrNoLease, ErrNotWanted, wrapped, and those of the
// system calls; the file is then where it was.
func Unlink(dir *os.Root, name string, want func(os.FileInfo) bool) error {
	if err := unlink(dir, name, want); err != nil {
		return fmt.Errorf("unlinking %s: %w", name, err)
	}
	return nil
}

// Idle tells whether nobody has f open for writing. f must be open for reading
// only: a writable descriptor of its own is one too many. The error is
// ErrNoLease, wrapped, where that cannot be known.
func Idle(f *os.File) (bool, error) {
	idle, err := isIdle(f)
	if err != nil {
		return false, fmt.Errorf("writers of %s: %w", f.Name(), err)
	}
	return idle, nil
}
