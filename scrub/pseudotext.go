package scrub

import "strconv"

// octetText has each octet as text and a dot, of which the last is how many
// digits there are. It is never written after the program has started.
var octetText = octetTexts()

func octetTexts() (t [256][5]byte) {
	for x := range t {
		text := appendOctet(nil, uint8(x))
		copy(t[x][:], append(text, '.'))
		t[x][4] = byte(len(text))
	}
	return t
}

// takePseudonym4 replaces a plain IPv4 address, as take4 does in other modes.
func (r *scan) takePseudonym4(q *fourOctets) {
	s := r.s
	if s.pseudonyms.prefix == nil {
		v := view{src: r.src, lo: q.start, hi: len(r.src)}
		if r.f.quad.readDotted(&v, q.start) {
			r.f.start, r.f.end, r.f.form = q.start, q.end, formDotted
			r.take()
		}
		return
	}
	r.barrier = q.end
	if s.keep.holds4(q.value) {
		return
	}
	r.counts.IPv4++
	a := s.pseudonyms.prefix4(q.value)
	dst := append(r.dst, r.src[r.copied:q.start]...)
	for shift := 24; shift >= 0; shift -= 8 {
		o := &octetText[uint8(a>>shift)]
		dst = append(dst, o[0], o[1], o[2], o[3])
		dst = dst[:len(dst)-int(3-o[4])]
	}
	r.dst = dst[:len(dst)-1] // without the last dot
	r.copied = q.end
}

// leastNibbles is the shortest reverse name that is anybody's: a network of 12
// bits is a registry's (IANA, IPv6 global unicast assignments).
const leastNibbles = 4

// pseudonym is change for the modes with a key. It may move the end of what is
// replaced further back.
func (s *Scrubber) pseudonym(dst, src []byte, f *found) ([]byte, bool) {
	p := s.pseudonyms
	if f.form.is4() {
		old := f.quad.value(f.form == formReverse4)
		switch {
		case s.keep.holds4(old):
			return dst, false
		case p.prefix != nil:
			return appendQuad(dst, src, f, p.prefix4(old)), true
		}
		return append4As6(dst, src, f, p.encrypt(addr6{0, mapped | uint64(old)})), true
	}
	x := &f.six
	if x.addr == (addr6{}) || s.keep.holds6(x) || f.form == formReverse6 && x.nibbles < leastNibbles {
		return dst, false
	}
	a, ok := p.of(x)
	if !ok {
		return dst, false
	}
	switch f.form {
	case formReverse6:
		n := x.nibbles
		if p.prefix == nil {
			n = 32 // that of a network's first address: no network has one of its own
		}
		return appendReverse(dst, []byte("."), a, n), true
	case formTuple6:
		return appendTuple6(dst, src, f, a), true
	case formDashes:
		return appendName(dst, '-', a), true
	}
	if p.prefix != nil && x.embeds4() {
		return appendGroups(dst, src, f, a), true // it keeps its first 96 bits, and its dots
	}
	return appendApart(dst, src, f, src[x.colon.start:x.colon.end], a), true
}

// append4As6 writes the IPv6 address that is the pseudonym of an IPv4 one, in
// the form that programs give an IPv6 address where they gave an IPv4 one so.
func append4As6(dst, src []byte, f *found, a addr6) []byte {
	v := neighbours(src, f)
	q := &f.quad
	sep := src[q.end[0]:q.start[1]]
	switch f.form {
	case formReverse4:
		f.end += len(".in-addr") // .arpa stays as it is
		if v.touches(f.start) {
			dst = append(dst, sep...)
		}
		return append(appendReverse(dst, sep, a, 32), ".ip6"...)
	case formTuple4:
		for k := range 8 {
			if k > 0 {
				dst = append(dst, sep...)
			}
			dst = strconv.AppendUint(dst, uint64(a.group(k)), 10)
		}
		return dst
	case formDotted:
		if !v.inName(f) {
			var colon [maxSeparatorText]byte
			return appendApart(dst, src, f, colonFor(colon[:0], sep), a)
		}
		sep = []byte("-") // a colon or a dot would end the label
	}
	if v.touches(f.start) {
		dst = append(dst, sep...)
	}
	return appendName(dst, sep[0], a)
}

// neighbours is a view of an address and what touches it.
func neighbours(src []byte, f *found) view {
	const far = 24 // longer than any encoded separator or escape
	return view{src: src, lo: max(0, f.start-far), hi: min(len(src), f.end+far)}
}

// inName reports that the octets, joined by dots, are labels of a host name, or
// part of a file's.
func (v *view) inName(f *found) bool {
	if ch, n := v.separator(f.end); ch == '.' && is(v.at(f.end+n), isLetter) {
		return true
	}
	return v.at(f.start-1) == '.' && is(v.at(f.start-2), isLetter)
}

// maxSeparatorText is the length of the longest encoded separator,
// &amp;#x0000002e;.
const maxSeparatorText = 16

