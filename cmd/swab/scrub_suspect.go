package main

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"

	"swab/units"
)

// suspect counts the values of one field that look like a secret.
type suspect struct {
	count int64
	first uint64 // of the first value, a sum that no other process can make
	many  bool   // there was another value
}

// Limits of suggesting: a value of so many characters, seen so often, under
// names of which so many are printed.
const (
	minSecret    = 20
	maxSecret    = 512
	minSeen      = 2
	mostSuspects = 20
)

// suspects looks for name=value and name:value where the value looks random. In
// the text, what the presets know is blanked already.
func (s *sampler) suspects(text []byte) {
	seed := maphash.MakeSeed()
	for i := 0; i < len(text); i++ {
		if text[i] != '=' && text[i] != ':' {
			continue
		}
		value := valueAfter(text[i+1 : min(len(text), i+2+8+maxSecret)])
		if !looksSecret(value) {
			continue
		}
		shown := s.places.word(unquotedEnd(text[max(0, i-80):i]))
		if shown == otherName {
			continue
		}
		sum := maphash.Bytes(seed, value)
		x := s.looks[shown]
		if x == nil {
			x = &suspect{first: sum}
			s.looks[shown] = x
		}
		x.count++
		x.many = x.many || x.first != sum
	}
}

// unquotedEnd is b up to the end of the name that it ends with, quoted or not.
func unquotedEnd(b []byte) []byte {
	b = trimSpaces(b)
	if n := len(b); n > 0 && (b[n-1] == '"' || b[n-1] == '\'') {
		b = bytes.TrimRight(b[:n-1], `\`)
	}
	return b
}

// valueAfter gives the characters of the value that b begins with: letters,
// digits and what base64 has besides.
func valueAfter(b []byte) []byte {
	from := 0
	for from < min(len(b), 8) && bytes.IndexByte([]byte(" \\\"'"), b[from]) >= 0 {
		from++
	}
	to := from
	for to < len(b) && (isDigit(b[to]) || isLetter(b[to]) || bytes.IndexByte([]byte("+/_=-"), b[to]) >= 0) {
		to++
	}
	return b[from:to]
}

// looksSecret reports whether a value looks random: long, of letters and digits
// that take turns, and no UUID, path or number.
func looksSecret(v []byte) bool {
	if len(v) < minSecret || len(v) > maxSecret || isUUID(v) {
		return false
	}
	digits, turns, slashes := 0, 0, 0
	for i, c := range v {
		switch {
		case isDigit(c):
			digits++
		case c == '/':
			slashes++
		}
		if i > 0 && isDigit(c) != isDigit(v[i-1]) {
			turns++
		}
	}
	return digits >= 3 && turns >= 4 && slashes <= 2
}

func isUUID(v []byte) bool {
	return len(v) == 36 && v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-'
}

// suspected gives the names, the most frequent first, with their counts.
func (s *sampler) suspected() []string {
	var names []string
	for name, x := range s.looks {
		if x.count >= minSeen && x.many {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.looks[b].count, s.looks[a].count), cmp.Compare(a, b))
	})
	more := len(names) - mostSuspects
	names = names[:min(len(names), mostSuspects)]
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%s)", name, units.Count(s.looks[name].count))
	}
	if more > 0 {
		names = append(names, counted(more, "more name"))
	}
	return names
}
