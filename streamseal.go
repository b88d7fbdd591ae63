package swab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/ship"
	"swab/tail"
)

// collectStreams seals one batch of a stream of the class, if one is due, and
// closes streams that are at their end. After a batch the files of the class
// have a turn.
func (d *Daemon) collectStreams(ctx context.Context, l *lane, now time.Time) (bool, error) {
	if l.streamed {
		l.streamed = false
		l.streams[0].poke()
		return false, nil
	}
	var errs error
	for _, s := range l.streams {
		sealed, err := d.collectStream(ctx, l, s, now)
		if sealed {
			l.streamed = true
			d.told.over("collect/" + l.class.Name)
			d.wake()
			return true, errs
		}
		errs = errors.Join(errs, err)
	}
	return false, errs
}

// collectStream seals one batch, if one is due.
func (d *Daemon) collectStream(ctx context.Context, l *lane, s *stream, now time.Time) (bool, error) {
	s.mu.Lock()
	held, since := s.buf.held, s.buf.since()
	full, last, closed := !s.buf.hasRoom(), s.ended || s.left, s.closed
	s.mu.Unlock()
	if closed || held == 0 {
		return false, d.endOfStream(s)
	}
	waiting := []tail.Waiting{{Bytes: int64(held), Since: since, Oldest: since.Unix()}}
	if !last && !full && int64(held) < streamBatch(d.cfg.BatchSize) && now.Sub(since) < d.cfg.BatchAge && !l.nearLimit(waiting[0], now) {
		return false, nil
	}
	overdue := l.overdue(since.Unix(), now)
	if overdue && l.class.OnLimit == config.OnLimitExpire && d.mayExpire(now) {
		return false, d.wipe(s, "the class is not sealed at its limit")
	}
	if len(d.room(l, waiting, now)) == 0 {
		s.stall()
		if overdue && !d.contact.isUp() && d.mayExpire(now) {
			return false, d.wipe(s, "at its limit, and the spool is full")
		}
		return false, nil
	}
	l.tried = d.batchBudget(l)
	s.mu.Lock()
	text, cut := s.buf.take(l.tried, last || overdue, l.whole)
	from, resumed := s.read-int64(s.buf.held), s.buf.midline
	s.mu.Unlock()
	if len(text) == 0 {
		return false, nil
	}
	r := ledger.Range{
		File: s.num, From: from, To: from + int64(len(text)), Oldest: oldestLine(text, since, now), Newest: now.Unix(),
		Lines: int64(bytes.Count(text, []byte{'\n'})), Cut: cut,
	}
	if cut {
		r.Lines++
	}
	err := d.sealStream(ctx, l, s, text, r, resumed, now)
	d.crampedBy(l, err, now)
	if err != nil {
		s.stall()
		if fullDisk(err) && l.tried > d.leastBatch() {
			return false, err // a smaller batch may find room
		}
		if overdue && ctx.Err() == nil && d.ledger.Broken() == nil && d.mayExpire(now) {
			err = errors.Join(err, d.wipe(s, "at its limit, and nothing could be sealed"))
		}
		return false, err
	}
	s.release(len(text), cut && !last)
	return true, nil
}

// endOfStream closes a stream that has nothing more to give.
func (d *Daemon) endOfStream(s *stream) error {
	s.mu.Lock()
	over := s.ended && !s.closed && s.buf.held == 0
	s.mu.Unlock()
	if !over {
		return nil
	}
	d.log.Info("a stream has ended, and all of it is sealed", "class", s.class, "stream", s.name, "bytes", s.readTo())
	return d.closeStream(s, ledger.StreamEnded)
}

func (s *stream) stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = !s.buf.hasRoom()
}

// oldestLine bounds the age of a batch's lines (Unix seconds): they came after
// since, and their own times may say that they are older (a file that was fed
// in).
func oldestLine(text []byte, since, now time.Time) int64 {
	oldest := since.Unix()
	for len(text) > 0 {
		line, _, _ := bytes.Cut(text[:min(len(text), lineTimeSpan)], []byte{'\n'})
		if t, ok := tail.LineTime(line, now, time.Local); ok {
			oldest = max(1, min(oldest, t.Unix()))
		}
		text = text[min(len(text), tail.BacklogChunk):]
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return oldest
}

// lineTimeSpan is how much of a line is looked at for its time, bytes.
const lineTimeSpan = 256

// sealStream makes a batch of a text that lies in memory. Nothing of it is
// compared or erased later, so it has no sums. Crash windows: before the
// ledger's event the text is lost with the process; after it, it is sealed.
func (d *Daemon) sealStream(ctx context.Context, l *lane, s *stream, text []byte, r ledger.Range, resumed bool, now time.Time) error {
	day := ""
	var last ledger.Class
	d.ledger.View(func(st *ledger.State) {
		if l.class.Pseudonyms() {
			day = l.keyDay(st, r.Oldest, now)
		}
		if c := st.Classes[l.class.Name]; c != nil {
			last = *c
		}
	})
	rules, err := d.setKey(l, day)
	if err != nil {
		return err
	}
	id := ledger.BatchID{Class: l.class.Name, Number: last.Sealed + 1}
	draft, err := d.spool.Create(ship.ID(id), l.codec)
	if err != nil {
		return err
	}
	b := &building{lane: l, draft: draft, keyDay: l.key.day, ranges: []ledger.Range{r}}
	l.scrub.Reset(draft)
	l.scrub.Continue(s.open)
	if resumed {
		l.scrub.Resume()
	}
	if err := b.writeText(ctx, text, r.Cut); err != nil {
		l.scrub.Reset(io.Discard)
		return errors.Join(err, draft.Discard())
	}
	open := l.scrub.Unfinished()
	if err := d.record(b, id, last.LastKey, "", rules, now); err != nil {
		return err
	}
	s.open = open
	return nil
}

// writeText carries a text through the scrubber into the draft. A line that is
// cut off is masked at its edge and gets a newline.
func (b *building) writeText(ctx context.Context, text []byte, cut bool) error {
	for len(text) > 0 {
		n := min(len(text), laneBuffer)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := b.lane.scrub.Write(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	if !cut {
		return b.lane.scrub.Flush()
	}
	if err := b.lane.scrub.Cut(); err != nil {
		return err
	}
	_, err := b.draft.Write([]byte{'\n'})
	return err
}
