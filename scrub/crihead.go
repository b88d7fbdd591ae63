package scrub

import "bytes"

// A container runtime writes a line of a container as
//
//	2026-11-23T18:04:02.123456789Z stdout F what was written
//
// (Kubernetes' CRI logging format: time as RFC 3339, stream, tags, text). A line
// longer than its buffer, 16 KiB as a rule, is cut anywhere: the tag of each
// piece but the last is P.
const (
	maxTags    = 32
	maxCRIHead = len("2026-11-23T18:04:02.123456789+00:00 stdout ") + maxTags + 1
)

// criHead is the head of such a line.
type criHead struct {
	n       int // its length, the space before the text included
	stream  int // 0 is stdout, 1 is stderr
	partial bool
}

// verdict is what the beginning of a line says.
type verdict uint8

const (
	noHead verdict = iota
	isHead
	moreHead // it may be a head, once there is more of it
)

// digitsOfTime has a 0 for each digit.
const digitsOfTime = "0000-00-00T00:00:00"

// readHead reads the head of the line that begins with p.
func readHead(p []byte) (h criHead, v verdict) {
	for i := range len(digitsOfTime) {
		switch c := digitsOfTime[i]; {
		case i >= len(p):
			return h, moreHead
		case c == '0' && !is(p[i], isDigit), c != '0' && p[i] != c:
			return h, noHead
		}
	}
	i := len(digitsOfTime)
	if i < len(p) && p[i] == '.' {
		for i++; i < len(p) && is(p[i], isDigit) && i < len(digitsOfTime)+10; i++ {
		}
	}
	if i, v = readZone(p, i); v != isHead {
		return h, v
	}
	const out, err = " stdout ", " stderr "
	if v = begins(p[i:], out); v != isHead {
		if v = begins(p[i:], err); v != isHead {
			return h, max(begins(p[i:], out), v)
		}
		h.stream = 1
	}
	i += len(out)
	return readTags(p, i, h)
}

// begins reports whether p begins with the word.
func begins(p []byte, word string) verdict {
	n := min(len(p), len(word))
	switch {
	case string(p[:n]) != word[:n]:
		return noHead
	case n < len(word):
		return moreHead
	}
	return isHead
}

// readZone reads Z or +00:00.
func readZone(p []byte, i int) (int, verdict) {
	const zone = "+00:00"
	for k := range len(zone) {
		if i+k >= len(p) {
			return i, moreHead
		}
		switch c := p[i+k]; {
		case k == 0 && c == 'Z':
			return i + 1, isHead
		case k == 0 && (c == '+' || c == '-'), k == 3 && c == ':', k != 0 && k != 3 && is(c, isDigit):
		default:
			return i, noHead
		}
	}
	return i + len(zone), isHead
}

// readTags reads the tags: P or F, and what may stand behind colons.
func readTags(p []byte, i int, h criHead) (criHead, verdict) {
	for k := range maxTags + 1 {
		if i+k >= len(p) {
			return h, moreHead
		}
		switch c := p[i+k]; {
		case k == 0 && (c == 'P' || c == 'F'):
			h.partial = c == 'P'
		case k > 0 && c == ' ':
			h.n = i + k + 1
			return h, isHead
		case k == 1 && c == ':', k > 1 && (c == ':' || is(c, isLetter)):
		default:
			return h, noHead
		}
	}
	return h, noHead
}

// nextPartial gives where the first line of p begins that is a piece and not
// the last one, or -1. inLine says that p begins in the middle of a line. It
// looks at the letters P: few lines have one, and none of those lies between a
// space and what ends a tag.
func nextPartial(p []byte, inLine bool) int {
	for from := 0; ; {
		i := bytes.IndexByte(p[from:], 'P')
		if i < 0 {
			return -1
		}
		i += from
		from = i + 1
		if i+1 >= len(p) || i < len(digitsOfTime) || p[i-1] != ' ' || p[i+1] != ' ' && p[i+1] != ':' {
			continue
		}
		lo := max(0, i-maxCRIHead)
		b := bytes.LastIndexByte(p[lo:i], '\n')
		if b < 0 && (lo > 0 || inLine) {
			continue
		}
		b += lo + 1
		if h, v := readHead(p[b:]); v == isHead && h.partial {
			return b
		}
	}
}

// apartFrom tells how much of p comes before a line that is a piece, or whose
// head is not complete.
func apartFrom(p []byte, inLine bool) int {
	if i := nextPartial(p, inLine); i >= 0 {
		return i
	}
	lo := max(0, len(p)-maxCRIHead)
	b := bytes.LastIndexByte(p[lo:], '\n')
	if b < 0 && (lo > 0 || inLine) {
		return len(p)
	}
	b += lo + 1
	if b < len(p) {
		if _, v := readHead(p[b:]); v == moreHead {
			return b
		}
	}
	return len(p)
}

// WholeMessages tells how much of a text of whole lines is not in the middle of
// a message that a container runtime has cut into pieces: the text up to the
// first piece of one whose last piece is not there. It is for who may choose
// where a text ends; see [Writer.Unfinished] for who may not.
func WholeMessages(text []byte) int {
	open := [2]int{len(text), len(text)}
	for at := 0; at < len(text); {
		if h, v := readHead(text[at:]); v == isHead {
			if !h.partial {
				open[h.stream] = len(text)
			} else {
				open[h.stream] = min(open[h.stream], at)
			}
		}
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return min(open[0], open[1])
}
