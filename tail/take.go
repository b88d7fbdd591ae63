package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"swab/ledger"
)

// ErrRewritten says that a file changed below what was read: what was taken
// of it must be thrown away, and a sweep begins its next generation.
var ErrRewritten = errors.New("the file was rewritten while it was read")

// Waiting is a file with unread bytes.
type Waiting struct {
	File  *File
	Bytes int64     // unread, half lines included
	Since time.Time // since when there is something unread
	// Oldest is the earliest time (Unix seconds, 0 unknown) at which the first
	// unread byte can have been written, as far as sizes tell. Met: it was there
	// at first sight, so that the file's birth is all that tells.
	Oldest int64
	Met    bool
	// Said is when a line that was there at first sight says that it was written,
	// Unix seconds, 0 where it says nothing. It may be forged.
	Said int64
	Away bool
	// Half: what is unread is half a line so far, or lines of one message that
	// is not whole.
	Half bool
}

// Pending lists the files of a class that have unread bytes, in the order in
// which swab met them.
func (s *Set) Pending(class string, now time.Time) ([]Waiting, error) {
	var list []Waiting
	for _, f := range s.Files() {
		if f.Class() != class {
			continue
		}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			continue
		}
		same, rec, err := f.look(now)
		if err != nil {
			f.trouble(err)
		} else if same && f.size > rec.Cursor && rec.Follows() == 0 {
			list = append(list, Waiting{
				File: f, Bytes: f.size - rec.Cursor, Since: time.Unix(0, f.waiting), Away: f.Away(),
				Oldest: f.oldest(&rec, rec.Cursor), Met: rec.Cursor < rec.First.Size, Said: f.said(&rec, now), Half: f.scanned >= f.size || f.parted == f.size,
			})
		}
		f.mu.Unlock()
	}
	return list, nil
}

// said looks at the first unread line of what was there at first sight, once:
// the log may have been copied from elsewhere, and be older than its file.
func (f *File) said(rec *ledger.File, now time.Time) int64 {
	if f.rule.Opaque || rec.Packed != nil || rec.Cut || rec.Cursor >= rec.First.Size {
		return 0
	}
	if f.dated.num == f.num && f.dated.off == rec.Cursor {
		return f.dated.at
	}
	f.dated = lineDate{num: f.num, off: rec.Cursor}
	line := make([]byte, lineTimeSpan)
	n, err := f.readAt(line, rec.Cursor)
	if err != nil && err != io.EOF {
		return 0 // reading will tell
	}
	text := bytes.TrimLeft(line[:n], "\x00")
	if t, ok := LineTime(firstLine(text), now, time.Local); ok {
		f.dated.at = max(t.Unix(), 1)
	}
	return f.dated.at
}

// lineDate is what the line at an offset of a generation says of its time.
type lineDate struct {
	num uint64
	off int64
	at  int64
}

// OldestUnread is the earliest time (Unix seconds, 0 unknown) at which the
// file's first unread byte can have been written; unread is false when all is
// read. It looks at no disk.
func (f *File) OldestUnread() (oldest int64, unread bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec, ok := f.record()
	if !ok || f.size <= rec.Cursor || rec.Follows() != 0 || f.ended != 0 {
		return 0, false
	}
	return f.oldest(&rec, rec.Cursor), true
}

// Unread is how many bytes no seal has taken, as of the last look.
func (f *File) Unread() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec, ok := f.record()
	if !ok || rec.Follows() != 0 {
		return 0
	}
	return max(0, f.size-rec.Cursor)
}

// WaitsFor is for how long there has been something unread, by the looks of
// this run.
func (f *File) WaitsFor(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == 0 {
		return 0
	}
	return now.Sub(time.Unix(0, f.waiting))
}

// oldest is the ledger's bound, sharpened by the looks of this run. Whole files
// count from their last close; one that is still to come is not to be believed.
func (f *File) oldest(rec *ledger.File, off int64) int64 {
	if rec.Packed != nil { // all of it goes at once
		return rec.Packed.Oldest
	}
	if f.rule.Opaque && f.modified > 0 && f.modified <= f.seen {
		return f.modified
	}
	return max(rec.Oldest(off), f.points.Oldest(off))
}

