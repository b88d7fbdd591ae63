package scrub

// ipList is what is known of the value of a field named for addresses while
// more of its elements may follow.
type ipList struct {
	at      int    // where the next one begins; 0 if there is none
	bracket bool   // each may stand in quotes
	escapes int    // how often its text is percent-encoded
	quotes  string // that a mask needs where no quotes are
}

// ipToken is a word of a value, its escapes read.
type ipToken struct {
	buf     [maxIPText + 1]byte
	n, end  int // end is where the word ends in the text
	escapes int // how often a sign in it is percent-encoded
}

func (t *ipToken) text() []byte { return t.buf[:t.n] }

// ipField decides about the value of a field named for addresses, behind the
// separator of n bytes at i.
func (r *redact) ipField(i, n int, m named, percent bool) int {
	j := i + n
	colon := r.at(i) == ':'
	r.list = ipList{}
	if percent {
		r.list.escapes = (n - 1) / 2
	} else {
		var ok bool
		if j, ok = r.valueStart(i, n, m); !ok {
			return j
		}
		if colon && m.quote == '"' {
			r.list.quotes = quoteTokens[m.level]
		} else if colon && m.quote == '\'' {
			r.list.quotes = "'"
		}
		if r.at(j) == '[' {
			r.list.bracket = true
			j = r.spaces(j + 1)
		}
	}
	return r.ipValueAt(j, r.list.bracket || colon && m.quote == 0 && r.atHeader(m.start))
}

// ipElement decides about the next element of a list, at i.
func (r *redact) ipElement(i int) int {
	r.list.at = 0
	return r.ipValueAt(i, true)
}

func (r *redact) spaces(j int) int {
	for k := 0; k < maxSpaces && (r.at(j) == ' ' || r.at(j) == '\t'); k++ {
		j++
	}
	return j
}

// ipValueAt changes the address at j, which may stand in quotes. more says that
// others may follow behind a comma; in quotes they always may. What is no
// address in one of the notations is left to the search for those that are
// found anywhere, except a number: that is masked.
func (r *redact) ipValueAt(j int, more bool) int {
	from := j
	j += r.openQuote(j)
	quotes := r.list.quotes
	if j > from {
		quotes, more = "", true
	}
	t := ipToken{escapes: r.list.escapes}
	r.readIP(&t, j)
	if t.n == 0 {
		return from
	}
	v, ok := parseIP(t.text())
	if k := t.prefixLength(); !ok && k > 0 && r.src[t.end-t.n+k] == '/' {
		t.end -= t.n - k
		t.n = k
		v, ok = parseIP(t.text())
	}
	switch {
	case r.cut && t.end == len(r.src):
		r.ips.IPv4++
		return r.maskIP(j, t.end, quotes)
	case r.goesOn(&t):
		return from
	case ok:
		from = r.replaceIP(&t, j, &v, quotes)
	case numericText(t.text()):
		r.ips.IPv4++
		from = r.maskIP(j, t.end, quotes)
	}
	if more {
		r.nextElement(t.end)
	}
	return from
}

// replaceIP writes what becomes of the address v, which stands from j on.
func (r *redact) replaceIP(t *ipToken, j int, v *ipValue, quotes string) int {
	var room [64]byte
	text, changed, masked := r.s.changeIP(room[:0], v)
	if !changed {
		if r.watch != nil {
			r.watch.keptField(r, j, t.end, r.s.keepsIP(v))
		}
		return t.end
	}
	if v.four {
		r.ips.IPv4++
	} else {
		r.ips.IPv6++
	}
	if masked {
		return r.maskIP(j, t.end, quotes)
	}
	r.flush(j)
	at := len(r.dst)
	for _, c := range text {
		if t.escapes == 0 || !isIPSign(c) {
			r.dst = append(r.dst, c)
			continue
		}
		const digits = "0123456789ABCDEF"
		r.dst = append(r.dst, '%')
		for range t.escapes - 1 {
			r.dst = append(r.dst, "25"...)
		}
		r.dst = append(r.dst, digits[c>>4], digits[c&15])
	}
	r.skipTo(t.end)
	if r.watch != nil {
		r.watch.ipField(r, j, t.end, r.dst[at:])
	}
	return t.end
}

