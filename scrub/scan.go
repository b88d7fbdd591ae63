package scrub

import "math/bits"

// A decision about a separator looks at the text from look bytes before it to
// ahead bytes after it, and no further: a percent-encoded address behind nine
// more groups, or a reverse name, fits. It is taken where the sieve stops, which
// is behind that separator: the third of three (with at most four digits between
// two of them) less than chain bytes, an escape at most mixed. The Writer holds
// back so much.
const (
	look  = 128
	ahead = 384
	chain = 16
	mixed = 48
	back  = look + mixed
)

// scan is one pass over a text. dst has everything of src up to copied;
// barrier is where the last address ended, and no later one may reach back
// over it.
type scan struct {
	s       *Scrubber
	src     []byte
	dst     []byte
	copied  int
	barrier int
	counts  Counts
	next    int   // what stands before is decided
	f       found // the last address, here so that it is not cleared each time
	seams   *seams
	watch   *watch
}

// run decides where the sieve stops in src[from:limit]. What no decision touched
// is not yet copied to dst. It gives where the next run goes on.
func (r *scan) run(from, limit int) int {
	src := r.src
	r.next = r.barrier
	var last [blockSize]byte
	p := max(0, from-chain)
	v := sieve{quiet: p == 0}
	for ; p < limit; p += blockSize {
		if v.quiet {
			v = sieve{}
			if p = skip(src, p); p >= limit {
				break
			}
		}
		block := &last
		if p+blockSize <= len(src) {
			block = (*[blockSize]byte)(src[p:])
		} else {
			clear(last[copy(last[:], src[p:]):])
		}
		before := v.seps
		third, double, odd, seps := v.sift(block)
		stops := third | double | odd
		if p < from {
			stops &= ^uint64(0) << (from - p)
		}
		for ; stops != 0; stops &= stops - 1 {
			k := bits.TrailingZeros64(stops)
			t := p + k
			if t >= limit {
				break
			}
			if odd>>k&1 != 0 {
				r.odd(t)
				continue
			}
			// The separators before t, that of the byte before it in the highest bit.
			w := seps<<(blockSize-k) | before>>k
			near := bits.LeadingZeros64(w)
			far := near + 1 + bits.LeadingZeros64(w<<(near+1))
			if third>>k&1 != 0 && far < chain {
				r.third(t-1-far, t-1-near, t)
			}
			if double>>k&1 != 0 {
				r.double(t)
			}
		}
	}
	return max(limit, r.barrier)
}

// third decides about the separators at i, j and t, with hexadecimal digits
// between them or nothing.
func (r *scan) third(i, j, t int) {
	src := r.src
	c := src[t]
	switch {
	case src[j] != c || i < r.next && j < r.next:
	case src[i] != c || c != ':' && !(i > 0 && (is(src[i-1], isDigit) || c == '-' && is(src[i-1], isHex))):
		if c == '.' && is(src[j-1], isDigit) {
			r.visit(j) // a reverse name whose first digit is a letter
		}
	case c == '.' && i >= r.next && t+quickAhead <= len(src):
		r.next = r.dots(i, j, t)
	default:
		r.visit(i)
	}
}

// double decides about the two separators at t-1 and t.
func (r *scan) double(t int) {
	src := r.src
	switch c := src[t]; {
	case src[t-1] != c:
	case c == ':', c == '-' && t > 1 && is(src[t-2], isHex):
		r.visit(t - 1)
	}
}

// odd decides about the byte at i, which may begin an escape or a tuple.
func (r *scan) odd(i int) {
	n := byte('\n')
	if i+1 < len(r.src) {
		n = r.src[i+1]
	}
	switch r.src[i] {
	case '{':
		if is(n, isDigit) {
			r.visit(i)
		}
		return
	case '%':
		if n != '2' && n != '3' {
			return
		}
	case '&':
		if n != '#' && lower(n) != 'a' {
			return
		}
	case '\\':
		if n != '.' && n != ':' && n != '\\' && lower(n) != 'u' && n != 'x' {
			return
		}
	}
	// Separators that stand plain before the first escaped one.
	b := i
	for b > 0 && i-b < mixed && (is(r.src[b-1], isHex) || r.src[b-1] == '.' || r.src[b-1] == ':') {
		b--
	}
	for k := b; k < i; k++ {
		if c := r.src[k]; c == ':' || c == '.' && k > 0 && is(r.src[k-1], isDigit) {
			r.visit(k)
		}
	}
	r.visit(i)
}

