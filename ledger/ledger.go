package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
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
	file     *os.File
	segment  int
	size     int64
	head     int64 // bytes of the segment's snapshot
	reserved int64
	cramped  bool // no more could be reserved: the disk is full
	at       link
	broken   error // a failed sync: nothing can be promised any more
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
	l.state, l.at, l.head, l.size = folded.state, folded.at, folded.head, folded.size
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
	if l.file, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return fmt.Errorf("ledger segment: %w", err)
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
}

// foldSegment folds one segment from its snapshot on, as far as it is good.
func foldSegment(path string) (folded, error) {
	var good folded
	var at link
	err := scanSegment(path, &at, func(e *Event, sum string, after int64) error {
		if (e.Snapshot != nil) != (good.state == nil) {
			return errSnapshotPlace
		}
		if e.Snapshot != nil {
			if err := e.Snapshot.State.whole(); err != nil {
				return err
			}
			good.state, good.head = e.Snapshot.State, after
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
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("ledger segment: %w", err)
	}
	if l.file != nil {
		l.file.Truncate(l.size) // gives the reserve back; no harm if it fails
		l.file.Close()
	}
	l.file, l.segment, l.size, l.reserved = f, n, int64(len(line)), 0
	l.head = l.size
	_ = l.reserve(0) // at once, since what the old segment had is free now; the next write tells
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

// Append writes the events as one group and returns when they are on the disk
// and in the state. On an error none of them is. Callers at the same time
// share one fsync. The time, number and kind of the events are set here.
func (l *Ledger) Append(events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	g := &group{events: events}
	l.queueMu.Lock()
	l.queue = append(l.queue, g)
	l.queueMu.Unlock()

	l.mu.Lock()
	defer l.mu.Unlock()
	if g.done { // whoever had the lock before took it along
		return g.err
	}
	l.queueMu.Lock()
	groups := l.queue
	l.queue = nil
	l.queueMu.Unlock()
	l.commit(groups)
	return g.err
}

// commit writes the groups that the state accepts with one write and one sync.
func (l *Ledger) commit(groups []*group) {
	defer func() {
		for _, g := range groups {
			g.done = true
		}
	}()
	accepted := groups
	for l.broken == nil {
		lines, at, refused, err := l.encode(accepted)
		if err == nil {
			err = l.write(lines)
		}
		if err == nil {
			l.at = at
			break
		}
		// Rare: what was folded already is undone by folding the segment again.
		if rerr := l.reload(); rerr != nil {
			l.broken = rerr
			break
		}
		if refused == nil { // the write failed: nobody's events are there
			for _, g := range accepted {
				g.err = err
			}
			return
		}
		refused.err = err
		accepted = slices.DeleteFunc(slices.Clone(accepted), func(g *group) bool { return g == refused })
		if len(accepted) == 0 {
			return
		}
	}
	if l.broken != nil {
		for _, g := range accepted {
			g.err = l.broken
		}
		return
	}
	if l.size-l.head < l.opts.SegmentSize {
		return
	}
	// The events are safe; a segment that cannot begin now is tried again with
	// the next group, unless it has its name: then the next start would take it
	// for the last one, and what came after its snapshot for nothing.
	if err := l.begin(l.segment + 1); err != nil {
		if _, serr := os.Lstat(segmentPath(l.dir, l.segment+1)); !errors.Is(serr, fs.ErrNotExist) {
			l.broken = err
		}
	}
}

// reload folds what is on the disk.
func (l *Ledger) reload() error {
	good, err := foldSegment(segmentPath(l.dir, l.segment))
	if err != nil {
		return err
	}
	l.state, l.at = good.state, good.at
	return nil
}

// encode numbers the events of the groups, folds them into the state and
// returns their lines, or the group that the state refuses.
func (l *Ledger) encode(groups []*group) (lines []byte, at link, refused *group, err error) {
	at = l.at
	// A crash may have left a group without its end: what follows belongs to
	// it, and is synced with it.
	number := at.group + b2u(at.end)
	now := l.now()
	for i, g := range groups {
		for j, e := range g.events {
			kind, err := e.content()
			if err != nil {
				return nil, at, g, err
			}
			e.N, e.Group, e.At, e.Kind = at.n+1, number, now, kind
			e.End = i == len(groups)-1 && j == len(g.events)-1
			lines, at.sum, err = appendLine(lines, at.sum, &e)
			if err != nil {
				return nil, at, g, err
			}
			if err := l.state.apply(&e, hex.EncodeToString(at.sum[:])); err != nil {
				return nil, at, g, fmt.Errorf("event %d: %w", e.N, err)
			}
			at.n = e.N
		}
	}
	at.group, at.end = number, true
	return lines, at, nil, nil
}

// write appends to the segment and syncs. A write that fails is taken back; a
// sync that fails is final, since the kernel may have dropped the pages.
func (l *Ledger) write(p []byte) error {
	if err := l.reserve(int64(len(p))); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if _, err := l.file.WriteAt(p, l.size); err != nil {
		if terr := l.file.Truncate(l.size); terr != nil {
			l.broken = fmt.Errorf("ledger: %w", errors.Join(err, terr))
			return l.broken
		}
		l.reserved = 0 // cutting the write back gave the reserve back, too
		return fmt.Errorf("ledger: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		l.broken = fmt.Errorf("sync of the ledger: %w", err)
		return l.broken
	}
	l.size += int64(len(p))
	return nil
}

// reserve keeps blocks allocated past the end, and sees to it that n bytes can
// be written there. A full disk is told before anything is written: taking half
// a write back would give the reserve away. That a file system cannot allocate
// is no error: the write will tell.
func (l *Ledger) reserve(n int64) error {
	if l.size+n+reserveBytes/2 <= l.reserved {
		l.cramped = false
		return nil
	}
	err := allocate(l.file, l.size, n+reserveBytes)
	if err == nil {
		l.reserved, l.cramped = l.size+n+reserveBytes, false
		return nil
	}
	if l.cramped = errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT); !l.cramped || l.size+n <= l.reserved {
		return nil
	}
	return err
}

// Cramped tells whether the disk is full and the ledger lives on its reserve:
// events that can wait should.
func (l *Ledger) Cramped() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.cramped
}

// Broken returns the failed sync that ended this ledger, or nil.
func (l *Ledger) Broken() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.broken
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
