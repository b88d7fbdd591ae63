package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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
	if n >= 1e6 {
		return fmt.Sprintf("%.1f M lines", float64(n)/1e6)
	}
	return grouped(n) + " lines"
}

// saidBytes is a size in powers of 1000, with two digits at least.
func saidBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	for _, unit := range []string{"KB", "MB", "GB", "TB", "PB"} {
		v /= 1000
		switch {
		case v < 9.95:
			return fmt.Sprintf("%.1f %s", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f %s", v, unit)
		}
	}
	return fmt.Sprintf("%.0f EB", v/1000)
}

// saidAge is a duration in its two largest units.
func saidAge(d time.Duration) string {
	d = d.Truncate(time.Second)
	days, hours, minutes := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d m", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d m", minutes)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// saidDate is a time to the minute, with the year where it is not now's.
func saidDate(t, now time.Time) string {
	if t.Year() != now.Year() {
		return t.Format("2 Jan 2006 15:04")
	}
	return t.Format("2 Jan 15:04")
}
