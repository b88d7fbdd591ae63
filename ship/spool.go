package ship

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	sumsSuffix = ".sums"
	tempSuffix = ".tmp"
	// wipePiece is how many zeros go into one write when a file is overwritten.
	wipePiece = 256 << 10
)

// ID names a batch: its class and its number within the class, from 1.
type ID struct {
	Class  string
	Number uint64
}

// String is the batch's file name in the spool: the class, a hyphen and at
// least twelve digits.
func (id ID) String() string { return fmt.Sprintf("%s-%012d", id.Class, id.Number) }

// SumsName is the name of the batch's sums file in the spool.
func (id ID) SumsName() string { return id.String() + sumsSuffix }

// check refuses a class that would not make a plain file name.
func (id ID) check() error {
	if !plainWord(id.Class) {
		return fmt.Errorf("batch class %q: want 1 to 64 letters, digits, underscores or hyphens", id.Class)
	}
	return nil
}

func plainWord(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// parseID is the inverse of ID.String.
func parseID(name string) (ID, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return ID{}, false
	}
	n, err := strconv.ParseUint(name[i+1:], 10, 64)
	id := ID{Class: name[:i], Number: n}
	return id, err == nil && plainWord(id.Class) && id.String() == name
}

// Spool is the directory of sealed batches: for each, its body (what becomes
// the object) and its sums (what proves the source bytes before they are
// erased). It is safe for several goroutines as long as no two use the same
// ID at once; one process owns the directory.
//
// What is on disk after a crash, and what Sweep does with it:
//
//   - a file ending in ".tmp": the crash came before the seal. Removed; the
//     lines are still in their source, and are read again.
//   - sums without a body, or both under their final names, not known to the
//     ledger: the crash came between the renames, or between them and the
//     ledger's seal event. Removed and read again, as above.
//   - a body that the ledger knows as shipped: the crash came between the ship
//     event and RemoveBody, or the directory was not written back after it.
//     Removed; the object is in the store.
//   - sums of a batch whose ranges are erased: likewise, after the erased event.
//   - both known: the batch waits for its turn.
type Spool struct {
	dir  string
	root *os.Root
	self *os.File // the directory, for fsync
	used atomic.Int64
	encs encoders
	// Sync makes a file of a batch, or the directory, durable by how: it calls
	// that, but in tests.
	Sync syncer
}

// syncer makes a file durable by how, or says why it is not.
type syncer = func(f *os.File, how func(*os.File) error) error

// OpenSpool opens the spool in dir, which it makes if its parent is there, and
// closes it to other users (0700). What an earlier process left stays until
// Sweep.
func OpenSpool(dir string) (*Spool, error) {
	if err := makeSpoolDir(dir); err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("spool directory: %w", err)
	}
	self, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("spool directory: %w", err), root.Close())
	}
	s := &Spool{dir: dir, root: root, self: self, Sync: func(f *os.File, how func(*os.File) error) error { return how(f) }}
	err = s.each(func(name string) error {
		size, err := s.size(name)
		s.count(name, size)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("spool directory: %w", err), s.Close())
	}
	return s, nil
}

func makeSpoolDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(dir, 0o700)
	}
	if err != nil {
		return err
	}
	return syncPath(filepath.Dir(dir))
}

// Close releases the directory. Files stay.
func (s *Spool) Close() error { return errors.Join(s.self.Close(), s.root.Close()) }

// Used is how many bytes the bodies in the spool take now, drafts included:
// what the store will take off it. Sums do not count. They are a 512th of raw
// bytes that still lie where they were written, and go when those do.
func (s *Spool) Used() int64 { return s.used.Load() }

// Body opens the body of a sealed batch for reading. The error is
// fs.ErrNotExist if there is none.
func (s *Spool) Body(id ID) (*os.File, error) { return s.open(id, "") }

// Sums opens the sums of a sealed batch for reading. The error is
// fs.ErrNotExist if there are none.
func (s *Spool) Sums(id ID) (*os.File, error) { return s.open(id, sumsSuffix) }

func (s *Spool) open(id ID, suffix string) (*os.File, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	f, err := s.root.Open(id.String() + suffix)
	if err != nil {
		return nil, fmt.Errorf("spool file: %w", err)
	}
	return f, nil
}

// RemoveBody removes the body of a batch; one that is gone already is no
// error. With overwrite, for classes whose bodies may hold addresses, zeros
// are written over it and synced first: a crash between the two leaves a file
// of zeros, which the next Sweep removes.
//
// The removal itself is not synced. A body that comes back after a power loss
// is known as shipped and goes with the next Sweep.
func (s *Spool) RemoveBody(id ID, overwrite bool) error {
	if err := id.check(); err != nil {
		return err
	}
	return s.remove(id.String(), overwrite)
}

// RemoveSums removes the sums of a batch; if they are gone already, that is no
// error. They are keyed, so they need no overwriting.
func (s *Spool) RemoveSums(id ID) error {
	if err := id.check(); err != nil {
		return err
	}
	return s.remove(id.String()+sumsSuffix, false)
}

// remove unlinks one file and takes its size off the count.
func (s *Spool) remove(name string, overwrite bool) error {
	size, err := s.size(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("spool file size: %w", err)
	}
	if overwrite && size > 0 {
		if err := s.wipe(name, size); err != nil {
			return err
		}
	}
	if err := s.root.Remove(name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("spool file removal: %w", err)
	}
	s.count(name, -size)
	return nil
}

// count adds a file's bytes to what is used, if it is a body.
func (s *Spool) count(name string, n int64) {
	if !strings.Contains(name, sumsSuffix) {
		s.used.Add(n)
	}
}

// wipe writes zeros over the whole file and waits until they are on disk.
func (s *Spool) wipe(name string, size int64) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("spool file overwrite: %w", err)
	}
	zeros := make([]byte, min(size, wipePiece))
	for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
		_, err = f.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("spool file overwrite: %w", err), f.Close())
	}
	if err := s.Sync(f, datasync); err != nil {
		return errors.Join(&SyncError{Path: s.path(name), Err: err}, f.Close())
	}
	return f.Close()
}

// Sweep removes what the caller's ledger does not know of: temps, and bodies
// or sums for which known says no. Bodies and temps are overwritten first,
// since their class may be one that leaves addresses in. Files whose names are
// not the spool's are left alone. It is for start-up, before any Create.
//
// All that can be removed is, even if some removal fails; the error joins the
// failures.
func (s *Spool) Sweep(known func(ID) (body, sums bool)) (removed int, err error) {
	var doomed []string
	err = s.each(func(name string) error {
		plain := strings.TrimSuffix(name, sumsSuffix)
		id, ok := parseID(plain)
		if ok {
			body, sums := known(id)
			if plain == name && body || plain != name && sums {
				return nil
			}
		}
		doomed = append(doomed, name)
		return nil
	})
	errs := []error{err}
	for _, name := range doomed {
		if err := s.remove(name, !strings.Contains(name, sumsSuffix)); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// each calls fn with the name of every file of the spool's own naming.
func (s *Spool) each(fn func(name string) error) error {
	d, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(512)
		for _, name := range names {
			plain := strings.TrimSuffix(strings.TrimSuffix(name, tempSuffix), sumsSuffix)
			if _, ok := parseID(plain); !ok {
				continue
			}
			if err := fn(name); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *Spool) size(name string) (int64, error) {
	st, err := s.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (s *Spool) path(name string) string { return filepath.Join(s.dir, name) }
