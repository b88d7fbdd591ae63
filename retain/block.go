package retain

import (
	"fmt"

	"swab/ledger"
)

// scantBlock is the length, bytes, below which a block that fits its sum is
// doubted: a line and a half.
const scantBlock = 256

// zone is a stretch of the file that is a hole, or is none.
type zone struct {
	ledger.Extent
	hole bool
}

// kind is what a block of the file turned out to be.
type kind uint8

const (
	blockForeign kind = iota // not what swab read, or not there
	blockRaw                 // what was sealed: to overwrite
	blockDone                // overwritten already: to write again as it is
	blockHole                // overwritten and given back: nothing to do
)

// compare sorts the blocks of p, of which data is what the file has, into
// e.runs and res, and puts the fill into data where it is to be written.
func (e *eraser) compare(p ledger.Extent, data []byte, res *Result) error {
	if err := e.look(p, data); err != nil {
		return err
	}
	end := p.From + int64(len(data))
	from := p.From
	raw := ledger.Extent{From: from, To: from} // neighbours, filled as one: lines lie across blocks
	for _, v := range e.kinds {
		to := blockEnd(from, p.To)
		there := max(from, min(to, end)) // what the file has of the block ends here
		if v == blockForeign {
			there = from
		}
		if v == blockRaw {
			raw.To = there
		} else {
			e.fill.apply(data[raw.From-p.From : raw.To-p.From])
			raw = ledger.Extent{From: to, To: to}
		}
		if v == blockRaw || v == blockDone {
			e.run(ledger.Extent{From: from, To: there})
		}
		res.Erased += there - from
		res.skip(ledger.Extent{From: there, To: to})
		from = to
	}
	e.fill.apply(data[raw.From-p.From : raw.To-p.From])
	return nil
}

// look puts the kind of each block of p into e.kinds.
func (e *eraser) look(p ledger.Extent, data []byte) error {
	end := p.From + int64(len(data))
	e.kinds = e.kinds[:0]
	for from := p.From; from < p.To; from = blockEnd(from, p.To) {
		to := blockEnd(from, p.To)
		v := blockForeign
		if from < end {
			var err error
			if v, err = e.block(from, to, data[from-p.From:min(to, end)-p.From]); err != nil {
				return err
			}
		}
		e.kinds = append(e.kinds, v)
	}
	// A generation's lines end like those of the last one: the few bytes that
	// a range has of its first or last block may well be the same, a whole
	// block hardly. They count for as much as the block beside them.
	if n := len(e.kinds); n > 1 {
		if blockEnd(p.From, p.To)-p.From < scantBlock && e.kinds[0] == blockRaw && e.kinds[1] == blockForeign {
			e.kinds[0] = blockForeign
		}
		if (p.To-1)%ledger.BlockSize+1 < scantBlock && e.kinds[n-1] == blockRaw && e.kinds[n-2] == blockForeign {
			e.kinds[n-1] = blockForeign
		}
	}
	return nil
}

// block looks at block [from, to), of which the file has p. Holes need
// nothing: writing zeros there would take space, of which there may be none.
func (e *eraser) block(from, to int64, p []byte) (kind, error) {
	here := ledger.Extent{From: from, To: from + int64(len(p))}
	if zeros(p) {
		empty, err := e.hole(here)
		if err != nil || !empty {
			return blockDone, err
		}
		return blockHole, nil
	}
	if here.To == to { // a block cut off by a truncation fits no sum
		match, err := e.sums.Match(from, p)
		if err != nil {
			return blockForeign, err
		}
		if match {
			return blockRaw, nil
		}
	}
	// Only now: a raw newline alone in its block must become a zero too, or
	// the file system's block could not be given back.
	if ledger.Filled(from, p) {
		return blockDone, nil
	}
	return blockForeign, nil
}

// blockEnd is where the block that begins at from ends, in a piece up to to.
func blockEnd(from, to int64) int64 {
	return min(to, (from/ledger.BlockSize+1)*ledger.BlockSize)
}

// run adds b to the runs to write.
func (e *eraser) run(b ledger.Extent) {
	if n := len(e.runs); n > 0 && e.runs[n-1].To == b.From {
		e.runs[n-1].To = b.To
		return
	}
	e.runs = append(e.runs, b)
}

// hole tells whether all of b lies in a hole.
func (e *eraser) hole(b ledger.Extent) (bool, error) {
	if b.From >= e.zone.To {
		end, hole, err := e.f.Allocation(b.From)
		if err != nil {
			return false, fmt.Errorf("holes: %w", err)
		}
		e.zone = zone{ledger.Extent{From: b.From, To: end}, hole}
	}
	return e.zone.hole && b.To <= e.zone.To, nil
}
