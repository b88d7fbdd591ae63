package tail

import (
	"os"
	"time"

	"swab/ledger"
)

// parting is how far a finished file is from being unlinked. An archive that
// is made of it meanwhile holds what was not overwritten yet when it was read: it
// has to follow its original before that is closed. Whoever packs a file makes
// the archive before he reads it, so that an archive that is not there when
// all is overwritten holds nothing.
type parting struct {
	asked bool   // it is to be unlinked, and an archive lies beside it
	at    uint64 // the pass that was told
	free  bool   // a later one has looked at the archive
}

// since tells whether a pass began after it was asked for.
func (p *parting) since(pass uint64) bool { return p.at != 0 && p.at < pass }

// part tells a pass that the file waits to be unlinked; news: for the first
// time. f.mu is held.
func (f *File) part(pass uint64) (news bool) {
	if !f.parting.asked || f.parting.at != 0 {
		return false
	}
	f.parting.at = pass
	return true
}

// waitsForArchive tells whether an archive of the file lies beside it that no
// sweep has looked at. f.mu is held.
func (f *File) waitsForArchive() bool {
	if f.parting.free || f.archive != nil {
		return false
	}
	root, err := os.OpenRoot(f.place.Root)
	if err != nil {
		return false
	}
	defer root.Close()
	for _, k := range archiveKinds {
		info, err := root.Lstat(f.place.Name + k.ext)
		if err != nil || !info.Mode().IsRegular() || f.set.hasInode(inodeOf(info).ino) {
			continue
		}
		f.parting.asked = true
		return true
	}
	return false
}

// hasInode tells whether an open file with a number has an inode number.
func (s *Set) hasInode(ino uint64) bool {
	for _, f := range s.Files() {
		if f.id.Ino == ino {
			return true
		}
	}
	return false
}

// unnoticed tells whether f is an archive that is not worth a word: it has no
// name any more.
func (f *File) unnoticed() bool {
	if f.archive == nil {
		return false
	}
	info, _, err := f.glance()
	return err == nil && nlink(info) == 0
}

// packed is what the ledger is told of an archive, nil for what is none.
func (f *File) packed() *ledger.Packed {
	a := f.archive
	if a == nil {
		return nil
	}
	p := &ledger.Packed{Kind: a.kind, Size: a.packed, ModTime: a.modTime, Sum: a.sum, Oldest: a.measured.oldest}
	if f.copyOf != 0 {
		f.set.ledger.View(func(st *ledger.State) {
			if of := st.Files[f.copyOf]; of != nil {
				p.Oldest = of.Oldest(0)
			}
		})
	}
	return p
}

// packable makes the keyed sums of new archives, and leaves out those that are
// not what was measured any more: the next sweep meets them again.
func (s *Set) packable(fresh []*File, now time.Time) ([]*File, error) {
	var key *ledger.SumKey
	kept := fresh[:0]
	for i, f := range fresh {
		if f.archive == nil {
			kept = append(kept, f)
			continue
		}
		if key == nil {
			made, err := false, error(nil)
			if key, made, err = s.keys.Make(ledger.Day(now)); err == nil && made {
				err = s.ledger.Append(ledger.Event{Key: &ledger.KeyEvent{Use: "sums", Day: key.Day, Did: "made"}})
			}
			if err != nil {
				for _, f := range append(kept, fresh[i:]...) {
					f.mu.Lock()
					_ = f.release()
					f.mu.Unlock()
				}
				return nil, err
			}
		}
		f.mu.Lock()
		mark, sum, err := f.packedSum(key)
		if err != nil || sum != f.archive.measured.sum || int64(mark.Len) != f.archive.packed {
			delete(s.measured, f.id)
			s.sweep.again = true
			_ = f.release()
			f.mu.Unlock()
			continue
		}
		f.archive.sum = mark
		s.tellBomb(f)
		f.mu.Unlock()
		delete(s.measured, f.id)
		kept = append(kept, f)
	}
	return kept, nil
}
