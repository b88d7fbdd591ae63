package scrub

// Domains under which an IPv6 address is written with dashes.
var dashDomains = [...]string{".ipv6-literal.net", ".sslip.io", ".nip.io"}

// dashes decides about the dash at i: an IPv6 address inside a host name, its
// colons written as dashes, that begins with the group before i. There is a
// digit in that group: what has none looks like words, and is not looked at.
func (v *view) dashes(f *found, i int) bool {
	b := v.groupBefore(i)
	if !v.anyDigit(b, i) || v.touches(b) || v.at(b-1) == '%' {
		return false
	}
	var (
		value   [8]uint16
		n, p    = 0, b
		gap     = -1
		letters bool
	)
	for n < 8 {
		j := p
		x := 0
		for j-p < 5 && is(v.at(j), isHex) {
			letters = letters || is(v.at(j), isLetter)
			x = x<<4 | int(hexValue[v.src[j]])
			j++
		}
		if j-p > 4 || j == p {
			break
		}
		value[n] = uint16(x)
		n++
		p = j
		if v.at(p) != '-' || n == 8 || gap >= 0 && n == 7 {
			break
		}
		if v.at(p+1) == '-' {
			if gap >= 0 {
				break
			}
			gap = n
			p += 2
			if !is(v.at(p), isHex) {
				break
			}
			continue
		}
		if !is(v.at(p+1), isHex) {
			break
		}
		p++
	}
	if (gap < 0 && n < 8) || (gap >= 0 && n > 7) || !v.dashEnd(b, p, i-b == 4 && inUse(value[0]) && letters) {
		return false
	}
	g := groups{value: value, n: n, gap: gap}
	g.expand()
	f.start, f.end, f.form, f.six = b, p, formDashes, g.six
	f.six.colon = span{i, i + 1}
	return true
}

func (v *view) anyDigit(b, e int) bool {
	for k := b; k < e; k++ {
		if is(v.at(k), isDigit) {
			return true
		}
	}
	return false
}

// dashEnd decides by what stands around a name's address [b, p); evident says
// that the address itself leaves no doubt.
func (v *view) dashEnd(b, p int, evident bool) bool {
	if evident && !is(v.at(p), isAlnum) {
		return true
	}
	if v.at(b-1) == '-' {
		return false
	}
	e := p
	if v.at(e) == 's' {
		for e++; e-p < 12 && is(v.at(e), isAlnum); e++ {
		}
	}
	for _, d := range dashDomains {
		if v.has(e, d) {
			return true
		}
	}
	return false
}

// nibbles decides about the dot at i between two single hexadecimal digits:
// the reverse name of an IPv6 address or network (RFC 3596, section 2.5).
func (v *view) nibbles(f *found, i int) bool {
	if !is(v.at(i+1), isHex) || v.at(i+2) != '.' || v.touches(i-1) || !is(v.at(i-1), isHex) {
		return false
	}
	b := i - 1
	for i-b < 62 && v.at(b-1) == '.' && is(v.at(b-2), isHex) && !v.touches(b-2) {
		b -= 2
	}
	e, n := b, 0
	for n < 32 && is(v.at(e), isHex) && v.at(e+1) == '.' {
		e += 2
		n++
	}
	if n < 3 || !v.hasWord(e, "ip6.arpa") && !v.hasWord(e, "ip6.int") {
		return false
	}
	f.start, f.end, f.form, f.six = b, e-1, formReverse6, six{nibbles: n}
	for k := range n {
		x := uint64(hexValue[v.src[e-2-2*k]])
		if k < 16 {
			f.six.addr.hi |= x << (60 - 4*k)
		} else {
			f.six.addr.lo |= x << (60 - 4*(k-16))
		}
	}
	return true
}

// tuple decides about the brace at i: {203,0,113,7}, or eight numbers, as
// Erlang and Elixir write addresses.
func (v *view) tuple(f *found, i int) bool {
	var (
		value [8]uint16
		at    [8]span
	)
	n, p := 0, i+1
	for n < 8 {
		x, j := 0, p
		for j-p < 6 && is(v.at(j), isDigit) {
			x = x*10 + int(v.src[j]-'0')
			j++
		}
		if j == p || x > 65535 {
			return false
		}
		value[n], at[n] = uint16(x), span{p, j}
		n++
		p = j
		if v.at(p) != ',' {
			break
		}
		if p++; v.at(p) == ' ' {
			p++
		}
	}
	e := at[n-1].end
	if v.at(e) != '}' || n != 4 && n != 8 {
		return false
	}
	f.start, f.end = i+1, e
	if n == 8 {
		g := groups{value: value, n: 8, gap: -1}
		g.expand()
		f.form, f.six = formTuple6, g.six
		f.six.numbers = at
		return true
	}
	f.form = formTuple4
	for k := range 4 {
		if value[k] > 255 {
			return false
		}
		f.quad.octet[k], f.quad.start[k], f.quad.end[k] = uint8(value[k]), at[k].start, at[k].end
	}
	return true
}
