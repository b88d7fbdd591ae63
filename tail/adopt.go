package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"swab/ledger"
)

// match pairs what was found with what is open, and opens the rest. What
// nobody knows yet are the strangers.
func (s *Set) match(found []Found, now time.Time) (held map[*File]bool, strangers []*File) {
	open := make(map[inode]*File, len(s.files))
	for _, f := range s.files {
		if info, err := f.Stat(); err == nil {
			open[inodeOf(info)] = f
		} else {
			s.sweep.stale[f.id] = f
		}
	}
	for _, f := range s.making {
		if info, err := f.Stat(); err == nil {
			open[inodeOf(info)] = f
		}
	}
	held = map[*File]bool{}
	for _, at := range found {
		key := inodeOf(at.Info)
		f := open[key]
		if held[f] {
			continue // a bind mount or a second glob: one file, one place
		}
		if f == nil {
			if f = s.take(at, now); f == nil {
				continue
			}
			open[key] = f
		}
		held[f] = true
		if f.num == 0 {
			f.mu.Lock()
			f.place, f.home, f.stranger.path = at.Place, at.Place, at.Path
			f.mu.Unlock()
			strangers = append(strangers, f)
			continue
		}
		s.placed(f, at.Place)
	}
	return held, strangers
}

// stat waits for who has the file alone, and its descriptor closed meanwhile.

// placed notes where a file lies now. It is away as long as it does not lie
// where it was first seen.
func (s *Set) placed(f *File, place ledger.Place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.home == (ledger.Place{}) && !f.away.Load() {
		f.home = place
	}
	if f.home != place && sameName(f.home, place) {
		f.home = place
	}
	f.place, f.astray = place, false
	f.away.Store(f.home.Path() != place.Path() || f.Nameless())
	s.paths.Set(f.num, place)
	s.paths.SetAway(f.num, f.away.Load())
}

