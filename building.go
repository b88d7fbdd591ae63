package swab

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"swab/ledger"
	"swab/scrub"
	"swab/ship"
	"swab/tail"
)

// building is a batch on its way.
type building struct {
	lane   *lane
	draft  *ship.Draft
	sums   *ledger.SumWriter
	ranges []ledger.Range
	files  []*tail.File
	nums   []uint64                     // of their generations
	keyDay string                       // of the key of its pseudonyms; "" for none that is stored
	open   map[*tail.File]scrub.Streams // for the lane, once the batch is sealed
}

// sumsOf is the sums side of a draft, as a writer.
type sumsOf struct{ *ship.Draft }

func (s sumsOf) Write(p []byte) (int, error) { return s.WriteSums(p) }

// fill reads what waits, file by file, until the batch is full.
func (d *Daemon) fill(ctx context.Context, b *building, waiting []tail.Waiting, now time.Time, key *ledger.SumKey) error {
	budget := b.lane.tried
	var older error
	for _, w := range waiting {
		if budget <= 0 || ctx.Err() != nil {
			break
		}
		r, err := w.File.Take(tail.TakeOptions{
			Budget: budget, Half: d.halfTime(b.lane, w, now), Now: now, Key: key, Location: time.Local, Whole: b.lane.whole,
		})
		var refused *tail.RefusedError
		if errors.As(err, &refused) {
			if err := d.files.Refuse(w.File, refused); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return &fileError{w.File, err}
		}
		if r == nil {
			continue
		}
		if r.Long() && len(b.ranges) == 0 {
			b.draft.Within(0) // no batch is smaller, and it begins while there is room
		}
		if err := b.read(ctx, r, w.File); err != nil {
			return err
		}
		if d.olderThan(b, r.Ranges(), w.File, now) {
			older = errOlder // the next try knows of all that were read
		}
		for _, read := range r.Ranges() {
			if !read.Hole {
				budget -= read.Len()
			}
		}
		b.ranges = append(b.ranges, r.Ranges()...)
		b.files = append(b.files, w.File)
		b.nums = append(b.nums, r.Ranges()[0].File)
	}
	return cmp.Or(ctx.Err(), older)
}

// read carries one range through the scrubber into the draft.
func (b *building) read(ctx context.Context, r *tail.Reader, f *tail.File) error {
	var out io.Writer = b.draft
	if b.lane.scrub != nil {
		b.lane.scrub.Reset(b.draft)
		b.lane.scrub.Continue(b.lane.open[f])
		if r.Resumed() {
			b.lane.scrub.Resume()
		}
		out = b.lane.scrub
	}
	for {
		c, err := r.Next(b.lane.buf)
		if err == io.EOF {
			return b.endFile(r, f)
		}
		if err != nil {
			return &fileError{f, err}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.Begins {
			if err := b.sums.End(); err != nil {
				return err
			}
			b.sums.Begin(c.From)
		}
		if _, err := b.sums.Write(c.Raw); err != nil {
			return err
		}
		if _, err := out.Write(c.Text); err != nil {
			return err
		}
	}
}

// endFile ends a file's lines in the batch: a line cut off by its file's end
// is masked at its edge and gets a newline, so that the next file's first line
// stands alone.
func (b *building) endFile(r *tail.Reader, f *tail.File) error {
	if err := b.sums.End(); err != nil {
		return err
	}
	if b.lane.scrub == nil {
		return nil
	}
	end := b.lane.scrub.Flush
	if r.Cut() {
		end = b.lane.scrub.Cut
	}
	if err := end(); err != nil {
		return err
	}
	b.open[f] = b.lane.scrub.Unfinished()
	if !r.Cut() {
		return nil
	}
	_, err := b.draft.Write([]byte{'\n'})
	return err
}
