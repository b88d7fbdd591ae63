package scrub

// valueMode says where the value ends that is being blanked.
type valueMode uint8

const (
	noValue      valueMode = iota
	bareValue              // a word: key=value, a query string
	scalarValue            // a JSON number or word
	quotedValue            // at a quote of a lower level than level
	singleValue            // at a single quote
	encodedValue           // at a quote in the encoding of a URL or of nginx
	bracketValue           // at the bracket that closes the first
	headerValue            // at the end of the line
	longValue              // at the next key=
	percentValue           // at an encoded & or the like
	tokenValue             // at the end of its base64url and dots
	lineValue              // at the end of the line, whatever it holds
)

// value is the value that is being blanked: its text was written when it
// began, and what is left of it is passed over.
type value struct {
	mode   valueMode
	kind   fieldKind
	level  int       // a double quote of a lower level ends it
	at     int       // where level holds, as long as it is unknownLevel
	skips  bool      // quotes in it are none of the line's
	single bool      // the field stands in single quotes
	url    bool      // of encodedValue: a space ends it
	next   valueMode // of bracketValue: what is glued to it belongs to it
	inside bool      // of bracketValue: a string is open
	depth  int       // of bracketValue: how many brackets are open
}

// unknownLevel is a level that is worked out when it is asked for: most values
// end without.
const unknownLevel = -1

// level gives the level of the text around the value that began.
func (r *redact) level() int {
	if r.v.level == unknownLevel {
		r.v.level = r.enclosing(r.v.at)
	}
	return r.v.level
}

// borders are the bytes at which a bare value may end.
var borders = borderBytes()

func borderBytes() (t [256]bool) {
	for _, c := range []byte("\n\r\t &;,)]}>\"'\\%") {
		t[c] = true
	}
	return t
}

// beginValue blanks the value at j of the field m. It gives where to go on.
func (r *redact) beginValue(j int, m named, colon bool) int {
	v := &r.v
	c := r.at(j)
	n := 0
	if c == '\\' {
		n = r.slashes(j)
		c = r.at(j + n)
	}
	if k := r.encodedQuote(j); k > 0 {
		return r.beginEncoded(j, k)
	}
	switch {
	case c == '"':
		l := levelOf(n)
		if l < r.level() {
			v.mode = noValue
			return j // the string ends that the field lies in
		}
		v.mode, v.level = quotedValue, l+1
		return r.beginQuoted(j+n+1, '"')
	case c == '\'' && !r.endsAt(j+n+1):
		v.mode = singleValue
		r.level()
		return r.beginQuoted(j+n+1, '\'')
	case c == '\'' && (n > 0 || r.at(j+1) == '\n'):
		v.mode = noValue
		return j
	}
	header := colon && m.quote == 0 && (v.kind == wholeField || v.kind == ownField && r.atHeader(m.start))
	switch {
	case (c == '{' || c == '[') && n == 0 && !(header && r.at(j-1) == ' '):
		v.mode = bracketValue
		if m.quote == 0 {
			v.next = bareValue
		}
	case n > 0 && r.escapedEnd(j, n, r.level(), true):
		v.mode = noValue
		return j
	case header:
		v.mode, v.single = headerValue, r.at(m.start-1) == '\''
	case n == 0 && (m.quote == '"' || m.quote == '\''):
		v.mode = scalarValue
	case v.kind == wholeField && m.quote == 0:
		v.mode, v.single = longValue, r.at(m.start-1) == '\''
	default:
		v.mode = bareValue
	}
	if v.mode != bareValue && v.mode != scalarValue {
		r.level()
		v.skips = v.mode != bracketValue
	}
	quotes := ""
	if colon && m.quote == '"' {
		quotes = quoteTokens[m.level]
	} else if colon && m.quote == '\'' && v.mode != headerValue {
		quotes = "'"
	}
	r.begin(j, quotes)
	return j
}

// beginQuoted blanks what stands in quotes, from j on, unless that is nothing
// or a dash.
func (r *redact) beginQuoted(j int, quote byte) int {
	k := j
	if r.at(k) == '-' {
		k++
	}
	if n := r.slashes(k); r.at(k+n) == quote && (quote == '\'' || levelOf(n) < r.v.level && n == escapes(levelOf(n))) {
		r.v = value{}
		return k + n + 1
	}
	if r.at(j) == '\n' {
		r.v = value{}
		return j
	}
	r.begin(j, "")
	return j
}

