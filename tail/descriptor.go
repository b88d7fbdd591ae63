package tail

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"swab/ledger"
)

// descriptor is a file's way to its bytes. It is open, or parked: closed for
// want of descriptors, and opened again beneath the root when it is needed.
// What has no name any more, or one that nobody knows, is never parked: the
// descriptor is all there is. File.mu guards it.
type descriptor struct {
	f *os.File // open for reading only, so that leases can be asked for; nil while parked
	// was is when the file was changed (nanoseconds), as of the last look that
	// found it to be the same; 0 if another change may have the same time.
	was int64
	// worth orders those that can be parked: the rank, and below rankBit when it
	// was used last, by the pool's clock. Whoever changes it holds File.mu.
	worth atomic.Uint64
}

// The rank of a file says how much is lost if it is unlinked while it is
// parked, and still written: those that lose most are parked last.
const (
	rankErased uint64 = iota // all of it is read and overwritten
	rankRead
	rankUnread
)

// rankBit is the lowest bit of the rank.
const rankBit = 62

// settling is how old a change must be so that the next one has another time:
// it is counted in ticks of the kernel's clock (10 ms at most), and by some file
// systems in whole seconds.
const (
	settling     = 50 * time.Millisecond
	longSettling = 2 * time.Second
)

// fd is the open descriptor, opened again if it was parked. It is valid as long
// as f.mu is held. An error that is [ErrRewritten] says that the file does not
// lie where it did: a sweep looks for it.
func (f *File) fd() (*os.File, error) {
	if f.desc.f != nil {
		return f.desc.f, nil
	}
	if f.closed {
		return nil, os.ErrClosed
	}
	fd, err := f.set.openAgain(f.id, f.place)
	if err != nil {
		return nil, f.unreached(err)
	}
	f.set.descriptors.opened(f, fd)
	return fd, nil
}

