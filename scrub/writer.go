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
// Whole lines go out with the Write that ends them, but for those that wait for
// the rest of a container's message. Of a line that is not complete, the Writer
// holds back some 600 bytes at most, or ten kilobytes where fields are named,
// whatever the line's length. After an error of the underlying writer it
// is to be dropped or Reset: how much of the text went out is not known.
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

	ownsKey bool    // no other Writer uses the Scrubber
	inLine  bool    // the next byte is not the first of a line
	cri     *joiner // of messages in pieces; nil before there is one
	open    Streams
	seams   *seams // nil for a text that is not joined of pieces
	at      int64  // where held begins in the text that addresses are looked for in
	watch   *watch
	shadow  *Writer // with the mode Keep, what looks for a watch

	pos, passed int64 // bytes of the text that were taken, and that went to the passes
}

// NewWriter makes a Writer that writes to w by the policy p.
func NewWriter(w io.Writer, p Policy) (*Writer, error) {
	s, err := New(p)
	if err != nil {
		return nil, err
	}
	out := s.NewWriter(w)
	out.ownsKey = true
	return out, nil
}

// NewWriter makes a Writer that shares the Scrubber's policy.
func (s *Scrubber) NewWriter(w io.Writer) *Writer { return s.newPasses(w) }

// newPasses makes the passes over a text.
func (s *Scrubber) newPasses(w io.Writer) *Writer {
	out := &Writer{w: w, s: s}
	if s.fields != nil {
		out.red = &redactStream{f: s.fields}
	}
	return out
}

// Write takes the next piece of the text. It does not keep p. The error is
// that of the underlying writer.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	if w.watch == nil && w.s.passesAll() {
		return w.w.Write(p)
	}
	for len(p) > 0 {
		if !w.cri.busy() {
			k := apartFrom(p, w.inLine)
			if k > 0 {
				if err := w.passAt(p[:k]); err != nil {
					return 0, err
				}
				w.pos += int64(k)
				w.inLine = p[k-1] != '\n'
			}
			if p = p[k:]; len(p) == 0 {
				break
			}
		}
		k, err := w.joiner().write(p)
		if err != nil {
			return 0, err
		}
		p = p[k:]
	}
	return n, nil
}

// passAt gives the passes what comes next in the text.
func (w *Writer) passAt(p []byte) error {
	if w.watch != nil {
		w.watch.goesOn(w.passed, w.pos)
	}
	return w.pass(p)
}

// pass gives a piece of the text to the passes.
func (w *Writer) pass(p []byte) error {
	w.passed += int64(len(p))
	if w.red != nil {
		return w.redact(p)
	}
	_, err := w.text(p)
	return err
}

