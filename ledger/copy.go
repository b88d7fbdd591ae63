package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CopyClass is the class of the batches that [Copied] makes.
const CopyClass = "copy"

// HasObject tells whether a batch becomes an object in the store, which those
// of the reserved classes do not.
func (b BatchID) HasObject() bool { return IsObject(b.Class) }

// Copied says that the bytes [From, To) of File are those of the same range of
// In, and that In accounts for them. It has two forms.
//
// File is a copy of In: what was read of the original moves the cursor of its
// copy. Ranges are [From, To) in order, with the age of the original's bytes,
// and stand under Batch, so that they are erased like the original's; the sums
// are those of the copy's own bytes. Without ranges the copy itself is gone.
//
// In is a copy of File, which ends with what it holds unread: that is read from
// the copy.
type Copied struct {
	File uint64 `json:"f"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	In   uint64 `json:"in"`
	// Own: what follows To is no copy, or no original is left to follow: the
	// file is read on by itself.
	Own bool `json:"own,omitempty"`

	Batch   BatchID `json:"batch,omitzero"` // "copy/NUMBER"
	Ranges  []Range `json:"ranges,omitempty"`
	Sums    string  `json:"sums,omitempty"`
	SumsKey string  `json:"sums_key,omitempty"`
}

// Origin says of a file that it was copied from another one. It outlives that
// other file, since the bytes are as old as they were there.
type Origin struct {
	File uint64 `json:"f"`
	Size int64  `json:"size"` // what was copied: [0, Size)
	Born int64  `json:"born"` // of the original, Unix seconds, 0 where unknown
	// Live: the original still accounts for what lies behind the cursor, and
	// nothing is read here.
	Live bool `json:"live,omitempty"`
}

// Follows is the file whose copy f is and which accounts for f's unread bytes,
// 0 for none.
func (f *File) Follows() uint64 {
	if f.Origin == nil || !f.Origin.Live {
		return 0
	}
	return f.Origin.File
}

// stray ends that f follows its original. Who holds a copy of f keeps the
// Origin that it has.
func (f *File) stray() {
	o := *f.Origin
	o.Live = false
	f.Origin = &o
}

// bornSlack is by how much a birth may come after its first sight, seconds: the
// sweep has its time from its begin.
const bornSlack = 600

// born bounds the birth of f's first bytes, Unix seconds, 0 where unknown: a
// birth long after first sight is a clock's that was ahead, and says nothing.
func (f *File) born() int64 {
	born := f.ID.Born / int64(time.Second)
	if f.Origin != nil {
		born = f.Origin.Born
	}
	if f.Packed != nil && f.Origin == nil {
		return 0 // what is in it is older than itself
	}
	if born > f.First.At+bornSlack {
		return 0
	}
	return min(born, f.First.At)
}

// follow makes f, which is new, a copy of the file that o names.
func (s *State) follow(f *File, o *FileOpen) error {
	if o.CopyOf == 0 {
		return nil
	}
	of := s.Files[o.CopyOf]
	if of == nil || of.Class != o.Class || of.Stream != "" || of.Follows() != 0 || o.Copied <= 0 || o.Copied > o.Size {
		return fmt.Errorf("file %d: no copy of file %d", o.File, o.CopyOf)
	}
	f.Origin = &Origin{File: o.CopyOf, Size: o.Copied, Born: of.born(), Live: true}
	if of.Head == nil && of.Cursor == 0 { // the same bytes
		of.Head = o.Head
	}
	f.First, f.Points = of.First, slices.Clone(of.Points)
	return nil
}

func (s *State) applyCopied(e *Event, sum string) error {
	c := e.Copied
	f, in := s.Files[c.File], s.Files[c.In]
	if f == nil || in == nil || c.From != f.Cursor || c.To < c.From {
		return fmt.Errorf("file %d: range [%d, %d) is not what is unread, or file %d is unknown", c.File, c.From, c.To, c.In)
	}
	var err error
	switch {
	case f.Follows() == c.In:
		err = s.inherit(e, f, in, sum)
	case in.Follows() == c.File:
		err = s.bequeath(c, f, in)
	default:
		err = errors.New("neither is a copy of the other")
	}
	if err != nil {
		return fmt.Errorf("files %d and %d: %w", c.File, c.In, err)
	}
	a := &s.class(f.Class).Account
	a.Unread -= c.To - c.From
	a.Copied += c.To - c.From
	return nil
}

// inherit moves the cursor of a copy to where its original's is, at the most,
// and puts what it passes under a batch.
func (s *State) inherit(e *Event, f, in *File, sum string) error {
	c := e.Copied
	if c.To > f.Origin.Size || len(c.Ranges) > 0 && c.To > in.Cursor {
		return fmt.Errorf("the copy has %d bytes, and %d are read", f.Origin.Size, in.Cursor)
	}
	if len(c.Ranges) > 0 && (c.Batch != BatchID{CopyClass, s.Copies + 1}) {
		return fmt.Errorf("batch %s, want %s/%d", c.Batch, CopyClass, s.Copies+1)
	}
	at := c.From
	b := &Batch{Raw: c.To - c.From, SealedAt: e.At, SealSum: sum, Sums: c.Sums, SumsKey: c.SumsKey, Shipped: true, ShippedAt: e.At}
	for _, r := range c.Ranges {
		if r.File != c.File || r.From != at || r.To <= at {
			return fmt.Errorf("range [%d, %d) of file %d does not begin at %d", r.From, r.To, r.File, at)
		}
		at = r.To
		b.Ranges = append(b.Ranges, BatchRange{Range: r, Class: f.Class})
	}
	if len(c.Ranges) > 0 && at != c.To {
		return fmt.Errorf("the ranges end at %d, not at %d", at, c.To)
	}
	if c.Own || c.To == f.Origin.Size {
		f.stray()
	}
	f.Cursor = c.To
	if len(c.Ranges) == 0 {
		return nil
	}
	last := c.Ranges[len(c.Ranges)-1]
	f.Tail, f.Cut = last.Tail, last.Cut
	for _, r := range c.Ranges {
		f.grownOld(r.Oldest)
	}
	s.Copies++
	s.Batches[c.Batch] = b
	if with := s.lastUnshipped(c.In, c.To); with != nil {
		b.Shipped, b.ShippedAt = false, time.Time{}
		with.Copies = append(with.Copies, c.Batch)
	}
	return nil
}

// lastUnshipped is the last batch with bytes before to of a file that the store
// does not have yet. Those of a class are shipped in order.
func (s *State) lastUnshipped(file uint64, to int64) *Batch {
	var last *Batch
	var lastID BatchID
	for id, b := range s.Batches {
		if b.Shipped || id.Class == ExpireClass || last != nil && !shipsLater(id, lastID) {
			continue
		}
		if slices.ContainsFunc(b.Ranges, func(r BatchRange) bool { return r.File == file && r.From < to }) {
			last, lastID = b, id
		}
	}
	return last
}

// shipsLater tells which of two batches is shipped later. What a file inherited was
// sealed before all that was read of it.
func shipsLater(a, b BatchID) bool {
	if (a.Class == CopyClass) != (b.Class == CopyClass) {
		return b.Class == CopyClass
	}
	return a.Number > b.Number
}

// shipCopies notes that what was copied of a batch's bytes is shipped with it.
func (s *State) shipCopies(with *Batch, at time.Time) {
	for _, id := range with.Copies {
		b := s.Batches[id]
		if b == nil {
			continue // at its limit meanwhile, and gone
		}
		b.Shipped, b.ShippedAt = true, at
		s.shipCopies(b, at) // of a copy of the copy
		s.settle(id)
	}
	with.Copies = nil
}

// bequeath books what is unread of an original that ends to its copy.
func (s *State) bequeath(c *Copied, f, in *File) error {
	if in.Cursor != c.From || c.To > in.Origin.Size || len(c.Ranges) > 0 || c.Own {
		return fmt.Errorf("the copy is read from %d on and ends at %d", in.Cursor, in.Origin.Size)
	}
	s.growTo(f, c.To)
	f.Cursor, f.Tail, f.Heir = c.To, nil, c.In
	return nil
}

// release lets go of the copies of a file that ends. One of them may have what
// was unread of it; the others follow that one then.
func (s *State) release(file uint64, heir uint64) {
	for num, f := range s.Files {
		if f.Follows() != file {
			continue
		}
		f.stray()
		if heir != 0 && num != heir {
			f.Origin.File, f.Origin.Live = heir, true
		}
	}
}

// CopiesOf lists the copies that follow a file, the longest first.
func (s *State) CopiesOf(file uint64) []uint64 {
	var list []uint64
	for num, f := range s.Files {
		if f.Follows() == file {
			list = append(list, num)
		}
	}
	slices.SortFunc(list, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(s.Files[b].Origin.Size, s.Files[a].Origin.Size), cmp.Compare(a, b))
	})
	return list
}

// Inherits is what the cursor of a copy can be moved by, now.
func (s *State) Inherits(file uint64) (e Extent, ok bool) {
	f := s.Files[file]
	if f == nil || s.Files[f.Follows()] == nil {
		return e, false
	}
	e = Extent{f.Cursor, min(f.Origin.Size, s.Files[f.Follows()].Cursor)}
	return e, e.From < e.To
}

// CopyRange is a range of a copy before it has sums.
type CopyRange struct {
	Range
	// Batch and Index are of the original's range that is still raw, and so has
	// sums that the copy's bytes can be compared with; none where it is gone:
	// then the copy's bytes are due, too, whatever their age.
	Batch BatchID
	Index int
}

// CopyRanges cuts [e.From, e.To) of a copy like its original's ranges. away are
// those of the original that the fold does not hold (see [AwayRanges]).
func (s *State) CopyRanges(file uint64, e Extent, away []CopyRange) []CopyRange {
	of := s.Files[file].Follows()
	var list []CopyRange
	for _, r := range away {
		if r.From = max(r.From, e.From); r.From < min(r.To, e.To) {
			r.File, r.To, r.Lines = file, min(r.To, e.To), 0
			list = append(list, r)
		}
	}
	for id, b := range s.Batches {
		for i, r := range b.Ranges {
			if r.File != of || r.Gone || r.To <= e.From || r.From >= e.To {
				continue
			}
			list = append(list, CopyRange{
				Range: Range{File: file, From: max(r.From, e.From), To: min(r.To, e.To), Oldest: r.Oldest, Newest: r.Newest},
				Batch: id, Index: i,
			})
		}
	}
	slices.SortFunc(list, func(a, b CopyRange) int { return cmp.Compare(a.From, b.From) })
	at := e.From
	var out []CopyRange
	for _, r := range append(list, CopyRange{Range: Range{From: e.To}}) {
		if r.From > at {
			out = append(out, CopyRange{Range: Range{File: file, From: at, To: r.From}})
		}
		if r.To > r.From {
			out = append(out, r)
			at = r.To
		}
	}
	return out
}