func (r *redact) beginEncoded(j, n int) int {
	r.v.mode, r.v.url = encodedValue, r.src[j] == '%'
	j += n
	if r.encodedQuote(j) > 0 || r.at(j) == '\n' {
		r.v = value{}
		return j
	}
	r.begin(j, "")
	return j
}

// percentValue blanks what follows a percent-encoded separator.
func (r *redact) percentValue(j int, m named) int {
	if n := r.encodedQuote(j); n > 0 {
		return r.beginEncoded(j, n)
	}
	if r.absent(j) || r.percentEnd(j) || m.kind == turnField || m.kind == cryptoField {
		return j
	}
	if c := r.at(j); c == '"' || c == '\'' || c == '\\' {
		return j
	}
	return r.beginWord(j, value{mode: percentValue, level: unknownLevel, at: j})
}

// beginWord blanks the value at j, which may stand in brackets.
func (r *redact) beginWord(j int, v value) int {
	if r.at(j) == '[' {
		v.mode, v.next = bracketValue, v.mode
	}
	r.v = v
	r.begin(j, "")
	return j
}

// atHeader reports whether a header may begin at i: a line, a quoted string,
// or behind an escaped newline.
func (r *redact) atHeader(i int) bool {
	switch c := r.at(i - 1); c {
	case '\n', '"', '\'':
		return true
	case 'n':
		return r.at(i-2) == '\\'
	}
	return i <= r.barrier
}

// endsAt reports whether a value may end before i: what stands there cannot go
// on with it.
func (r *redact) endsAt(i int) bool {
	switch r.at(i) {
	case '\n', '\r', '\t', ' ', ',', ';', ':', '"', '\'', ')', ']', '}', '>', '|', '&', '\\':
		return true
	}
	return false
}

// escapedEnd reports whether the n backslashes at i begin an escape that ends
// a value: a newline, a return, a tab or an ampersand, in a string of the given
// level.
func (r *redact) escapedEnd(i, n, level int, tab bool) bool {
	c := r.at(i + n)
	odd := level > 0 && n>>(level-1)&1 == 1
	switch c {
	case 'r':
		if k := r.slashes(i + n + 1); k > 0 && r.at(i+n+1+k) == 'n' {
			return true
		}
		return odd
	case 'n':
		return odd
	case 't':
		return odd && tab
	case 'u':
		return tab && r.has(i+n, "u0026")
	}
	return false
}

// skipValue passes over the value that began, and gives where it ends, or how
// far it went: then the rest comes with more of the text.
func (r *redact) skipValue(p, limit int) (end int, over bool) {
	switch r.v.mode {
	case bareValue, percentValue:
		return r.skipBare(p, limit)
	case scalarValue:
		return r.skipScalar(p, limit)
	case encodedValue:
		return r.skipEncoded(p, limit)
	case bracketValue:
		return r.skipBracket(p, limit)
	case headerValue, longValue:
		return r.skipHeader(p, limit)
	case singleValue:
		return r.skipSingle(p, limit)
	case quotedValue:
		return r.skipQuoted(p, limit)
	case tokenValue:
		return r.skipToken(p, limit)
	}
	if i := r.find(atNewline, '\n', p); i < limit {
		return r.beforeReturn(p, i), true
	}
	return r.rest(p, limit)
}

// beforeReturn leaves the return of a line that ends in one.
func (r *redact) beforeReturn(p, end int) int {
	if end > p && r.src[end-1] == '\r' {
		return end - 1
	}
	return end
}

// rest is how far a value goes that does not end before limit: so many
// backslashes, or a return, may belong to what ends it behind.
func (r *redact) rest(p, limit int) (int, bool) {
	if limit == len(r.src) {
		return limit, true
	}
	return max(p, limit-maxRun-1), false
}

// swallow says that the value holds a quote, which then opens no string of the
// line.
func (r *redact) swallow() {
	r.level()
	r.v.skips = true
}
