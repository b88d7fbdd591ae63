package scrub

import "bytes"

// What is found without a field's name: JWTs, passwords in URLs, e-mail
// addresses, and the columns of the combined log format.

// Parts of a JWT (RFC 7519) shorter than this are taken for none: the shortest
// header, {"alg":"none"}, has 19 characters.
const (
	minJWTHeader = 16
	minJWTPart   = 8
)

// jwt decides about the J at i: the third letter of eyJ, which is {" in
// base64url and begins a JWT.
func (r *redact) jwt(i int) int {
	b := i - 2
	if b < r.barrier || b < 0 || r.src[b] != 'e' || r.src[b+1] != 'y' || r.inEscape(b) {
		return i + 1
	}
	stop := i + redactAhead - 8
	first := r.base64End(b, stop)
	if first == stop {
		return r.replaceToken(b, first) // no word is so long
	}
	// What is no JWT by its end is none from a later eyJ on: where a part ends,
	// the search goes on.
	if first-b < minJWTHeader || r.at(first) != '.' {
		return first
	}
	second := r.base64End(first+1, stop)
	switch {
	case second == stop, r.at(second) != '.':
		if second < stop {
			return first
		}
	case r.at(first+1) == 'e' && r.at(first+2) == 'y' && r.at(first+3) == 'J':
	case b > 0 && isBase64(r.src[b-1]) || second-first-1 < minJWTPart && r.base64End(second+1, stop)-second-1 < minJWTPart:
		return first
	}
	return r.replaceToken(b, second)
}

// replaceToken blanks a token from b on, known up to e, to its end.
func (r *redact) replaceToken(b, e int) int {
	r.begin(b, "")
	r.v = value{mode: tokenValue}
	return e
}

// skipToken passes over a token. A dot that nothing of a token follows ends a
// sentence, or stands before what comes next.
func (r *redact) skipToken(p, limit int) (int, bool) {
	for p < limit {
		c := r.src[p]
		if !isBase64(c) && !(c == '.' && (isBase64(r.at(p+1)) || r.at(p+1) == '.' && isBase64(r.at(p+2)))) {
			return p, true
		}
		p++
	}
	return p, limit == len(r.src)
}

// base64End gives where the base64url that begins at i ends, or stop.
func (r *redact) base64End(i, stop int) int {
	for i < stop && isBase64(r.at(i)) {
		i++
	}
	return i
}

func isBase64(c byte) bool { return is(c, isAlnum) || c == '-' || c == '_' }

// inEscape reports whether the byte at i is one of the four digits behind \u.
func (r *redact) inEscape(i int) bool {
	for k := i - 1; k >= max(1, i-4); k-- {
		if r.src[k] == 'u' && r.src[k-1] == '\\' {
			return true
		}
	}
	return false
}

// maxUserinfo is how long a user and a password in a URL may be together.
const maxUserinfo = 512

// userinfo decides about what follows the :// before i, and blanks the
// password of scheme://user:password@host.
func (r *redact) userinfo(i int) int {
	colon := 0
	for k := i; k < min(i+maxUserinfo, len(r.src)); k++ {
		switch r.src[k] {
		case ':':
			if colon == 0 {
				colon = k + 1
			}
		case '@':
			if colon == 0 || colon == k {
				return i
			}
			return r.replace(colon, k)
		case '/', '?', '#', ' ', '\t', '\n', '\r', '"', '\'', '<', '>', '\\':
			return i
		}
	}
	return i
}

// Limits of an e-mail address (RFC 5321, section 4.5.3.1).
const (
	maxLocal  = 64
	maxDomain = 255
)

// email decides about the at sign of n bytes at i.
func (r *redact) email(i, n int) int {
	lo := max(r.barrier, i-2*maxLocal)
	b := i
	for b > lo && isLocal(r.src[b-1]) {
		b--
	}
	if b > 0 && r.src[b-1] == '\\' && b < i {
		switch r.src[b] {
		case 'u':
			b += 5
		case 'x':
			b += 3
		default:
			b++
		}
	}
	for b < i && r.src[b] == '%' { // what is encoded before is none of it
		if _, k := r.encoded(b); k > 0 {
			b += k
		} else {
			b++
		}
	}
	e := r.domainEnd(i + n)
	if b >= i || e == 0 {
		return i + n
	}
	return r.replace(b, e)
}

