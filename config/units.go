package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	errSize     = errors.New("not a size. Write bytes, or a number with KiB, MiB, GiB, TiB (1024) or kB, MB, GB, TB (1000), such as 64MiB")
	errDuration = errors.New("not a duration. Write a number with ms, s, m, h or d, such as 90s, 24h or 7d")
)

// ParseSize reads a number of bytes: 67108864, 64MiB, 64MB, 1.5GiB. A letter
// alone (512k) counts as its binary unit, as in GNU coreutils; case is free.
func ParseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "kKmMgGtTiIbB")
	factor, ok := unitBytes(strings.ToLower(s[len(number):]))
	number = strings.TrimSuffix(number, " ")
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, errSize
	}
	if !strings.Contains(number, ".") {
		n, err := strconv.ParseInt(number, 10, 64)
		if errors.Is(err, strconv.ErrRange) || err == nil && n > math.MaxInt64/factor {
			return 0, errors.New("larger than a file can be")
		}
		if err != nil {
			return 0, errSize
		}
		return n * factor, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errSize
	}
	if f*float64(factor) >= math.MaxInt64 {
		return 0, errors.New("larger than a file can be")
	}
	return int64(f * float64(factor)), nil
}

// unitBytes is how many bytes a unit stands for.
func unitBytes(unit string) (int64, bool) {
	switch unit {
	case "", "b":
		return 1, true
	case "k", "kib":
		return 1 << 10, true
	case "m", "mib":
		return 1 << 20, true
	case "g", "gib":
		return 1 << 30, true
	case "t", "tib":
		return 1 << 40, true
	case "kb":
		return 1e3, true
	case "mb":
		return 1e6, true
	case "gb":
		return 1e9, true
	case "tb":
		return 1e12, true
	}
	return 0, false
}

// ParseDuration reads Go's durations (90s, 1h30m) and whole days in front of
// them (7d, 1d12h), a day being 24 hours. Negative ones are refused.
func ParseDuration(s string) (time.Duration, error) {
	var whole time.Duration
	rest := s
	if days, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 31)
		if err != nil {
			return 0, errDuration
		}
		if n > uint64(math.MaxInt64/(24*time.Hour)) {
			return 0, errors.New("longer than 292 years")
		}
		whole, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return whole, nil
		}
		if rest[0] == '-' || rest[0] == '+' {
			return 0, errDuration
		}
	}
	part, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errDuration
	}
	if part < 0 {
		return 0, errors.New("must not be negative")
	}
	if whole > math.MaxInt64-part {
		return 0, errors.New("longer than 292 years")
	}
	return whole + part, nil
}

// formatDuration is a duration as people write it: 168h, not 168h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// formatDays is formatDuration, but whole days from four on are days.
func formatDays(d time.Duration) string {
	if d%day == 0 && d > 3*day {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return formatDuration(d)
}

// parseRate is ParseSize with an optional "/s" behind it.
func parseRate(s string) (int64, error) {
	return ParseSize(strings.TrimSuffix(s, "/s"))
}

// within holds a parsed value between two bounds, both allowed.
func within[T cmp.Ordered](parse func(string) (T, error), lo, hi T, problem string) func(string) (T, error) {
	return func(s string) (T, error) {
		v, err := parse(s)
		if err == nil && (v < lo || v > hi) {
			err = errors.New(problem)
		}
		return v, err
	}
}

// optional takes the empty value for none.
func optional(parse func(string) (string, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return parse(s)
	}
}

// oneOf reads a word out of a short list.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		if slices.Contains(words, T(s)) {
			return T(s), nil
		}
		all := make([]string, len(words))
		for i, w := range words {
			all[i] = string(w)
		}
		list := strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
		if near, ok := Nearest(s, all); ok {
			return "", fmt.Errorf("must be %s. Did you mean %q?", list, near)
		}
		return "", fmt.Errorf("must be %s", list)
	}
}
