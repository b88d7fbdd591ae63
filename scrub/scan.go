package scrub

import (
	"encoding/binary"
	"math/bits"
)

// A decision about a separator looks at the text from back bytes before it to
// ahead bytes after it, and no further: a percent-encoded address behind nine
// more groups, or a reverse name, fits. The Writer holds back so much.
const (
	back  = 128
	ahead = 384
)

// Bytes of a 64-bit word, all the same.
const (
	ones = 0x0101010101010101
	high = 0x80 * ones
	low  = 0x7f * ones
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
	f       found // the last address, here so that it is not cleared each time
	seams   *seams
	watch   *watch
}

// run decides about the separators in src[from:limit]. What no decision
// touched is not yet copied to dst. It gives where the next run goes on.
//
// It goes through the text eight bytes at a time and picks the bytes that may
// be the first separator of an address: a dot, dash or underscore after a
// digit, a colon, the first byte of an escape, a brace before a digit. Text
// without a digit or a colon holds none of them and is passed over in larger
// steps. In the sums below, the high bit of y + (0x80-c) says that a byte below
// 0x80 is at least c.
func (r *scan) run(from, limit int) int {
	src := r.src
	p := from
	carry := digitBefore(src, p)
	for p < limit {
		var x uint64
		if p+8 <= len(src) {
			x = binary.LittleEndian.Uint64(src[p:])
		} else {
			x = lastWord(src, p)
		}
		y := x & low
		from0 := y + (0x80-'0')*ones
		colons := y + (0x80-':')*ones
		digits := from0 &^ colons
		if from0&^(y+(0x80-';')*ones)&high|carry == 0 {
			next := skip(src, p)
			if next > p {
				p = next
				carry = 0
				continue
			}
		}
		after := digits<<8 | carry
		m := (y+(0x80-'-')*ones)&^(y+(0x80-'/')*ones)&after | colons&^(y+(0x80-';')*ones)
		odd := (y+(0x80-'%')*ones)&^(y+(0x80-'\'')*ones) | ((y | 0x20*ones) + (0x80-'{')*ones)
		if odd&high&^x != 0 {
			m |= oddCandidates(y, digits, after)
		}
		m &= high &^ x
		if m == 0 {
			p += 8
			carry = digits >> 56 & 0x80
			continue
		}
		for m != 0 {
			i := p + bits.TrailingZeros64(m)>>3
			if i >= limit {
				return i
			}
			n := r.decide(i)
			if n >= p+8 {
				p = n - 8
				break
			}
			m &= ^uint64(0) << (8 * (n - p) & 63)
		}
		p += 8
		carry = digitBefore(src, p)
	}
	return p
}

// skip passes over text without a digit or a colon. What may be the beginning
// of an escape stays in front of its digit.
func skip(src []byte, p int) int {
	const escape = 6
	q := p
	for ; q+16 <= len(src); q += 16 {
		b := src[q : q+16 : q+16]
		lo, hi := numeric(binary.LittleEndian.Uint64(b)), numeric(binary.LittleEndian.Uint64(b[8:]))
		if (lo|hi)&high == 0 {
			continue
		}
		if lo &= high; lo != 0 {
			q += bits.TrailingZeros64(lo) >> 3
		} else {
			q += 8 + bits.TrailingZeros64(hi&high)>>3
		}
		break
	}
	return max(p, q-escape)
}

// numeric has the high bit of every byte of x that may be a digit or a colon.
func numeric(x uint64) uint64 {
	y := x & low
	return (y + (0x80-'0')*ones) &^ (y + (0x80-';')*ones)
}

// lastWord reads what is left of the text at p, less than a word, and zeros.
func lastWord(src []byte, p int) uint64 {
	var b [8]byte
	if p < len(src) {
		copy(b[:], src[p:])
	}
	return binary.LittleEndian.Uint64(b[:])
}

// digitBefore is the high bit of a word's first byte, if a digit stands before
// the word at p.
func digitBefore(src []byte, p int) uint64 {
	if p > 0 && p <= len(src) && src[p-1]-'0' < 10 {
		return 0x80
	}
	return 0
}

// oddCandidates picks the rarer characters of y: the first byte of an escape,
// an underscore after a digit, a brace before one.
func oddCandidates(y, digits, after uint64) uint64 {
	escape := (y+(0x80-'%')*ones)&^(y+(0x80-'\'')*ones) | (y+(0x80-'\\')*ones)&^(y+(0x80-']')*ones)
	under := (y + (0x80-'_')*ones) &^ (y + (0x80-'`')*ones)
	brace := (y + (0x80-'{')*ones) &^ (y + (0x80-'|')*ones)
	return escape | under&after | brace&(digits>>8|0x80<<56)
}

// decide looks at the separator at i. If an address is found around it, the
// text up to it and what becomes of it are copied. It gives where to go on.
func (r *scan) decide(i int) int {
	if i+quickAhead <= len(r.src) {
		switch c := r.src[i]; c {
		case '.':
			var q fourOctets
			switch plain4(r.src, r.barrier, i, &q) {
			case none:
				return i + 1
			case taken:
				if is(r.src[q.start-2], isVersion) {
					v := view{src: r.src, lo: max(r.barrier, i-back), hi: len(r.src)}
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
	v := view{r.src, max(r.barrier, i-back), min(len(r.src), i+ahead), !r.s.policy.ScrubVersions}
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
