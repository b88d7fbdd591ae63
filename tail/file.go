package tail

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"swab/ledger"
)

// File is one file that swab has open, in its present generation. Its mutex
// is held for a piece of work at a time: a look, a chunk, an erased piece.
type File struct {
	set  *Set
	rule *Rule // shared: see [Set.rule]

	mu    sync.Mutex
	num   uint64
	id    ledger.FileID
	place ledger.Place
	home  ledger.Place // where it was first seen; none for one that was away at start
	desc  descriptor
	size  int64 // at the last look
	seen  int64 // when the last look was, Unix seconds
	// modified is when the file was changed last, Unix seconds, at that look.
	modified int64
	// points are the sizes at the looks, since the last start too.
	points ledger.Points
	// scanned: the bytes from the cursor to here hold no newline.
	scanned int64
	// parted is the size at which all that was unread was lines of one message,
	// not whole.
	parted int64
	// waiting is since when there is something unread behind waitingAt (Unix
	// nanoseconds), 0 if there is not.
	waiting   int64
	waitingAt int64
	dated     lineDate
	// quiet is since when the size has not changed, Unix nanoseconds.
	quiet int64
	// away: renamed out of its name, or removed; no writer opens it again. It
	// can be asked without a lock, inside [ledger.Ledger.View].
	away atomic.Bool
	// nameless: no name is left. Asked as away is.
	nameless atomic.Bool
	// goneAt is the pass that found it nameless, 0 before; forsaken: a later one
	// has looked at what may be copies of it, and none has anything to inherit.
	goneAt   uint64
	forsaken atomic.Bool
	parting  parting
	unnamed  bool // what it was called before this start is not known
	astray   bool // it has a name, but not in the directory where it was
	closed   bool
	shut     bool   // it cannot be opened for writing
	wrong    string // why it could not be looked at
	writeErr error  // why it is shut, or why the last try to overwrite some of it failed

	// ended is the pass in which the generation was found rewritten, 0 before.
	// It gives nothing any more; what was unread of it is looked for.
	ended uint64
	// begins is a sum of the first bytes, as long as the ledger has no mark.
	begins struct {
		len int
		sum uint64
	}
	// past are the tails of the last cursors, latest last: a copy may be shorter
	// than what was read since.
	past []ledger.Mark
	// stranger is what is known of it as long as it has no number, or its
	// generation has ended; copyOf and copied are what became of that.
	stranger *stranger
	archive  *archive // nil for what is none
	copyOf   uint64
	copied   int64
}

// Num is the file's number in the ledger. A new generation has a new one.
func (f *File) Num() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.num
}

// Class is fixed when the file is first seen.
func (f *File) Class() string { return f.rule.Class }

// EraseMode is when the file's shipped ranges go; empty for a file that no
// --log names any more.
func (f *File) EraseMode() string { return f.rule.Erase }

// Blank tells whether the file's overwritten bytes are blanks. It says nothing
// of a file that no --log names any more.
func (f *File) Blank() bool { return f.rule.Blank }

// SyncData makes what the writers appended durable: no seal may name bytes
// that a power loss could take out of the log again.
func (f *File) SyncData() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	fd, err := f.fd()
	if err != nil {
		return err
	}
	return pathless(fdatasync(fd))
}

// Place is where the file lies, or lay last.
func (f *File) Place() ledger.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// Away tells whether the file was renamed away or removed, so that it is
// finished once it is read.
func (f *File) Away() bool { return f.away.Load() }

// Forsaken tells whether the file is nameless, and no copy of it needs it any
// more.
func (f *File) Forsaken() bool { return f.nameless.Load() && f.forsaken.Load() }

// Nameless tells whether someone removed the file's last name while swab has it
// open.
func (f *File) Nameless() bool { return f.nameless.Load() }

// WriteErr is why the file can be read but not erased, or nil.
func (f *File) WriteErr() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writeErr
}

// Erasable notes how the last try to erase some of the file ended.
func (f *File) Erasable(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writeErr = err
}

// Stat is what fstat(2) says of the file.
func (f *File) Stat() (os.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, _, err := f.glance()
	return info, err
}

// record returns a copy of what the ledger knows of the file. f.mu is held.
func (f *File) record() (rec ledger.File, ok bool) {
	f.set.ledger.View(func(s *ledger.State) {
		if p := s.Files[f.num]; p != nil {
			rec, ok = *p.Clone(), true
		}
	})
	return rec, ok
}

// look notes the file's size and tells whether it still is the generation
// whose cursor the ledger has. f.mu is held.
func (f *File) look(now time.Time) (same bool, rec ledger.File, err error) {
	info, unchanged, err := f.glance()
	if err != nil {
		return false, rec, fmt.Errorf("file %d: %w", f.num, pathless(err))
	}
	rec, ok := f.record()
	if !ok {
		return false, rec, fmt.Errorf("file %d is not in the ledger", f.num)
	}
	if f.ended != 0 {
		return false, rec, nil
	}
	f.remember(rec.Tail)
	size := f.length(info)
	if size != f.size {
		f.quiet = now.UnixNano()
		f.use()
	}
	if size < f.size {
		f.scanned, f.parted = 0, 0
	}
	f.size, f.seen, f.modified = size, now.Unix(), info.ModTime().Unix()
	if nlink(info) == 0 {
		f.nameless.Store(true)
		f.away.Store(true)
	}
	if size < rec.Cursor {
		return false, rec, nil
	}
	if !unchanged {
		f.desc.was = 0
		same, err = f.intact(&rec)
		if !same || err != nil {
			return same, rec, err
		}
		f.desc.settle(info)
	}
	f.rate(&rec)
	// What the ledger has heard of, it has points of its own for.
	f.points.Add(ledger.Point{At: now.Unix(), Size: size}, max(rec.Cursor, rec.Size))
	if len(f.points) > maxLooks {
		f.points = thin(f.points)
	}
	if size == rec.Cursor {
		f.waiting = 0
	} else if f.waiting == 0 || f.waitingAt != rec.Cursor {
		f.waiting, f.waitingAt = now.UnixNano(), rec.Cursor
	}
	return true, rec, nil
}