// colonFor encodes a colon as the dot in text is.
func colonFor(dst, dot []byte) []byte {
	n := len(dot)
	if n < 3 || dot[n-1] == '.' {
		return append(append(dst, dot[:n-1]...), ':')
	}
	end := n
	if dot[n-1] == ';' {
		end--
	}
	dst = append(dst, dot[:end-2]...)
	switch dot[end-1] {
	case '6':
		dst = append(dst, "58"...)
	case 'E':
		dst = append(dst, "3A"...)
	default:
		dst = append(dst, "3a"...)
	}
	return append(dst, dot[end:]...)
}

// appendApart writes an IPv6 address, in brackets where what stands beside it
// would be read as a part of it, or it as a part of that.
func appendApart(dst, src []byte, f *found, colon []byte, a addr6) []byte {
	v := neighbours(src, f)
	if !v.needsBrackets(f.start, f.end) {
		return appendColons(dst, colon, a, v.at(f.end) == '.' && is(v.at(f.end+1), isDigit))
	}
	percent := v.percentBeside(f.start, f.end, colon)
	if len(percent) > 0 {
		dst = append(append(dst, percent...), "5B"...)
	} else {
		dst = append(dst, '[')
	}
	dst = appendColons(dst, colon, a, false)
	if len(percent) > 0 {
		return append(append(dst, percent...), "5D"...)
	}
	return append(dst, ']')
}

// needsBrackets decides by what stands before b and after e: a letter or digit
// that is no escape's, a colon (before a port, after a label or a time), the
// sign of an escape, or what comes before the host in a URI (RFC 3986, 3.2.2).
func (v *view) needsBrackets(b, e int) bool {
	switch p := v.at(b - 1); p {
	case '%', '\\', '@':
		return true
	case '/':
		if c := v.at(b - 2); c == '/' || c == '\\' && v.at(b-3) == '/' {
			return true
		}
	default:
		if is(p, isAlnum) && !v.escapeEnds(b) || v.has(b-3, "%40") || v.has(b-6, "%2f%2f") {
			return true
		}
	}
	if is(v.at(e), isAlnum) || v.colonBefore(b) {
		return true
	}
	ch, n := v.separator(e)
	return n > 0 && ch == ':' && (is(v.at(e+n), isHex) || v.doubleColon(e))
}

// colonBefore reports whether a colon, in any encoding, ends at b.
func (v *view) colonBefore(b int) bool {
	switch v.at(b - 1) {
	case ':':
		return true
	case 'a', 'A', ';':
	default:
		return false
	}
	for n := 3; n <= maxSeparatorText; n++ {
		if ch, m := v.separator(b - n); m == n && ch == ':' {
			return true
		}
	}
	return false
}

// percentBeside gives the sign of a percent escape, itself escaped as it may
// be, if the colons of an address, or what puts it in brackets, are encoded so.
func (v *view) percentBeside(b, e int, colon []byte) []byte {
	if colon[0] == '%' {
		return colon[:len(colon)-2]
	}
	if ch, n := v.separator(e); ch == ':' && v.at(e) == '%' {
		return v.src[e : e+n-2]
	}
	if v.has(b-3, "%3a") || v.has(b-3, "%2f") || v.has(b-3, "%40") {
		return v.src[b-3 : b-2]
	}
	return nil
}

// appendColons writes an IPv6 address in the text of RFC 5952, section 4. The
// last group is written with its zeros if wide: followed by a dot and a number,
// a short one could be read as an octet.
func appendColons(dst, colon []byte, a addr6, wide bool) []byte {
	from, to := zeroRun(a, 8)
	for k := 0; k < 8; k++ {
		if k == from {
			dst = append(append(dst, colon...), colon...)
			k = to - 1
			continue
		}
		if k > 0 && k != to {
			dst = append(dst, colon...)
		}
		if wide && k == 7 {
			return appendGroup(dst, a.group(k))
		}
		dst = appendHex(dst, a.group(k))
	}
	return dst
}

// appendHex writes a group without zeros in front.
func appendHex(dst []byte, x uint16) []byte {
	switch {
	case x >= 1<<12:
		return appendGroup(dst, x)
	case x >= 1<<8:
		return append(dst, hexDigits[x>>8], hexDigits[x>>4&15], hexDigits[x&15])
	case x >= 1<<4:
		return append(dst, hexDigits[x>>4], hexDigits[x&15])
	}
	return append(dst, hexDigits[x])
}

// appendName writes an IPv6 address inside a name: all its digits, so that it
// ends where it ends, whatever words are joined to it.
func appendName(dst []byte, sep byte, a addr6) []byte {
	for k := range 8 {
		if k > 0 {
			dst = append(dst, sep)
		}
		dst = appendGroup(dst, a.group(k))
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendGroup writes a group with its zeros.
func appendGroup(dst []byte, x uint16) []byte {
	return append(dst, hexDigits[x>>12], hexDigits[x>>8&15], hexDigits[x>>4&15], hexDigits[x&15])
}

// appendReverse writes the first n nibbles of an address, the last one first.
func appendReverse(dst, dot []byte, a addr6, n int) []byte {
	b := a.bytes()
	for k := n - 1; k >= 0; k-- {
		dst = append(dst, hexDigits[b[k/2]>>(4*(1-k%2))&15])
		if k > 0 {
			dst = append(dst, dot...)
		}
	}
	return dst
}
