package scrub

import "bytes"

// maxSpaces is how many spaces may stand beside a separator.
const maxSpaces = 16

// named is what stands before a separator: a field's name.
type named struct {
	start  int // of the name, behind any quote
	kind   fieldKind
	quote  byte // around the name: a double or a single one, e for an encoded one, or 0
	level  int  // of a double quote
	spaced bool // a space stands before the separator
}

// before reads the name before the separator at i, and reports whether it is
// one that counts.
func (r *redact) before(i int) (m named, ok bool) {
	lo := max(r.barrier, i-redactBack)
	e := i
	for e > lo && i-e < maxSpaces && (r.src[e-1] == ' ' || r.src[e-1] == '\t') {
		e--
	}
	m.spaced = e < i
	if e == lo {
		return m, false
	}
	switch c := r.src[e-1]; c {
	case '"', '\'':
		n := r.backslashes(e-1, lo)
		m.quote, m.level = c, levelOf(n)
		if c == '"' && n != escapes(m.level) || m.level >= len(quoteTokens) {
			return m, false
		}
		e -= 1 + n
	case '2', '7', ';':
		if b := r.encodedQuoteBefore(e, lo); b < e {
			m.quote, e = 'e', b
		}
	}
	if e > lo && r.src[e-1] == ']' && m.quote == 0 { // user[password]=x, h["token"] = "x"
		if e--; e > lo && (r.src[e-1] == '"' || r.src[e-1] == '\'') {
			e--
			e -= r.backslashes(e, lo)
		}
	} else if e-3 >= lo && m.quote == 0 && r.has(e-3, "%5d") {
		e -= 3
	}
	m.start = r.readName(e, lo)
	if r.name.n == 0 {
		return m, false
	}
	m.kind, ok = r.f.find(&r.name)
	return m, ok
}

// readName folds the name that ends at e into r.name and gives its start.
func (r *redact) readName(e, lo int) int {
	l := &r.name
	l.n = 0
	p := e
	for p > lo && l.n < maxFieldName && e-p < 3*maxFieldName {
		c, w := r.src[p-1], 1
		if p-3 >= lo && r.src[p-3] == '%' && hexValue[r.src[p-2]] != noHex && hexValue[c] != noHex {
			c, w = hexValue[r.src[p-2]]<<4|hexValue[c], 3
		}
		if !isNameByte(c) {
			break
		}
		p -= w
		if c == '-' || c == '_' || c == '.' {
			continue
		}
		prev := byte('\n')
		if p > lo && !r.encodedEndsAt(p, lo) {
			prev = r.src[p-1]
		}
		l.rev[l.n] = lower(c)
		l.dot[l.n] = !isNameByte(prev) || prev == '.'
		l.begins[l.n] = l.dot[l.n] || prev == '-' || prev == '_' || isUpper(c) && !isUpper(prev) ||
			is(prev, isDigit) && is(c, isLetter)
		l.n++
	}
	return p + r.dropEscape(p, lo)
}

// encodedEndsAt reports whether a percent-encoded sign ends before i that does
// not belong to a name: the question mark of %3Fname%3D.
func (r *redact) encodedEndsAt(i, lo int) bool {
	if i-3 < lo || hexValue[r.src[i-1]] == noHex || hexValue[r.src[i-2]] == noHex {
		return false
	}
	b := i - 3
	for b-2 >= lo && r.src[b] == '5' && r.src[b-1] == '2' && i-b < 3+2*maxEscapes {
		b -= 2
	}
	return r.src[b] == '%' && !isNameByte(hexValue[r.src[i-2]]<<4|hexValue[r.src[i-1]])
}