// maxPast bounds the tails that a file has in memory.
const maxPast = 4

// remember keeps the tail of a cursor for when it has moved on.
func (f *File) remember(tail []ledger.Mark) {
	for _, m := range tail {
		if !slices.Contains(f.past, m) {
			f.past = append(f.past, m)
		}
	}
	if extra := len(f.past) - maxPast; extra > 0 {
		f.past = slices.Delete(f.past, 0, extra)
	}
}

// maxLooks is how many points a file has in memory, for the minute until the
// ledger hears of them.
const maxLooks = 8

// thin drops every other point, but not the last: bytes count as older then,
// never as younger.
func thin(p ledger.Points) ledger.Points {
	kept := make(ledger.Points, 0, maxLooks+1)
	for i, point := range p {
		if i == len(p)-1 || i%2 == 0 && len(kept) < maxLooks-1 {
			kept = append(kept, point)
		}
	}
	return kept
}

// mark notes how the file begins, as long as nothing is read and the ledger
// does not know: content that nobody has read may be truncated away, too.
func (f *File) mark(rec ledger.File) {
	if rec.Cursor > 0 || rec.Head != nil || f.begins.len == ledger.TailBytes || int64(f.begins.len) == f.size {
		return
	}
	p := make([]byte, min(f.size, ledger.TailBytes))
	if f.readFull(p, 0) == nil {
		f.begins.len, f.begins.sum = len(p), maphash.Bytes(f.set.seed, p)
	}
}

// beginsAsBefore compares with what mark noted.
func (f *File) beginsAsBefore(rec *ledger.File) bool {
	if rec.Cursor > 0 || rec.Head != nil || f.begins.len == 0 {
		return true
	}
	p := make([]byte, f.begins.len)
	return f.readFull(p, 0) == nil && maphash.Bytes(f.set.seed, p) == f.begins.sum
}

// intact compares the marks of the generation, its head and the last bytes
// before the cursor, with what the file holds now: raw as it was marked, or
// overwritten by us.
func (f *File) intact(rec *ledger.File) (bool, error) {
	if f.archive != nil {
		return f.packedIntact(rec)
	}
	if !f.beginsAsBefore(rec) {
		return false, nil
	}
	marks := rec.Tail
	// A head that reaches past the cursor holds half a line, which may be cut
	// off and written anew.
	if h := rec.Head; h != nil && (rec.Cursor == 0 || h.Off+int64(h.Len) <= rec.Cursor) {
		marks = append(slices.Clone(marks), *rec.Head)
	}
	for _, m := range marks {
		buf := make([]byte, m.Len)
		n, err := f.readAt(buf, m.Off)
		if err != nil && err != io.EOF {
			return false, fmt.Errorf("file %d: %w", f.num, pathless(err))
		}
		if n < m.Len {
			return false, nil
		}
		ok, err := f.set.markHolds(rec, m, buf)
		if !ok || err != nil {
			return ok, err
		}
	}
	return true, nil
}

// markHolds decides for one mark. Bytes that we have overwritten must be what
// we wrote; bytes that an open intent names may be either, or in part so: a
// head spans several ranges, and they go one after the other. A mark of which
// only a part is overwritten says nothing about the rest.
func (s *Set) markHolds(rec *ledger.File, m ledger.Mark, p []byte) (bool, error) {
	at := ledger.Extent{From: m.Off, To: m.Off + int64(m.Len)}
	erased, intended := rec.Gone.Covered(at), rec.Intent.Covered(at)
	for i := 0; i < len(p); {
		n := 0
		for i+n < len(p) && rec.Gone.Covered(ledger.Extent{From: m.Off + int64(i+n), To: m.Off + int64(i+n) + 1}) == 1 {
			n++
		}
		if !ledger.Filled(m.Off+int64(i), p[i:i+n]) {
			return false, nil
		}
		i += n + 1
	}
	if erased > 0 {
		return true, nil
	}
	if intended > 0 && ledger.Filled(m.Off, p) {
		return true, nil
	}
	ok, err := s.keys.MarkMatches(m, p)
	if errors.Is(err, ledger.ErrNoKey) {
		return true, nil // nothing left to compare with
	}
	if !ok && intended > 0 && (intended < int64(m.Len) || ledger.Begun(p)) {
		return true, nil // half of it may be overwritten
	}
	return ok, err
}

// blank is a byte of either fill, ofFrame one of [ledger.Frame].
func blank(c byte) bool { return c == 0 || c == ' ' || c == '\n' || c == '\r' }

func ofFrame(c byte) bool { return strings.IndexByte(ledger.Frame, c) >= 0 }

// Idle tells whether nobody has the file open for writing; ok is false where
// that cannot be known.
func (f *File) Idle() (is, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false, false
	}
	return f.idle()
}

// idle is Idle for who holds f.mu.
func (f *File) idle() (is, ok bool) {
	fd, err := f.fd()
	if err != nil {
		return false, false
	}
	return idle(fd)
}

// rawAt reads what lies on the disk at an offset, as [os.File.ReadAt]. f.mu is
// held.
func (f *File) rawAt(p []byte, off int64) (int, error) {
	fd, err := f.fd()
	if err != nil {
		return 0, err
	}
	return fd.ReadAt(p, off)
}
