// Package units writes counts, sizes and ages for people: the same in what the
// commands print, on the page and in the report, which are held side by side.
package units

import (
	"fmt"
	"time"
)

// Age is a duration in its two largest units: 4 s, 2 h 4 m, 6 d 23 h, 7 d. What
// is left is dropped, not rounded: an age below a limit never reads as the limit.
func Age(d time.Duration) string {
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

// Size is a number of bytes in decimal units: 0 B, 96 KB, 3.1 GB.
func Size(n int64) string {
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

// Count is a number with commas, each digit of it: 12,034, 41,200,317.
func Count[N int | int64 | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// About is a number where nobody adds up: 12,034, 41.2 M (million), 1.3 bn
// (billion).
func About(n int64) string {
	switch {
	case n >= 999_950_000:
		return fmt.Sprintf("%.1f bn", float64(n)/1e9)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	return Count(n)
}