// dropEscape takes from the name the letters of an escape that it seems to
// begin with, as in \npassword=x, and tells how many they are.
func (r *redact) dropEscape(p, lo int) int {
	if p <= lo || r.src[p-1] != '\\' {
		return 0
	}
	n := 0
	switch r.at(p) {
	case 'n', 'r', 't', 'b', 'f', 'v':
		n = 1
	case 'x':
		n = 3
	case 'u':
		n = 5
	}
	l := &r.name
	if n >= l.n {
		return 0
	}
	l.n -= n
	if n > 0 {
		l.begins[l.n-1], l.dot[l.n-1] = true, true
	}
	return n
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// field decides about the separator of n bytes at i; percent says that it is
// percent-encoded.
func (r *redact) field(i, n int, percent bool) int {
	m, ok := r.before(i)
	if !ok {
		return i + n
	}
	if m.kind == ipField {
		return r.ipField(i, n, m, percent)
	}
	if percent {
		return r.percentValue(i+n, m)
	}
	j, ok := r.valueStart(i, n, m)
	if !ok {
		return j
	}
	switch m.kind {
	case turnField:
		if !r.nearTurn(m.start) {
			return j
		}
	case cryptoField:
		return r.word(j, " inline:")
	}
	if r.absent(j) && r.encodedQuote(j) == 0 {
		return j
	}
	r.v = value{level: unknownLevel, at: i, kind: m.kind}
	if m.quote == '"' {
		r.v.level = m.level
	}
	return r.beginValue(j, m, r.at(i) == ':')
}

// valueStart gives where the value begins behind the separator of n bytes at
// i, and reports whether it is one: not std::string, nor http://.
func (r *redact) valueStart(i, n int, m named) (j int, ok bool) {
	colon := r.at(i) == ':'
	j = i + n
	apart := colon || m.spaced || m.quote != 0
	switch c := r.at(j); {
	case colon && (c == ':' || c == '/' && r.at(j+1) == '/'):
		return j, false
	case !colon && c == '>', colon && c == '=':
		j++
		apart = true
	case !colon && c == '=':
		j++
	}
	first := j
	for apart && j-first < maxSpaces && (r.at(j) == ' ' || r.at(j) == '\t') {
		j++
	}
	return j, true
}

// absent reports that no value stands at j, or one that says that there is
// none: null, or the dash of an access log.
func (r *redact) absent(j int) bool {
	switch c := r.at(j); c {
	case '\n', '\r', '&', ';', ',', ')', ']', '}', ' ', '\t':
		return true
	case '-':
		return r.endsAt(j + 1)
	case 'n':
		return r.has(j, "null") && r.endsAt(j+4)
	}
	return false
}

// candidate reports whether an ICE candidate (RFC 8839, section 5.1) begins at
// the colon at i.
func (r *redact) candidate(i int) bool {
	const word = "candidate"
	return i-len(word) >= r.barrier && r.src[i-1] == 'e' && r.has(i-len(word), word)
}

// maxCandidate is how long an ICE candidate's or SDES line may be before the
// word that is looked for.
const maxCandidate = 512

// word blanks the value behind a word in the line, or the string, that goes on
// at j.
func (r *redact) word(j int, word string) int {
	rest := r.src[j:min(len(r.src), j+maxCandidate)]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	if i := bytes.IndexByte(rest, '"'); i >= 0 {
		rest = rest[:i]
	}
	k := bytes.Index(rest, []byte(word))
	if k < 0 || r.absent(j+k+len(word)) {
		return j
	}
	return r.beginWord(j+k+len(word), value{mode: bareValue, level: unknownLevel, at: j})
}

// Words that tell a TURN server's user name (RFC 8489, draft-uberti-behave-turn-rest)
// from anyone's, and how far from the name they stand at most.
var turnWords = [...]string{"credential", "turn:", "turns:", "stun:"}

const (
	turnBefore = 256
	turnBehind = 384
)

// nearTurn reports whether a TURN server is spoken of around the name at i, in
// its line.
func (r *redact) nearTurn(i int) bool {
	for k := i - 1; k >= max(0, i-turnBefore) && r.src[k] != '\n'; k-- {
		if r.turnWord(k) {
			return true
		}
	}
	for k := i; k < i+turnBehind && r.at(k) != '\n'; k++ {
		if r.turnWord(k) {
			return true
		}
	}
	return false
}

func (r *redact) turnWord(k int) bool {
	switch lower(r.at(k)) {
	case 'c', 't', 's':
		for _, w := range turnWords {
			if r.has(k, w) {
				return true
			}
		}
	}
	return false
}