// isLocal reports whether c may stand in the part before the at sign; of those
// that RFC 5322 allows, the ones that logs put around an address are left out.
func isLocal(c byte) bool {
	switch c {
	case '.', '_', '-', '+', '%', '!', '#', '$', '*', '~':
		return true
	}
	return is(c, isAlnum) || c >= 0x80
}

// domainEnd gives the end of the domain name at i, or 0: two labels at least,
// and letters in the last.
func (r *redact) domainEnd(i int) int {
	e, dot := i, 0
	for e-i < maxDomain {
		c := r.at(e)
		if c == '.' && e > i && r.at(e-1) != '.' && (is(r.at(e+1), isAlnum) || r.at(e+1) >= 0x80) {
			dot = e
		} else if !is(c, isAlnum) && c != '-' && c < 0x80 {
			break
		}
		e++
	}
	if dot == 0 || e-dot < 3 || is(r.at(dot+1), isDigit) {
		return 0
	}
	return e
}

// combinedState counts what was met of a line of the combined log format.
type combinedState uint8

const (
	notCombined combinedState = iota
	atRequest                 // behind the date
	inRequest
	behindRequest
	inReferer
	behindReferer
)

// combined is how far a line of the combined log format was read.
type combined struct {
	state combinedState
	level int // of its quotes
}

// combinedDate decides about the colon at i: the one behind the day of
// [17/May/2015:10:05:03 +0000]. Before it, behind " - ", stands the remote user.
func (r *redact) combinedDate(i int) bool {
	const day = len("[17/May/2015")
	b := i - day
	if b < r.barrier+1 || r.src[b-1] != ' ' || !isDay(r.src[b:i]) {
		return false
	}
	r.clf = combined{state: atRequest}
	lo := max(r.barrier, b-redactBack/2)
	u := b - 1
	for u > lo && r.src[u-1] != '\n' && !(u >= lo+3 && r.src[u-1] == ' ' && r.src[u-2] == '-' && r.src[u-3] == ' ') {
		u--
	}
	if u <= lo || r.src[u-1] != ' ' {
		u = r.thirdWord(lo, b-1)
	}
	if user := r.src[u : b-1]; len(user) > 0 && !r.pieceTag(lo, u, user) && string(user) != "-" && string(user) != `\"\"` && string(user) != `""` {
		r.replace(u, b-1)
	}
	return true
}

// isDay reports whether all of p is like "[17/May/2015".
func isDay(p []byte) bool {
	for k, c := range []byte("[00/aaa/0000") {
		switch {
		case c == '0' && !is(p[k], isDigit), c == 'a' && !is(p[k], isLetter), (c == '[' || c == '/') && p[k] != c:
			return false
		}
	}
	return true
}

// pieceTag reports whether the word at u, behind a container's time and stream,
// is the tag of the line's head, and no user.
func (r *redact) pieceTag(lo, u int, word []byte) bool {
	before := r.src[lo:u]
	return (word[0] == 'P' || word[0] == 'F') && (len(word) == 1 || word[1] == ':') &&
		(bytes.HasSuffix(before, []byte(" stdout ")) || bytes.HasSuffix(before, []byte(" stderr ")))
}

// thirdWord gives where the last word before e begins, if it is the third of its
// line, and else e.
func (r *redact) thirdWord(lo, e int) int {
	u, spaces := e, 0
	for k := e; k > lo && r.src[k-1] != '\n'; k-- {
		if r.src[k-1] != ' ' {
			continue
		}
		if spaces++; spaces == 1 {
			u = k
		}
	}
	if spaces != 2 {
		return e
	}
	return u
}

// column decides about the quote at i in a line of the combined log format:
// behind the request's two stand referer and agent.
func (r *redact) column(i int) int {
	n := r.backslashes(i, r.barrier)
	l := levelOf(n)
	switch c := &r.clf; {
	case c.state == atRequest:
		c.state, c.level = inRequest, l
	case l > c.level:
	case l < c.level:
		c.state = notCombined
	case c.state == inRequest:
		c.state = behindRequest
	case c.state == inReferer:
		c.state = behindReferer
	case c.state == behindReferer, c.state == behindRequest && (is(r.at(i-n-2), isDigit) || r.at(i-n-2) == '-'):
		next := notCombined
		if c.state == behindRequest {
			next = inReferer
		}
		r.v = value{mode: quotedValue, level: l + 1}
		end := r.beginQuoted(i+1, '"')
		if r.v.mode == noValue && end > i+1 && next == inReferer {
			next = behindReferer // nothing stood in them
		}
		c.state = next
		return end
	default:
		c.state = notCombined
	}
	return i + 1
}
