package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Query says whose history a [Trace] collects: files by number, and batches by
// number or by the end of their object's key. A query of a batch collects its
// ranges alone.
type Query struct {
	Files   []uint64
	Batches []BatchID
	// Keys are an object's whole key, what it ends with after a slash, or an
	// address that ends with it.
	Keys []string
}

// Trace is a history under collection; give it every event with [Trace.Add].
type Trace struct {
	query Query
	files map[uint64]*FileTrace
	// open finds the traces of a batch's ranges by index; none where the range
	// is of no interest, and several where it was joined of them.
	open    map[BatchID][][]*RangeTrace
	fills   map[string]string // by class
	begun   bool              // the first snapshot was taken
	batches int
}

// FileTrace is the history of one generation of a file.
type FileTrace struct {
	File   uint64
	Class  string
	After  uint64    // the generation before, 0 for none
	CopyOf uint64    // what it was copied from, 0 for none
	Stream string    // as in [FileOpen]; empty for a file
	Opened time.Time // first sight
	Size   int64     // the largest known, bytes
	Ranges []*RangeTrace
	// Closed is when the generation ended, zero while it lives; Why as in
	// [FileClose].
	Closed time.Time
	Why    string
}

// RangeTrace is what became of [From, To) of a file. A zero time says that it
// did not happen (yet), or happened before the ledger's first snapshot.
type RangeTrace struct {
	class    string
	From, To int64
	Lines    int64
	Oldest   int64 // Unix seconds, 0 where unknown
	Hole     bool  // as in [Range]: there was nothing to overwrite
	// Lost: gone before it was read; Why says how. Then nothing else is set
	// but At.
	Lost bool
	Why  string
	// In is the file that accounts for the range, as one was copied from the
	// other; 0 for a range that is read in this file. Then neither Key nor
	// Shipped are set.
	In uint64
	// At is when the range was sealed, expired or noted as lost.
	At    time.Time
	Batch BatchID // of class [ExpireClass] where it was never sealed
	Key   string  // of the object
	// Shipped is when the store was known to have the object; How and Verified
	// as in [Ship].
	Shipped       time.Time
	How, Verified string
	// Intent is when overwriting was decided, and Reason why.
	Intent time.Time
	Reason Reason
	// Erased is when overwriting was done and synced. Removed counts the bytes
	// that someone else had freed before.
	Erased  time.Time
	Removed int64
	Fill    string // with what, as in [Retention]
}

// NewTrace begins a history.
func NewTrace(q Query) *Trace {
	return &Trace{query: q, files: map[uint64]*FileTrace{}, fills: map[string]string{}, open: map[BatchID][][]*RangeTrace{}}
}

// Files returns the histories by number, their ranges by offset.
func (t *Trace) Files() []*FileTrace {
	var list []*FileTrace
	for _, f := range t.files {
		if t.wantsFile(f.File) || len(f.Ranges) > 0 {
			slices.SortStableFunc(f.Ranges, func(a, b *RangeTrace) int { return cmp.Compare(a.From, b.From) })
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *FileTrace) int { return cmp.Compare(a.File, b.File) })
	return list
}

// Batches counts the batches that fit the query's keys and numbers.
func (t *Trace) Batches() int { return t.batches }

func (t *Trace) wantsFile(file uint64) bool { return slices.Contains(t.query.Files, file) }

func (t *Trace) wantsBatch(id BatchID, key string) bool {
	return slices.Contains(t.query.Batches, id) || key != "" && slices.ContainsFunc(t.query.Keys, func(k string) bool {
		k = strings.TrimLeft(k, "/")
		return k != "" && (k == key || strings.HasSuffix(key, "/"+k) || strings.HasSuffix(k, "/"+key))
	})
}

// Add takes the next event; the order is that of [Walk].
func (t *Trace) Add(e *Event) {
	switch e.Kind {
	case KindSnapshot:
		t.policies(e.Snapshot.State.Policies)
		t.snapshot(e)
	case KindStart:
		t.policies(e.Start.Policies)
	case KindPolicy:
		if e.Policy.New != nil {
			t.fills[e.Policy.Class] = e.Policy.New.Fill
		}
	case KindOpen:
		o := e.Open
		t.files[o.File] = &FileTrace{File: o.File, Class: o.Class, After: o.After, CopyOf: o.CopyOf, Stream: o.Stream, Opened: e.At, Size: o.Size}
	case KindSeen:
		for _, g := range e.Seen.Files {
			if f := t.files[g.File]; f != nil {
				f.Size = max(f.Size, g.Size)
			}
		}
	case KindSeal:
		t.take(e.Seal.Batch, e.Seal.Key, e.Seal.Ranges, e.At)
	case KindExpire:
		t.take(e.Expire.Batch, "", []Range{e.Expire.Range}, e.At)
		t.each(Ref{Batch: e.Expire.Batch}, func(r *RangeTrace) {
			r.Intent, r.Reason, r.Why = e.At, ReasonExpire, e.Expire.Why
		})
	case KindLost:
		t.lost(e)
	case KindCopied:
		t.copied(e)
	case KindRecalled:
		t.recalled(e.Recalled, e.At)
	case KindShip:
		t.each(Ref{Batch: e.Ship.Batch}, func(r *RangeTrace) {
			r.Shipped, r.How, r.Verified = e.At, e.Ship.How, e.Ship.Verified
		})
	case KindErase:
		for _, ref := range e.Erase.Refs {
			t.each(ref, func(r *RangeTrace) {
				if r.Intent.IsZero() {
					r.Intent, r.Reason = e.At, e.Erase.Reason
				}
			})
		}
	case KindErased:
		t.erased(e)
	case KindClose:
		if f := t.files[e.Close.File]; f != nil {
			f.Closed, f.Why = e.At, e.Close.Why
			t.forget(f)
		}
	}
}

