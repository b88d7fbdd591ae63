package tail

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"swab/ledger"
)

// A stranger is a file whose content no generation accounts for. It may be the
// copy that logrotate makes of a log before it truncates it (copytruncate), or
// beside it (copy): then nothing of it is new. Until that is decided nothing
// of it is read.
type stranger struct {
	path string // as a glob matched it; empty where none did
	// beside: no glob leads to it. It is taken only as a copy.
	beside bool
	met    int64  // Unix nanoseconds, as grown is
	size   int64  // at the last look
	grown  int64  // since when it has had it
	of     uint64 // what it seems to be a copy of
	judged bool   // an archive: it is known what it is
	idle   bool   // an archive: it is empty, and nobody writes it
}

// copyWait is how long a file that seems to become a copy is waited for when
// it does not grow any more and someone still has it open for writing.
const copyWait = time.Minute

// copyLong is how long it is waited for at the most.
const copyLong = time.Hour

// copyQuiet is how long it must not have grown where leases cannot be had.
const copyQuiet = 5 * time.Second

// originOf finds what f, of size bytes, is a copy of, and how much of it. f.mu is held, or
// nobody else has f.
func (s *Set) originOf(f *File, size int64, not uint64, now time.Time) (l likeness, of original, n int64, err error) {
	best := int64(-1)
	originals := s.originals(f.place, not)
	for _, o := range originals {
		if s.ruleOf(o.rec.Class, *f.rule).Opaque {
			continue
		}
		far := path.Dir(o.place.Path()) != path.Dir(f.place.Path())
		ol, on, agreed, err := s.compare(f, size, o, now)
		if err != nil {
			return unlike, o, 0, err
		}
		if far && agreed < f.evidence(o, len(originals)) {
			continue
		}
		// The copy of last time begins like this one: the log has more of it.
		if cmp.Or(cmp.Compare(ol, l), cmp.Compare(on, n), cmp.Compare(agreed, best)) > 0 {
			l, of, n, best = ol, o, on, agreed
		}
	}
	return l, of, n, nil
}

// meet decides about the strangers: copies follow their originals, the rest is
// new. What cannot be decided yet is looked at by the next sweep.
func (s *Set) meet(strangers []*File, now time.Time) error {
	for id, f := range s.making { // renamed, or unlinked, since they were met
		if !slices.Contains(strangers, f) {
			strangers = append(strangers, f)
		}
		delete(s.making, id)
	}
	strangers = append(strangers, s.beside(strangers, now)...)
	var fresh []*File
	for _, f := range strangers {
		f.mu.Lock()
		wait, err := s.judge(f, 0, now)
		f.stranger.judged = !wait
		switch {
		case err != nil:
			if !errors.Is(err, ErrRewritten) && !f.unnoticed() { // else the next sweep sees what it is
				f.stranger.tell(s, err)
			}
			_ = f.release()
		case wait:
			s.making[f.id] = f
		case f.copyOf == 0 && f.stranger.beside:
			_ = f.release()
		default:
			if s.presentable(f) {
				fresh = append(fresh, f)
			}
		}
		f.mu.Unlock()
	}
	return s.beginAll(s.postpone(fresh), now)
}

func (k *stranger) tell(s *Set, err error) {
	if !k.beside {
		s.refuse(k.path, err)
	}
}

// presentable refuses and closes what is no log. A copy needs no look: NULs
// stand where its original was overwritten. f.mu is held.
func (s *Set) presentable(f *File) bool {
	if f.copyOf != 0 {
		return true
	}
	if why, binary := f.sniff(); binary {
		_ = f.release()
		f.stranger.tell(s, refuse("%s", why))
		return false
	}
	return true
}

// judge decides whether f, whose content is new, is a copy, and notes of what;
// wait: it may become one. not is the generation that f had before.
func (s *Set) judge(f *File, not uint64, now time.Time) (wait bool, err error) {
	if f.stranger == nil {
		f.stranger = &stranger{}
	}
	f.copyOf, f.copied, f.stranger.of = 0, 0, 0
	if f.rule.Opaque {
		return false, nil
	}
	if f.archive != nil {
		defer f.rest()
		if wait, err := s.unpacked(f, now); wait || err != nil {
			return wait, err
		}
	}
	// In this order: what nobody writes is as long as it is going to be, and is
	// compared at that length.
	closed, ok := f.idle()
	info, _, err := f.glance()
	if err != nil {
		return false, fmt.Errorf("new file: %w", pathless(err))
	}
	size := f.length(info)
	if size == 0 && f.archive != nil {
		return false, nil
	}
	l, of, n, err := s.originOf(f, size, not, now)
	if errors.Is(err, errEnded) || errors.Is(err, errMovedOn) {
		f.stranger.of, s.sweep.again = of.num, true
		return true, nil
	}
	if err != nil || l == unlike {
		return false, err
	}
	k := f.stranger
	if k.met == 0 {
		k.met = now.UnixNano()
	}
	if k.grown == 0 || k.size != size {
		k.size, k.grown = size, now.UnixNano()
	}
	k.of = of.num
	quiet := now.Sub(time.Unix(0, k.grown))
	switch {
	case k.size == 0 && nlink(info) > 0 && of.file != nil && of.file.ended == 0:
		return true, nil // nothing waits in it, nor for it
	case ok && !closed || !ok && quiet < copyQuiet:
		if quiet < min(copyWait, f.rule.Limit/10) && now.Sub(time.Unix(0, k.met)) < min(copyLong, f.rule.Limit/10) {
			return true, nil
		}
	case l == unclear:
		return false, nil
	}
	if l == alike && (closed || !ok || n >= of.rec.Cursor) {
		f.copyOf, f.copied, f.rule = of.num, n, s.rule(s.ruleOf(of.rec.Class, *f.rule))
	}
	return false, nil
}

