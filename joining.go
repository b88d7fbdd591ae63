package swab

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"swab/ledger"
	"swab/retain"
	"swab/ship"
	"swab/tail"
)

// joinEvery is how often ranges are looked at to be joined.
const joinEvery = 30 * time.Second

// joinRanges puts what stays raw for a while under few batches, so that the
// fold does not grow with how many were sealed. Crash windows: before the event
// the new sums file is an orphan; after it, those of its parts are. d.erasing
// is held.
func (d *Daemon) joinRanges() error {
	now := d.clock.Now()
	if since := now.Sub(d.joinedAt); since >= 0 && since < joinEvery || d.ledger.Cramped() {
		return nil
	}
	d.joinedAt = now
	d.copying.Lock()
	defer d.copying.Unlock()
	var again [][]ledger.BatchID
	d.ledger.View(func(s *ledger.State) { again = retain.Rejoin(s, now) })
	for _, ids := range append(again, nil) { // and once for what was never joined
		for _, id := range ids {
			if err := d.recall(id); err != nil {
				return err
			}
		}
		var groups [][]ledger.Ref
		d.ledger.View(func(s *ledger.State) { groups = retain.Join(s, now, d.hints()) })
		for _, refs := range groups {
			err := d.join(refs, now)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, tail.ErrOtherGeneration) || errors.Is(err, ledger.ErrNoKey) {
				continue // ranges without sums stay as they are, and are told of when they are due
			}
			if fullDisk(err) {
				return nil // told by who must write; this can wait
			}
			if err != nil {
				return fmt.Errorf("joining ranges that are kept: %w", err)
			}
		}
	}
	return nil
}

// join writes one group's sums under a batch of its own.
func (d *Daemon) join(refs []ledger.Ref, now time.Time) error {
	id := ledger.BatchID{Class: ledger.JoinedClass}
	var parts []ledger.Range
	var from []ledger.Ref // of each part
	var day string
	d.ledger.View(func(s *ledger.State) {
		id.Number = s.Joins + 1
		for _, ref := range refs {
			b := s.Batches[ref.Batch]
			if b == nil {
				continue // closed this moment: the event is refused, and the next look knows
			}
			day = b.SumsKey
			for _, i := range ref.Only {
				parts, from = append(parts, b.Ranges[i].Range), append(from, ledger.Ref{Batch: ref.Batch, Only: []int{i}})
			}
		}
	})
	joined, of := ledger.JoinRanges(parts)
	held := &openSums{d: d, files: map[ledger.BatchID]*os.File{}}
	defer held.close()
	sources := make([][]ledger.Source, len(joined))
	for i, list := range of {
		for _, part := range list {
			more, err := held.sources(from[part].Batch, from[part].Only[0])
			if err != nil {
				return err
			}
			sources[i] = append(sources[i], more...)
		}
	}
	draft, err := d.spool.Create(ship.ID(id), ship.Codec{})
	if err != nil {
		return err
	}
	if err := ledger.WriteJoined(sumsOf{draft}, joined, sources); err != nil {
		return errors.Join(err, draft.Discard())
	}
	sealed, err := draft.Seal()
	if err != nil {
		return err
	}
	d.reached(stepJoining)
	event := ledger.Joined{Batch: id, Refs: refs, Sums: hex.EncodeToString(sealed.SumsSHA256[:]), SumsKey: day}
	if err := d.ledger.Append(ledger.Event{Joined: &event}); err != nil {
		if d.ledger.Broken() == nil { // a file was closed meanwhile
			return errors.Join(tail.ErrOtherGeneration, d.withdraw(id))
		}
		return err
	}
	d.haveSums(id)
	d.reached(stepJoined)
	return d.spool.RemoveBody(ship.ID(id), false)
}

// openSums are the sums files of one group, each opened once.
type openSums struct {
	d     *Daemon
	files map[ledger.BatchID]*os.File
}

func (o *openSums) close() {
	for _, f := range o.files {
		f.Close()
	}
}

// sources are the pieces of a range with the file they stand in.
func (o *openSums) sources(id ledger.BatchID, index int) ([]ledger.Source, error) {
	file := o.files[id]
	if file == nil {
		var err error
		if file, err = o.d.spool.Sums(ship.ID(id)); err != nil {
			return nil, err
		}
		o.files[id] = file
	}
	pieces, err := o.d.pieces(id, index, file)
	if err != nil {
		return nil, err
	}
	var list []ledger.Source
	for _, p := range pieces {
		list = append(list, ledger.Source{Piece: p, File: file})
	}
	return list, nil
}

