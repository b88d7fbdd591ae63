package scrub

// groups is the reading of one IPv6 text (RFC 4291, section 2.2), up to where
// it stops being one.
type groups struct {
	six      six
	end      int  // of the address
	stop     int  // where reading stopped, at or after end
	n        int  // groups read
	gap      int  // groups before the "::", or -1
	digits   bool // a decimal digit is among them
	value    [8]uint16
	length   [8]uint8
	startPos [8]int
}

// readGroups reads an address from b on, as long as it goes. It reports
// whether there is one: eight groups, or fewer around a "::".
func (g *groups) readGroups(v *view, b int) bool {
	g.gap, g.end, g.stop = -1, b, b
	p := b
	if ch, n := v.separator(p); n > 0 {
		ch2, n2 := v.separator(p + n)
		if ch != ':' || ch2 != ':' {
			return false
		}
		g.six.colon = span{p, p + n}
		g.gap, p = 0, p+n+n2
		g.end = p
	}
	// Eight groups around a gap are one too many, and still no host name.
	for g.n < 8 {
		next, ok := g.readGroup(v, p)
		if !ok {
			break
		}
		if p = next; g.six.dotted {
			break
		}
		if p, ok = g.readColon(v, p); !ok {
			break
		}
	}
	g.stop = max(p, g.end)
	if g.gap < 0 && g.n < 8 {
		return false
	}
	g.expand()
	return true
}

// readGroup reads a group, or the four octets that may stand in the place of
// the last two.
func (g *groups) readGroup(v *view, p int) (next int, ok bool) {
	x, j, dec, digits := 0, p, true, false
	for j-p < 5 {
		c := v.at(j)
		d := hexValue[c]
		if d == noHex {
			break
		}
		x = x<<4 | int(d)
		dec = dec && d < 10
		digits = digits || d < 10
		j++
	}
	if j == p || j-p > 4 {
		return p, false
	}
	if dec && j-p <= 3 && (g.n == 6 || g.gap >= 0 && g.n < 6) {
		if ch, n := v.separator(j); n > 0 && ch == '.' && g.readTail(v, p, span{j, j + n}) {
			return g.end, true
		}
	}
	g.digits = g.digits || digits
	g.value[g.n], g.length[g.n], g.startPos[g.n] = uint16(x), uint8(j-p), p
	g.n++
	g.end = j
	return j, true
}

func (g *groups) readTail(v *view, p int, dot span) bool {
	var q quad
	if !q.readDotted(v, p) || is(v.at(q.last()), isDigit) {
		return false
	}
	x := q.value(false)
	g.value[g.n], g.value[g.n+1] = uint16(x>>16), uint16(x)
	g.n += 2
	g.six.dotted, g.six.dot, g.digits = true, dot, true
	g.end = q.last()
	return true
}

// readColon reads what joins two groups, and takes a "::" as the gap.
func (g *groups) readColon(v *view, p int) (next int, ok bool) {
	ch, n := v.separator(p)
	if n == 0 || ch != ':' || g.n == 8 {
		return p, false
	}
	if g.six.colon.end == 0 {
		g.six.colon = span{p, p + n}
	}
	ch2, n2 := v.separator(p + n)
	if n2 == 0 || ch2 != ':' {
		return p + n, true
	}
	if g.gap >= 0 {
		return p, false
	}
	g.gap = g.n
	g.end = p + n + n2
	return g.end, true
}

// expand puts the groups into the address, zeros into the gap.
func (g *groups) expand() {
	var full [8]uint16
	if g.gap < 0 {
		full = g.value
	} else {
		copy(full[:], g.value[:g.gap])
		copy(full[8-(g.n-g.gap):], g.value[g.gap:g.n])
	}
	for k := range 4 {
		g.six.addr.hi = g.six.addr.hi<<16 | uint64(full[k])
		g.six.addr.lo = g.six.addr.lo<<16 | uint64(full[k+4])
	}
}

// plausible reports whether the address is in a range that is in use, written
// so that no word of a program would look like it: global unicast, link-local,
// unique local, multicast (IANA, IPv6 address space).
func (g *groups) plausible() bool {
	return g.digits && g.n > 0 && g.gap != 0 && g.length[0] == 4 && inUse(g.value[0])
}

func inUse(x uint16) bool {
	return x>>13 == 1 || x&0xffc0 == 0xfe80 || x&0xfe00 == 0xfc00 || x&0xff00 == 0xff00
}

// colon decides about the colon at i, in any encoding. It takes the
// address that begins with the group before it, or with it where it is the
// first of two; or gives where to go on.
func (v *view) colon(f *found, i int) (next int, ok bool) {
	next = i + 1
	if b := v.groupBefore(i); b < i {
		var g groups
		if g.readGroups(v, b) {
			if v.accept6(&g, b) {
				v.found6(f, &g, b)
				return g.end, true
			}
		} else if g.gap < 0 {
			// Fewer than eight groups and no gap: no later one of them begins an
			// address either.
			next = max(next, g.stop)
		}
	}
	if v.doubleColon(i) {
		var g groups
		if g.readGroups(v, i) && v.accept6(&g, i) {
			v.found6(f, &g, i)
			return g.end, true
		}
	}
	return next, false
}

func (v *view) found6(f *found, g *groups, b int) {
	f.start, f.end, f.form, f.six = b, g.end, formColons, g.six
	f.six.port = !g.six.dotted && v.at(g.end) == '.' && is(v.at(g.end+1), isDigit)
}