func (t *Trace) policies(list map[string]Retention) {
	for class, r := range list {
		t.fills[class] = r.Fill
	}
}

// forget lets go of a file that ended and that nobody asked for.
func (t *Trace) forget(f *FileTrace) {
	if !t.wantsFile(f.File) && len(f.Ranges) == 0 {
		delete(t.files, f.File)
	}
}

// snapshot learns from the first snapshot, and from one after a gap, what no
// event tells any more.
func (t *Trace) snapshot(e *Event) {
	if t.begun && e.Snapshot.Repair == nil {
		return
	}
	t.begun = true
	for num, f := range e.Snapshot.State.Files {
		if t.files[num] == nil {
			t.files[num] = &FileTrace{File: num, Class: f.Class, After: f.After, CopyOf: f.Follows(), Stream: f.Stream, Opened: time.Unix(f.First.At, 0).UTC(), Size: f.Size}
		}
	}
	for id, b := range e.Snapshot.State.Batches {
		if t.open[id] != nil {
			continue
		}
		t.take(id, b.Key, b.PlainRanges(), b.SealedAt)
		for i, list := range t.open[id] {
			for _, r := range list {
				r.Shipped, r.Reason = b.ShippedAt, b.Ranges[i].Intent
			}
		}
	}
}

// take begins the history of a batch's ranges, as far as someone asked.
func (t *Trace) take(id BatchID, key string, ranges []Range, at time.Time) {
	whole := t.wantsBatch(id, key)
	if whole {
		t.batches++
	}
	batch := make([][]*RangeTrace, len(ranges))
	found := false
	for i, r := range ranges {
		f := t.files[r.File]
		if f == nil || !whole && !t.wantsFile(r.File) {
			continue
		}
		f.Size = max(f.Size, r.To)
		found = true
		one := &RangeTrace{class: f.Class, From: r.From, To: r.To, Lines: r.Lines, Oldest: r.Oldest, Hole: r.Hole, At: at, Batch: id, Key: key}
		batch[i] = []*RangeTrace{one}
		f.Ranges = append(f.Ranges, one)
	}
	if found {
		t.open[id] = batch
	}
}

func (t *Trace) lost(e *Event) {
	l := e.Lost
	if f := t.files[l.File]; f != nil && t.wantsFile(l.File) {
		f.Size = max(f.Size, l.To)
		f.Ranges = append(f.Ranges, &RangeTrace{From: l.From, To: l.To, Lost: true, Why: l.Why, At: e.At})
	}
}

func (t *Trace) copied(e *Event) {
	c := e.Copied
	if len(c.Ranges) > 0 {
		t.take(c.Batch, "", c.Ranges, e.At)
		t.each(Ref{Batch: c.Batch}, func(r *RangeTrace) { r.In = c.In })
		return
	}
	if f := t.files[c.File]; f != nil && t.wantsFile(c.File) && c.To > c.From {
		f.Ranges = append(f.Ranges, &RangeTrace{class: f.Class, From: c.From, To: c.To, In: c.In, At: e.At})
	}
}

// each calls fn for the ranges that ref names and someone asked for. A whole
// batch means those that are not erased yet, as in the fold.
func (t *Trace) each(ref Ref, fn func(r *RangeTrace)) {
	for i, list := range t.open[ref.Batch] {
		if ref.Only == nil || slices.Contains(ref.Only, i) {
			for _, r := range list {
				fn(r)
			}
		}
	}
}

// recalled finds, for the ranges of a joined batch, those that they were joined
// of: what becomes of the one becomes of the others.
func (t *Trace) recalled(r *Recalled, at time.Time) {
	batch := make([][]*RangeTrace, len(r.Ranges))
	for i, whole := range r.Ranges {
		f := t.files[whole.File]
		if f == nil {
			continue
		}
		for _, part := range f.Ranges {
			if part.From >= whole.From && part.To <= whole.To && !part.Lost && part.Erased.IsZero() {
				batch[i] = append(batch[i], part)
			}
		}
		if len(batch[i]) == 0 && t.wantsFile(whole.File) { // sealed before the first snapshot
			one := &RangeTrace{class: f.Class, From: whole.From, To: whole.To, Lines: whole.Lines, Oldest: whole.Oldest, At: at, Batch: r.Batch}
			batch[i], f.Ranges = []*RangeTrace{one}, append(f.Ranges, one)
		}
	}
	t.open[r.Batch] = batch
}

func (t *Trace) erased(e *Event) {
	for _, ref := range e.Erased.Refs {
		t.each(ref, func(r *RangeTrace) {
			if r.Erased.IsZero() {
				r.Erased, r.Fill = e.At, cmp.Or(e.Erased.Fill, t.fills[r.class])
			}
		})
	}
	for _, s := range e.Erased.Skipped {
		f := t.files[s.File]
		if f == nil {
			continue
		}
		for _, r := range f.Ranges {
			if r.Erased.Equal(e.At) {
				r.Removed = min(r.To-r.From, r.Removed+max(0, min(s.To, r.To)-max(s.From, r.From)))
			}
		}
	}
}