// beside looks for copies of generations that end where no glob leads: beside
// them.
func (s *Set) beside(known []*File, now time.Time) []*File {
	ending := s.endings()
	if len(ending) == 0 {
		return nil
	}
	taken := map[inode]bool{}
	for _, f := range append(s.openFiles(), known...) {
		if info, err := f.Stat(); err == nil {
			taken[inodeOf(info)] = true
		}
	}
	var list []*File
	for num, rule := range ending {
		at, names := s.lies(num)
		beside, _ := s.siblings(at) // what cannot be listed holds none that could be read
		for _, place := range beside {
			name := path.Base(place.Name)
			if !copyNameOf(name, names) || excluded(s.opts.Exclude, place.Path()) {
				continue
			}
			if f := s.openBeside(place, rule, taken, now); f != nil {
				list = append(list, f)
			}
		}
	}
	return list
}

// openFiles is [Set.Files] for who holds s.changing.
func (s *Set) openFiles() []*File {
	list := make([]*File, 0, len(s.files))
	for _, f := range s.files {
		list = append(list, f)
	}
	return list
}

// endings lists the generations that are about to end, with their rules.
func (s *Set) endings() map[uint64]Rule {
	list := map[uint64]Rule{}
	for num, f := range s.files {
		if f.ended != 0 && f.ended < s.passes || f.goneAt != 0 && f.goneAt < s.passes || f.parting.since(s.passes) {
			list[num] = *f.rule
		}
	}
	s.ledger.View(func(st *ledger.State) {
		for num := range s.missed {
			if rec := st.Files[num]; rec != nil && s.files[num] == nil {
				list[num] = s.ruleOf(rec.Class, Rule{})
			}
		}
	})
	return list
}

// openBeside opens a file that no glob leads to and nobody knows, or returns
// nil.
func (s *Set) openBeside(place ledger.Place, rule Rule, taken map[inode]bool, now time.Time) *File {
	fd, err := OpenPlace(place)
	if err != nil {
		return nil
	}
	info, err := fd.Stat()
	var id ledger.FileID
	if err == nil {
		id, err = s.identify(fd)
	}
	if err == nil && !taken[inodeOf(info)] {
		_, taken[inodeOf(info)] = s.known(fd, id, place)
	}
	if err != nil || taken[inodeOf(info)] {
		fd.Close()
		return nil
	}
	taken[inodeOf(info)] = true
	f := &File{set: s, rule: s.rule(rule), id: id, quiet: now.UnixNano(), home: place, place: place}
	f.stranger = &stranger{beside: true}
	f.mu.Lock() // others may park it
	defer f.mu.Unlock()
	f.desc.worth.Store(rankUnread << rankBit)
	f.opens(fd)
	f.asArchive()
	return f
}

// Copy is a copy whose original was read further than the copy's cursor.
type Copy struct {
	File *File
	Num  uint64
	Of   uint64 // the original's number
	// Extent is what the copy can inherit now.
	Extent ledger.Extent
}

// Copies lists the copies that can inherit something.
func (s *Set) Copies() []Copy {
	var list []Copy
	for _, f := range s.Files() {
		c := Copy{File: f, Num: f.Num()}
		ok := false
		s.ledger.View(func(st *ledger.State) {
			if c.Extent, ok = st.Inherits(c.Num); ok {
				c.Of = st.Files[c.Num].Follows()
			}
		})
		if ok {
			list = append(list, c)
		}
	}
	return list
}

// Ending tells whether a generation has ended and waits for its copies to have
// inherited what was read of it.
func (s *Set) Ending() bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	return len(s.endings()) > 0
}

// ReadCopy reads what stands at off of the generation numbered num, all of p,
// or returns [ErrRewritten].
func (f *File) ReadCopy(num uint64, p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != num {
		return ErrRewritten
	}
	return f.readFull(p, off)
}

// Unchanged tells whether the file still is the generation numbered num.
func (f *File) Unchanged(num uint64, now time.Time) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != num {
		return false, nil
	}
	same, _, err := f.look(now)
	return same, err
}
