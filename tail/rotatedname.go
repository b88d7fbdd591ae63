package tail

import (
	"cmp"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"swab/ledger"
)

// rotatedName is what a log was called before it was rotated to name: app.log
// of app.log.1, app.log-20261123, app.log.old and app-20261123.log, compressed or
// not. ok is false where name does not look like that.
func rotatedName(name string) (log string, ok bool) {
	name = uncompressed(name)
	if log, ok = strings.CutSuffix(name, ".old"); ok {
		return log, log != ""
	}
	if log, ok = unnumbered(name); ok {
		return log, true
	}
	ext := path.Ext(name)
	if stem, ok := unnumbered(strings.TrimSuffix(name, ext)); ok && ext != "" {
		return stem + ext, true
	}
	return "", false
}

// uncompressed is name without what a compressor adds.
func uncompressed(name string) string {
	for _, ext := range []string{".gz", ".zst", ".xz", ".bz2"} {
		if bare, ok := strings.CutSuffix(name, ext); ok {
			return bare
		}
	}
	return name
}

// unnumbered takes the numbers and dates off the end of a name, and what parts
// them from it.
func unnumbered(name string) (bare string, ok bool) {
	bare = strings.TrimRight(name, "0123456789-._T:")
	for len(bare) < len(name) && !strings.ContainsRune("-._", rune(name[len(bare)])) {
		bare = name[:len(bare)+1]
	}
	return bare, bare != "" && strings.ContainsAny(name[len(bare):], "0123456789")
}

// turn is where a found file stands in the order in which files are begun.
type turn struct {
	at     time.Time // of its last write; of a log, not before that of what it was rotated to
	log    string    // path without the numbers and dates of a rotated one
	live   bool
	number string // the name of a rotated one
	lead   int    // the first place at which the same file was found
}

// inOrder sorts what was found so that rotated files come before their
// successors, and lines of one log leave in the order in which they were
// written, where that can be known. A file that was found twice has its places
// in a row, that of the first rule first.
func inOrder(found []Found) []Found {
	turns := make([]turn, len(found))
	lead := make(map[inode]int, len(found))
	last := map[string]time.Time{} // write to a rotated one, by log
	for i, f := range found {
		key := inodeOf(f.Info)
		if first, ok := lead[key]; ok {
			turns[i] = turns[first]
			continue
		}
		lead[key] = i
		t := turn{at: f.Info.ModTime(), log: f.Place.Path(), live: true, lead: i}
		dir, name := path.Split(t.log)
		if log, ok := rotatedName(name); ok {
			t.log, t.live, t.number = dir+log, false, uncompressed(name)
			if t.at.After(last[t.log]) {
				last[t.log] = t.at
			}
		}
		turns[i] = t
	}
	order := make([]int, len(found))
	for i := range turns {
		order[i] = i
		if at := last[turns[i].log]; turns[i].live && at.After(turns[i].at) {
			turns[i].at = at
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return turns[a].compare(turns[b]) })
	sorted := make([]Found, len(found))
	for i, k := range order {
		sorted[i] = found[k]
	}
	return sorted
}

func (t turn) compare(o turn) int {
	switch c := cmp.Or(t.at.Compare(o.at), cmp.Compare(t.log, o.log)); {
	case c != 0:
		return c
	case t.live != o.live && t.live:
		return 1
	case t.live != o.live:
		return -1
	}
	// Of app.log.2 and app.log.1 the first is older, and of two dates the
	// smaller one.
	byNumber := cmp.Or(cmp.Compare(len(t.number), len(o.number)), strings.Compare(t.number, o.number))
	if len(t.number)-len(path.Base(t.log)) < shortestDate {
		byNumber = -byNumber
	}
	return cmp.Or(byNumber, cmp.Compare(t.lead, o.lead))
}

// shortestDate is how long a date is at least, with what parts it from the
// name: -20261123 or -2026112.
const shortestDate = len("-261123")

// retire finds the files that were rotated before swab first saw them, see
// [Rotated], and that nobody has open for writing. They are finished, as what is
// renamed away. s.changing is held.
func (s *Set) retire(now time.Time) {
	asked := map[ledger.Place]os.FileInfo{} // many names may lead to one log
	for _, f := range s.openFiles() {
		if f.away.Load() || f.rule.Opaque {
			continue
		}
		log, ok := rotatedFrom(f.place)
		if !ok {
			continue
		}
		next, ok := asked[log]
		if !ok {
			next = lookAt(log)
			asked[log] = next
		}
		if next == nil {
			continue
		}
		f.mu.Lock()
		if f.succeeded(next, now) {
			f.home = ledger.Place{}
			f.away.Store(true)
			s.paths.SetAway(f.num, true)
		}
		f.mu.Unlock()
	}
}

// succeeded tells whether f was rotated, and next has its name now, that it has
// not grown since swab knows it, and that nobody is known to have it open for
// writing. f.mu is held.
func (f *File) succeeded(next os.FileInfo, now time.Time) bool {
	rec, ok := f.record()
	if !ok || f.closed || f.size != rec.First.Size || rec.Size != rec.First.Size {
		return false
	}
	info, _, err := f.glance()
	if err != nil || info.Size() != f.size {
		return false
	}
	if rec.Gone.Len()+rec.Intent.Len() > 0 { // its last write may be our own
		if now.Sub(time.Unix(0, f.quiet)) < quietEnough {
			return false
		}
	} else if !succeeds(info, next, now) {
		return false
	}
	closed, ok := f.idle()
	return closed || !ok
}

// Rotated tells whether the file at place was rotated: its name says so, the
// log that it was is beside it and was written later, and it was not for a
// minute.
func Rotated(place ledger.Place, info os.FileInfo, now time.Time) bool {
	log, ok := rotatedFrom(place)
	if !ok {
		return false
	}
	next := lookAt(log)
	return next != nil && succeeds(info, next, now)
}

// succeeds tells by the times of the last writes.
func succeeds(info, next os.FileInfo, now time.Time) bool {
	at := info.ModTime()
	return !at.After(next.ModTime()) && now.Sub(at) >= quietEnough
}

// rotatedFrom is where the log lies that the file at place was, by its name.
func rotatedFrom(place ledger.Place) (log ledger.Place, ok bool) {
	name, ok := rotatedName(path.Base(place.Name))
	return ledger.Place{Root: place.Root, Name: path.Join(path.Dir(place.Name), name)}, ok
}

// lookAt is what is at place, or nil where no regular file is.
func lookAt(place ledger.Place) os.FileInfo {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil
	}
	defer root.Close()
	info, err := root.Lstat(place.Name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}
