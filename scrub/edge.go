package scrub

// maxEdge is how far an address, in its longest encoding, may reach into the
// part of a line that was cut off: so many bytes of an edge are masked at most.
const maxEdge = 256

// edgeByte reports whether the byte at i may stand inside an address, however
// it is written.
func (v *view) edgeByte(i int) bool {
	switch c := v.at(i); c {
	case '.', ':', '%', '-', '_', '\\', '&', '#', ';', ',', '{':
		return true
	case 'x', 'X', 'u', 'U':
		p := v.at(i - 1)
		return p == '\\' || p == '#'
	default:
		return is(c, isHex)
	}
}

// cutEdge gives the start of the token at the end of a text cut off there, or
// the text's length if that token cannot be a part of an address.
func cutEdge(text []byte) int {
	v := view{src: text, hi: len(text)}
	b := len(text)
	for b > 0 && len(text)-b < maxEdge && v.edgeByte(b-1) {
		b--
	}
	if !v.mayBePart(b, len(text), v.at(b-1)) {
		return len(text)
	}
	return b
}

// resumeEdge gives the end of the token at the beginning of a text whose head
// was cut off, or 0 if that token cannot be a part of an address.
func resumeEdge(text []byte) int {
	v := view{src: text, hi: len(text)}
	e := 0
	for e < len(text) && e < maxEdge && v.edgeByte(e) {
		e++
	}
	if !v.mayBePart(0, e, v.at(e)) {
		return 0
	}
	return e
}

// mayBePart reports whether [b, e) may be a part of an address; beside is the
// byte on its inner side. Any digit may. Letters alone may be one group of an
// IPv6 address, if they are not the edge of a longer word.
func (v *view) mayBePart(b, e int, beside byte) bool {
	letters, colon := 0, false
	for i := b; i < e; i++ {
		switch c := v.at(i); {
		case is(c, isDigit):
			return true
		case is(c, isHex):
			letters++
		case c == ':':
			colon = true
		}
	}
	if letters == 0 {
		return colon && e-b > 1
	}
	return !is(beside, isAlnum) && (colon || letters <= 4)
}
