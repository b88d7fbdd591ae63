package tail

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
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
	met    time.Time
	size   int64     // at the last look
	grown  time.Time // since when it has had it
	of     uint64    // what it seems to be a copy of
}

// likeness is what comparing two files comes to.
type likeness int

const (
	unlike  likeness = iota
	unclear          // there is nothing to compare, so far
	alike
)

// copyWait is how long a file that seems to become a copy is waited for when
// it does not grow any more and someone still has it open for writing.
const copyWait = time.Minute

// copyLong is how long it is waited for at the most.
const copyLong = time.Hour

// copyQuiet is how long it must not have grown where leases cannot be had.
const copyQuiet = 5 * time.Second

// foreignEvidence is how many raw bytes must agree where a copy does not lie
// beside its original (logrotate's olddir), bytes: more than a banner's line.
const foreignEvidence = 256

// copyName tells whether name can be that of a copy of the log called of: with
// something added (a.log.1, a.log-20261123), or with a number or a date before
// its extension (a-20261123.log).
func copyName(name, of string) bool {
	if name == of || of == "" {
		return false
	}
	if strings.HasPrefix(name, of) {
		return true
	}
	ext := path.Ext(of)
	stem := strings.TrimSuffix(of, ext)
	if stem == "" || ext == "" || len(name) <= len(of) || !strings.HasPrefix(name, stem) || !strings.HasSuffix(name, ext) {
		return false
	}
	middle := name[len(stem) : len(name)-len(ext)]
	return strings.ContainsAny(middle[:1], "-._") && strings.Trim(middle, "0123456789-._T:") == ""
}

// original is a generation that a stranger may be a copy of.
type original struct {
	num   uint64
	rec   ledger.File
	file  *File // nil where it is not open
	place ledger.Place
}

// originals lists the generations whose names fit a copy at place: those in
// its own directory first.
func (s *Set) originals(place ledger.Place, not uint64) []original {
	name := path.Base(place.Name)
	var list []original
	s.ledger.View(func(st *ledger.State) {
		for num, rec := range st.Files {
			if num == not || rec.Follows() != 0 {
				continue
			}
			at, names := s.lies(num)
			if copyNameOf(name, names) {
				o := original{num: num, rec: *rec, file: s.files[num], place: at}
				o.rec.Gone, o.rec.Intent = slices.Clone(rec.Gone), slices.Clone(rec.Intent)
				list = append(list, o)
			}
		}
	})
	dir := path.Dir(place.Path())
	slices.SortFunc(list, func(a, b original) int {
		abeside, bbeside := path.Dir(a.place.Path()) == dir, path.Dir(b.place.Path()) == dir
		switch {
		case abeside && !bbeside:
			return -1
		case bbeside && !abeside:
			return 1
		}
		return int(a.num) - int(b.num)
	})
	return list
}

// lies is where a generation lies, or lay last, and what it is or was called.
func (s *Set) lies(num uint64) (at ledger.Place, names []string) {
	at, _ = s.paths.Get(num)
	home, unknown := at, s.paths.Away(num)
	if f := s.files[num]; f != nil {
		at, home = f.place, f.home // changed by who holds s.changing alone
		unknown = f.unnamed || home == (ledger.Place{})
	}
	names = []string{path.Base(at.Name), path.Base(home.Name)}
	if unknown { // a start does not know what was renamed before the last one
		names[1] = logName(names[0])
	}
	return at, names
}

// logName is what a rotated log was called before: a name without the numbers
// and dates at its end, or before its extension.
func logName(name string) string {
	const added = "0123456789-._T:"
	if bare := strings.TrimRight(name, added); bare != name && bare != "" {
		return bare
	}
	ext := path.Ext(name)
	if bare := strings.TrimRight(strings.TrimSuffix(name, ext), added); bare != "" {
		return bare + ext
	}
	return name
}

// copyNameOf is [copyName] for any of several names.
func copyNameOf(name string, of []string) bool {
	return slices.ContainsFunc(of, func(o string) bool { return copyName(name, o) })
}

// originOf finds what f is a copy of, and how much of it. f.mu is held, or
// nobody else has f.
func (s *Set) originOf(f *File, not uint64, now time.Time) (l likeness, of original, n int64, err error) {
	info, err := f.f.Stat()
	if err != nil {
		return unlike, of, 0, fmt.Errorf("new file: %w", pathless(err))
	}
	best := int64(-1)
	for _, o := range s.originals(f.place, not) {
		if s.ruleOf(o.rec.Class, f.rule).Opaque {
			continue
		}
		far := path.Dir(o.place.Path()) != path.Dir(f.place.Path())
		ol, on, agreed, err := s.compare(f, info.Size(), o, now)
		if err != nil {
			return unlike, o, 0, err
		}
		if far && agreed < foreignEvidence {
			continue
		}
		if ol > l || ol == l && agreed > best {
			l, of, n, best = ol, o, on, agreed
		}
	}
	return l, of, n, nil
}

