package scrub

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Redacted is what stands in the place of a blanked value.
const Redacted = "[redacted]"

// A decision about a separator looks at the text from redactBack bytes before
// it to redactAhead bytes after it. What takes the most room is a JWT, which is
// known for one by the dots behind its first and second part.
const (
	redactBack  = 512
	redactAhead = 4 << 10
)

// maxRun is how many backslashes in a row are looked at.
const maxRun = 31

// redact is one pass over a text that blanks fields. dst has everything of src
// up to copied; nothing before barrier is looked at again. Between two runs,
// all that a later decision needs of the text before is in here.
type redact struct {
	f       *fields
	s       *Scrubber // what addresses become
	src     []byte
	dst     []byte
	copied  int
	barrier int
	count   uint64
	ips     Counts // addresses that were changed in fields named for them

	v     value
	list  ipList
	cut   bool // the text was cut off where it ends
	seams *seams
	line  lineQuotes
	clf   combined
	quick [5]int // the next of the characters below, or where to look for it again
	name  lookup
	// encodedTo is how far a percent sign may reach into the last letters of a
	// name.
	encodedTo int

	watch    *watch
	deciding int // the place of the last decision, for whoever watches
}

// run decides about the separators in src[from:limit], and gives where the
// next run goes on. Where limit is the end of src, the text ends there.
func (r *redact) run(from, limit int) int {
	p := from
	for p < limit {
		if r.v.mode != noValue {
			end, over := r.skipValue(p, limit)
			p = end
			r.skipTo(p)
			if !over {
				return p
			}
			if r.watch != nil {
				r.watch.closed(p)
			}
			if r.v.skips {
				r.line.pos = max(r.line.pos, p)
			}
			r.v = value{}
			continue
		}
		p = r.next(p, limit)
		if p >= limit {
			return p
		}
		r.deciding = p
		p = max(p+1, r.decide(p))
		if r.v.mode != noValue {
			r.skipTo(p) // what lies before was written by begin
		}
	}
	return p
}

// flush copies what is left before to.
func (r *redact) flush(to int) {
	if to > r.copied {
		if r.seams != nil {
			r.seams.copied(r.copied, to, len(r.dst))
		}
		r.dst = append(r.dst, r.src[r.copied:to]...)
		r.copied = to
	}
}

// skipTo says that all before p is written, as it is or as something else.
func (r *redact) skipTo(p int) {
	r.copied, r.barrier = p, p
	if r.seams != nil {
		r.seams.replaced(p, len(r.dst))
	}
}

// at is the byte at i; outside the text it reads as a newline.
func (r *redact) at(i int) byte {
	if uint(i) >= uint(len(r.src)) {
		return '\n'
	}
	return r.src[i]
}

// The characters that stand in r.quick.
const (
	atJ = iota
	atPercent
	atSign
	atQuote
	atNewline
)

// next gives the first place in src[p:limit] that may need a decision, or
// limit.
func (r *redact) next(p, limit int) int {
	stop := limit
	if r.list.at >= p && r.list.at > 0 {
		stop = min(stop, r.list.at)
	}
	if r.f.secrets {
		stop = min(stop, r.find(atJ, 'J', p))
	}
	stop = min(stop, r.find(atPercent, '%', p))
	if r.f.identifiers {
		stop = min(stop, r.find(atSign, '@', p))
		if r.clf.state != notCombined {
			stop = r.nextQuote(p, stop)
		}
	}
	return r.separator(p, stop)
}

// nextQuote gives the next quote of a line of the combined log format, or stop.
func (r *redact) nextQuote(p, stop int) int {
	i := r.find(atQuote, '"', p)
	if r.find(atNewline, '\n', p) < i {
		r.clf = combined{} // the line has no more of them
		return stop
	}
	return min(i, stop)
}

// find gives the next place of c from p on. A place found once stays until it
// is passed.
func (r *redact) find(k int, c byte, p int) int {
	if r.quick[k] >= p && r.quick[k] > 0 {
		return r.quick[k]
	}
	i := bytes.IndexByte(r.src[p:], c)
	if i < 0 {
		i = len(r.src) - p
	}
	r.quick[k] = p + i
	return p + i
}

