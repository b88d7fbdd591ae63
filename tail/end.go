package tail

import (
	"cmp"
	"slices"
	"time"

	"swab/ledger"
)

// ending is what the ledger is told of a generation that ends.
type ending struct {
	events []ledger.Event
	lost   int64 // bytes that nobody has, at least
}

// endOf ends a generation: what is unread of it, up to size or to the size that
// the ledger knows, is read from its copy, and lost where there is none. It is
// not ready as long as a file may become its copy, or a copy has not inherited
// what was read yet.
func (s *Set) endOf(num uint64, rec ledger.File, size int64, why string) (end ending, ready bool) {
	if s.awaited(num) || s.packing(num) {
		return end, false
	}
	copies, ready := s.copiesOf(num)
	if !ready {
		return end, false
	}
	at, to := rec.Cursor, max(size, rec.Size)
	copied := func(file uint64, upTo int64, in uint64) {
		if upTo > at {
			end.events = append(end.events, ledger.Event{Copied: &ledger.Copied{File: file, From: at, To: upTo, In: in}})
			at = upTo
		}
	}
	if of := rec.Follows(); of != 0 { // its original still has all of it
		copied(num, rec.Origin.Size, of)
	}
	if len(copies) > 0 && copies[0].size > at {
		// The copy may be longer than what was ever seen of the original.
		end.events = append(end.events, s.otherCopies(num, at, copies)...)
		copied(num, copies[0].size, copies[0].num)
	}
	if to > at {
		end.lost = to - at
		end.events = append(end.events, ledger.Event{Lost: &ledger.Lost{File: num, From: at, To: to, Why: why}})
	}
	end.events = append(end.events, ledger.Event{Close: &ledger.FileClose{File: num, Why: why}})
	return end, true
}

// endAll ends what is to end. What a file holds now may be a copy of another
// one that ends, too (cp a.log a.log.1): that is known before any of them does.
func (s *Set) endAll(now time.Time) (some bool, err error) {
	var ended []*File
	for _, f := range s.openFiles() {
		f.mu.Lock()
		if err := s.endGone(f, now); err != nil {
			f.mu.Unlock()
			return some, err
		}
		if f.ended != 0 && !f.closed {
			wait, err := false, error(nil)
			if f.archive == nil {
				wait, err = s.judge(f, f.num, now)
			}
			if err != nil {
				f.trouble(err)
			}
			if !wait && err == nil && f.ended < s.passes {
				ended = append(ended, f)
			}
		}
		f.mu.Unlock()
	}
	// Copies begin before their originals end.
	slices.SortStableFunc(ended, func(a, b *File) int { return cmp.Compare(b.copyOf, a.copyOf) })
	for _, f := range ended {
		f.mu.Lock()
		is, err := s.endRewritten(f, now)
		f.mu.Unlock()
		if err != nil {
			return some, err
		}
		some = some || is
	}
	return some, nil
}

// endGone ends a file without a name, once what it held may be closed, and lets go of one that is waited for to
// be unlinked: a list of the directory that began since has no archive of it.
// s.changing and f.mu are held.
func (s *Set) endGone(f *File, now time.Time) error {
	if f.closed || f.ended != 0 {
		return nil
	}
	if f.parting.since(s.passes) && !s.packing(f.num) {
		f.parting.free = true
	}
	if f.goneAt == 0 || f.goneAt >= s.passes {
		return nil
	}
	if copies, _ := s.copiesOf(f.num); len(copies) == 0 && !s.awaited(f.num) && !s.packing(f.num) {
		f.forsaken.Store(true)
	}
	rec, ok := f.record()
	if !ok || rec.Cursor != f.size && !s.holdsAll(rec.Follows(), now) || !s.wiped(f, &rec, now) {
		return nil
	}
	if is, ok := f.idle(); is || !ok && now.Sub(time.Unix(0, f.quiet)) > quietEnough {
		return s.end(f, rec, "gone")
	}
	return nil
}

// holdsAll tells whether an original is there, unchanged: then its copy may go.
func (s *Set) holdsAll(num uint64, now time.Time) bool {
	f := s.files[num]
	if f == nil {
		return false
	}
	same, err := f.Unchanged(num, now)
	return same && err == nil
}

// awaited tells whether a file may become a copy of a generation, or is one
// and does not follow it yet.
func (s *Set) awaited(num uint64) bool {
	for _, f := range s.making {
		if f.stranger.of == num {
			return true
		}
	}
	for _, f := range s.files {
		if f.ended != 0 && f.stranger != nil && f.stranger.of == num {
			return true
		}
	}
	return false
}

// heir is a copy of a generation that ends.
type heir struct {
	num  uint64
	size int64 // what was copied, bytes
}

// copiesOf lists the copies of a generation, the longest first; ready: they
// have inherited what was read of it.
func (s *Set) copiesOf(num uint64) (list []heir, ready bool) {
	ready = true
	s.ledger.View(func(st *ledger.State) {
		for _, c := range st.CopiesOf(num) {
			if _, more := st.Inherits(c); more {
				ready = false
			}
			list = append(list, heir{c, st.Files[c].Origin.Size})
		}
	})
	return list, ready
}

// otherCopies lets go of the copies that cannot follow the longest one, which
// gives what is unread from at on: those that hold something else there.
func (s *Set) otherCopies(num uint64, at int64, copies []heir) []ledger.Event {
	var events []ledger.Event
	first := s.files[copies[0].num]
	for _, c := range copies[1:] {
		f := s.files[c.num]
		if c.size <= at || first == nil || f == nil || f.sameAs(first, at, c.size) {
			continue
		}
		events = append(events, ledger.Event{Copied: &ledger.Copied{File: c.num, From: at, To: at, In: num, Own: true}})
	}
	return events
}
