package scrub

import (
	"bytes"
	"io"
)

// feed is how many bytes of a line without end are taken at once, and so
// bounds the Writer's buffers.
const feed = 64 << 10

// A Writer scrubs a stream of text and writes it on. However the stream is
// split over calls of Write, the bytes that come out are the same.
//
// Whole lines go out with the Write that ends them. Of a line that is not
// complete, the Writer holds back some 600 bytes at most, or ten kilobytes
// where fields are blanked, whatever the line's length. After an error of the underlying writer it is to be dropped or
// Reset: how much of the text went out is not known.
type Writer struct {
	w      io.Writer
	s      *Scrubber
	counts Counts
	// held is the tail of the stream: its first done bytes went out and stay
	// only as context for the rest. Decisions begin at next; no address may
	// reach back over barrier.
	held                []byte
	done, next, barrier int
	out                 []byte
	resumed             bool // the edge at the beginning is not yet masked

	red *redactStream // what blanks fields before; nil if none is
}

// NewWriter makes a Writer that writes to w by the policy p.
func NewWriter(w io.Writer, p Policy) (*Writer, error) {
	s, err := New(p)
	if err != nil {
		return nil, err
	}
	return s.NewWriter(w), nil
}

// NewWriter makes a Writer that shares the Scrubber's policy.
func (s *Scrubber) NewWriter(w io.Writer) *Writer {
	out := &Writer{w: w, s: s}
	if s.fields != nil {
		out.red = &redactStream{f: s.fields}
	}
	return out
}

// Write takes the next piece of the text. It does not keep p. The error is
// that of the underlying writer.
func (w *Writer) Write(p []byte) (int, error) {
	if w.red != nil {
		if err := w.redact(p); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return w.text(p)
}

// text takes a piece in which no field is to be blanked any more.
func (w *Writer) text(p []byte) (int, error) {
	if w.s.policy.Mode == Keep {
		return w.w.Write(p)
	}
	n := len(p)
	if len(w.held) > 0 || w.resumed {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return n, w.hold(p)
		}
		if err := w.hold(p[:i+1]); err != nil {
			return 0, err
		}
		if err := w.drain(); err != nil {
			return 0, err
		}
		p = p[i+1:]
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		for whole := p[:i+1]; len(whole) > 0; {
			k := wholeLines(whole, 16*feed)
			if err := w.lines(whole[:k]); err != nil {
				return 0, err
			}
			whole = whole[k:]
		}
		p = p[i+1:]
	}
	return n, w.hold(p)
}

// wholeLines gives how much of p, which ends with a newline, to scrub at once:
// at most so much, up to the end of a line, or one longer line.
func wholeLines(p []byte, most int) int {
	if len(p) <= most {
		return len(p)
	}
	if i := bytes.LastIndexByte(p[:most], '\n'); i >= 0 {
		return i + 1
	}
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return i + 1
	}
	return len(p)
}

// lines scrubs and writes text that is complete.
func (w *Writer) lines(p []byte) error {
	r := scan{s: w.s, src: p, dst: w.out[:0]}
	r.run(0, len(p))
	r.flush(len(p))
	return w.send(&r)
}

func (w *Writer) send(r *scan) error {
	w.out = r.dst[:0]
	w.counts.IPv4 += r.counts.IPv4
	w.counts.IPv6 += r.counts.IPv6
	if len(r.dst) == 0 {
		return nil
	}
	_, err := w.w.Write(r.dst)
	return err
}

// hold takes text that belongs to a line whose end is not known yet.
func (w *Writer) hold(p []byte) error {
	for len(p) > 0 {
		k := min(len(p), feed)
		w.held = append(w.held, p[:k]...)
		p = p[k:]
		if err := w.step(len(w.held)-ahead, len(w.held)-ahead-back); err != nil {
			return err
		}
	}
	return nil
}

// step decides about what is held, up to limit, and writes what no later
// decision can reach, up to safe.
func (w *Writer) step(limit, safe int) error {
	if limit <= w.next {
		return nil
	}
	r := scan{s: w.s, src: w.held, dst: w.out[:0], copied: w.done, barrier: w.barrier}
	if w.resumed {
		w.resumed = false
		if e := resumeEdge(w.held); e > 0 {
			r.dst = append(r.dst, w.s.policy.MaskText...)
			r.copied, r.barrier, w.next = e, e, e
		}
	}
	w.next = r.run(w.next, limit)
	w.barrier = r.barrier
	r.flush(safe)
	w.done = r.copied
	err := w.send(&r)
	w.slide()
	return err
}

// slide drops what went out and is no longer context.
func (w *Writer) slide() {
	drop := min(w.done, w.next-back)
	if drop <= 0 {
		return
	}
	w.held = w.held[:copy(w.held, w.held[drop:])]
	w.done -= drop
	w.next -= drop
	w.barrier = max(0, w.barrier-drop)
}

// drain decides about all that is held, as if the text ended here.
func (w *Writer) drain() error {
	err := w.step(len(w.held), len(w.held))
	if err == nil && w.done < len(w.held) {
		// Every decision was made before, and the last of it only waited.
		_, err = w.w.Write(w.held[w.done:])
	}
	w.held, w.done, w.next, w.barrier = w.held[:0], 0, 0, 0
	w.resumed = false
	return err
}

// Flush ends a complete text: what is held back is decided as if the text
// ended here, and written.
func (w *Writer) Flush() error {
	if w.red != nil {
		if err := w.drainRedact(); err != nil {
			return err
		}
	}
	return w.drain()
}

// Cut ends a text that was cut off in the middle of a line, no one knows
// where: the open token at its end is masked if it could be an address or a
// part of one. With fields to blank, so is a token that could be the beginning
// of a value; a value that is open is blanked already.
func (w *Writer) Cut() error {
	if w.red != nil {
		cut, err := w.cutRedact()
		if err != nil {
			return err
		}
		if cut {
			if err := w.drain(); err != nil {
				return err
			}
			_, err = io.WriteString(w.w, Redacted)
			return err
		}
	}
	e := cutEdge(w.held)
	if e >= len(w.held) {
		return w.drain()
	}
	w.held = w.held[:max(e, w.done)]
	if err := w.drain(); err != nil {
		return err
	}
	_, err := io.WriteString(w.w, w.s.policy.MaskText)
	return err
}

// Resume says that what is written next continues a line whose head was cut
// off elsewhere: the token at its beginning is masked if it could be the end of
// an address. With fields to blank, all that is left of the line is: which
// value it goes on with, and where that ends, is known to none. What was held
// back before is to be ended with Flush or Cut first.
func (w *Writer) Resume() {
	if w.red != nil {
		w.red.resumed = true
		return
	}
	w.resumed = true
}

// Reset forgets what is held back and the counts, and writes to out from now
// on.
func (w *Writer) Reset(out io.Writer) {
	w.w, w.counts, w.resumed = out, Counts{}, false
	if w.red != nil {
		w.red.reset()
	}
	w.held, w.done, w.next, w.barrier = w.held[:0], 0, 0, 0
}

// Counts tells how many addresses and values were changed since NewWriter or Reset.
func (w *Writer) Counts() Counts { return w.counts }