// younger is where the unread bytes begin that were written after by, as far as
// sizes tell.
func (f *File) younger(rec *ledger.File, by int64) int64 {
	from := f.size
	for _, points := range []ledger.Points{{rec.First}, rec.Points, f.points} {
		for _, p := range points {
			if p.At > by && p.Size > rec.Cursor {
				from = min(from, p.Size)
			}
		}
	}
	return from
}

// TakeOptions say what to take of a file.
type TakeOptions struct {
	// Budget is about how many bytes; a range ends with the line that passes
	// it.
	Budget int64
	// By leaves what is known to have been written later (Unix seconds), but
	// for the rest of a line; 0 takes all.
	By int64
	// Half takes half a line at the end, too: the file is finished, or the
	// half line is at its limit.
	Half bool
	// Whole tells how much of a text of whole lines, which may begin in the
	// middle of one, does not end within a message of several lines: the range
	// ends there, and the rest waits as half a line does. Messages past a few
	// MiB do not wait. Nil where lines are all there is.
	Whole func(text []byte) int
	Now   time.Time
	// Key is the day's key, for the marks.
	Key *ledger.SumKey
	// Location of times without a zone, in lines.
	Location *time.Location
}

// Take begins a range at the file's cursor. It returns nil when there is
// nothing to take. The caller reads it to its end with [Reader.Next].
func (f *File) Take(o TakeOptions) (*Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, nil
	}
	same, rec, err := f.look(o.Now)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, ErrRewritten
	}
	f.use()
	if rec.Follows() != 0 {
		return nil, nil // its original gives what it holds
	}
	if rec.Cursor == 0 { // it may have been empty, or half a magic, before
		if why, binary := f.sniff(); binary {
			return nil, refuse("%s", why)
		}
	}
	o.Budget += f.written(rec.Cursor) - rec.Cursor // a hole costs nothing
	if o.By > 0 && f.archive == nil {
		o.Budget = min(o.Budget, f.younger(&rec, o.By)-rec.Cursor)
	}
	end, cut, err := f.wholeEnd(rec.Cursor, o)
	if err != nil || end == rec.Cursor {
		return nil, err
	}
	r := &Reader{
		file: f, num: f.num, at: rec.Cursor, end: end, cut: cut, resumed: rec.Cut, long: end-rec.Cursor > o.Budget,
		opts: o, rec: rec, midline: rec.Cut, from: rec.Cursor,
		zeros: !f.rule.Opaque && !rec.Cut && rec.Gone.Len() == rec.Cursor,
	}
	if end == f.size {
		r.endAt = o.Now.Unix()
	}
	return r, nil
}

// end finds where the range ends: behind the last newline within the budget,
// or behind the first one past it. cut tells that it ends in mid-line.
func (f *File) end(cursor int64, o TakeOptions) (end int64, cut bool, err error) {
	if f.rule.Opaque {
		return f.size, false, nil
	}
	data := f.written(cursor)
	f.scanned = max(f.scanned, data)
	if o.Half { // the last look at these bytes
		f.scanned = data
	}
	soft := min(f.size, cursor+o.Budget)
	if end, err = f.lastNewline(f.scanned, soft); err != nil || end > 0 {
		return end, false, err
	}
	if end, err = f.firstNewline(max(f.scanned, soft), f.size); err != nil || end > 0 {
		return end, false, err
	}
	f.scanned = f.size
	if o.Half {
		return f.size, true, nil
	}
	return cursor, false, nil
}

const scanChunk = 64 << 10

// lastNewline returns the offset behind the last newline of [from, to), or 0.
func (f *File) lastNewline(from, to int64) (int64, error) {
	buf := make([]byte, min(scanChunk, max(0, to-from)))
	for to > from {
		p := buf[:min(int64(len(buf)), to-from)]
		start := to - int64(len(p))
		if err := f.readFull(p, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		to = start
	}
	return 0, nil
}

// firstNewline returns the offset behind the first newline of [from, to), or 0.
func (f *File) firstNewline(from, to int64) (int64, error) {
	buf := make([]byte, min(scanChunk, max(0, to-from)))
	for from < to {
		p := buf[:min(int64(len(buf)), to-from)]
		if err := f.readFull(p, from); err != nil {
			return 0, err
		}
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		from = max(from+int64(len(p)), f.hole(p, from, to))
	}
	return 0, nil
}

// readFull reads what the file's size promised.
func (f *File) readFull(p []byte, off int64) error {
	n, err := f.readAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return ErrRewritten
	}
	return fmt.Errorf("file %d: %w", f.num, pathless(err))
}