// openAgain opens the file of an identity that was open before, at place. That
// identity is what keeps every other file out, so that the name is looked at
// only once.
func (s *Set) openAgain(id ledger.FileID, place ledger.Place) (*os.File, error) {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(place.Name)
	if err == nil && !isFile(info, id.Ino) {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = takeable(info)
	}
	if err != nil {
		return nil, err
	}
	dir, err := root.Open(path.Dir(place.Name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := openLast(dir, path.Base(place.Name))
	if err != nil {
		return nil, err
	}
	got, err := s.identify(fd)
	if err == nil && got != id {
		err = fs.ErrNotExist
	}
	if err != nil {
		fd.Close()
		return nil, err
	}
	return fd, nil
}

// unreached is the error of a parked file that could not be opened again.
func (f *File) unreached(err error) error {
	if errors.Is(err, errElsewhere) {
		return err
	}
	var refused *RefusedError
	away := errors.Is(err, fs.ErrNotExist)
	if errors.As(err, &refused) {
		info, lerr := lstat(f.place)
		away = lerr != nil || !isFile(info, f.id.Ino)
	}
	// A root that is not mounted says nothing.
	if _, rerr := os.Stat(f.place.Root); rerr == nil && away {
		return errElsewhere
	}
	return pathless(err)
}

// isFile tells whether what lies at a place may be the file of an inode. What is
// no regular file has the number of one that is gone.
func isFile(info fs.FileInfo, ino uint64) bool {
	return info.Mode().IsRegular() && inodeOf(info).ino == ino
}

// errElsewhere says that a parked file does not lie where it did.
var errElsewhere error = elsewhere{}

type elsewhere struct{}

func (elsewhere) Error() string { return "the file does not lie where it did" }

// Is: what was taken of it counts for nothing, as if it had been rewritten.
func (elsewhere) Is(err error) bool { return err == ErrRewritten || err == fs.ErrNotExist }

// glance is what the file is now. Where it is parked and nothing has changed
// since the last look, no descriptor is needed to know.
func (f *File) glance() (info fs.FileInfo, unchanged bool, err error) {
	if f.desc.f == nil && f.desc.was != 0 && !f.closed {
		if info, err := lstat(f.place); err == nil && f.isAsWas(info) {
			return info, true, nil
		}
	}
	fd, err := f.fd()
	if err != nil {
		return nil, false, err
	}
	info, err = fd.Stat()
	return info, false, err
}

// isAsWas tells whether what lies where the file did is the file, as the last
// look has left it.
func (f *File) isAsWas(info fs.FileInfo) bool {
	return isFile(info, f.id.Ino) && info.Size() == f.packedSize() && changedAt(info) == f.desc.was
}

// settle notes the file as it was before its marks were found to be the same.
func (d *descriptor) settle(info fs.FileInfo) {
	at, long := changedAt(info), settling
	if at%int64(time.Second) == 0 {
		long = longSettling
	}
	if time.Since(time.Unix(0, at)) > long {
		d.was = at
	}
}

// rate notes how much there is to lose. f.mu is held.
func (f *File) rate(rec *ledger.File) {
	rank := rankRead
	switch {
	case f.size != rec.Cursor:
		rank = rankUnread
	case rec.Gone.Len() == rec.Cursor:
		rank = rankErased
	}
	f.desc.worth.Store(rank<<rankBit | f.desc.worth.Load()&(1<<rankBit-1))
}

// use notes that the file is active. f.mu is held.
func (f *File) use() { f.usedAt(f.set.descriptors.clock.Load()) }

func (f *File) usedAt(tick uint64) {
	f.desc.worth.Store(f.desc.worth.Load()>>rankBit<<rankBit | tick)
}

// opens gives f a descriptor of its file, in place of the one it had.
// f.mu is held, or nobody else has f.
func (f *File) opens(fd *os.File) {
	if f.desc.f != nil {
		f.desc.f.Close() // there is nothing that an error could tell of
	}
	f.set.descriptors.opened(f, fd)
}

// release closes f for good. f.mu is held.
func (f *File) release() error {
	f.closed = true
	f.rest()
	return f.set.descriptors.closed(f)
}

// park closes the descriptor of a file that can be opened again.
func (f *File) park() bool {
	if !f.mu.TryLock() { // in use
		return false
	}
	defer f.mu.Unlock()
	if f.closed || f.desc.f == nil || f.Nameless() || f.astray {
		return false
	}
	info, err := f.desc.f.Stat()
	if err != nil {
		return false
	}
	at, err := lstat(f.place)
	if err != nil || !os.SameFile(info, at) || takeable(info) != nil || !readable(f.place.Path()) {
		return false
	}
	_ = f.set.descriptors.closed(f) // it was open for reading
	return true
}

// parked tells whether the file has no descriptor. f.mu is held.
func (f *File) parked() bool { return f.desc.f == nil && !f.closed }

// A descriptorPool is those of a Set's files, not more than a number of them at
// once, but for what cannot be parked.
type descriptorPool struct {
	max   int
	clock atomic.Uint64 // counts openings

	mu    sync.Mutex
	open  map[*File]struct{}
	stuck int // that many are open since too few could be parked
}

// opened notes a descriptor, and parks others where there are too many: first
// those of files that have least to lose, of these the ones longest unused.
// f.mu is held, or nobody else has f.
func (d *descriptorPool) opened(f *File, fd *os.File) {
	f.usedAt(d.clock.Add(1))
	d.mu.Lock()
	f.desc.f = fd
	d.open[f] = struct{}{}
	var list []candidate
	if len(d.open) > max(d.max, d.stuck) {
		for o := range d.open {
			if o != f {
				list = append(list, candidate{o, o.desc.worth.Load()})
			}
		}
	}
	d.mu.Unlock()
	if list == nil {
		return
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.worth, b.worth) })
	some := d.max / parkShare
	for excess := len(list) + 1 - d.max + some; excess > 0 && len(list) > 0; list = list[1:] {
		if list[0].f.park() {
			excess--
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stuck = 0
	if len(d.open) > d.max {
		d.stuck = len(d.open) + some
	}
}

// parkShare is the part of the descriptors that is parked at once, so that not
// every opening has to choose.
const parkShare = 16

type candidate struct {
	f     *File
	worth uint64
}

// closed closes the descriptor of f, if it has one. f.mu is held.
func (d *descriptorPool) closed(f *File) error {
	d.mu.Lock()
	delete(d.open, f)
	fd := f.desc.f
	f.desc.f = nil
	d.mu.Unlock()
	if fd == nil {
		return nil
	}
	return fd.Close()
}

// count is how many are open.
func (d *descriptorPool) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

// seekParked looks for a parked file where it was, and beside it, and opens it
// where it finds it: true if it still lies where it was. s.changing and f.mu
// are held.
func (s *Set) seekParked(f *File) (there bool, err error) {
	_, _, err = f.glance()
	if err == nil {
		return true, nil
	}
	list, lerr := s.siblings(f.place)
	if lerr != nil {
		return false, lerr
	}
	at, ok := list[f.id.Ino]
	if !ok || at == f.place {
		return false, f.unreached(err)
	}
	fd, err := s.openAgain(f.id, at)
	if err != nil {
		return false, f.unreached(err)
	}
	f.opens(fd)
	return false, nil
}

// letGo gives up a parked file that lies nowhere that is looked at: it goes the
// way of those that a start does not find. What the ledger does not know of its
// size it hears now. s.changing and f.mu are held.
func (s *Set) letGo(f *File) error {
	if grown, ok := f.growth(); ok {
		if err := s.ledger.Append(ledger.Event{Seen: &ledger.Seen{Files: []ledger.Growth{grown}}}); err != nil {
			return fmt.Errorf("file %d: size: %w", f.num, err)
		}
	}
	s.drop(f.num)
	s.missed[f.num] = 1
	return f.release()
}

// lstat is what lies at a place.
func lstat(place ledger.Place) (fs.FileInfo, error) {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Lstat(place.Name)
}

// The share of the descriptors that a process may have (RLIMIT_NOFILE, which
// Go's runtime raises to its hard limit) and that are left for the rest: the
// spool, the ledger, the store's connections, streams, what is open for
// writing.
const (
	restShare = 4
	leastRest = 64
	mostRest  = 1024
)

// mostDescriptors bounds them where the system does not.
const mostDescriptors = 1 << 20

// descriptorLimits is how many files can be open at once, and how many
// directories with locks.
func descriptorLimits() (files, dirs int) {
	var limit syscall.Rlimit
	total := uint64(mostDescriptors)
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		total = min(total, uint64(limit.Cur))
	}
	rest := min(max(int(total)/restShare, leastRest), mostRest)
	left := max(int(total)-rest, restShare)
	dirs = left / restShare
	return left - dirs, dirs
}

// releaseAll closes the files of a map for good.
func releaseAll[K comparable](files map[K]*File) error {
	var err error
	for _, f := range maps.Clone(files) {
		f.mu.Lock()
		err = errors.Join(err, f.release())
		f.mu.Unlock()
	}
	return err
}
