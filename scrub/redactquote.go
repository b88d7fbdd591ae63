package scrub

import "bytes"

// A double quote has a level: how many strings it lies in, if texts in JSON
// strings hold JSON themselves. At level 0 it stands plain, at level 1 behind
// one backslash, at level 2 behind three, at level n behind 2^n-1.
//
// A quote of a lower level than the text around it ends that text. So a value
// that is never closed still ends with the string that it lies in, and what is
// valid JSON stays so.
const maxLevel = 5

// quoteTokens are quotes as they are written, by level.
var quoteTokens = [...]string{`"`, `\"`, `\\\"`, `\\\\\\\"`}

// levelOf gives the level of a quote behind so many backslashes. Those that are
// not its own are a part of the text before it.
func levelOf(run int) (level int) {
	for run&1 == 1 {
		run >>= 1
		level++
	}
	return level
}

// escapes is how many of the backslashes before a quote are its own.
func escapes(level int) int { return 1<<level - 1 }

// backslashes counts the backslashes that end at i, at most maxRun of them.
func (r *redact) backslashes(i, lo int) (n int) {
	for n < maxRun && i-n > lo && r.src[i-n-1] == '\\' {
		n++
	}
	return n
}

// slashes counts the backslashes that begin at i, at most maxRun of them.
func (r *redact) slashes(i int) (n int) {
	for n < maxRun && r.at(i+n) == '\\' {
		n++
	}
	return n
}

// lineQuotes knows which strings are open at pos, a bit a level.
type lineQuotes struct {
	pos  int
	open uint8
}

// enclosing gives the level of the text at i: 0 outside of any string, 1 in a
// plain one. It looks at each byte of a line once at most.
func (r *redact) enclosing(i int) int {
	q := &r.line
	if q.pos > i {
		return levelFrom(q.open)
	}
	if k := bytes.LastIndexByte(r.src[q.pos:i], '\n'); k >= 0 {
		q.pos, q.open = q.pos+k+1, 0
	}
	for q.pos < i {
		k := bytes.IndexByte(r.src[q.pos:i], '"')
		if k < 0 {
			q.pos = i
			break
		}
		at := q.pos + k
		l := min(levelOf(r.backslashes(at, 0)), maxLevel)
		q.open = (q.open ^ 1<<l) & (1<<(l+1) - 1)
		q.pos = at + 1
	}
	return levelFrom(q.open)
}

// dropQuotes takes from the text before i what a later decision needs to know.
func (r *redact) dropQuotes(i int) {
	if r.v.mode != noValue {
		r.level()
		if r.v.skips {
			r.line.pos = max(r.line.pos, i)
			return
		}
	}
	r.enclosing(i)
}

func levelFrom(open uint8) (n int) {
	for open != 0 {
		open >>= 1
		n++
	}
	return n
}

// encodedQuote gives the length of a quote at i in the encodings of URLs,
// nginx, JSON and HTML, or 0.
func (r *redact) encodedQuote(i int) int {
	switch r.at(i) {
	case '%':
		if c, n := r.encoded(i); c == '"' || c == '\'' {
			return n
		}
	case '\\':
		n := r.slashes(i)
		if r.has(i+n, "x22") {
			return n + 3
		}
		if r.has(i+n, "u0022") {
			return n + 5
		}
	case '&':
		if r.has(i, "&quot;") {
			return 6
		}
		if r.has(i, "&#34;") {
			return 5
		}
	}
	return 0
}

// encodedQuoteBefore gives where such a quote begins that ends at i, or i.
func (r *redact) encodedQuoteBefore(i, lo int) int {
	for n := 3; n <= 12 && i-n >= lo; n++ {
		switch r.src[i-n] {
		case '%', '&', '\\':
			if r.encodedQuote(i-n) == n {
				return i - n - r.backslashes(i-n, lo)
			}
		}
	}
	return i
}

// has reports whether the lower-case word stands at i, in any case.
func (r *redact) has(i int, word string) bool {
	for k := range len(word) {
		if lower(r.at(i+k)) != word[k] {
			return false
		}
	}
	return true
}
