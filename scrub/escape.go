package scrub

// maxEscapes bounds how often an escape may itself be escaped: %25253A, or
// four backslashes before a u.
const maxEscapes = 4

// maxSeparator is the length of the longest encoded separator that is looked
// for backwards, such as &amp;#x2e;.
const maxSeparator = 10

// separator reads the dot or colon at i, plain or encoded: %2E, %252E,
// \u002e, \x2e, \., &#46;, &#x2e; and the like for the colon. It gives the
// character and its length in the text, or a length of 0. Of an encoded one,
// the first byte stands at most seven bytes before its first digit.
func (v *view) separator(i int) (ch byte, n int) {
	switch c := v.at(i); c {
	case '.', ':':
		return c, 1
	case '%':
		return v.percent(i)
	case '\\':
		return v.backslash(i)
	case '&':
		return v.entity(i)
	}
	return 0, 0
}

// doubleColon reports whether two colons stand at i, in any encoding.
func (v *view) doubleColon(i int) bool {
	ch, n := v.separator(i)
	if n == 0 || ch != ':' {
		return false
	}
	ch, n = v.separator(i + n)
	return n > 0 && ch == ':'
}

func (v *view) percent(i int) (byte, int) {
	j := i + 1
	for range maxEscapes {
		if v.at(j) != '2' || v.at(j+1) != '5' {
			break
		}
		j += 2
	}
	return v.hexPair(i, j)
}

// hexPair reads the two hexadecimal digits at j that end the escape at i.
func (v *view) hexPair(i, j int) (byte, int) {
	a, b := v.at(j), lower(v.at(j+1))
	switch {
	case a == '2' && b == 'e':
		return '.', j + 2 - i
	case a == '3' && b == 'a':
		return ':', j + 2 - i
	}
	return 0, 0
}

func (v *view) backslash(i int) (byte, int) {
	j := i + 1
	for range maxEscapes {
		if v.at(j) != '\\' {
			break
		}
		j++
	}
	switch v.at(j) {
	case '.', ':':
		return v.at(j), j + 1 - i
	case 'u', 'U':
		if v.at(j+1) == '0' && v.at(j+2) == '0' {
			return v.hexPair(i, j+3)
		}
	case 'x':
		return v.hexPair(i, j+1)
	}
	return 0, 0
}

func (v *view) entity(i int) (byte, int) {
	j := i + 1
	if v.has(j, "amp;") {
		j += len("amp;")
	}
	if v.at(j) != '#' {
		return 0, 0
	}
	j++
	base := 10
	if lower(v.at(j)) == 'x' {
		base = 16
		j++
	}
	code := 0
	for k := 0; k < 8; k++ {
		d := hexValue[v.at(j)]
		if int(d) >= base {
			break
		}
		code = code*base + int(d)
		j++
	}
	if v.at(j) == ';' && (code == '.' || code == ':') {
		return byte(code), j + 1 - i
	}
	return 0, 0
}

// afterEscape tells where the text begins that follows an escape, when the run
// of hexadecimal digits [r, e) begins inside one: in "%3D2001" that is "2001".
// Without an escape it is r.
func (v *view) afterEscape(r, e, want int) int {
	n := e - r
	switch v.at(r - 1) {
	case '%':
		// %25 escapes the sign of a second escape: skip both, unless an octet
		// may begin behind the first.
		if v.at(r) == '2' && v.at(r+1) == '5' && (n-2 > want || n >= 4 && want == 4) {
			return r + 4
		}
		if n > 2 || n == 2 && want == 4 {
			return r + 2
		}
	case 'x':
		if n >= 2 && v.at(r-2) == '\\' {
			return r + 2
		}
	case 'u':
		if n >= 4 && v.at(r-2) == '\\' {
			return r + 4
		}
	case '\\':
		if n > want && is(v.at(r), isLetter) {
			return r + 1
		}
	}
	return r
}
