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
				missing[num] = *rec.Clone()
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
	fd, id, at, err := s.reach(num, rec, place)
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
	s.sweep.unopened.byID[id] = num
	// One that is refused (binary, by now) is still there, and so are its
	// bytes.
	if f := s.adopt(fd, id, rule, at, at.Path(), now); f != nil && at != place {
		s.placed(f, at)
	}
	return true
}

// reach opens the file numbered num at its last place, or where it was renamed
// to in the same directory: app.log to app.log.1, say, which the glob does not
// match. It returns what identifies it now, too.
func (s *Set) reach(num uint64, rec ledger.File, place ledger.Place) (*os.File, ledger.FileID, ledger.Place, error) {
	fd, id, err := s.openKnown(num, rec, place)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return fd, id, place, err
	}
	list, lerr := s.siblings(place)
	if lerr != nil {
		return nil, id, place, lerr
	}
	if at, ok := list[rec.ID.Ino]; ok {
		if fd, id, err := s.openKnown(num, rec, at); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return fd, id, at, err
		}
	}
	return nil, id, place, err
}

// openKnown opens the file at place, which must be the one numbered num:
// another one there is none.
func (s *Set) openKnown(num uint64, rec ledger.File, place ledger.Place) (*os.File, ledger.FileID, error) {
	fd, err := OpenPlace(place)
	if err != nil {
		return nil, ledger.FileID{}, err
	}
	got, err := s.identify(fd)
	if err == nil && !s.sameFile(fd, num, rec, got, place) {
		err = fs.ErrNotExist
	}
	if err != nil {
		fd.Close()
		return nil, got, err
	}
	return fd, got, nil
}

// siblings lists the regular files in the directory of place by their inode
// numbers, once a sweep. A directory that is not there has none; one that
// cannot be listed is an error, and says nothing about its files.
func (s *Set) siblings(place ledger.Place) (map[uint64]ledger.Place, error) {
	dir := ledger.Place{Root: place.Root, Name: path.Dir(place.Name)}
	if list, ok := s.sweep.names[dir]; ok {
		return list, nil
	}
	list, err := listed(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, pathless(err)
	}
	s.sweep.names[dir] = list
	return list, nil
}

func listed(dir ledger.Place) (map[uint64]ledger.Place, error) {
	list := map[uint64]ledger.Place{}
	root, err := os.OpenRoot(dir.Root)
	if err != nil {
		return list, err
	}
	defer root.Close()
	d, err := root.Open(dir.Name)
	if err != nil {
		return list, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	for _, name := range names {
		at := ledger.Place{Root: dir.Root, Name: path.Join(dir.Name, name)}
		if info, err := root.Lstat(at.Name); err == nil && info.Mode().IsRegular() {
			list[inodeOf(info).ino] = at
		}
	}
	return list, err
}

// tellLost tells of bytes that nobody read.
func (s *Set) tellLost(place ledger.Place, n int64) {
	if n > 0 {
		s.opts.Warn("bytes were gone before swab had read them", "file", s.opts.Name(place.Path()), "at_least_bytes", n)
	}
}