// text takes a piece in which no field is to be blanked any more.
func (w *Writer) text(p []byte) (int, error) {
	if w.s.policy.Mode == Keep {
		if w.shadow != nil {
			_, _ = w.shadow.text(p) // discards it
		}
		w.at += int64(len(p))
		return w.w.Write(p)
	}
	n := len(p)
	if len(w.held) > 0 || w.resumed || w.seams != nil {
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
	r := scan{s: w.s, src: p, dst: w.out[:0], watch: w.watch}
	r.run(0, len(p))
	r.flush(len(p))
	if w.watch != nil {
		w.watch.alikes(&r, len(p), len(p))
	}
	w.at += int64(len(p))
	return w.send(&r)
}

func (w *Writer) send(r *scan) error {
	w.out = r.dst[:0]
	w.counts.IPv4 += r.counts.IPv4
	w.counts.IPv6 += r.counts.IPv6
	if len(r.dst) == 0 && w.seams == nil {
		return nil
	}
	return w.seams.split(r.dst, w.put, w.seamOut)
}

func (w *Writer) put(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := w.w.Write(p)
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
	r := scan{s: w.s, src: w.held, dst: w.out[:0], copied: w.done, barrier: w.barrier, seams: w.seams, watch: w.watch}
	if w.resumed {
		w.resumed = false
		if e := resumeEdge(w.held); e > 0 {
			r.dst = append(r.dst, w.s.policy.MaskText...)
			r.copied, r.barrier, w.next = e, e, e
			if r.seams != nil {
				r.seams.replaced(e, len(r.dst))
			}
		}
	}
	w.next = r.run(w.next, limit)
	if w.watch != nil {
		w.watch.alikes(&r, min(w.next, limit)-settled, len(w.held))
	}
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
	if w.watch != nil {
		drop = min(drop, int(w.watch.pos-w.at)-back)
	}
	if drop <= 0 {
		return
	}
	w.seams.slide(drop)
	w.held = w.held[:copy(w.held, w.held[drop:])]
	w.done -= drop
	w.at += int64(drop)
	w.next -= drop
	w.barrier = max(0, w.barrier-drop)
}

// drain decides about all that is held, as if the text ended here.
func (w *Writer) drain() error {
	err := w.step(len(w.held), len(w.held))
	if err == nil && (w.done < len(w.held) || w.seams != nil) {
		// Every decision was made before, and the last of it only waited.
		if w.seams != nil {
			w.seams.copied(w.done, len(w.held), 0)
		}
		err = w.seams.split(w.held[w.done:], w.put, w.seamOut)
	}
	if w.watch != nil {
		w.watch.alikes(&scan{s: w.s, src: w.held}, len(w.held), len(w.held))
	}
	if w.shadow != nil {
		_ = w.shadow.Flush() // discards it
	}
	w.at += int64(len(w.held))
	w.held, w.done, w.next, w.barrier = w.held[:0], 0, 0, 0
	w.resumed = false
	return err
}

// Flush ends a complete text: what is held back is decided as if the text
// ended here, and written. A message of a container that is not complete is cut
// off.
func (w *Writer) Flush() error {
	w.inLine = false
	w.open = 0
	if w.cri.busy() {
		var err error
		w.open, err = w.cri.stop(false)
		return err
	}
	return w.flushPasses()
}

func (w *Writer) flushPasses() error {
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
// of a value; a value that is open is blanked already. In a field named for
// addresses, what is cut off is masked.
func (w *Writer) Cut() error {
	if w.watch != nil {
		defer w.watch.cut()()
	}
	w.inLine = false
	w.open = 0
	if w.cri.busy() {
		var err error
		w.open, err = w.cri.stop(true)
		return err
	}
	return w.cutPasses()
}

func (w *Writer) cutPasses() error {
	if w.red != nil {
		cut, late, err := w.cutRedact()
		if err != nil {
			return err
		}
		if cut {
			if err := w.drain(); err != nil {
				return err
			}
			return w.putCut(Redacted, late)
		}
	}
	e := cutEdge(w.held)
	if e >= len(w.held) {
		return w.drain()
	}
	e = max(e, w.done)
	w.held = w.held[:e]
	late := w.seams.beyond(e)
	if err := w.drain(); err != nil {
		return err
	}
	return w.putCut(w.s.policy.MaskText, late)
}

// putCut writes what stands for a text's edge, and then the seams that lay in
// it.
func (w *Writer) putCut(text string, late int) error {
	if _, err := io.WriteString(w.w, text); err != nil {
		return err
	}
	for range late {
		if err := w.seamOut(); err != nil {
			return err
		}
	}
	return nil
}

// Unfinished tells on which streams of a container the text that was ended
// last, with Flush or Cut, ended within a message cut into pieces. What the
// text held of it had its edge masked; whoever goes on with the text says so
// with [Writer.Continue], so that the other half does not stay.
func (w *Writer) Unfinished() Streams { return w.open }

// Continue says that on these streams of a container the text that is written
// next begins within a message: the next line of each is taken for a piece
// whose head was cut off. It is called before the first Write, or after Reset.
func (w *Writer) Continue(s Streams) {
	if s == 0 || w.s.passesAll() {
		return
	}
	j := w.joiner()
	for i := range j.streams {
		if s>>i&1 == 1 {
			j.streams[i].state = resumes
		}
	}
}

// Resume says that what is written next continues a line whose head was cut
// off elsewhere: the token at its beginning is masked if it could be the end of
// an address. With fields named, all that is left of the line is blanked: which
// value it goes on with, and where that ends, is known to none. What was held
// back before is to be ended with Flush or Cut first.
func (w *Writer) Resume() {
	w.inLine = true
	if w.red != nil {
		w.red.resumed = true
		return
	}
	w.resumed = true
}

// Reset forgets what is held back and the counts, and writes to out from now
// on.
func (w *Writer) Reset(out io.Writer) {
	w.w, w.counts, w.resumed, w.inLine, w.open = out, Counts{}, false, false, 0
	if w.red != nil {
		w.red.reset()
		w.red.at = 0
	}
	w.held, w.done, w.next, w.barrier, w.at = w.held[:0], 0, 0, 0, 0
	w.pos, w.passed = 0, 0
	if w.watch != nil {
		w.Watch(w.watch.visit)
	}
	if w.cri != nil {
		w.cri.reset(out)
	}
}

// Counts tells how many addresses and values were changed since NewWriter or Reset.
func (w *Writer) Counts() Counts {
	c := w.counts
	if w.cri != nil {
		for i := range w.cri.streams {
			c.add(w.cri.streams[i].text.counts)
		}
	}
	return c
}
