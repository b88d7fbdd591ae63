package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"swab/units"
)

// shown is a text from outside, such as a file's name, fit for a terminal: what
// does not print is escaped.
func shown(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// saidLines is a number of lines as people say it.
func saidLines(n int64) string {
	if n == 1 {
		return "1 line"
	}
	return units.About(n) + " lines"
}

// saidDate is a time to the minute, with the year where it is not now's.
func saidDate(t, now time.Time) string {
	if t.Year() != now.Year() {
		return t.Format("2 Jan 2006 15:04")
	}
	return t.Format("2 Jan 15:04")
}
