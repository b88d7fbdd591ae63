package swab

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"swab/ledger"
	"swab/ship"
	"swab/tail"
)

// inherit lets the copies of logs follow what was read of their originals, and
// tells whether one did.
func (d *Daemon) inherit() (bool, error) {
	d.copying.Lock()
	defer d.copying.Unlock()
	did := false
	var errs error
	for _, c := range d.files.Copies() {
		err := d.inheritOne(c, d.clock.Now())
		if errors.Is(err, tail.ErrRewritten) {
			continue // the next sweep sees what it is
		}
		errs = errors.Join(errs, err)
		did = did || err == nil
	}
	return did, errs
}

// inheritOne compares what a copy holds with the sums of what was read of its
// original, where they are still there, and makes sums of its own: only what
// was compared or overwritten before is ever erased. Then it moves the copy's
// cursor. Crash windows: before the event the sums are an orphan; after it the
// range is one like any other.
func (d *Daemon) inheritOne(c tail.Copy, now time.Time) error {
	key, done, err := d.dayKey(now)
	if err != nil {
		return err
	}
	defer done()
	away, err := d.awayOf(c.Of)
	if err != nil {
		return err
	}
	id := ledger.BatchID{Class: ledger.CopyClass}
	var ranges []ledger.CopyRange
	var cut *bool // the original's, where the copy ends where that was read to
	d.ledger.View(func(s *ledger.State) {
		id.Number = s.Copies + 1
		if e, ok := s.Inherits(c.Num); ok && e == c.Extent {
			ranges = s.CopyRanges(c.Num, e, away)
			if of := s.Files[c.Of]; of.Cursor == e.To {
				cut = new(of.Cut)
			}
		}
	})
	if ranges == nil {
		return tail.ErrRewritten
	}
	draft, err := d.spool.Create(ship.ID(id), ship.Codec{})
	if err != nil {
		return err
	}
	in := &inheriting{d: d, copy: c, key: key, sums: ledger.NewSumWriter(sumsOf{draft}, key)}
	err = in.all(ranges, now)
	if errors.Is(err, errNoCopy) {
		return errors.Join(d.disown(c), draft.Discard())
	}
	if err != nil {
		return errors.Join(err, draft.Discard())
	}
	sealed, err := draft.Seal()
	if err != nil {
		return err
	}
	d.reached(stepCompared)
	if cut != nil {
		in.ranges[len(in.ranges)-1].Cut = *cut
	}
	event := ledger.Copied{
		File: c.Num, From: c.Extent.From, To: c.Extent.To, In: c.Of,
		Batch: id, Ranges: in.ranges, Sums: hex.EncodeToString(sealed.SumsSHA256[:]), SumsKey: key.Day,
	}
	if err := d.ledger.Append(ledger.Event{Copied: &event}); err != nil {
		return errors.Join(err, d.withdraw(id))
	}
	d.haveSums(id)
	d.reached(stepInherited)
	return d.spool.RemoveBody(ship.ID(id), false)
}

// disown lets a file go its own way that turned out to hold other bytes than
// what it seemed to be a copy of.
func (d *Daemon) disown(c tail.Copy) error {
	d.log.Warn("a file seemed to be a copy and is none: it is read by itself", "file", d.fileName(c.File), "from_byte", c.Extent.From)
	return d.ledger.Append(ledger.Event{Copied: &ledger.Copied{
		File: c.Num, From: c.Extent.From, To: c.Extent.From, In: c.Of, Own: true,
	}})
}

// errNoCopy says that a block is neither what was read of the original nor
// overwritten.
var errNoCopy = errors.New("not what was read of the original")

// inheriting is one copy's part on its way into the ledger.
type inheriting struct {
	d      *Daemon
	copy   tail.Copy
	key    *ledger.SumKey
	sums   *ledger.SumWriter
	ranges []ledger.Range
	buf    [ledger.BlockSize]byte
}

