package scrub

import "bytes"

// The functions here pass over a value from p on, at most to limit, and report
// whether it ended. What a value's end is decided by lies within redactAhead.

func (r *redact) skipQuoted(p, limit int) (int, bool) {
	line := min(limit, r.find(atNewline, '\n', p))
	for q := p; q < line; {
		i := bytes.IndexByte(r.src[q:line], '"')
		if i < 0 {
			break
		}
		q += i
		if l := levelOf(r.backslashes(q, 0)); l < r.v.level {
			return q - escapes(l), true
		}
		q++
	}
	if line < limit {
		return r.beforeReturn(p, line), true
	}
	return r.rest(p, limit)
}

func (r *redact) skipSingle(p, limit int) (int, bool) {
	for q := p; q < limit; q++ {
		switch r.src[q] {
		case '\n':
			return r.beforeReturn(p, q), true
		case '\'':
			if r.backslashes(q, 0)&1 == 0 {
				return q, true
			}
		case '"':
			if l := levelOf(r.backslashes(q, 0)); l < r.v.level {
				return q - escapes(l), true
			}
		}
	}
	return r.rest(p, limit)
}

func (r *redact) skipScalar(p, limit int) (int, bool) {
	for ; p < limit; p++ {
		switch r.src[p] {
		case '\n', '\r', '\t', ' ', ',', '}', ']', '"', '\\':
			return p, true
		}
	}
	return p, p == len(r.src)
}

func (r *redact) skipEncoded(p, limit int) (int, bool) {
	for p < limit {
		switch c := r.src[p]; c {
		case '\n', '"':
			return p, true
		case ' ', '\r', '\'':
			if r.v.url || c == '\r' {
				return p, true
			}
		case '%', '&':
			if r.encodedQuote(p) > 0 || r.v.url && c == '&' {
				return p, true
			}
		case '\\':
			n := r.slashes(p)
			if r.encodedQuote(p) > 0 || r.at(p+n) == '"' {
				return p, true
			}
			p += n
			if c := r.at(p); c == '\n' || c == '\r' {
				continue // a backslash escapes no end of a line
			}
		}
		p++
	}
	return min(p, len(r.src)), p >= len(r.src)
}

func (r *redact) skipBracket(p, limit int) (int, bool) {
	v := &r.v
	for p < limit {
		switch r.src[p] {
		case '\n', '\r':
			return p, true
		case '{', '[':
			if !v.inside {
				v.depth++
			}
		case '}', ']':
			if v.inside {
				break
			}
			if v.depth--; v.depth > 0 {
				break
			}
			if v.next == noValue {
				return p + 1, true
			}
			v.mode = v.next
			return r.skipBare(p+1, limit)
		case '"', '\\':
			n := r.slashes(p)
			if r.at(p+n) != '"' {
				p += max(n, 1)
				continue
			}
			l := levelOf(n)
			if l < r.level() {
				return p + n - escapes(l), true
			}
			if l == r.level() {
				v.inside = !v.inside
			}
			p += n
		}
		p++
	}
	return min(p, len(r.src)), p >= len(r.src)
}

// skipHeader passes over a value that goes on over spaces: to the end of the
// line or of the string it lies in; where it followed an equals sign, to the
// next key.
func (r *redact) skipHeader(p, limit int) (int, bool) {
	v := &r.v
	for p < limit {
		switch c := r.src[p]; c {
		case '\n':
			return p, true
		case '\r':
			if r.at(p+1) == '\n' {
				return p, true
			}
		case '\'':
			if v.single && r.endsAt(p+1) {
				return p, true
			}
		case '"', '\\':
			n := r.slashes(p)
			if r.at(p+n) == '"' {
				l := levelOf(n)
				if l < v.level {
					return p + n - escapes(l), true
				}
				p += n
				break
			}
			if n > 0 && r.escapedEnd(p, n, v.level, false) {
				return p, true
			}
			p += max(n-1, 0)
		case '&':
			if v.mode == longValue {
				return p, true
			}
		case ' ', '\t':
			if v.mode == longValue && p > 0 && r.src[p-1] != ';' && r.src[p-1] != ',' && r.keyAt(p+1, false) {
				return p, true
			}
		case ',':
			if v.mode == longValue && r.at(p+1) == ' ' && r.keyAt(p+2, true) {
				return p, true
			}
		}
		p++
	}
	return min(p, len(r.src)), p >= len(r.src)
}

// keyAt reports whether key= stands at i; behind a comma, one with a quoted
// value is a parameter of what stands before.
func (r *redact) keyAt(i int, comma bool) bool {
	k := i
	for k-i < maxFieldName && isNameByte(r.at(k)) {
		k++
	}
	if k == i || r.at(k) != '=' {
		return false
	}
	c := r.at(k + 1)
	return c != '=' && !(comma && (c == '"' || c == '\\'))
}

// skipBare passes over a word. A closing mark, a quote or a comma ends it only
// where what follows cannot go on with it: a password may hold any of them.
func (r *redact) skipBare(p, limit int) (int, bool) {
	for p < limit {
		c := r.src[p]
		if !borders[c] {
			p++
			continue
		}
		switch c {
		case '\n', '\r', '\t', ' ', '&', ';':
			return p, true
		case ',':
			if r.endsAt(p+1) || r.keyAt(p+1, false) {
				return p, true
			}
		case '%':
			if r.v.mode == percentValue && r.percentEnd(p) {
				return p, true
			}
		case '\\':
			n := r.slashes(p)
			switch q := r.at(p + n); {
			case q == '"', q == '\'':
				if r.endsAt(p + n + 1) {
					return p, true
				}
				r.swallow()
			case r.escapedEnd(p, n, r.level(), true), r.encodedQuote(p) > 0:
				return p, true
			}
			p += n
			if q := r.at(p); q == '\n' {
				return p, true
			}
		default:
			if r.endsAt(p + 1) {
				return p, true
			}
			if c == '"' {
				r.swallow()
			}
		}
		p++
	}
	return min(p, len(r.src)), p >= len(r.src)
}

// percentEnd reports whether what is percent-encoded at i ends a value.
func (r *redact) percentEnd(i int) bool {
	switch c, n := r.encoded(i); {
	case n == 0:
		return false
	case c == '&', c == ';', c == ' ', c == '"', c == '\'', c == ',', c == '}', c == '\n', c == '\r', c == '<':
		return true
	}
	return false
}