// separator gives the first = or : in src[p:stop] that may follow a name, or
// stop; ; and < lie between the two and are passed over one by one.
func (r *redact) separator(p, stop int) int {
	const step = 32
	src := r.src
	var last [step]byte
	for ; p < stop; p += step {
		b := last[:]
		if p+step <= len(src) {
			b = src[p : p+step : p+step]
		} else {
			copy(b, src[p:])
		}
		s0, s1 := separators(binary.LittleEndian.Uint64(b)), separators(binary.LittleEndian.Uint64(b[8:]))
		s2, s3 := separators(binary.LittleEndian.Uint64(b[16:])), separators(binary.LittleEndian.Uint64(b[24:]))
		if s0|s1|s2|s3 == 0 {
			continue
		}
		m := s0*gather>>56 | s1*gather>>56<<8 | s2*gather>>56<<16 | s3*gather>>56<<24
		for ; m != 0; m &= m - 1 {
			i := p + bits.TrailingZeros64(m)
			if i >= stop {
				return stop
			}
			c := src[i]
			if i >= 5 && i+1 < len(src) && i > r.encodedTo {
				w := binary.LittleEndian.Uint32(src[i-4:])
				if r.f.plain(w) && (c != ':' || src[i+1] != '/' && !r.f.colons[w>>24]) {
					continue
				}
			}
			if c != ';' && c != '<' && r.mayFollowName(i) {
				return i
			}
		}
	}
	return stop
}

// gather brings the high bits of a word's bytes together in its highest byte,
// when the word is multiplied with it.
const gather = 0x0002_0408_1020_4081

// separators has the high bit of every byte of x that is one of : ; < =
func separators(x uint64) uint64 {
	y := x & low
	return (y + (0x80-':')*ones) &^ (y + (0x80-'>')*ones) &^ x & high
}

// mayFollowName reports whether the = or : at i may be the separator behind a
// name that counts.
func (r *redact) mayFollowName(i int) bool {
	src := r.src
	if i < 5 {
		return true
	}
	a, b := src[i-2], src[i-1]
	if r.f.mayEnd(src[i-3], a, b) || i <= r.encodedTo {
		return true
	}
	switch b {
	case '"':
		return a == '\\' || a == ']' || a == '-' || a == '_' || a == '.' || r.f.mayEnd(src[i-4], src[i-3], a)
	case '\'', ' ', '\t', ']', ';':
		return true
	case '-', '_', '.': // the name may lie before them
		return true
	case '2', '7':
		if a == '2' {
			return true // an encoded quote
		}
	}
	if src[i] != ':' {
		return false
	}
	return r.f.secrets && (b == 'e' && r.candidate(i) || i+2 < len(src) && src[i+1] == '/' && src[i+2] == '/') ||
		r.f.identifiers && src[i-5] == '/'
}

// decide looks at what stands at i and gives where to go on.
func (r *redact) decide(i int) int {
	if i == r.list.at && i > 0 {
		return r.ipElement(i)
	}
	switch r.src[i] {
	case 'J':
		return r.jwt(i)
	case '@':
		return r.email(i, 1)
	case '"':
		return r.column(i)
	case '%':
		return r.percent(i)
	case ':':
		if r.f.secrets && r.at(i+1) == '/' && r.at(i+2) == '/' {
			return r.userinfo(i + 3)
		}
		if r.f.secrets && r.candidate(i) {
			return r.word(i+1, " ufrag ")
		}
		if r.f.identifiers && r.combinedDate(i) {
			return i + 1
		}
	}
	return r.field(i, 1, false)
}

// percent decides about the percent sign at i: an encoded separator, or the
// sign in an e-mail address.
func (r *redact) percent(i int) int {
	r.encodedTo = i + 6
	c, n := r.encoded(i)
	switch {
	case n == 0:
		return i + 1
	case c == '=' || c == ':':
		return r.field(i, n, true)
	case c == '@' && r.f.identifiers:
		return r.email(i, n)
	}
	return i + 1
}

// encoded reads the byte that is percent-encoded at i, once or a few times,
// and the length of its encoding.
func (r *redact) encoded(i int) (c byte, n int) {
	if r.at(i) != '%' {
		return 0, 0
	}
	j := i + 1
	for range maxEscapes {
		if r.at(j) != '2' || r.at(j+1) != '5' {
			break
		}
		j += 2
	}
	hi, lo := hexValue[r.at(j)], hexValue[r.at(j+1)]
	if hi == noHex || lo == noHex {
		return 0, 0
	}
	return hi<<4 | lo, j + 2 - i
}

// begin puts the fixed text in the place of what begins at start. What comes
// before is copied, and then the quotes that go around the text, if any.
func (r *redact) begin(start int, quotes string) {
	r.flush(start)
	r.dst = append(r.dst, quotes...)
	r.dst = append(r.dst, Redacted...)
	r.dst = append(r.dst, quotes...)
	r.count++
	if r.watch != nil {
		r.watch.opened(r, start, quotes)
	}
}

// replace does the same where the end is known.
func (r *redact) replace(start, end int) int {
	r.begin(start, "")
	r.skipTo(end)
	if r.watch != nil {
		r.watch.closed(end)
	}
	return end
}
