package config

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "67108864": 64 << 20, "64MiB": 64 << 20, "64mib": 64 << 20, "64MB": 64e6, "512k": 512 << 10, "512K": 512 << 10,
		"8GiB": 8 << 30, "2TiB": 2 << 40, "3TB": 3e12, "1.5GiB": 3 << 29, "10 MB": 10e6, "7B": 7, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := ParseSize(s); got != want || err != nil {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "MiB", "-1", "+1", "1e3", "1.2.3", ".", "1 2", "1MM", "1iB", "0x10", "1_000", "64MiB/s", "9223372036854775808", "8388608TiB", "1e400", "99999999999.9TiB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", s, got)
		}
	}
	if got, err := parseRate("10MB/s"); got != 10e6 || err != nil {
		t.Errorf("parseRate(10MB/s) = %d, %v", got, err)
	}
}

func TestDurationsAreGosAndDays(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "168h": 168 * time.Hour, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
		"1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2192d": 2192 * 24 * time.Hour, "250ms": 250 * time.Millisecond,
	} {
		if got, err := ParseDuration(s); got != want || err != nil {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "7", "-1h", "-7d", "1.5d", "1d-1h", "1d+1h", "1h1d", "1dd", "7 d", "200000d", "106751d24h", "week"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, got)
		}
	}
	for d, want := range map[time.Duration]string{168 * time.Hour: "168h", 90 * time.Minute: "1h30m", time.Minute: "1m", 0: "0s", 10 * time.Second: "10s", time.Hour + time.Second: "1h0m1s"} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64MiB", "512k", "1.5GiB", "0", "9223372036854775807", "1 kB", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("ParseSize(%q) = %d", s, n)
		}
		if again, err := ParseSize(strconv.FormatInt(n, 10)); again != n || err != nil {
			t.Errorf("%q is %d bytes, which is read as %d, %v", s, n, again, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"7d", "1d12h", "90s", "1h30m", "-1h", "106751d", "0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err == nil && d < 0 {
			t.Fatalf("ParseDuration(%q) = %v", s, d)
		}
		if goes, goErr := time.ParseDuration(s); !strings.Contains(s, "d") && (goErr == nil && goes >= 0) != (err == nil) {
			t.Errorf("ParseDuration(%q): %v, but Go's: %v", s, err, goErr)
		} else if err == nil && goErr == nil && goes != d {
			t.Errorf("ParseDuration(%q) = %v, Go's %v", s, d, goes)
		}
		if err != nil {
			return
		}
		if again, err := ParseDuration(formatDuration(d)); again != d || err != nil {
			t.Errorf("%v is written %q, which is read as %v, %v", d, formatDuration(d), again, err)
		}
	})
}
