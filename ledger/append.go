package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

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
	if l.opts.Daily && l.broken == nil && l.size > l.head && !sameDay(l.begun, l.now()) && !l.cramped {
		l.next()
	}
	accepted := groups
	for l.broken == nil {
		lines, at, events, refused, err := l.encode(accepted)
		if err == nil {
			err = l.room(int64(len(lines)))
		}
		folded := 0
		if err == nil {
			folded, refused, err = l.fold(events)
		}
		if err == nil {
			err = l.write(lines)
		}
		if err == nil {
			l.at = at
			break
		}
		// What was folded already is undone by folding the segment again, up to
		// 64 MiB. That is rare: a full disk is met before, and most of what is
		// refused is refused at its first event.
		if folded > 0 {
			if rerr := l.reload(); rerr != nil {
				l.broken = rerr
				break
			}
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
	if l.size-l.head >= l.opts.SegmentSize {
		l.next()
	}
}

func sameDay(a, b time.Time) bool {
	const day = 24 * time.Hour // of UTC, where all are as long
	return a.UTC().Truncate(day).Equal(b.UTC().Truncate(day))
}

// next begins the next segment. The events are safe; one that cannot begin now
// is tried again with the next group, unless it has its name: then the next
// start would take it for the last one, and what came after its snapshot for
// nothing.
func (l *Ledger) next() {
	if err := l.begin(l.segment + 1); err != nil {
		if _, serr := os.Lstat(segmentPath(l.dir, l.segment+1)); !errors.Is(serr, fs.ErrNotExist) {
			l.broken = err
		}
	}
}

// errBeyond ends a fold.
var errBeyond = errors.New("beyond what was synced")

// reload folds what was synced. What a failed sync left behind it may be read,
// but nobody may act on it: Close, or the next start, takes it away.
func (l *Ledger) reload() error {
	l.reloads++
	good, err := foldUpTo(segmentPath(l.dir, l.segment), l.size)
	if err != nil && !errors.Is(err, errBeyond) {
		return err
	}
	l.state, l.at = good.state, good.at
	return nil
}

// numbered is an event that has its place in the chain.
type numbered struct {
	Event
	sum   string // of its line, in hex
	group *group
}

// encode numbers the events of the groups and returns them with their lines, or
// the group with an event that cannot be written. It changes nothing.
func (l *Ledger) encode(groups []*group) (lines []byte, at link, events []numbered, refused *group, err error) {
	at = l.at
	// A crash may have left a group without its end: what follows belongs to
	// it, and is synced with it.
	number := at.group + b2u(at.end)
	now := l.now()
	for i, g := range groups {
		for j, e := range g.events {
			kind, err := e.content()
			if err != nil {
				return nil, at, nil, g, err
			}
			e.N, e.Group, e.At, e.Kind = at.n+1, number, now, kind
			e.End = i == len(groups)-1 && j == len(g.events)-1
			lines, at.sum, err = appendLine(lines, at.sum, &e)
			if err != nil {
				return nil, at, nil, g, err
			}
			events = append(events, numbered{e, hex.EncodeToString(at.sum[:]), g})
			at.n = e.N
		}
	}
	at.group, at.end = number, true
	return lines, at, events, nil, nil
}

// fold folds events into the state, or returns the group that it refuses and
// how many events of all groups are folded then.
func (l *Ledger) fold(events []numbered) (folded int, refused *group, err error) {
	for i := range events {
		e := &events[i]
		if err := l.state.apply(&e.Event, e.sum); err != nil {
			return i, e.group, fmt.Errorf("event %d: %w", e.N, err)
		}
	}
	return len(events), nil, nil
}

// write appends to the segment and syncs. A write that fails is taken back; a
// sync that fails is final, since the kernel may have dropped the pages.
func (l *Ledger) write(p []byte) error {
	if _, err := l.file.WriteAt(p, l.size); err != nil {
		if terr := l.file.Truncate(l.size); terr != nil {
			l.broken = fmt.Errorf("ledger: %w", errors.Join(err, terr))
			return l.broken
		}
		l.reserved = 0 // cutting the write back gave the reserve back, too
		return fmt.Errorf("ledger: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		l.broken = fmt.Errorf("sync of the ledger: %w; what is on the disk is not known any more, the next start looks", err)
		return l.broken
	}
	l.size += int64(len(p))
	return nil
}

// room keeps blocks allocated past the end, and returns an error where the next
// n bytes have none: a full disk is met before anything is folded, and costs
// nothing. Where blocks cannot be allocated at all, the write will tell.
func (l *Ledger) room(n int64) error {
	if l.size+n+reserveBytes/2 <= l.reserved {
		l.cramped = false
		return nil
	}
	err := l.file.Allocate(l.size, n+reserveBytes)
	l.cramped = errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	if err == nil {
		l.reserved = l.size + n + reserveBytes
		return nil
	}
	if l.size+n <= l.reserved {
		return nil
	}
	err = l.file.Allocate(l.size, n)
	switch {
	case err == nil:
		l.reserved = l.size + n
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EINTR):
	default:
		return fmt.Errorf("ledger: %w", os.NewSyscallError("fallocate", err))
	}
	return nil
}

// Cramped tells whether the disk is full and the ledger lives on its reserve:
// events that can wait should.
func (l *Ledger) Cramped() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.cramped
}