// groupBefore gives the start of the one to four hexadecimal digits that end
// at i, or i.
func (v *view) groupBefore(i int) int {
	r := v.hexBefore(i, 12)
	if p := v.at(r - 1); r < i && (p == '%' || p == 'x' || p == 'u' || p == '\\') {
		r = v.afterEscape(r, i, 4)
	}
	if i-r > 4 {
		return i
	}
	return r
}

// accept6 decides whether the groups read from b on are an address.
func (v *view) accept6(g *groups, b int) bool {
	if g.n == 0 {
		// The unspecified address: taken only to keep its port apart.
		return v.nextGroup(g.end) > 0 && !v.glued(g, b)
	}
	if v.laterStart(g) {
		return false
	}
	if g.six.dotted {
		return true
	}
	if v.glued(g, b) {
		return g.plausible()
	}
	if g.gap < 0 {
		return !v.byteList(g)
	}
	if g.digits || g.n > 2 {
		return true
	}
	// Without a decimal digit, X::Y is more likely a name in a program, unless
	// it stands where only an address does or in a range that is in use.
	c := v.at(g.end)
	return v.at(b-1) == '[' && c == ']' || c == '%' && !(is(v.at(g.end+1), isHex) && is(v.at(g.end+2), isHex)) || c == '/' && is(v.at(g.end+1), isDigit) ||
		g.gap > 0 && g.length[0] == 4 && inUse(g.value[0])
}

// glued reports whether the address [b, g.end) touches a word: a letter, or
// the "::" of a name in a program.
func (v *view) glued(g *groups, b int) bool {
	e := g.end
	if is(v.at(e), isAlnum) && (g.gap != g.n || v.wordAt(e)) {
		return true
	}
	if g.gap != g.n && v.at(e) == ':' && v.at(e+1) == ':' && v.wordAt(e+2) {
		return true
	}
	p := v.at(b - 1)
	if g.gap == 0 {
		return v.touches(b) || p == '_' || p == ':' && is(v.at(b-2), isAlnum) && g.n < 3
	}
	switch {
	case is(p, isAlnum):
		return !v.escapeEnds(b)
	case p == ':':
		return v.at(b-2) == ':' && is(v.at(b-3), isAlnum)
	}
	return false
}

// touches reports that a letter or digit stands before b that is no part of an
// escape.
func (v *view) touches(b int) bool { return is(v.at(b-1), isAlnum) && !v.escapeEnds(b) }

// escapeEnds reports whether the letter or digit before b ends an escape, and
// so touches nothing: \n, %3D, \x1b, or the m of a colour (ECMA-48, SGR).
func (v *view) escapeEnds(b int) bool {
	p := v.at(b - 1)
	switch {
	case v.at(b-2) == '\\':
		return is(p, isLetter)
	case v.at(b-3) == '%', v.has(b-5, "%25"):
		return is(p, isHex) && is(v.at(b-2), isHex)
	case v.at(b-3) == 'x' && v.at(b-4) == '\\':
		return is(p, isHex) && is(v.at(b-2), isHex)
	case v.at(b-5) == 'u' && v.at(b-6) == '\\':
		return true
	}
	if p != 'm' && p != 'K' {
		return false
	}
	j := b - 2
	for b-j < 16 && (is(v.at(j), isDigit) || v.at(j) == ';') {
		j--
	}
	return v.at(j) == '['
}

// byteList reports whether eight groups without a gap are part of a list of
// bytes: a hardware address (EUI-64), or a window of a fingerprint. Both are
// pairs of digits; as an address they would be in 0000::/8, where no host is.
func (v *view) byteList(g *groups) bool {
	pairs, lastSix := 0, 0
	for k, n := range g.length {
		if n == 2 {
			pairs++
			if k >= 2 {
				lastSix++
			}
		}
	}
	if pairs >= 6 && g.length[0] == 2 {
		return true
	}
	return lastSix == 6 && v.nextGroup(g.end) == 2
}

// nextGroup gives how many digits the group has that a colon at i joins, at
// most 5; 0 if there is none.
func (v *view) nextGroup(i int) int {
	ch, n := v.separator(i)
	if n == 0 || ch != ':' {
		return 0
	}
	d := 0
	for d < 5 && is(v.at(i+n+d), isHex) {
		d++
	}
	return d
}

// laterStart reports whether an address begins with a later group, in a range
// that is in use, while this one is in none: in 10:05:03:2001:db8::1, a time
// stands before it. Only groups before a gap, or with eight behind them, begin
// one.
func (v *view) laterStart(g *groups) bool {
	last := g.gap
	if last < 0 {
		last = 8
	}
	if last == 0 || g.length[0] == 4 && inUse(g.value[0]) || g.gap < 0 && v.nextGroup(g.end) == 0 {
		return false
	}
	for k := 1; k < min(last, g.n); k++ {
		if x := g.value[k]; g.length[k] != 4 || !inUse(x) || x>>8 == 0xff {
			continue
		}
		var h groups
		if h.readGroups(v, g.startPos[k]) {
			return true
		}
	}
	return false
}

// wordAt reports whether a word begins at i that no group can be.
func (v *view) wordAt(i int) bool {
	for j := i; j-i < maxWord && is(v.at(j), isAlnum); j++ {
		if !is(v.at(j), isHex) {
			return true
		}
	}
	return false
}
