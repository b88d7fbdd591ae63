package status

import (
	"fmt"
	"strconv"
	"time"
)

// age is a duration in its two largest units: 4 s, 2 h 4 m, 6 d 23 h, 7 d.
// What is left is dropped, not rounded: an age below a limit never reads as
// the limit.
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

// ago is how long before now t was; a zero t is never.
func ago(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < time.Second:
		return "now"
	}
	return age(now.Sub(t)) + " ago"
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

// count is a number of things: 12,000, 41.2 M (million), 1.3 bn (billion).
func count(n int64) string {
	switch {
	case n >= 999_950_000:
		return fmt.Sprintf("%.1f bn", float64(n)/1e9)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return strconv.FormatInt(n, 10)
}
