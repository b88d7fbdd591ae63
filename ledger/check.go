package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Report is what [Check] found.
type Report struct {
	Segments int
	Events   uint64
	Live     bool // a daemon had the ledger while it was read
	State    *State
	Problems []string
	// Notes are what is no fault, but must be known: that a repair began a new
	// chain, and what it left out.
	Notes []string

	ends map[int]end // of the segments
}

// end is where a segment ends.
type end struct {
	n   uint64
	sum string
}

// Live tells whether a daemon has the ledger of the state directory dir.
func Live(dir string) bool { return isLocked(filepath.Join(dir, lockName)) }

// Check reads the whole ledger of the state directory dir, changes nothing,
// verifies the chain, folds it again from its first segment, compares every
// snapshot with that fold, and balances both accounts of every class. What is
// wrong with the ledger stands in the report; the error is for a directory
// that cannot be read.
func Check(dir string) (*Report, error) {
	r := &Report{ends: map[int]end{}}
	r.Live = Live(dir)
	err := walk(dir, r.event, r.gap)
	var bad *CorruptionError
	if errors.As(err, &bad) {
		if !(r.Live && bad.Torn) { // a daemon may be in the middle of a write
			r.Problems = append(r.Problems, bad.Error())
		}
	} else if err != nil {
		return nil, err
	}
	if r.State != nil {
		r.Problems = append(r.Problems, r.State.Imbalances()...)
	}
	return r, nil
}

func (r *Report) event(segment int, e *Event, sum string) error {
	r.Events++
	r.Segments = max(r.Segments, segment)
	if a := e.Anchor; a != nil {
		if have, known := r.ends[a.Segment]; a.Segment >= segment || known && have != (end{a.Last, a.Sum}) {
			return fmt.Errorf("anchor of segment %d, which ends with another event", a.Segment)
		}
	}
	r.ends[segment] = end{e.N, sum}
	if e.Snapshot != nil {
		return r.snapshot(e)
	}
	return r.State.apply(e, sum)
}

// gap notes that segments are not there: the fold begins anew after them.
func (r *Report) gap(g gap) error {
	r.State = nil
	which := fmt.Sprintf("segment %d is missing", g.from)
	if g.to > g.from {
		which = fmt.Sprintf("segments %d to %d are missing", g.from, g.to)
	}
	if g.repaired {
		r.Notes = append(r.Notes, which+": left out by a repair")
	} else {
		r.Problems = append(r.Problems, which)
	}
	return nil
}

// snapshot compares e with the fold, or begins the fold with it.
func (r *Report) snapshot(e *Event) error {
	if err := e.Snapshot.State.whole(); err != nil {
		return err
	}
	if e.Snapshot.Repair != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("a new chain begins at event %d (repair): %s", e.N, e.Snapshot.Repair.Why))
	}
	if r.State != nil {
		have, err := json.Marshal(r.State)
		if err != nil {
			return err
		}
		want, err := json.Marshal(e.Snapshot.State)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, want) {
			return errors.New("snapshot is not the fold of the events before it")
		}
	}
	r.State = e.Snapshot.State
	r.State.LastAt = e.At
	return nil
}

// Peek folds the last segment of the ledger of the state directory dir, as far
// as it is good, and changes nothing. A daemon may be writing it.
func Peek(dir string) (*State, error) {
	dir = filepath.Join(dir, dirName)
	list, err := segments(dir)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no ledger in %s", dir)
	}
	one, err := foldSegment(segmentPath(dir, list[len(list)-1]))
	var bad *CorruptionError
	if errors.As(err, &bad) && bad.Torn {
		err = nil
	}
	return one.state, err
}

// Walk calls fn for every event of the ledger of the state directory dir, in
// order, and verifies the chain on its way. sum is the chain's sum in hex. An
// error of fn ends the walk and is returned as it is; a [CorruptionError] says
// where the ledger is not what was written.
func Walk(dir string, fn func(e *Event, sum string) error) error {
	var stop error
	err := walk(dir, func(_ int, e *Event, sum string) error {
		stop = fn(e, sum)
		return stop
	}, func(g gap) error {
		if g.repaired || g.from == 1 {
			return nil
		}
		return fmt.Errorf("segment %d is missing", g.from)
	})
	if stop != nil {
		return stop
	}
	return err
}

// gap is a run of segments that are not there; repaired: a repair left them
// out, and a later segment says so.
type gap struct {
	from, to int
	repaired bool
}

func walk(dir string, fn func(segment int, e *Event, sum string) error, hole func(gap) error) error {
	dir = filepath.Join(dir, dirName)
	list, err := segments(dir)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("no ledger in %s", dir)
	}
	var at link
	next := 1
	for i, n := range list {
		path := segmentPath(dir, n)
		if n != next {
			g := gap{from: next, to: n - 1}
			g.repaired = leftOut(dir, list[i:]).covers(g)
			if err := hole(g); err != nil {
				return &CorruptionError{Path: path, Err: err}
			}
			at = link{} // its snapshot quotes a sum that nobody can compare
		}
		next = n + 1
		begun := false
		err := scanSegment(path, &at, func(e *Event, sum string, _ int64) error {
			if (e.Snapshot != nil) == begun {
				return errSnapshotPlace
			}
			begun = true
			return fn(n, e, sum)
		})
		var bad *CorruptionError
		if errors.As(err, &bad) && i+1 < len(list) {
			bad.Torn = false // only the last segment's end can be a crash's work
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Imbalances balances both accounts of every class and compares them with a
// recount over the files and batches. It returns what does not agree.
func (s *State) Imbalances() []string {
	type recount struct{ unread, sealed, present int64 }
	counts := map[string]*recount{}
	of := func(class string) *recount {
		if counts[class] == nil {
			counts[class] = &recount{}
		}
		return counts[class]
	}
	for _, f := range s.Files {
		c := of(f.Class)
		c.unread += f.Unread()
		c.present += f.raw()
	}
	for id, b := range s.Batches {
		for _, r := range b.Ranges {
			if !b.Shipped && IsObject(id.Class) {
				of(r.Class).sealed += r.Len()
			}
		}
	}
	var out []string
	wrong := func(class, what string, have, want int64) {
		if have != want {
			out = append(out, fmt.Sprintf("class %s: %s is %d bytes, want %d", class, what, have, want))
		}
	}
	for name, c := range s.Classes {
		a, n := c.Account, of(name)
		wrong(name, "unread + sealed + shipped + expired + lost + copied", a.Content(), a.Written)
		wrong(name, "present + erased + removed + streamed", a.Raw(), a.Written)
		wrong(name, "unread, counted by file,", n.unread, a.Unread)
		wrong(name, "sealed, counted by batch,", n.sealed, a.SealedBytes)
		wrong(name, "present, counted by file,", n.present, a.Present)
	}
	slices.Sort(out)
	return out
}
