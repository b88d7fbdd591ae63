package main

import (
	"bytes"
	"fmt"
	"strings"

	"swab/scrub"
)

// lookBehind is how much of a line before a finding is looked at for the field
// that it stands in, bytes.
const lookBehind = 4 << 10

// placer names the places of a text in which something was found. A name may
// itself be content, so only what looks like a field's name is shown, and only
// if scrubbing leaves it as it is.
type placer struct {
	scrubber *scrub.Scrubber
	known    map[string]bool
}

// maxNames bounds how many names are told apart.
const maxNames = 500

// What stands for a name that is not shown.
const otherName = "(other)"

// name gives the name, or what stands for it.
func (p *placer) name(raw []byte) string {
	name := string(raw)
	if p.known[name] {
		return name
	}
	if len(p.known) >= maxNames || !fieldLike(name) || p.scrubber.String(name) != name {
		return otherName
	}
	p.known[name] = true
	return name
}

// fieldLike reports whether a name looks like one that a programmer chose: a
// letter, then at most 40 letters, digits, - _ and dots; few digits, no two
// numbers, no long word of hexadecimal digits, and no mixture of cases as in a
// random string.
func fieldLike(name string) bool {
	if name == "" || len(name) > 41 || !isLetter(name[0]) {
		return false
	}
	var digits, numbers, turns, hex int
	for i := range len(name) {
		c := name[i]
		switch {
		case '0' <= c && c <= '9':
			digits++
			if !isDigit(name[i-1]) {
				numbers++
			}
		case isLetter(c):
			if i > 0 && c < 'a' && name[i-1] >= 'a' {
				turns++
			}
		case c != '-' && c != '_' && c != '.':
			return false
		}
		if isDigit(c) || isLetter(c) && c|0x20 <= 'f' {
			hex++
		} else {
			hex = 0
		}
		if hex >= 8 {
			return false
		}
	}
	return digits <= 3 && numbers <= 1 && (len(name) < 16 || turns*4 <= len(name))
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// where names the place behind head, the part of a line before a finding. A head
// that was cut off is longer than lookBehind.
func (p *placer) where(head []byte) string {
	cut := len(head) > lookBehind
	if cut {
		head = head[len(head)-lookBehind:]
	}
	segment := lastSegment(head)
	if s := p.media(segment); s != "" {
		return s
	}
	for _, f := range []func([]byte) string{p.pair, p.quoted, p.header, p.labelled} {
		if s := f(segment); s != "" {
			return s
		}
	}
	if bytes.HasSuffix(head, []byte("://")) {
		return "host of a url"
	}
	if cut {
		return "far into a line"
	}
	return column(head)
}

// lastSegment is what follows the last escaped newline.
func lastSegment(head []byte) []byte {
	if i := bytes.LastIndex(head, []byte(`\n`)); i >= 0 {
		return head[i+2:]
	}
	return head
}

// media names a line of SDP (RFC 8866), or an ICE candidate (RFC 8839).
func (p *placer) media(segment []byte) string {
	b := segment
	if i := bytes.LastIndexByte(b, '"'); i >= 0 {
		b = b[i+1:]
	}
	related := ""
	if bytes.HasSuffix(b, []byte(" raddr ")) {
		related = " raddr"
	}
	if bytes.HasPrefix(b, []byte("candidate:")) {
		return "ice candidate" + related
	}
	if len(b) < 2 || b[1] != '=' {
		return ""
	}
	switch network := bytes.Contains(b, []byte("IN IP")); {
	case b[0] == 'a':
		name, _, ok := bytes.Cut(b[2:], []byte{':'})
		if ok {
			return "sdp a=" + p.name(name) + related
		}
	case network && (b[0] == 'c' || b[0] == 'o'):
		return "sdp " + string(b[:2])
	}
	return ""
}

// pair names the key of key=value, or of a query string.
func (p *placer) pair(b []byte) string {
	lo := max(0, len(b)-256)
	for i := len(b) - 1; i >= lo; i-- {
		switch b[i] {
		case ' ', '\t', '&', '?', ';', '{', '}', ']', '(', ')', '<', '>':
			return ""
		case '"', '\'':
			if i == 0 || b[i-1] != '=' {
				return ""
			}
		case '=':
			n := nameBefore(b[:i])
			if n == i {
				return ""
			}
			if n > 0 && (b[n-1] == '?' || b[n-1] == '&') {
				return "query " + p.name(b[n:i])
			}
			return p.word(b[:i]) + "="
		}
	}
	return ""
}

// nameBefore gives where the name begins that ends with b.
func nameBefore(b []byte) int {
	i := len(b)
	for i > 0 && (isDigit(b[i-1]) || isLetter(b[i-1]) || b[i-1] == '-' || b[i-1] == '_' || b[i-1] == '.') {
		i--
	}
	return i
}

// word gives the name that b ends with, if it stands apart: what follows an at
// sign, say, is none.
func (p *placer) word(b []byte) string {
	i := nameBefore(b)
	if i > 0 && bytes.IndexByte([]byte(" \t\r\n?&;,:([{<>|\"'\\"), b[i-1]) < 0 {
		return otherName
	}
	return p.name(b[i:])
}

// quoted names the field whose quoted value, or list of values, b ends in: in
// JSON, however often it is escaped, or key="value".
func (p *placer) quoted(b []byte) string {
	if s := p.jsonKey(trimSpaces(b)); s != "" {
		return s
	}
	skip := -1 // the slashes of a string that is passed over backwards
	for i := bytes.LastIndexByte(b, '"'); i >= 0; i = bytes.LastIndexByte(b[:i], '"') {
		n := i
		for n > 0 && b[n-1] == '\\' {
			n--
		}
		level := i - n
		if skip >= 0 {
			if level == skip {
				skip = -1
			}
			i = n
			continue
		}
		before := trimSpaces(b[:n])
		if len(before) > 0 {
			switch before[len(before)-1] {
			case ':':
				if s := p.jsonKey(before); s != "" {
					return s
				}
			case '=':
				return p.word(before[:len(before)-1]) + "="
			case ',', '[':
				if s := p.list(before); s != "" {
					return s
				}
			}
		}
		skip, i = level, n
	}
	return ""
}

// list names the field whose list of values b ends in.
func (p *placer) list(b []byte) string {
	depth := 0
	for i := len(b) - 1; i >= 0; i-- {
		switch b[i] {
		case ']', '}':
			depth++
		case '[', '{':
			if depth--; depth < 0 {
				return p.jsonKey(trimSpaces(b[:i]))
			}
		}
	}
	return ""
}

// jsonKey names the key that b ends in, with its colon.
func (p *placer) jsonKey(b []byte) string {
	if len(b) == 0 || b[len(b)-1] != ':' {
		return ""
	}
	b = trimSpaces(b[:len(b)-1])
	if len(b) == 0 || b[len(b)-1] != '"' {
		return ""
	}
	b = bytes.TrimRight(b[:len(b)-1], `\`)
	i := bytes.LastIndexByte(b, '"')
	if i < 0 {
		return ""
	}
	return "json " + p.name(b[i+1:])
}

// header names the header whose line, or string, b is the beginning of.
func (p *placer) header(b []byte) string {
	if i := bytes.LastIndexByte(b, '"'); i >= 0 {
		b = b[i+1:]
	}
	name, _, ok := bytes.Cut(b, []byte(": "))
	if !ok || nameBefore(name) > 0 || len(name) == 0 {
		return ""
	}
	switch s := strings.ToLower(string(name)); s {
	case "via", "forwarded", "host", "cookie", "referer", "contact", "from", "to", "origin":
	default:
		if !strings.Contains(s, "-") {
			return ""
		}
	}
	return "header " + p.name(name)
}

// labelled names what stands with a colon right before the value: client: X.
func (p *placer) labelled(b []byte) string {
	t := bytes.TrimRight(b, ` "'([<`)
	if len(t) == 0 || len(t) == len(b) || t[len(t)-1] != ':' {
		return ""
	}
	t = t[:len(t)-1]
	if nameBefore(t) == len(t) {
		return ""
	}
	return p.word(t) + ":"
}

func trimSpaces(b []byte) []byte { return bytes.TrimRight(b, " \t") }

// maxColumn is the last column that is told apart.
const maxColumn = 30

// column counts the words before, from 1: what stands in quotes or brackets is
// one word, as in the combined log format.
func column(head []byte) string {
	n, inside := 1, byte(0)
	for i, c := range head {
		switch {
		case inside != 0:
			if c == inside && head[i-1] != '\\' {
				inside = 0
			}
		case (c == '"' || c == '[') && (i == 0 || head[i-1] == ' '):
			if inside = c; c == '[' {
				inside = ']'
			}
		case c == ' ' && i > 0 && head[i-1] != ' ':
			n++
		}
	}
	switch {
	case n > maxColumn:
		return fmt.Sprintf("column %d or later", maxColumn+1)
	case inside == '"':
		return fmt.Sprintf("column %d, in quotes", n)
	}
	return fmt.Sprintf("column %d", n)
}
