package evidence

import (
	"fmt"
	"strconv"
	"time"
)

// age is a duration in its two largest units: 4 s, 2 h 4 m, 6 d 23 h, 7 d. What
// is left is dropped, not rounded: an age below a limit never reads as the limit.
func age(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "0 s"
}

// size is a number of bytes in decimal units: 0 B, 96 KB, 3.1 GB.
func size(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}
	v, unit := float64(n), 0
	for v >= 999.5 && unit+1 < len(units) {
		v /= 1000
		unit++
	}
	if unit > 0 && v < 9.95 {
		return fmt.Sprintf("%.1f %s", v, units[unit])
	}
	return fmt.Sprintf("%.0f %s", v, units[unit])
}

// count is a number with commas.
func count[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// stamp is a time as reports show it, UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// oldestWords is an age for a reader.
func (a Age) String() string {
	switch {
	case a.None:
		return "none"
	case a.Unknown && a.Age == 0:
		return "unknown"
	case a.Unknown:
		return "unknown, at least " + age(a.Age)
	}
	return age(a.Age)
}

// whyWords says a reason of erasing.
func whyWords(reason string) string {
	switch reason {
	case "shipped":
		return "the store has it"
	case "limit":
		return "at its limit, the store has it"
	case "limit-sealed":
		return "at its limit, sealed, not shipped yet"
	case "nameless":
		return "sealed, and no name leads to the file any more"
	case "expire":
		return "at its limit, never sealed: a loss"
	}
	return reason
}
