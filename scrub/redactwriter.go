package scrub

import "bytes"

// redactStream blanks fields in a stream, before addresses are looked for in
// what is left: no piece of a value stays because it was taken for an address.
type redactStream struct {
	f *fields
	r redact
	// held is the tail of the stream, from redactBack bytes before next on:
	// where decisions go on.
	held    []byte
	next    int
	resumed bool  // the line that comes next has no head
	at      int64 // where held begins in the stream, or what comes next
}

// redactStep is how much there must be to decide about before it is done: what
// is held back is moved each time.
const redactStep = 4 << 10

func (x *redactStream) reset() {
	x.held, x.next, x.resumed = x.held[:0], 0, false
	x.r.begins(x.f, nil)
}

// begins makes r ready for another text.
func (r *redact) begins(f *fields, src []byte) {
	*r = redact{f: f, s: r.s, src: src, dst: r.dst[:0], seams: r.seams, watch: r.watch}
}

// whole blanks the fields of a text that is complete. What it gives is src
// itself, or lies in r until the next call.
func (r *redact) whole(f *fields, src []byte) []byte {
	r.begins(f, src)
	r.run(0, len(src))
	if r.count == 0 && r.ips == (Counts{}) {
		return src
	}
	r.flush(len(src))
	return r.dst
}

// redact blanks the fields of a piece of the stream.
func (w *Writer) redact(p []byte) error {
	x := w.red
	if x.resumed && len(p) > 0 {
		x.resumed = false
		if p[0] != '\n' {
			x.r.f, x.r.v = x.f, value{mode: lineValue}
			w.counts.Redacted++
			if w.watch != nil {
				w.watch.begin(x.at, "", CutLine)
			}
			if _, err := w.text([]byte(Redacted)); err != nil {
				return err
			}
		}
	}
	if len(x.held) > 0 || x.r.v.mode != noValue || w.seams != nil {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return w.holdRedact(p)
		}
		if err := w.holdRedact(p[:i+1]); err != nil {
			return err
		}
		if err := w.drainRedact(); err != nil {
			return err
		}
		p = p[i+1:]
	}
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		for whole := p[:i+1]; len(whole) > 0; {
			k := wholeLines(whole, feed)
			x.r.s = w.s
			text := x.r.whole(x.f, whole[:k])
			if w.watch != nil {
				w.watch.closed(k)
			}
			w.countFields(&x.r)
			x.at += int64(k)
			x.r.begins(x.f, nil)
			if _, err := w.text(text); err != nil {
				return err
			}
			whole = whole[k:]
		}
		p = p[i+1:]
	}
	return w.holdRedact(p)
}

// holdRedact takes text of a line whose end is not known yet.
func (w *Writer) holdRedact(p []byte) error {
	x := w.red
	for len(p) > 0 {
		k := min(len(p), feed)
		x.held = append(x.held, p[:k]...)
		p = p[k:]
		limit := len(x.held) - redactAhead
		if limit < x.next+redactStep {
			continue
		}
		if err := w.stepRedact(limit); err != nil {
			return err
		}
	}
	return nil
}

// stepRedact decides about what is held, up to limit, and hands on what no
// later decision can reach.
func (w *Writer) stepRedact(limit int) error {
	x := w.red
	r := &x.r
	r.s = w.s
	r.f, r.src, r.dst, r.quick = x.f, x.held, r.dst[:0], [5]int{}
	x.next = r.run(x.next, limit)
	safe := x.next - redactBack
	if limit == len(x.held) {
		safe = limit
	}
	r.flush(safe)
	if limit == len(x.held) && r.seams != nil {
		r.seams.copied(r.copied, limit, len(r.dst))
	}
	w.countFields(r)
	if len(r.dst) > 0 || r.seams != nil {
		if err := r.seams.split(r.dst, w.textPart, w.seamText); err != nil {
			return err
		}
	}
	x.slide()
	return nil
}

func (w *Writer) textPart(p []byte) error {
	_, err := w.text(p)
	return err
}

// countFields takes over what a pass counted.
func (w *Writer) countFields(r *redact) {
	w.counts.Redacted += r.count
	w.counts.IPv4 += r.ips.IPv4
	w.counts.IPv6 += r.ips.IPv6
	r.count, r.ips = 0, Counts{}
}

// slide drops what was handed on and is no longer context.
func (x *redactStream) slide() {
	r := &x.r
	drop := min(r.copied, x.next-redactBack)
	if drop <= 0 {
		return
	}
	r.dropQuotes(drop)
	r.seams.slide(drop)
	x.held = x.held[:copy(x.held, x.held[drop:])]
	x.next -= drop
	x.at += int64(drop)
	r.copied -= drop
	r.barrier = max(0, r.barrier-drop)
	r.line.pos = max(0, r.line.pos-drop)
	r.v.at = max(0, r.v.at-drop)
	r.encodedTo = max(0, r.encodedTo-drop)
	r.list.at = max(0, r.list.at-drop)
}

// drainRedact decides about all that is held, as if the text ended here.
func (w *Writer) drainRedact() error {
	err := w.stepRedact(len(w.red.held))
	resumed := w.red.resumed
	if w.watch != nil {
		w.watch.closed(len(w.red.held))
	}
	w.red.at += int64(len(w.red.held))
	w.red.reset()
	w.red.resumed = resumed && err == nil
	return err
}

// cutRedact ends a text that was cut off, and reports whether what it ended
// with is to be blanked: the beginning of a JWT, of an e-mail address, or of a
// password in a URL, too short to be known for one.
// Of the seams, late lie in what is blanked.
func (w *Writer) cutRedact() (cut bool, late int, err error) {
	x := w.red
	if e := x.cutEdge(); e < len(x.held) {
		cut = true
		w.counts.Redacted++
		e = max(e, x.r.copied, x.next)
		x.held = x.held[:e]
		late = x.r.seams.beyond(e)
	}
	x.resumed = false
	x.r.cut = !cut
	return cut, late, w.drainRedact()
}

// maxOpenToken is how much of such a token is looked at. In less than redactAhead
// before the end nothing is decided yet, however the text was split.
const maxOpenToken = redactAhead - maxCRIHead

// cutEdge gives where in held such a token begins, or the end of held.
func (x *redactStream) cutEdge() int {
	b := len(x.held)
	lo := max(x.next, x.r.copied, b-maxOpenToken)
	for b > lo && x.held[b-1] != ' ' && x.held[b-1] != '"' && x.held[b-1] != '\t' {
		b--
	}
	token := x.held[b:]
	if x.f.secrets {
		if i := bytes.Index(token, []byte("eyJ")); i >= 0 {
			return b + i
		}
		if i := bytes.Index(token, []byte("://")); i >= 0 {
			rest := token[i+3:]
			if k := bytes.IndexByte(rest, ':'); k >= 0 && bytes.IndexByte(rest, '/') < 0 {
				return b + i + 3 + k + 1
			}
		}
	}
	if x.f.identifiers && (bytes.IndexByte(token, '@') >= 0 || bytes.Contains(token, []byte("%40"))) {
		return b
	}
	return len(x.held)
}