// pieces are the parts of a range that have sums of their own in its batch's
// sums file; [tail.ErrOtherGeneration] where it is gone.
func (d *Daemon) pieces(id ledger.BatchID, index int, file *os.File) ([]ledger.Piece, error) {
	if id.Class == ledger.JoinedClass {
		joined, err := ledger.OpenJoined(file)
		if err != nil {
			return nil, err
		}
		return joined.Pieces(index)
	}
	var piece *ledger.Piece
	d.ledger.View(func(s *ledger.State) {
		if b := s.Batches[id]; b != nil && index < len(b.Ranges) {
			piece = new(ledger.PieceOf(b, index))
		}
	})
	if piece == nil {
		return nil, tail.ErrOtherGeneration
	}
	return []ledger.Piece{*piece}, nil
}

// rangeSums is one range's sums, open.
type rangeSums struct {
	pieces []ledger.Piece
	key    *ledger.SumKey
	file   *os.File
}

func (r *rangeSums) Close() error { return r.file.Close() }

// rangeSums opens the sums of a range: [tail.ErrOtherGeneration] where its
// batch is gone, [ledger.ErrNoKey] and fs.ErrNotExist where they are.
func (d *Daemon) rangeSums(id ledger.BatchID, index int) (*rangeSums, error) {
	var day string
	d.ledger.View(func(s *ledger.State) {
		if b := s.Batches[id]; b != nil {
			day = b.SumsKey
		}
	})
	if day == "" {
		return nil, tail.ErrOtherGeneration
	}
	key, err := d.keys.Get(day)
	if err != nil {
		return nil, err
	}
	file, err := d.spool.Sums(ship.ID(id))
	if err != nil {
		return nil, fmt.Errorf("sums of batch %s: %w", id, err)
	}
	pieces, err := d.pieces(id, index, file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return &rangeSums{pieces, key, file}, nil
}

// recallDue brings back the ranges that the plan needs now. d.erasing is held.
func (d *Daemon) recallDue() error {
	var due []ledger.BatchID
	now := d.clock.Now()
	d.ledger.View(func(s *ledger.State) { due = retain.Recall(s, now, d.hints()) })
	if len(due) == 0 {
		return nil
	}
	d.copying.Lock()
	defer d.copying.Unlock()
	var errs error
	for _, id := range due { // one that cannot be read keeps no other
		if err := d.recall(id); err != nil {
			errs = errors.Join(errs, fmt.Errorf("batch %s: %w", id, err))
		}
	}
	return errs
}

// recall brings the ranges of a joined batch back into the fold. d.copying is
// held.
func (d *Daemon) recall(id ledger.BatchID) error {
	ranges, _, err := d.awayRanges(id, 0)
	if err == nil {
		err = d.ledger.Append(ledger.Event{Recalled: &ledger.Recalled{Batch: id, Ranges: ranges}})
	}
	return err
}

// awayRanges reads the ranges of a joined batch, or those of one file.
func (d *Daemon) awayRanges(id ledger.BatchID, file uint64) ([]ledger.Range, []int, error) {
	f, err := d.spool.Sums(ship.ID(id))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	joined, err := ledger.OpenJoined(f)
	if err != nil {
		return nil, nil, err
	}
	return joined.Ranges(file)
}

// awayOf lists the ranges of a file that the fold does not hold. d.copying is
// held.
func (d *Daemon) awayOf(file uint64) ([]ledger.CopyRange, error) {
	var ids []ledger.BatchID
	d.ledger.View(func(s *ledger.State) {
		for id, b := range s.Batches {
			if b.Away.Has(file) {
				ids = append(ids, id)
			}
		}
	})
	var out []ledger.CopyRange
	for _, id := range ids {
		ranges, index, err := d.awayRanges(id, file)
		if err != nil {
			return nil, err
		}
		for i, r := range ranges {
			out = append(out, ledger.CopyRange{Range: r, Batch: id, Index: index[i]})
		}
	}
	return slices.Clip(out), nil
}
