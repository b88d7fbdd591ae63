package tail

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"swab/ledger"
)

// likeness is what comparing two files comes to.
type likeness int

const (
	unlike  likeness = iota
	unclear          // there is nothing to compare, so far
	alike
)

// foreignEvidence is how many raw bytes must agree where a copy does not lie
// beside its original (logrotate's olddir), bytes: more than a banner's line.
const foreignEvidence = 256

// evidence is how many raw bytes must agree for f to be a copy of o, which lies
// in another directory and is one of so many whose names fit. What was made
// after o was first seen needs less: old files do not turn up then.
func (f *File) evidence(o original, fit int) int64 {
	switch {
	case f.id.Born == 0 || f.id.Born/int64(time.Second) < o.rec.First.At:
		return foreignEvidence
	case fit > 1:
		return 1
	}
	return 0
}

// compare tells whether f, of size bytes, begins as o does or did, and up to
// where it can be o's copy: marks of what was read of o at their offsets, and
// the bytes behind its cursor themselves where o still has them. agreed counts
// the bytes that are the very same.
func (s *Set) compare(f *File, size int64, o original, now time.Time) (l likeness, n, agreed int64, err error) {
	if size == 0 {
		return unclear, 0, 0, nil
	}
	l, agreed, reach, err := s.compareMarks(f, size, o)
	if l == unlike || err != nil {
		return unlike, 0, 0, err
	}
	n = size
	if o.file != nil && o.file.ended == 0 && size > o.rec.Cursor {
		var same int64
		var passed bool
		if same, passed, err = f.commonWith(o.file, o.rec.Cursor, size); err != nil {
			return unlike, 0, 0, err
		}
		if passed { // the marks of what was read since are not among those above
			return unlike, 0, 0, errMovedOn
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
	if h := o.rec.Head; l == unclear && h != nil && size < min(int64(h.Len), o.rec.Cursor) {
		return unclear, n, agreed, nil // its head may still be on its way
	}
	if l == unclear && f.copiedErased(size, o) {
		return alike, n, agreed, nil
	}
	if l == unclear && o.rec.Cursor > 0 && o.rec.Gone.Covered(ledger.Extent{To: o.rec.Cursor}) == o.rec.Cursor {
		// Nothing is left to compare with: what was read must be overwritten here, too.
		bare, err := f.blankTo(min(size, o.rec.Cursor))
		if err != nil || !bare {
			return unlike, 0, 0, err
		}
		l = alike
	}
	if l == alike && size < o.rec.Cursor && reach < min(size, ledger.HeadBytes) {
		if proven, err := f.provable(size, o, reach); !proven || err != nil {
			return unclear, n, agreed, err
		}
	}
	return l, n, agreed, nil
}

// provable tells whether more than a short head, which agrees up to reach, can
// show that f, of size bytes, is a copy of o, which was read further: o is raw in
// a part of it, so that there are sums which will be compared, or f is overwritten
// like o. A banner is no proof: what only seemed a copy would never be shipped.
func (f *File) provable(size int64, o original, reach int64) (bool, error) {
	rest := ledger.Extent{From: reach, To: size}
	if o.rec.Gone.Covered(rest) < rest.To-rest.From {
		return true, nil
	}
	return f.blankIn(rest.From, rest.To)
}

// copiedErased tells whether f, of size bytes, is a copy of o of which all marks
// were overwritten while it was made: it begins with what overwriting leaves, as
// no other log does, and holds all that was read. What is raw between is o's, too.
func (f *File) copiedErased(size int64, o original) bool {
	head := ledger.Extent{To: min(size, o.rec.Cursor, ledger.TailBytes)}
	if head.To == 0 || o.rec.Gone.Covered(head)+o.rec.Intent.Covered(head) < head.To || size < o.rec.Cursor {
		return false
	}
	bare, err := f.blankTo(head.To)
	return bare && err == nil
}

// errMovedOn says that an original was read and overwritten while a file was
// compared with it: the next pass compares with the marks of that.
var errMovedOn = errors.New("the original was read on")

// errEnded says that an original was truncated while a file was compared with
// it: the next pass knows that, and compares what is left to compare.
var errEnded = errors.New("the original has ended")

// compareMarks compares what the marks of o say with the bytes of f; agreed
// counts those that are the very same, and reach is where the last of them ends.
func (s *Set) compareMarks(f *File, size int64, o original) (l likeness, agreed, reach int64, err error) {
	if o.rec.Cursor == 0 && o.rec.Head == nil {
		if o.file == nil || o.file.ended != 0 {
			return alike, 0, 0, nil // nothing of it was read: all is read from the copy
		}
		return unclear, 0, 0, nil
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
	// An archive is read forward.
	slices.SortFunc(marks, func(a, b ledger.Mark) int { return cmp.Compare(a.Off, b.Off) })
	l = unclear
	behind := false // what agrees is more than a first line, as many logs have the same
	for _, m := range marks {
		if m.Off+int64(m.Len) > size {
			continue
		}
		p := make([]byte, m.Len)
		if err := f.readFull(p, m.Off); err != nil {
			return unlike, 0, 0, err
		}
		switch is, err := s.markCopied(&o.rec, m, p); {
		case err != nil || is == unlike:
			return unlike, 0, 0, err
		case is == alike:
			l, behind = alike, behind || m.Off > 0
			agreed += int64(m.Len)
			reach = max(reach, m.Off+int64(m.Len))
		}
	}
	if f.archive != nil && size < o.rec.Cursor && !behind {
		l = unclear // nothing is added to an archive: it is of another one
	}
	return l, agreed, reach, nil
}

// markCopied compares one mark of an original with the bytes of a copy, which
// may have been made before or after they were overwritten.
func (s *Set) markCopied(rec *ledger.File, m ledger.Mark, p []byte) (likeness, error) {
	ok, err := s.keys.MarkMatches(m, p)
	if ok && !slices.ContainsFunc(p, func(c byte) bool { return !blank(c) }) {
		return unclear, nil // of a copy that was made of what was overwritten, as others may be
	}
	if ok {
		return alike, nil
	}
	gone := 0
	for i, c := range p {
		at := ledger.Extent{From: m.Off + int64(i), To: m.Off + int64(i) + 1}
		if rec.Gone.Covered(at)+rec.Intent.Covered(at) == 0 {
			continue
		}
		if gone++; !blank(c) && !ofFrame(c) {
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
// seal has taken, or has only since they were asked for. passed: it went over
// what was overwritten meanwhile, of which nothing was compared.
func (f *File) commonWith(o *File, off, size int64) (to int64, passed bool, err error) {
	mine, other := make([]byte, scanChunk), make([]byte, scanChunk)
	for off < size {
		p := mine[:min(scanChunk, size-off)]
		if err := f.readFull(p, off); err != nil {
			return 0, passed, err
		}
		o.mu.Lock()
		n, err := o.readAt(other[:len(p)], off)
		o.mu.Unlock()
		if err != nil && err != io.EOF && o.archive != nil {
			return 0, passed, errEnded // it is overwritten since it was looked at
		}
		if err != nil && err != io.EOF {
			return 0, passed, fmt.Errorf("file %d: %w", o.num, pathless(err))
		}
		same := 0
		for same < n && p[same] == other[same] {
			same++
		}
		if same < n && (blank(other[same]) || ofFrame(other[same])) { // it may be sealed and overwritten by now
			if read := o.read(); read > off+int64(same) {
				off, passed = min(read, size), true
				continue
			}
		}
		off += int64(same)
		if same < len(p) {
			break
		}
	}
	return off, passed, nil
}

// read is the cursor.
func (f *File) read() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec, _ := f.record()
	return rec.Cursor
}

// blankTo tells whether nothing but overwritten bytes lies before to.
func (f *File) blankTo(to int64) (bool, error) { return f.blankIn(0, to) }

// blankIn is blankTo for what lies between two offsets.
func (f *File) blankIn(from, to int64) (bool, error) {
	buf := make([]byte, scanChunk)
	for off := from; off < to; {
		p := buf[:min(scanChunk, to-off)]
		if err := f.readFull(p, off); err != nil {
			return false, err
		}
		if !ledger.Filled(off, p) {
			return false, nil
		}
		off += int64(len(p))
	}
	return true, nil
}

// sameAs tells whether two open files have the same bytes in [from, to).
func (f *File) sameAs(o *File, from, to int64) bool {
	same, _, err := f.commonWith(o, from, to)
	return err == nil && same >= to
}
