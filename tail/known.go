package tail

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"swab/ledger"
)

// byDevice tells whether a file system's id is made of a device number, which
// may be another one after the next mount: as dev-7:0, or as statfs has it on
// xfs, in the low half of f_fsid. Ledgers of earlier versions hold the latter
// where there is a UUID.
func byDevice(fs string) bool {
	return strings.HasPrefix(fs, "dev-") || len(fs) == 16 && strings.HasSuffix(fs, "00000000")
}

// SameButForDevice tells whether two identities may be of one file whose device
// had another number when either was taken; all else that they hold agrees.
func SameButForDevice(a, b ledger.FileID) bool {
	may := a.FS == b.FS || byDevice(a.FS) || byDevice(b.FS)
	a.FS, b.FS = "", ""
	return may && a == b
}

// unopened are the ledger's files that are not open, by what identifies them.
type unopened struct {
	byID map[ledger.FileID]uint64 // of several with one identity, the youngest
	// elsewhere has them by their identity without the file system's, the
	// youngest last.
	elsewhere map[ledger.FileID][]uint64
}

// unopened lists the ledger's files that are not open.
func (s *Set) unopened() unopened {
	list := unopened{map[ledger.FileID]uint64{}, map[ledger.FileID][]uint64{}}
	s.ledger.View(func(st *ledger.State) {
		for num, f := range st.Files {
			if f.Stream != "" || s.files[num] != nil {
				continue
			}
			if num > list.byID[f.ID] {
				list.byID[f.ID] = num
			}
		}
	})
	for id, num := range list.byID {
		id.FS = ""
		list.elsewhere[id] = append(list.elsewhere[id], num)
	}
	for _, nums := range list.elsewhere {
		slices.Sort(nums)
	}
	return list
}

// known finds the number of a file that is not open: that of its identity, or
// of one that differs from it by the number of a device, where the content
// proves the rest. place is where the file lies.
func (s *Set) known(fd *os.File, id ledger.FileID, place ledger.Place) (num uint64, ok bool) {
	if num, ok := s.sweep.unopened.byID[id]; ok && s.mayBe(fd, num, id, place) {
		return num, true
	}
	bare := id
	bare.FS = ""
	for _, num := range slices.Backward(s.sweep.unopened.elsewhere[bare]) {
		rec, ok := (&File{set: s, num: num}).record()
		if ok && rec.ID != id && s.files[num] == nil && s.sameFile(fd, num, rec, id, place) {
			return num, true
		}
	}
	return 0, false
}

// sameFile tells whether the file fd at place, identified as id, is the one
// numbered num.
func (s *Set) sameFile(fd *os.File, num uint64, rec ledger.File, id ledger.FileID, place ledger.Place) bool {
	switch {
	case rec.ID == id:
		return true
	case !SameButForDevice(rec.ID, id):
		return false
	case id.Gen != 0 && id.Born != 0: // a random number and a time in nanoseconds
		return true
	case id.Gen != 0 || id.Born != 0:
		f := &File{set: s, desc: descriptor{f: fd}}
		f.asKnown(&rec)
		same, err := f.intact(&rec)
		return same && err == nil
	}
	was, _ := s.paths.Get(num)
	return was == place && s.proven(fd, &rec)
}

// mayBe tells whether the file fd at place can be the one numbered num, which had
// the same identity. Where that is but the number of a device and an inode, two
// file systems that were mounted in another order may have changed roles.
func (s *Set) mayBe(fd *os.File, num uint64, id ledger.FileID, place ledger.Place) bool {
	if was, ok := s.paths.Get(num); !byDevice(id.FS) || id.Gen != 0 || id.Born != 0 || !ok || was == place {
		return true
	}
	f := &File{set: s, desc: descriptor{f: fd}, num: num}
	rec, ok := f.record()
	if !ok {
		return false
	}
	same, err := f.intact(&rec)
	return same && err == nil
}

// proven tells whether fd holds the very bytes that some mark of rec is of, and
// contradicts none.
func (s *Set) proven(fd *os.File, rec *ledger.File) bool {
	f := &File{set: s, desc: descriptor{f: fd}}
	f.asKnown(rec)
	defer f.rest()
	if same, err := f.intact(rec); !same || err != nil {
		return false
	}
	marks := slices.Clone(rec.Tail)
	if rec.Head != nil {
		marks = append(marks, *rec.Head)
	}
	return slices.ContainsFunc(marks, func(m ledger.Mark) bool {
		p := make([]byte, m.Len)
		if f.readFull(p, m.Off) != nil {
			return false
		}
		is, err := s.markCopied(rec, m, p)
		return is == alike && err == nil
	})
}

// sameName tells whether two places are one name in one directory: the second
// is how the first is reached today, by another mount of it, or because the
// first's directory is not there any more. What is moved away leaves its
// directory behind.
func sameName(was, is ledger.Place) bool {
	if path.Base(was.Name) != path.Base(is.Name) {
		return false
	}
	now, err := os.Stat(path.Dir(is.Path()))
	if err != nil {
		return false
	}
	before, err := os.Stat(path.Dir(was.Path()))
	return errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(before, now)
}
