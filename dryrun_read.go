package swab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"swab/ledger"
	"swab/tail"
)

// unread streams what no event accounts for and puts it on the scale, range
// by range.
func (c *caster) unread(ctx context.Context, f io.ReaderAt, t *target, info fs.FileInfo, s *scale) error {
	size := s.out.Size
	rec := c.record(t, size)
	s.out.Unread = size - rec.Cursor
	if rec.Follows() != 0 {
		s.out.Unread = 0 // its original gives what it holds
	}
	if s.out.Unread == 0 {
		return nil
	}
	if !s.lane {
		s.idle = "no --log names its class any more; it is sealed when it comes near its limit"
		return nil
	}
	if t.Rule.Opaque {
		r := ledger.Range{From: rec.Cursor, To: size, Oldest: info.ModTime().Unix()}
		if c.written(t.id) {
			s.note(r.Oldest, "modified")
			s.idle = "whole files are taken when they are closed, and this one is being written"
			return nil
		}
		s.unread(r, "modified")
		return nil
	}
	if rec.Packed != nil && c.written(t.id) {
		s.idle = "an archive is taken when it is closed, and this one is being written"
		return nil
	}
	u := &unreadFile{f: f, rule: t.Rule, rec: rec, size: size, now: c.now, at: rec.Cursor, line: rec.Cursor, zeros: rec.Cursor == 0}
	// The daemon looks at sizes alone before it lets unread bytes expire.
	bound := rec.Oldest(rec.Cursor)
	if rec.Packed != nil {
		bound = rec.Packed.Oldest
	}
	s.expires = s.expires && !c.now.Before(dueAt(bound, s.policy))
	for u.at < u.size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := u.next(c.buf, s.unread); err != nil {
			return err
		}
	}
	if bound = rec.Oldest(u.line); u.half() > 0 {
		over := bound > 0 && !c.now.Before(dueAt(bound, s.policy))
		if over || t.away && !c.written(t.id) {
			u.takeHalf()
		} else {
			s.halfLine(u.half())
			_, known := u.bound(u.line)
			s.note(bound, known)
		}
	}
	u.end(s.unread)
	return nil
}

// unreadFile is a file on its way through the forecast.
type unreadFile struct {
	rule     tail.Rule
	f        io.ReaderAt
	rec      ledger.File
	at, size int64
	line     int64 // behind the last newline
	now      time.Time
	zeros    bool // nothing but zeros so far, at the generation's begin
	midline  bool // the next chunk begins in mid-line

	open  ledger.Range // empty: none
	known string       // how open.Oldest is known
}

var errShrank = errors.New("it was truncated while it was read")

// next reads a chunk, counts its lines and adds it to the open range, or
// begins one where the age moves on. emit gets what is complete.
func (u *unreadFile) next(buf []byte, emit func(ledger.Range, string)) error {
	p := buf[:min(int64(len(buf)), u.size-u.at)]
	if u.at < u.rec.First.Size && len(p) > tail.BacklogChunk {
		p = p[:tail.BacklogChunk]
	}
	if n, err := u.f.ReadAt(p, u.at); n < len(p) {
		if err == io.EOF {
			return errShrank
		}
		return fmt.Errorf("reading: %w", plainError(err))
	}
	end := bytes.LastIndexByte(p, '\n') + 1
	if end > 0 {
		u.line = u.at + int64(end)
		if u.at+int64(len(p)) < u.size {
			p = p[:end]
		}
	}
	text := p
	if u.zeros {
		text = bytes.TrimLeft(p, "\x00")
		u.zeros = len(text) == 0
	}
	oldest, known := u.age(text)
	if u.open.Len() > 0 && !u.midline && u.rec.Packed == nil && u.rule.Splits(oldest, u.open.Oldest, u.now) {
		u.end(emit)
	}
	if u.open.Len() == 0 {
		u.open, u.known = ledger.Range{From: u.at, To: u.at, Oldest: oldest}, known
	} else if oldest < u.open.Oldest {
		u.open.Oldest, u.known = oldest, known
	}
	u.open.To += int64(len(p))
	u.open.Lines += int64(bytes.Count(text, []byte{'\n'}))
	u.at += int64(len(p))
	u.midline = p[len(p)-1] != '\n'
	return nil
}

// age bounds when the chunk at u.at was written, as tail.Reader does: a line's
// own time may make it older, never younger.
func (u *unreadFile) age(text []byte) (oldest int64, known string) {
	oldest, known = u.bound(u.at)
	if u.midline {
		return oldest, known
	}
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	if t, ok := tail.LineTime(line, u.now, u.now.Location()); ok && (oldest == 0 || t.Unix() < oldest) {
		return max(t.Unix(), 1), "line time"
	}
	return oldest, known
}

// bound is what sizes and birth say of the byte at off.
func (u *unreadFile) bound(off int64) (oldest int64, known string) {
	if p := u.rec.Packed; p != nil { // all of it goes at once
		if p.Oldest == 0 {
			return 0, "unknown"
		}
		return min(p.Oldest, u.now.Unix()), "line time"
	}
	switch oldest = u.rec.Oldest(off); {
	case oldest == 0:
		return 0, "unknown"
	case off < u.rec.First.Size:
		return min(oldest, u.now.Unix()), "birth time"
	}
	return min(oldest, u.now.Unix()), "seen"
}

// half is how long the unfinished line at the end is.
func (u *unreadFile) half() int64 { return u.size - u.line }

// takeHalf counts the unfinished line as one: nobody will finish it.
func (u *unreadFile) takeHalf() {
	u.line = u.size
	u.open.Lines++
}

// end emits the open range, as far as it is whole lines once all is read.
func (u *unreadFile) end(emit func(ledger.Range, string)) {
	if u.at == u.size {
		u.open.To = min(u.open.To, u.line)
	}
	if u.open.Len() > 0 {
		emit(u.open, u.known)
	}
	u.open = ledger.Range{}
}
