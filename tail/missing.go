package tail

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"swab/ledger"
)

// adoptRest looks for the ledger's files that no glob led to: renamed away, or
// of a class that no flag names any more. They are held to their limit all the
// same. What is not there any more is gone.
func (s *Set) adoptRest(now time.Time) error {
	missing := map[uint64]ledger.File{}
	s.ledger.View(func(st *ledger.State) {
		for num, rec := range st.Files {
			if s.files[num] == nil && rec.Stream == "" {
				missing[num] = *rec
			}
		}
	})
	for num := range s.missed {
		if _, still := missing[num]; !still {
			delete(s.missed, num)
		}
	}
	for num, rec := range missing {
		place, ok := s.paths.Get(num)
		if ok && s.readopt(num, rec, place, now) {
			delete(s.missed, num)
			continue
		}
		if s.missed[num]++; s.missed[num] < goneAfter {
			continue
		}
		end, ready := s.endOf(num, rec, 0, "gone")
		if !ready {
			continue
		}
		delete(s.missed, num)
		if err := s.ledger.Append(end.events...); err != nil {
			return err
		}
		s.paths.Drop(num)
		s.tellLost(place, end.lost)
	}
	return nil
}

// goneAfter is in how many sweeps in a row a file must not be found before it
// is gone: a rename while a directory is read can hide both of its names from
// that reading (readdir(3) promises nothing about it).
const goneAfter = 3

// Missing tells whether the ledger knows files that no sweep has found so far;
// the next sweeps decide.
func (s *Set) Missing() bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	return len(s.missed) > 0
}

// Sought tells whether that is so of one file.
func (s *Set) Sought(num uint64) bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	_, missed := s.missed[num]
	return missed
}

// readopt opens a known file at its last place, or beside it. It is false when
// the file is not there any more.
func (s *Set) readopt(num uint64, rec ledger.File, place ledger.Place, now time.Time) bool {
	fd, at, err := s.reach(rec.ID, place)
	if err != nil {
		// Its directory is not mounted, or it may not be opened: that says
		// nothing about the bytes.
		if _, rerr := os.Stat(place.Root); rerr != nil || !errors.Is(err, fs.ErrNotExist) {
			s.refuse(place.Path(), err)
			return true
		}
		return false
	}
	rule := s.ruleOf(rec.Class, Rule{})
	s.sweep.unopened[rec.ID] = num
	// One that is refused (binary, by now) is still there, and so are its
	// bytes.
	if f := s.adopt(fd, rec.ID, rule, at, at.Path(), now); f != nil && at != place {
		s.placed(f, at)
	}
	return true
}

// reach opens the file of an identity at its last place, or where it was
// renamed to in the same directory: app.log to app.log.1, say, which the glob
// does not match.
func (s *Set) reach(id ledger.FileID, place ledger.Place) (*os.File, ledger.Place, error) {
	fd, err := openKnown(id, place)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return fd, place, err
	}
	if at, ok := s.siblings(place)[id.Ino]; ok {
		if fd, err := openKnown(id, at); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return fd, at, err
		}
	}
	return nil, place, err
}

// openKnown opens the file at place, which must have the identity id: another
// one there is none.
func openKnown(id ledger.FileID, place ledger.Place) (*os.File, error) {
	fd, err := OpenPlace(place)
	if err != nil {
		return nil, err
	}
	got, err := identify(fd)
	if err == nil && got != id {
		err = fs.ErrNotExist
	}
	if err != nil {
		fd.Close()
		return nil, err
	}
	return fd, nil
}

// siblings lists the regular files in the directory of place by their inode
// numbers, once a sweep.
func (s *Set) siblings(place ledger.Place) map[uint64]ledger.Place {
	dir := ledger.Place{Root: place.Root, Name: path.Dir(place.Name)}
	if list, ok := s.sweep.names[dir]; ok {
		return list
	}
	list := map[uint64]ledger.Place{}
	s.sweep.names[dir] = list
	root, err := os.OpenRoot(dir.Root)
	if err != nil {
		return list
	}
	defer root.Close()
	d, err := root.Open(dir.Name)
	if err != nil {
		return list
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	slices.Sort(names)
	for _, name := range names {
		at := ledger.Place{Root: dir.Root, Name: path.Join(dir.Name, name)}
		if info, err := root.Lstat(at.Name); err == nil && info.Mode().IsRegular() {
			list[inodeOf(info).ino] = at
		}
	}
	return list
}

// tellLost tells of bytes that nobody read.
func (s *Set) tellLost(place ledger.Place, n int64) {
	if n > 0 {
		s.opts.Warn("bytes were gone before swab had read them", "file", s.opts.Name(place.Path()), "at_least_bytes", n)
	}
}