// compare tells whether f, of size bytes, begins as o does or did, and up to
// where it can be o's copy: marks of what was read of o at their offsets, and
// the bytes behind its cursor themselves where o still has them. agreed counts
// the bytes that are the very same.
func (s *Set) compare(f *File, size int64, o original, now time.Time) (l likeness, n, agreed int64, err error) {
	if size == 0 {
		return unclear, 0, 0, nil
	}
	l, agreed, err = s.compareMarks(f, size, o)
	if l == unlike || err != nil {
		return unlike, 0, 0, err
	}
	n = size
	if o.file != nil && o.file.ended == 0 && size > o.rec.Cursor {
		var same int64
		if same, err = f.commonWith(o.file, o.rec.Cursor, size); err != nil {
			return unlike, 0, 0, err
		}
		agreed += same - o.rec.Cursor
		if n = same; n < size { // it goes on by itself
			if still, err := o.file.Unchanged(o.num, now); err != nil || !still {
				return unlike, 0, 0, errors.Join(err, errEnded)
			}
			if n, err = f.lastNewline(0, n); err != nil {
				return unlike, 0, 0, err
			}
		}
		if n < max(o.rec.Cursor, 1) {
			return unlike, 0, 0, nil
		}
		l = alike
	}
	if l == unclear && o.rec.Cursor > 0 && o.rec.Gone.Covered(ledger.Extent{To: o.rec.Cursor}) == o.rec.Cursor {
		// Nothing is left to compare with: what was read must be overwritten here, too.
		bare, err := f.blankTo(min(size, o.rec.Cursor))
		if err != nil || !bare {
			return unlike, 0, 0, err
		}
		l = alike
	}
	return l, n, agreed, nil
}

// errEnded says that an original was truncated while a file was compared with
// it: the next pass knows that, and compares what is left to compare.
var errEnded = errors.New("the original has ended")

// compareMarks compares what the marks of o say with the bytes of f; agreed
// counts those that are the very same.
func (s *Set) compareMarks(f *File, size int64, o original) (l likeness, agreed int64, err error) {
	if o.rec.Cursor == 0 && o.rec.Head == nil {
		if o.file == nil || o.file.ended != 0 {
			return alike, 0, nil // nothing of it was read: all is read from the copy
		}
		return unclear, 0, nil
	}
	marks := slices.Clone(o.rec.Tail)
	if o.rec.Head != nil {
		marks = append(marks, *o.rec.Head)
	}
	if o.file != nil {
		o.file.mu.Lock()
		marks = append(marks, o.file.past...)
		o.file.mu.Unlock()
	}
	l = unclear
	for _, m := range marks {
		if m.Off+int64(m.Len) > size {
			continue
		}
		p := make([]byte, m.Len)
		if err := f.readFull(p, m.Off); err != nil {
			return unlike, 0, err
		}
		switch is, err := s.markCopied(&o.rec, m, p); {
		case err != nil || is == unlike:
			return unlike, 0, err
		case is == alike:
			l = alike
			agreed += int64(m.Len)
		}
	}
	return l, agreed, nil
}

// markCopied compares one mark of an original with the bytes of a copy, which
// may have been made before or after they were overwritten.
func (s *Set) markCopied(rec *ledger.File, m ledger.Mark, p []byte) (likeness, error) {
	ok, err := s.keys.MarkMatches(m, p)
	if ok {
		return alike, nil
	}
	gone := 0
	for i, c := range p {
		at := ledger.Extent{From: m.Off + int64(i), To: m.Off + int64(i) + 1}
		if rec.Gone.Covered(at)+rec.Intent.Covered(at) == 0 {
			continue
		}
		if gone++; !blank(c) {
			gone = len(p) + 1
		}
	}
	switch {
	case errors.Is(err, ledger.ErrNoKey):
		return unclear, nil
	case err != nil:
		return unlike, err
	case gone > 0 && gone <= len(p):
		return unclear, nil
	}
	return unlike, nil
}

// commonWith is how far f has the same bytes as o, from off on: bytes that no
// seal has taken, or has only since they were asked for.
func (f *File) commonWith(o *File, off, size int64) (int64, error) {
	mine, other := make([]byte, scanChunk), make([]byte, scanChunk)
	for off < size {
		p := mine[:min(scanChunk, size-off)]
		if err := f.readFull(p, off); err != nil {
			return 0, err
		}
		o.mu.Lock()
		n, err := o.f.ReadAt(other[:len(p)], off)
		o.mu.Unlock()
		if err != nil && err != io.EOF {
			return 0, fmt.Errorf("file %d: %w", o.num, pathless(err))
		}
		same := 0
		for same < n && p[same] == other[same] {
			same++
		}
		if same < n && blank(other[same]) { // it may be sealed and overwritten by now
			if read := o.read(); read > off+int64(same) {
				off = min(read, size)
				continue
			}
		}
		off += int64(same)
		if same < len(p) {
			break
		}
	}
	return off, nil
}

