package tail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"swab/ledger"
)

// revisit looks at one open file: has it grown, been renamed, removed, or
// rewritten? ended tells that its generation was found to have ended, for the
// first time. s.changing is held.
func (s *Set) revisit(num uint64, f *File, held bool, now time.Time) (ended bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.num != num || f.closed {
		return false, nil
	}
	if !held {
		err = s.seek(f)
	}
	if errors.Is(err, errElsewhere) {
		return false, s.letGo(f)
	}
	f.retryWriting()
	var same bool
	var rec ledger.File
	if err == nil {
		same, rec, err = f.look(now)
	}
	if err != nil {
		f.trouble(err)
		return false, nil
	}
	f.wrong = ""
	if !same {
		if f.ended == 0 {
			f.ended, ended = s.passes, true
		}
		return ended, nil
	}
	f.mark(rec)
	if f.Nameless() && f.goneAt == 0 {
		// Its archive was made before: the next list of the directory has it.
		f.goneAt = s.passes
		return true, nil
	}
	return f.part(s.passes), nil
}

// wiped tells whether a file without a name, of which all is read, may be closed:
// what it held is overwritten. The blocks of one that cannot be overwritten are
// given back as they are. f.mu is held.
func (s *Set) wiped(f *File, rec *ledger.File, now time.Time) bool {
	since, known := s.wiping[f.num]
	if !known {
		since = now
		s.wiping[f.num] = since
	}
	return rec.Gone.Len() >= f.size || f.shut || !s.erases(f) || now.Sub(since) > wipeWithin
}

// wipeWithin is how long a file without a name is held for its bytes to be
// overwritten.
const wipeWithin = time.Hour

// erases tells whether a file's bytes are overwritten at all.
func (s *Set) erases(f *File) bool {
	mode := f.rule.Erase
	s.ledger.View(func(st *ledger.State) {
		if policy := st.Policies[f.rule.Class].Erase; mode == "" || policy == "off" {
			mode = policy
		}
	})
	return mode != "" && mode != "off"
}

// retryWriting looks whether a file that could not be opened for writing can be
// by now. f.mu is held.
func (f *File) retryWriting() {
	if !f.shut {
		return
	}
	if w, err := f.writable(); err == nil {
		f.writeErr = nil
		w.Close()
	}
}

// quietEnough is how long a file without a name must not have grown before it
// counts as finished where leases cannot be had.
const quietEnough = time.Minute

// seek looks where a file lies that no glob matches: where it was, or under
// another name in the same directory. Otherwise it is read, but cannot be
// unlinked, nor found again by the next start. One that was parked is not read,
// either: errElsewhere. f.mu is held.
func (s *Set) seek(f *File) error {
	if f.parked() {
		if there, err := s.seekParked(f); there || err != nil {
			return err
		}
	} else if f.astray || s.stillThere(f) {
		return nil
	}
	f.away.Store(true)
	info, err := f.desc.f.Stat()
	if err != nil || nlink(info) == 0 {
		return nil
	}
	list, err := s.siblings(f.place)
	if err != nil {
		return err
	}
	at, ok := list[inodeOf(info).ino]
	if f.astray = !ok; ok {
		f.place = at
		f.away.Store(at.Path() != f.home.Path())
		s.paths.Set(f.num, at)
	}
	s.paths.SetAway(f.num, f.away.Load())
	return nil
}

// stillThere tells whether the file's name still leads to it, for files that
// no glob matches any more.
func (s *Set) stillThere(f *File) bool {
	root, err := os.OpenRoot(f.place.Root)
	if err != nil {
		return true // an unmounted root says nothing
	}
	defer root.Close()
	info, err := root.Lstat(f.place.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	have, herr := f.desc.f.Stat()
	return err != nil || herr != nil || os.SameFile(info, have)
}

// endRewritten ends the generation of f and begins the next: the file is
// shorter than the cursor, or holds other bytes before it. The directory was
// listed since that was found, so that the copy that was made before is known.
// What was not read of the old one, and no copy has, is lost, as far as its
// size was known. s.changing and f.mu are held.
func (s *Set) endRewritten(f *File, now time.Time) (ended bool, err error) {
	num := f.num
	rec, _ := f.record()
	if f.archive != nil { // what is there now is met as any other file
		return false, s.end(f, rec, "rewritten")
	}
	end, ready := s.endOf(num, rec, max(rec.Size, lastSize(f.points)), "rewritten")
	if !ready {
		return false, nil
	}
	if err := s.begin([]*File{f}, num, end.events, now); err != nil {
		return false, fmt.Errorf("file %d: next generation: %w", num, err)
	}
	s.paths.Drop(num)
	s.tellLost(f.place, end.lost)
	return true, nil
}

// lastSize is the largest size that a look of this run saw.
func lastSize(p ledger.Points) int64 {
	if len(p) == 0 {
		return 0
	}
	return p[len(p)-1].Size
}

// end closes a generation for good. s.changing and f.mu are held.
func (s *Set) end(f *File, rec ledger.File, why string) error {
	end, ready := s.endOf(f.num, rec, f.size, why)
	if !ready {
		return nil
	}
	if err := s.ledger.Append(end.events...); err != nil {
		return fmt.Errorf("file %d: end: %w", f.num, err)
	}
	s.paths.Drop(f.num)
	s.drop(f.num)
	s.tellLost(f.place, end.lost)
	return pathless(f.release())
}

// sniff looks at the begin of the file, as long as nothing of it was read.
func (f *File) sniff() (what string, binary bool) {
	if f.rule.Opaque {
		return "", false
	}
	head := make([]byte, SniffSize)
	n, err := f.readAt(head, 0)
	if err != nil && err != io.EOF {
		return "", false
	}
	if info, _, err := f.glance(); err == nil && f.archive == nil {
		if what, half := HalfArchive(f.place.Name, packedFile{f}, info.Size()); half {
			return what, true
		}
	}
	return Binary(head[:n])
}

// Finish ends a file that swab has unlinked.
func (s *Set) Finish(f *File) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	rec, ok := f.record()
	if !ok || f.closed {
		return nil
	}
	return s.end(f, rec, "unlinked")
}

// Growth lists the files that grew since the ledger last heard of their size,
// for a seen event.
func (s *Set) Growth() []ledger.Growth {
	var list []ledger.Growth
	for _, f := range s.Files() {
		f.mu.Lock()
		if grown, ok := f.growth(); ok {
			list = append(list, grown)
		}
		f.mu.Unlock()
	}
	return list
}

// growth is what the ledger has not heard of the file's size. f.mu is held.
func (f *File) growth() (ledger.Growth, bool) {
	rec, ok := f.record()
	if !ok || f.size <= rec.Size {
		return ledger.Growth{}, false
	}
	return ledger.Growth{File: f.num, Size: f.size, Quiet: f.points.Oldest(rec.Size), SizeAt: f.seen}, true
}
