package tail

import (
	"errors"
	"math/rand/v2"
	"os"
	"path"
	"time"

	"swab/ledger"
)

// errHeld says that another swab has a log. Two would both ship its lines, and
// each would take the other's erasing for a rewriting.
var errHeld = refuse("another swab has it, with another state directory")

// locks are what keeps a second swab off the logs that this one has.
//
// The lock of a log is an open-file-description lock (F_OFD_SETLK of fcntl(2))
// on one byte of its directory: the byte whose offset is the log's inode
// number. It does not lie on the log itself, since loggers lock their own files
// from the first byte to infinity (FileChannel.lock, as Logback's prudent mode
// and Log4j's locking="true" call it): they would wait for swab for ever. A
// lock on the directory holds nobody else up, needs no right but to read, and
// has nothing to do with the leases on the file, nor with the descriptors that
// are closed and opened again.
//
// A lock is shared, for want of a writable descriptor of a directory, and asked
// about after it is set: of two that set it at the same time each sees the
// other, and both let go.
type locks struct {
	max  int // how many directories; 0: as many as there are
	dirs map[inode]*lockedDir
	// failed: it was told why there are no locks.
	failed bool
}

// lockedDir is a directory with locks: its descriptor, and how often each byte
// is locked. A new file can have the inode number of one that is still open.
type lockedDir struct {
	f    *os.File
	held map[int64]int
}

// fileLock is one lock; without a directory there is none.
type fileLock struct {
	dir inode
	at  int64
	ok  bool
}

// lockTries is how often two that met at one lock try again, and lockPause the
// longest pause of either before that.
const (
	lockTries = 5
	lockPause = 5 * time.Millisecond
)

// maxLocks is how many logs of one directory are locked. The kernel searches
// the list of a directory's locks from its begin, under a spin lock: 10,000 of
// them took 11 s to set, 30,000 two minutes, on two busy cores, where no inode
// numbers were neighbours.
const maxLocks = 4096

var errCrowded = errors.New("more logs in one directory than are locked")

// errScattered: each directory with a lock costs a descriptor.
var errScattered = errors.New("logs in more directories than there are descriptors for")

// take locks the log with inode number ino in the directory of place. It
// returns errHeld where another swab has it, and any other error where it
// cannot be known.
func (l *locks) take(place ledger.Place, ino uint64) (fileLock, error) {
	dir, err := l.open(place)
	if err != nil {
		return fileLock{}, err
	}
	defer l.shut(dir)
	lock := fileLock{dir: dir, at: int64(ino &^ (1 << 63))}
	f := l.dirs[dir].f
	for range lockTries {
		// Whoever has it for long is met here, and not disturbed by our own.
		if held, err := lockHeld(f, lock.at); held || err != nil {
			return fileLock{}, errors.Join(err, heldError(held))
		}
		if len(l.dirs[dir].held) >= maxLocks {
			return fileLock{}, errCrowded
		}
		if err := setLock(f, lock.at); err != nil {
			return fileLock{}, err
		}
		held, err := lockHeld(f, lock.at)
		if err == nil && !held {
			lock.ok = true
			l.dirs[dir].held[lock.at]++
			return lock, nil
		}
		if l.dirs[dir].held[lock.at] == 0 {
			err = errors.Join(err, endLock(f, lock.at))
		}
		if err != nil {
			return fileLock{}, err
		}
		time.Sleep(rand.N(lockPause))
	}
	return fileLock{}, errHeld
}

func heldError(held bool) error {
	if held {
		return errHeld
	}
	return nil
}

// open finds the directory of place among those that are open, or opens it.
func (l *locks) open(place ledger.Place) (inode, error) {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return inode{}, pathless(err)
	}
	defer root.Close()
	f, err := root.Open(path.Dir(place.Name))
	if err != nil {
		return inode{}, pathless(err)
	}
	info, err := f.Stat()
	dir := inode{}
	if err == nil {
		dir = inodeOf(info)
	}
	if err != nil || l.dirs[dir] != nil {
		f.Close()
		return dir, err
	}
	if l.max > 0 && len(l.dirs) >= l.max {
		f.Close()
		return dir, errScattered
	}
	if l.dirs == nil {
		l.dirs = map[inode]*lockedDir{}
	}
	l.dirs[dir] = &lockedDir{f: f, held: map[int64]int{}}
	return dir, nil
}

// drop gives a lock back.
func (l *locks) drop(lock fileLock) {
	d := l.dirs[lock.dir]
	if !lock.ok || d == nil {
		return
	}
	if d.held[lock.at]--; d.held[lock.at] == 0 {
		delete(d.held, lock.at)
		_ = endLock(d.f, lock.at) // else it ends with the descriptor
	}
	l.shut(lock.dir)
}

// shut closes a directory without locks.
func (l *locks) shut(dir inode) {
	if d := l.dirs[dir]; d != nil && len(d.held) == 0 {
		d.f.Close()
		delete(l.dirs, dir)
	}
}

// close gives all locks back.
func (l *locks) close() {
	for dir, d := range l.dirs {
		d.f.Close()
		delete(l.dirs, dir)
	}
}

// heldLock is the lock of an open file.
type heldLock struct {
	fileLock
	dir ledger.Place // of the file when it was locked
}

// lock keeps other swabs off a log that is about to be open, or returns errHeld.
// Where there are no such locks the log is taken all the same, and it is said
// once. s.changing is held.
func (s *Set) lock(place ledger.Place, id ledger.FileID) error {
	if _, ok := s.held[id]; ok { // given up a moment ago
		return nil
	}
	lock, err := s.locks.take(place, id.Ino)
	switch {
	case errors.Is(err, errHeld):
		return errHeld
	case err != nil && !s.locks.failed:
		s.locks.failed = true
		s.opts.Warn("no lock keeps a second swab off this log, nor off others like it", "file", s.opts.Name(place.Path()), "why", reason(err))
	}
	s.held[id] = heldLock{lock, dirOf(place)}
	return nil
}

// keepLocks gives back the locks of files that are not open any more, and moves
// those of files that lie in another directory now. It ends a sweep.
// s.changing is held.
func (s *Set) keepLocks() {
	open := make(map[ledger.FileID]ledger.Place, len(s.held))
	for _, f := range s.openFiles() {
		open[f.id] = f.Place()
	}
	for id, f := range s.making {
		open[id] = f.place
	}
	for id, lock := range s.held {
		place, ok := open[id]
		if !ok {
			s.locks.drop(lock.fileLock)
			delete(s.held, id)
			continue
		}
		if dir := dirOf(place); dir != lock.dir {
			s.held[id] = heldLock{s.moveLock(lock.fileLock, place, id), dir}
		}
	}
	for id, place := range open { // what was found beside its original
		if _, ok := s.held[id]; !ok {
			s.held[id] = heldLock{s.moveLock(fileLock{}, place, id), dirOf(place)}
		}
	}
}

// moveLock locks a file that is open where it lies now, too, before it lets go
// of the lock where it lay.
func (s *Set) moveLock(lock fileLock, place ledger.Place, id ledger.FileID) fileLock {
	to, err := s.locks.take(place, id.Ino)
	if errors.Is(err, errHeld) {
		s.opts.Warn("another swab has this log where it lies now: both read it", "file", s.opts.Name(place.Path()))
	}
	if err != nil {
		return lock
	}
	s.locks.drop(lock)
	return to
}

// dirOf is the directory of a file.
func dirOf(place ledger.Place) ledger.Place {
	return ledger.Place{Root: place.Root, Name: path.Dir(place.Name)}
}
