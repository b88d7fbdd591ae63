package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Error holds all that is wrong with the flags, not only the first of it.
type Error struct {
	Faults []Fault
}

// Error gives one line a fault.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Fault is one wrong flag: which, what it was given, what is wrong with that
// and what would be right.
type Fault struct {
	Flag    string // as a person writes it: --raw-limit, or SWAB_RAWLIMIT for a variable that is no flag
	Value   string // empty where the flag's presence or absence is the fault
	Source  string // where the value stands, when that is not the command line
	Problem string
}

// String is one line: flag, value, place when it is not the command line, and
// the problem.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Flag)
	if f.Value != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(printable(hideUser(f.Value)))
	}
	if f.Source != "" {
		b.WriteString(" (" + f.Source + ")")
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(f.Problem)
	return b.String()
}

// maxShown is how many bytes of a value a fault repeats: enough for any path.
const maxShown = 512

// printable keeps a value on one line and of a bearable length.
func printable(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// hideUser takes the name and password out of a URL.
func hideUser(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return s
	}
	host, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		return scheme + "://…" + rest[at:]
	}
	return s
}

// unknown is the sentence for a word that is none of the known ones.
func unknown(noun, word string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	did := ""
	if near, ok := Nearest(word, known); ok {
		did = fmt.Sprintf(" Did you mean %q?", near)
	}
	return fmt.Sprintf("there is no %s %q.%s Known: %s", noun, word, did, strings.Join(known, " "))
}