// visit decides about the separator at i, unless that is done already.
func (r *scan) visit(i int) {
	if i >= r.next {
		r.next = r.decide(i)
	}
}

// dots decides about the dots at i, j and t, of which the first follows a
// digit, as decide does about others.
func (r *scan) dots(i, j, t int) (next int) {
	var q fourOctets
	switch plain4(r.src, r.barrier, i, j, t, &q) {
	case none:
		return i + 1
	case taken:
		if is(r.src[q.start-2], isVersion) {
			v := view{src: r.src, lo: max(r.barrier, i-look), hi: len(r.src)}
			if v.versionWordApart(q.start - 1) {
				return i + 1
			}
		}
		if r.watch != nil {
			r.watch.take4(r, &q)
		} else {
			r.take4(&q)
		}
		return q.end
	}
	return r.decideSlow(i)
}

// decide looks at the separator at i. If an address is found around it, the
// text up to it and what becomes of it are copied. It gives where to go on.
func (r *scan) decide(i int) int {
	if i+quickAhead <= len(r.src) {
		switch r.src[i] {
		case ':':
			if next, no := noColons(r.src, i); no {
				return next
			}
		case '-', '_':
			if noJoint(r.src, i) {
				return i + 1
			}
		}
	}
	return r.decideSlow(i)
}

// decideSlow does the same for every form, and near the end of the text.
func (r *scan) decideSlow(i int) int {
	v := view{r.src, max(r.barrier, i-look), min(len(r.src), i+ahead), !r.s.policy.ScrubVersions}
	ok := false
	next := i + 1
	switch c := r.src[i]; c {
	case '.':
		ok = v.dotted(&r.f, i, 1)
	case ':':
		if n := v.at(i + 1); n == ':' || is(n, isHex|isEscape) {
			next, ok = v.colon(&r.f, i)
		}
	case '-', '_':
		if n := v.at(i + 1); is(n, isHex) || n == '-' {
			ok = v.joined(&r.f, i) || c == '-' && v.dashes(&r.f, i)
		}
	case '{':
		ok = is(v.at(i+1), isDigit) && v.tuple(&r.f, i)
	default:
		switch ch, n := v.separator(i); ch {
		case '.':
			ok = v.dotted(&r.f, i, n)
		case ':':
			next, ok = v.colon(&r.f, i)
		}
	}
	if !ok {
		return next
	}
	if r.watch != nil {
		r.watch.take(r)
	} else {
		r.take()
	}
	return r.f.end
}

// take4 replaces a plain IPv4 address: like take, for the most frequent form.
func (r *scan) take4(q *fourOctets) {
	if r.seams != nil {
		r.takeJoined4(q)
		return
	}
	s := r.s
	if s.pseudonyms != nil {
		r.takePseudonym4(q)
		return
	}
	r.barrier = q.end
	a := s.map4(q.value)
	if s.policy.Mode == Truncate && a == q.value || s.keep.holds4(q.value) {
		return
	}
	r.counts.IPv4++
	switch {
	case s.policy.Mode == Mask:
		r.dst = append(r.dst, r.src[r.copied:q.start]...)
		r.dst = append(r.dst, s.policy.MaskText...)
	case (a^q.value)>>8 == 0:
		r.dst = append(r.dst, r.src[r.copied:q.lastOctet]...)
		r.dst = appendOctet(r.dst, uint8(a))
	default:
		r.dst = append(r.dst, r.src[r.copied:q.start]...)
		for shift := 24; shift > 0; shift -= 8 {
			r.dst = append(appendOctet(r.dst, uint8(a>>shift)), '.')
		}
		r.dst = appendOctet(r.dst, uint8(a))
	}
	r.copied = q.end
}

// take replaces the address found.
func (r *scan) take() {
	f := &r.f
	r.barrier = f.end
	kept := len(r.dst)
	r.dst = append(r.dst, r.src[r.copied:f.start]...)
	var changed bool
	if r.dst, changed = r.s.change(r.dst, r.src, f); !changed {
		r.dst = r.dst[:kept]
		return
	}
	if r.seams != nil {
		r.seams.copied(r.copied, f.start, kept)
		r.seams.replaced(f.end, len(r.dst))
	}
	r.copied = f.end
	if f.form.is4() {
		r.counts.IPv4++
	} else {
		r.counts.IPv6++
	}
}

// flush copies what is left before to.
func (r *scan) flush(to int) {
	if to > r.copied {
		if r.seams != nil {
			r.seams.copied(r.copied, to, len(r.dst))
		}
		r.dst = append(r.dst, r.src[r.copied:to]...)
		r.copied = to
	}
}