func (r *redact) maskIP(j, end int, quotes string) int {
	r.flush(j)
	at := len(r.dst)
	r.dst = append(r.dst, quotes...)
	r.dst = append(r.dst, r.s.policy.MaskText...)
	r.dst = append(r.dst, quotes...)
	r.skipTo(end)
	if r.watch != nil {
		r.watch.ipField(r, j, end, r.dst[at:])
	}
	return end
}

// openQuote gives the length of the quote at j, in any encoding, or 0.
func (r *redact) openQuote(j int) int {
	if n := r.encodedQuote(j); n > 0 {
		return n
	}
	n := r.slashes(j)
	if c := r.at(j + n); c == '"' || c == '\'' {
		return n + 1
	}
	return 0
}

// nextElement looks behind an element that ended at e for another.
func (r *redact) nextElement(e int) {
	if n := r.openQuote(e); n > 0 {
		if !r.list.bracket {
			return
		}
		e += n
	}
	e = r.spaces(e)
	if r.at(e) == ',' {
		r.list.at = r.spaces(e + 1)
	} else if c, n := r.encoded(e); n > 0 && c == ',' {
		r.list.at = e + n
	}
}

// readIP reads the word at j. A dot at its end is none of it.
func (r *redact) readIP(t *ipToken, j int) {
	p := j
	for t.n < len(t.buf) {
		c, n := r.at(p), 1
		switch c {
		case '%':
			if c, n = r.encoded(p); n > 0 && isIPSign(c) {
				t.escapes = (n - 1) / 2
			}
		case '\\':
			c, n = r.escapedSign(p)
		}
		if n == 0 || n > 1 && !isIPSign(c) || !isIPSign(c) && !is(c, isAlnum) && c != '-' && c != '_' && c != '.' {
			break
		}
		t.buf[t.n] = c
		t.n++
		p += n
	}
	if t.n > 0 && t.buf[t.n-1] == '.' && p > j && r.at(p-1) == '.' {
		t.n--
		p--
	}
	t.end = p
}

// isIPSign reports whether c is a sign of base64 that texts escape.
func isIPSign(c byte) bool { return c == '+' || c == '/' || c == '=' }

// escapedSign reads a sign of base64 as JSON escapes it: \/ and \u003d.
func (r *redact) escapedSign(i int) (c byte, n int) {
	k := r.slashes(i)
	switch {
	case r.at(i+k) == '/':
		return '/', k + 1
	case r.has(i+k, "u002b"):
		return '+', k + 5
	case r.has(i+k, "u002f"):
		return '/', k + 5
	case r.has(i+k, "u003d"):
		return '=', k + 5
	}
	return 0, 0
}

// prefixLength gives where a prefix length begins, /24, at the end of the word,
// or 0.
func (t *ipToken) prefixLength() int {
	k := t.n
	for k > 0 && t.n-k < 3 && is(t.buf[k-1], isDigit) {
		k--
	}
	if k < t.n && k > 1 && t.buf[k-1] == '/' {
		return k - 1
	}
	return 0
}

// goesOn reports whether the word goes on in a way that makes it a part of an
// address in another form, such as the first group of an IPv6 address, or of a
// longer word. A port may follow.
func (r *redact) goesOn(t *ipToken) bool {
	if t.n == len(t.buf) || r.at(t.end) >= 0x80 {
		return true
	}
	v := view{src: r.src, hi: len(r.src)}
	ch, n := v.separator(t.end)
	if n == 0 {
		return false
	}
	p := t.end + n
	if ch == '.' {
		return is(v.at(p), isAlnum)
	}
	k := p
	for k-p < 6 && is(v.at(k), isDigit) {
		k++
	}
	if k == p {
		again, n := v.separator(p)
		return again == ':' && n > 0 || is(v.at(p), isHex)
	}
	more, n := v.separator(k)
	return t.n <= 4 || k-p > 5 || is(v.at(k), isAlnum) || n > 0 && more == ':'
}
