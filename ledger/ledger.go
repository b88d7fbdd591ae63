package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	dirName  = "ledger"
	tornName = "ledger.torn"
	lockName = "lock"

	// DefaultSegmentSize is where a segment ends and the next begins, bytes.
	DefaultSegmentSize = 64 << 20
	// reserveBytes is kept allocated past a segment's end, so that a full disk
	// does not silence the ledger at once.
	reserveBytes = 1 << 20
)

// Options of a ledger.
type Options struct {
	// Now is the clock of the events; time.Now where it is nil.
	Now func() time.Time
	// SegmentSize in bytes, the snapshot not counted; DefaultSegmentSize where
	// it is 0.
	SegmentSize int64
	// Daily: the first event of another day (UTC) begins a segment, too.
	Daily bool
}

// Ledger is an open ledger: one process has it, by a lock on STATE/lock.
//
// Events become visible in the state when they are on the disk, not before:
// nobody acts on a seal that a crash could take back.
type Ledger struct {
	dir  string // STATE/ledger
	opts Options
	lock *os.File

	queueMu sync.Mutex
	queue   []*group

	mu       sync.RWMutex // guards all below; held while a group is synced
	state    *State
	file     segmentFile
	segment  int
	size     int64
	head     int64 // bytes of the segment's snapshot
	begun    time.Time
	reserved int64
	cramped  bool // no more could be reserved: the disk is full
	at       link
	broken   error // a failed sync: nothing can be promised any more
	reloads  int   // how often what was folded had to be undone
}

// segmentFile is what appending needs of a segment.
type segmentFile interface {
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
	// Allocate reserves blocks for [off, off+n) without moving the file's end.
	Allocate(off, n int64) error
}

type osSegment struct{ *os.File }

func (f osSegment) Allocate(off, n int64) error { return allocate(f.File, off, n) }

func openSegment(path string) (segmentFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("ledger segment: %w", err)
	}
	return osSegment{f}, nil
}

// group is one caller's events and what became of them.
type group struct {
	events []Event
	done   bool
	err    error
}

// Open opens the ledger of the state directory dir and makes it where there is
// none. It verifies the chain from the last snapshot on, and cuts a torn end.
// [ErrLocked] says that another process has it.
func Open(dir string, opts Options) (*Ledger, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.SegmentSize == 0 {
		opts.SegmentSize = DefaultSegmentSize
	}
	if err := os.MkdirAll(filepath.Join(dir, dirName), 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	l := &Ledger{dir: filepath.Join(dir, dirName), opts: opts, lock: lock}
	if err := l.load(filepath.Join(dir, tornName)); err != nil {
		l.Close()
		return nil, err
	}
	if err := removeTemps(dir); err != nil {
		l.Close()
		return nil, fmt.Errorf("what a crash left half made: %w", err)
	}
	return l, nil
}

func (l *Ledger) load(tornPath string) error {
	list, err := segments(l.dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		l.state = newState()
		l.at = link{end: true, known: true}
		return l.begin(1)
	}
	l.segment = list[len(list)-1]
	path := segmentPath(l.dir, l.segment)
	folded, err := foldSegment(path)
	l.state, l.at, l.head, l.size, l.begun = folded.state, folded.at, folded.head, folded.size, folded.begun
	var bad *CorruptionError
	var cut *Cut
	if errors.As(err, &bad) && bad.Torn {
		moved, err := cutTorn(path, bad.Offset, tornPath)
		if err != nil {
			return err
		}
		cut = &Cut{Segment: l.segment, At: bad.Offset, Bytes: moved}
	} else if err != nil {
		return fmt.Errorf("%w; swab ledger repair begins a new chain", err)
	}
	if l.file, err = openSegment(path); err != nil {
		return err
	}
	// What a killed daemon had written, but not synced, is in the state now.
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync of the ledger: %w", err)
	}
	if cut != nil {
		return l.Append(Event{Cut: cut})
	}
	return nil
}

// folded is what one segment comes to.
type folded struct {
	state *State
	at    link
	head  int64 // bytes of its snapshot
	size  int64 // bytes up to the end of its last good event
	begun time.Time
}

// foldSegment folds one segment from its snapshot on, as far as it is good.
func foldSegment(path string) (folded, error) { return foldUpTo(path, math.MaxInt64) }

// foldUpTo is foldSegment that ends with errBeyond at an event that reaches
// beyond byte end.
func foldUpTo(path string, end int64) (folded, error) {
	var good folded
	var at link
	err := scanSegment(path, &at, func(e *Event, sum string, after int64) error {
		if after > end {
			return errBeyond
		}
		if (e.Snapshot != nil) != (good.state == nil) {
			return errSnapshotPlace
		}
		if e.Snapshot != nil {
			if err := e.Snapshot.State.whole(); err != nil {
				return err
			}
			good.state, good.head, good.begun = e.Snapshot.State, after, e.At
			good.state.LastAt = e.At
		} else if err := good.state.apply(e, sum); err != nil {
			return err
		}
		good.size, good.at = after, at
		return nil
	})
	return good, err
}

// begin starts segment n with a snapshot. It has its name only when it is
// whole and synced; a crash before that leaves a temp file that nobody reads.
func (l *Ledger) begin(n int) error {
	prev := ""
	if l.at.n > 0 {
		prev = hex.EncodeToString(l.at.sum[:])
	}
	e := Event{
		N: l.at.n + 1, Group: l.at.group + b2u(l.at.end), End: true, At: l.now(), Kind: KindSnapshot,
		Snapshot: &Snapshot{Prev: prev, State: l.state},
	}
	line, sum, err := appendLine(nil, l.at.sum, &e)
	if err != nil {
		return err
	}
	path := segmentPath(l.dir, n)
	if err := writeFileSync(path, line); err != nil {
		return fmt.Errorf("ledger segment: %w", err)
	}
	f, err := openSegment(path)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.file.Truncate(l.size) // gives the reserve back; no harm if it fails
		_ = l.file.Close()      // all of it is synced
	}
	l.file, l.segment, l.size, l.reserved = f, n, int64(len(line)), 0
	l.head, l.begun = l.size, e.At
	_ = l.room(0) // at once, since what the old segment had is free now; the next write tells
	l.at = link{sum: sum, n: e.N, group: e.Group, end: true, known: true}
	l.state.LastAt = e.At
	return nil
}

// now is the clock, never behind the last event.
func (l *Ledger) now() time.Time {
	t := l.opts.Now().UTC().Truncate(time.Millisecond)
	if t.Before(l.state.LastAt) {
		return l.state.LastAt
	}
	return t
}

// Broken returns the failed sync that ended this ledger, or nil.
func (l *Ledger) Broken() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.broken
}

// Segment is the number of the segment that is being written: those before it
// are closed.
func (l *Ledger) Segment() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.segment
}

// View calls fn with the state, which it must neither change nor keep.
func (l *Ledger) View(fn func(*State)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	fn(l.state)
}

// Close gives the ledger back. It writes nothing.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.file != nil {
		l.file.Truncate(l.size) // gives the reserve back; no harm if it fails
		err = l.file.Close()
	}
	return errors.Join(err, l.lock.Close())
}