// read is the cursor.
func (f *File) read() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec, _ := f.record()
	return rec.Cursor
}

// blankTo tells whether nothing but overwritten bytes lies before to.
func (f *File) blankTo(to int64) (bool, error) {
	buf := make([]byte, scanChunk)
	for off := int64(0); off < to; {
		p := buf[:min(scanChunk, to-off)]
		if err := f.readFull(p, off); err != nil {
			return false, err
		}
		if slices.ContainsFunc(p, func(c byte) bool { return !blank(c) }) {
			return false, nil
		}
		off += int64(len(p))
	}
	return true, nil
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
		wait, err := s.judge(f, 0, now)
		switch {
		case err != nil:
			if !errors.Is(err, ErrRewritten) { // else the next sweep sees what it is
				f.stranger.tell(s, err)
			}
			f.f.Close()
		case wait:
			s.making[f.id] = f
		case f.copyOf == 0 && f.stranger.beside:
			f.f.Close()
		default:
			if s.presentable(f) {
				fresh = append(fresh, f)
			}
		}
	}
	return s.beginAll(fresh, now)
}

func (k *stranger) tell(s *Set, err error) {
	if !k.beside {
		s.refuse(k.path, err)
	}
}

// presentable refuses and closes what is no log. A copy needs no look: NULs
// stand where its original was overwritten.
func (s *Set) presentable(f *File) bool {
	if f.copyOf != 0 {
		return true
	}
	if why, binary := f.sniff(); binary {
		f.f.Close()
		f.stranger.tell(s, refuse("%s", why))
		return false
	}
	return true
}

// judge decides whether f, whose content is new, is a copy, and notes of what;
// wait: it may become one. not is the generation that f had before.
func (s *Set) judge(f *File, not uint64, now time.Time) (wait bool, err error) {
	f.copyOf, f.copied, f.stranger.of = 0, 0, 0
	if f.rule.Opaque {
		return false, nil
	}
	l, of, n, err := s.originOf(f, not, now)
	if errors.Is(err, errEnded) {
		f.stranger.of, s.sweep.again = of.num, true
		return true, nil
	}
	if err != nil || l == unlike {
		return false, err
	}
	info, err := f.f.Stat()
	if err != nil {
		return false, err
	}
	k := &f.stranger
	if k.met.IsZero() {
		k.met = now
	}
	if k.grown.IsZero() || k.size != info.Size() {
		k.size, k.grown = info.Size(), now
	}
	k.of = of.num
	quiet := now.Sub(k.grown)
	closed, ok := idle(f.f)
	switch {
	case k.size == 0 && nlink(info) > 0 && (of.file == nil || of.file.ended == 0):
		return true, nil // nothing waits in it
	case ok && !closed || !ok && quiet < copyQuiet:
		if quiet < min(copyWait, f.rule.Limit/10) && now.Sub(k.met) < min(copyLong, f.rule.Limit/10) {
			return true, nil
		}
	case l == unclear:
		return false, nil
	}
	if l == alike && (closed || !ok || n >= of.rec.Cursor) {
		f.copyOf, f.copied, f.rule = of.num, n, s.ruleOf(of.rec.Class, f.rule)
	}
	return false, nil
}

// beside looks for copies of generations that end where no glob leads: beside
// them.
func (s *Set) beside(known []*File, now time.Time) []*File {
	taken := map[inode]bool{}
	for _, f := range append(s.openFiles(), known...) {
		if info, err := f.stat(); err == nil {
			taken[inodeOf(info)] = true
		}
	}
	var list []*File
	for num, rule := range s.endings() {
		at, names := s.lies(num)
		for _, place := range s.siblings(at) {
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
		if f.ended != 0 && f.ended < s.passes {
			list[num] = f.rule
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
		id, err = identify(fd)
	}
	if _, known := s.sweep.unopened[id]; err != nil || known || taken[inodeOf(info)] {
		fd.Close()
		return nil
	}
	taken[inodeOf(info)] = true
	f := &File{set: s, rule: rule, id: id, f: fd, quiet: now, home: place, place: place}
	f.stranger.beside = true
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

// sameAs tells whether two open files have the same bytes in [from, to).
func (f *File) sameAs(o *File, from, to int64) bool {
	same, err := f.commonWith(o, from, to)
	return err == nil && same >= to
}