// all goes through the ranges in order, and then looks whether the file still
// is the copy that was read.
func (in *inheriting) all(ranges []ledger.CopyRange, now time.Time) error {
	for _, r := range ranges {
		if err := in.one(r); err != nil {
			return err
		}
	}
	if err := in.sums.Flush(); err != nil {
		return err
	}
	// The original may be gone by now: what is read of it must not be taken
	// from the copy by a power loss.
	if err := in.copy.File.SyncData(); err != nil {
		return fmt.Errorf("file %d: sync of the copy: %w", in.copy.Num, err)
	}
	same, err := in.copy.File.Unchanged(in.copy.Num, now)
	if err == nil && !same {
		err = tail.ErrRewritten
	}
	return err
}

// one reads one range, block by block.
func (in *inheriting) one(r ledger.CopyRange) error {
	known, closer, err := in.original(r)
	if err != nil {
		return err
	}
	if closer != nil {
		defer closer.Close()
	}
	in.sums.Begin(r.From)
	var last []byte // at most TailBytes
	for off := r.From; off < r.To; {
		p := in.buf[:min(r.To, (off/ledger.BlockSize+1)*ledger.BlockSize)-off]
		if err := in.copy.File.ReadCopy(in.copy.Num, p, off); err != nil {
			return err
		}
		if err := known.holds(off, p); err != nil {
			return err
		}
		if _, err := in.sums.Write(p); err != nil {
			return err
		}
		off += int64(len(p))
		last = append(last, p...)
		last = last[max(0, len(last)-ledger.TailBytes):]
	}
	for _, e := range ledger.TailSpans(r.From, r.To) {
		from := int64(len(last)) - (r.To - e.From)
		r.Tail = append(r.Tail, in.key.Mark(e.From, last[from:from+e.To-e.From]))
	}
	// Where all of the line's end is overwritten, nobody knows: half an address
	// is masked rather than let out.
	r.Cut = last[len(last)-1] != '\n'
	in.ranges = append(in.ranges, r.Range)
	return in.sums.End()
}

// original finds the sums of the original's range, where there are any.
func (in *inheriting) original(r ledger.CopyRange) (knownSums, io.Closer, error) {
	if r.Batch == (ledger.BatchID{}) {
		return knownSums{}, nil, nil
	}
	sums, err := in.d.rangeSums(r.Batch, r.Index)
	if errors.Is(err, tail.ErrOtherGeneration) || errors.Is(err, ledger.ErrNoKey) || errors.Is(err, fs.ErrNotExist) {
		return knownSums{}, nil, nil // erased this moment, or never to be had again
	}
	if err != nil {
		return knownSums{}, nil, err
	}
	known := knownSums{pieces: sums.pieces}
	for _, p := range sums.pieces {
		known.sums = append(known.sums, p.Sums(sums.file, sums.key))
	}
	return known, sums, nil
}

// knownSums are the sums of an original's range, piece by piece; the zero value
// has none.
type knownSums struct {
	pieces []ledger.Piece
	sums   []*ledger.RangeSums
}

// holds compares a block of the copy with the sums of all that lies in it, but
// for what the copy has only a part of. Blocks that were overwritten before
// they were copied say nothing.
func (k knownSums) holds(off int64, p []byte) error {
	end := off + int64(len(p))
	first, _ := slices.BinarySearchFunc(k.pieces, off, func(a ledger.Piece, off int64) int { return cmp.Compare(a.To, off+1) })
	for i := first; i < len(k.pieces) && k.pieces[i].From < end; i++ {
		from, to := max(off, k.pieces[i].From), min(end, k.pieces[i].To)
		whole := ledger.Extent{
			From: max(k.pieces[i].From, from/ledger.BlockSize*ledger.BlockSize),
			To:   min(k.pieces[i].To, (from/ledger.BlockSize+1)*ledger.BlockSize),
		}
		if (ledger.Extent{From: from, To: to}) != whole {
			continue
		}
		part := p[from-off : to-off]
		if ok, err := k.sums[i].Match(from, part); err != nil {
			return err
		} else if !ok && !ledger.Filled(from, part) {
			return errNoCopy
		}
	}
	return nil
}
