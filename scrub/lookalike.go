package scrub

// alike finds what only looks like an address around the separator at i. It is
// asked where no address was found, and only for a text that is watched.
func (v *view) alike(i int) (b, e int, form Form, fate Fate, ok bool) {
	fate = KeptNoAddress
	switch v.at(i) {
	case '.':
		b, e, form, ok = v.alikeDotted(i)
	case '-':
		b, e, form, ok = v.alikeBytes(i, '-')
	case ':':
		if v.at(i+1) != ':' {
			b, e, form, ok = v.alikeBytes(i, ':')
			break
		}
		b, e, ok = v.alikeGroups(i)
		form = ProgramName
		if ok && e-b == 2 {
			form, fate = IPv6Plain, KeptUnspecified
		}
	}
	return b, e, form, fate, ok
}

// alikeDotted reads a number of four parts or more around its first dot.
func (v *view) alikeDotted(i int) (b, e int, form Form, ok bool) {
	b = i
	for i-b < maxWord && is(v.at(b-1), isDigit) {
		b--
	}
	if b == i || v.chained(b) {
		return 0, 0, 0, false
	}
	octets := true
	parts, p := 0, b
	for {
		n, j := 0, p
		for j-p < maxWord && is(v.at(j), isDigit) {
			n = min(n*10+int(v.src[j]-'0'), 1000)
			j++
		}
		if j == p {
			break
		}
		octets = octets && n <= 255 && j-p <= 3
		parts, e = parts+1, j
		if p = j + 1; v.at(j) != '.' {
			break
		}
	}
	switch {
	case parts > 4:
		return b, e, DottedNumber, true
	case parts < 4:
	case !octets:
		return b, e, LargeNumber, true
	case v.version(b, e):
		return b, e, VersionNumber, true
	}
	return 0, 0, 0, false
}

// alikeBytes reads a list of bytes, two hexadecimal digits each, around its
// first separator.
func (v *view) alikeBytes(i int, sep byte) (b, e int, form Form, ok bool) {
	b = i - 2
	if !is(v.at(b), isHex) || !is(v.at(b+1), isHex) || is(v.at(b-1), isAlnum) || v.at(b-1) == sep {
		return 0, 0, 0, false
	}
	n := 1
	for e = i; v.at(e) == sep && is(v.at(e+1), isHex) && is(v.at(e+2), isHex); e += 3 {
		n++
	}
	if is(v.at(e), isAlnum) || v.at(e) == sep {
		return 0, 0, 0, false
	}
	switch {
	case n == 6, n == 8 && sep == ':':
		return b, e, HardwareAddress, true
	case n >= 16 && sep == ':':
		return b, e, Fingerprint, true
	}
	return 0, 0, 0, false
}

// alikeGroups reads what RFC 4291 would let stand for an address around the
// double colon at i, but for the rules that tell names in a program apart; or the
// unspecified address.
func (v *view) alikeGroups(i int) (b, e int, ok bool) {
	var g groups
	if b = v.groupBefore(i); b < i && g.readGroups(v, b) {
		return b, g.end, true
	}
	g = groups{}
	if !g.readGroups(v, i) || g.n == 0 && (is(v.at(i-1), isAlnum) || v.at(i-1) == ':' || is(v.at(g.end), isAlnum) || v.at(g.end) == ':') {
		return 0, 0, false
	}
	return i, g.end, true
}