// take opens a place that is not open yet: a known file of the last run, or a
// new one, which has no number then.
func (s *Set) take(at Found, now time.Time) *File {
	fd, err := OpenPlace(at.Place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var id ledger.FileID
	if err == nil {
		id, err = s.identify(fd)
	}
	if err != nil {
		if fd != nil {
			fd.Close()
		}
		s.refuse(at.Path, err)
		return nil
	}
	if f := s.sweep.stale[id]; f != nil {
		f.renew(fd)
		return f
	}
	return s.adopt(fd, id, at.Rule, at.Place, at.Path, now)
}

// renew gives f a new descriptor of the same file, after its own went stale
// (ESTALE, of a network file system).
func (f *File) renew(fd *os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens(fd)
}

// adopt makes a File of an open file: with its number, where the ledger knows
// it, else without. What is no log is refused and closed.
func (s *Set) adopt(fd *os.File, id ledger.FileID, rule Rule, place ledger.Place, path string, now time.Time) *File {
	if err := s.lock(place, id); err != nil {
		fd.Close()
		s.refuse(path, err)
		return nil
	}
	f := &File{set: s, rule: s.rule(rule), id: id, quiet: now.UnixNano(), home: place, place: place}
	f.mu.Lock() // others may park it
	defer f.mu.Unlock()
	f.desc.worth.Store(rankUnread << rankBit)
	f.opens(fd)
	num, known := s.known(fd, id, place)
	var rec ledger.File
	if known {
		f.num = num
		rec, known = f.record()
	}
	if known {
		f.rule = s.rule(s.ruleOf(rec.Class, rule))
		f.asKnown(&rec)
	} else {
		f.stranger = &stranger{}
		f.asArchive()
	}
	// What was text once may hold NULs by now, where it was overwritten.
	if known && rec.Cursor == 0 && rec.Follows() == 0 {
		if why, binary := f.sniff(); binary {
			_ = f.release()
			s.refuse(path, refuse("%s", why))
			return nil
		}
	}
	if f.rule.Erase != "off" {
		if w, err := f.writable(); err == nil {
			w.Close()
		}
	}
	if !known {
		return f
	}
	f.points = rec.Points
	if was, ok := s.paths.Get(num); ok {
		f.home, f.place = was, was
	} else {
		f.unnamed = true
	}
	if s.paths.Away(num) {
		f.home = ledger.Place{}
		f.away.Store(true)
	}
	delete(s.sweep.unopened.byID, rec.ID)
	s.put(num, 0, f)
	return f
}

// ruleOf is the rule for a file of class: a file keeps its class, whatever
// glob leads to it now. Where no --log names the class any more, nothing of
// another class's rule is its own.
func (s *Set) ruleOf(class string, found Rule) Rule {
	if found.Class == class {
		return found
	}
	if i := slices.IndexFunc(s.opts.Rules, func(r Rule) bool { return r.Class == class }); i >= 0 {
		return s.opts.Rules[i]
	}
	return Rule{Class: class}
}

// groupSize is how many new files share one sync of the ledger.
const groupSize = 1000

// beginAll numbers new files.
func (s *Set) beginAll(fresh []*File, now time.Time) error {
	fresh, err := s.packable(fresh, now)
	if err != nil {
		return err
	}
	for len(fresh) > 0 {
		group := fresh[:min(groupSize, max(1, s.descriptors.max/parkShare), len(fresh))]
		if err := s.beginGroup(group, now); err != nil {
			for _, f := range fresh {
				f.mu.Lock()
				_ = f.release() // nobody else has it yet
				f.mu.Unlock()
			}
			return err
		}
		fresh = fresh[len(group):]
	}
	return nil
}

// beginGroup numbers so many new files as can be open at once. What is not to be
// had any more is left out: the next sweep meets it again, if it is there.
func (s *Set) beginGroup(group []*File, now time.Time) error {
	var there []*File
	for _, f := range group {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, err := f.fd(); err != nil {
			_ = f.release()
			continue
		}
		there = append(there, f)
	}
	if len(there) == 0 {
		return nil
	}
	return s.begin(there, 0, nil, now)
}

// begin starts generations: open events, after those that end the one before.
// The files' locks are held.
func (s *Set) begin(files []*File, after uint64, events []ledger.Event, now time.Time) error {
	key, made, err := s.keys.Make(ledger.Day(now))
	if err != nil {
		return err
	}
	if made {
		events = append(events, ledger.Event{Key: &ledger.KeyEvent{Use: "sums", Day: key.Day, Did: "made"}})
	}
	var next uint64
	s.ledger.View(func(st *ledger.State) { next = st.NextFile })
	opens := make([]*ledger.FileOpen, len(files))
	for i, f := range files {
		fd, err := f.fd()
		if err != nil {
			return fmt.Errorf("new file: %w", err)
		}
		info, err := fd.Stat()
		if err != nil {
			return fmt.Errorf("new file: %w", pathless(err))
		}
		open := &ledger.FileOpen{
			File: next + uint64(i), Class: f.rule.Class, ID: f.id, After: after, Size: f.length(info), SizeAt: now.Unix(),
			CopyOf: f.copyOf, Copied: f.copied, Packed: f.packed(),
		}
		head := make([]byte, min(open.Size, ledger.HeadBytes))
		if n, _ := f.readAt(head, 0); n > 0 {
			m := key.Mark(0, head[:n])
			open.Head = &m
		}
		events = append(events, ledger.Event{Open: open})
		opens[i] = open
	}
	// The places come first: a crash must not leave a file in the ledger that no
	// next start could find. That they cannot be saved is told at the sweep's
	// end, and keeps nothing from being read.
	for i, f := range files {
		s.paths.Set(opens[i].File, f.place)
	}
	_ = s.paths.Save()
	if err := s.ledger.Append(events...); err != nil {
		return err
	}
	for i, f := range files {
		s.begun(f, opens[i], now)
	}
	return nil
}

// begun gives f the number of its new generation.
func (s *Set) begun(f *File, open *ledger.FileOpen, now time.Time) {
	if open.CopyOf != 0 || open.Packed != nil { // finished, as what is renamed away
		f.home = ledger.Place{}
		f.away.Store(true)
	}
	before := f.num
	f.begins.len, f.ended, f.past, f.stranger, f.copyOf, f.copied = 0, 0, nil, nil, 0, 0
	f.goneAt, f.parting = 0, parting{}
	f.num, f.size, f.scanned, f.waiting = open.File, open.Size, 0, 0
	f.points = nil
	f.points.Add(ledger.Point{At: now.Unix(), Size: open.Size}, 0)
	s.paths.Set(f.num, f.place)
	s.paths.SetAway(f.num, f.away.Load())
	s.put(f.num, before, f) // from here on, others have it
}
