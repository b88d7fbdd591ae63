package scrub

// quad is four decimal octets found in a text. Octet k stands at
// [start[k], end[k]); what lies between two octets is their separator.
type quad struct {
	octet      [4]uint8
	start, end [4]int
}

// last is where the last octet ends.
func (q *quad) last() int { return q.end[3] }

// value is the address, most significant octet first; reversed names hold it
// the other way round.
func (q *quad) value(reversed bool) uint32 {
	o := q.octet
	if reversed {
		o[0], o[1], o[2], o[3] = o[3], o[2], o[1], o[0]
	}
	return uint32(o[0])<<24 | uint32(o[1])<<16 | uint32(o[2])<<8 | uint32(o[3])
}

// read reads one to three decimal digits of at most 255 at i into octet k.
func (q *quad) read(v *view, k, i int) bool {
	n, j := 0, i
	for j < v.hi && j-i < 4 {
		d := v.src[j] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int(d)
		j++
	}
	if j == i || j-i > 3 || n > 255 {
		return false
	}
	q.octet[k], q.start[k], q.end[k] = uint8(n), i, j
	return true
}

// readDotted reads four octets from b on, joined by dots in any encoding.
func (q *quad) readDotted(v *view, b int) bool {
	for k := 0; ; k++ {
		if !q.read(v, k, b) {
			return false
		}
		if k == 3 {
			return true
		}
		e := q.end[k]
		switch c := v.at(e); {
		case c == '.':
			b = e + 1
		case is(c, isEscape):
			ch, n := v.separator(e)
			if ch != '.' {
				return false
			}
			b = e + n
		default:
			return false
		}
	}
}

// readJoined reads four octets from b on, joined by the byte sep.
func (q *quad) readJoined(v *view, b int, sep byte) bool {
	for k := 0; ; k++ {
		if !q.read(v, k, b) {
			return false
		}
		if k == 3 {
			return true
		}
		if v.at(q.end[k]) != sep {
			return false
		}
		b = q.end[k] + 1
	}
}

// digitsBefore finds the number that ends at i: where it begins, and whether
// it follows an escape such as %20. More than three digits are no octet, and
// then it reports false.
func (v *view) digitsBefore(i int) (b int, ok bool) {
	b = i
	for i-b < 4 && is(v.at(b-1), isDigit) {
		b--
	}
	if b == i {
		return b, false
	}
	if p := v.at(b - 1); p == '%' || is(p, isHex) || i-b > 3 {
		r := v.hexBefore(i, 12)
		if e := v.afterEscape(r, i, 3); e > b {
			b = e
		}
		for k := b; k < i; k++ {
			if !is(v.at(k), isDigit) {
				b = k + 1
			}
		}
	}
	return b, b < i && i-b <= 3
}

// dotted decides about the dot at [i, i+n), in any encoding, that follows a
// digit.
func (v *view) dotted(f *found, i, n int) bool {
	if n == 1 && v.at(i+2) == '.' && v.nibbles(f, i) {
		return true
	}
	b, ok := v.digitsBefore(i)
	if !ok || v.chained(b) || !f.quad.readDotted(v, b) {
		return false
	}
	e := f.quad.last()
	if is(v.at(e), isDigit) {
		return false
	}
	f.start, f.end, f.form = b, e, formDotted
	if v.hasWord(e, ".in-addr.arpa") {
		f.form = formReverse4
		return true
	}
	if v.has(e, ".ip6.") {
		return false
	}
	if v.at(e) == '.' && is(v.at(e+1), isDigit) && !v.portAfterDot(b, e, f.quad.octet[0]) {
		return false
	}
	return !v.version(b, e)
}

// portAfterDot decides about a fifth number, at e+1: tcpdump writes
// address.port. Two signs make it one: a first number that no object
// identifier has (ITU-T X.660: 0, 1 or 2), or tcpdump's own punctuation.
func (v *view) portAfterDot(b, e int, first uint8) bool {
	port, j := 0, e+1
	for j-e < 7 && is(v.at(j), isDigit) {
		port = port*10 + int(v.src[j]-'0')
		j++
	}
	if port > 65535 || j-e > 6 || v.has(j, ".ip6.") || (v.at(j) == '.' && is(v.at(j+1), isDigit)) {
		return false
	}
	if first > 2 || v.has(j, " >") || v.has(j, ": ") || v.doubleColon(j) {
		return true
	}
	return v.has(b-2, "> ") || v.has(b-3, "ip ")
}

// joined decides about the dash or underscore at i, which follows a digit: the
// octets of an address inside a host name.
func (v *view) joined(f *found, i int) bool {
	sep := v.at(i)
	b, ok := v.digitsBefore(i)
	if !ok {
		return false
	}
	if v.at(b-1) == sep && v.numberEnds(b-1) {
		return false
	}
	if !f.quad.readJoined(v, b, sep) {
		return false
	}
	e := f.quad.last()
	named := v.has(b-3, "ip-") || v.has(b-4, "ec2-")
	if is(v.at(e), isAlnum) || (v.at(e) == sep && is(v.at(e+1), isDigit) && !named) {
		return false
	}
	f.start, f.end, f.form = b, e, formJoined
	return !v.version(b, e)
}

// numberEnds reports whether a number ends at i that is no part of a word.
func (v *view) numberEnds(i int) bool {
	b := i
	for i-b < maxWord && is(v.at(b-1), isDigit) {
		b--
	}
	return b < i && !is(v.at(b-1), isLetter)
}

// chained reports whether a dot, in any encoding, joins a number to the one
// that begins at b.
func (v *view) chained(b int) bool {
	switch v.at(b - 1) {
	case '.':
		if is(v.at(b-2), isDigit) {
			return true
		}
	case 'e', 'E', ';':
	default:
		return false
	}
	for n := 2; n <= maxSeparator; n++ {
		if ch, m := v.separator(b - n); m == n && ch == '.' && is(v.at(b-n-1), isDigit) {
			return true
		}
	}
	return false
}
