package status

import (
	"math"
	"testing"
	"time"
)

func TestUnitsReadAsPeopleSayThem(t *testing.T) {
	ages := map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", 4 * time.Second: "4 s", time.Minute: "1 m", 250 * time.Second: "4 m 10 s",
		2*time.Hour + 4*time.Minute + 59*time.Second: "2 h 4 m", 2*time.Hour + 59*time.Second: "2 h", 7 * day: "7 d",
		7*day - 1: "6 d 23 h", math.MaxInt64: "106751 d 23 h",
	}
	for d, want := range ages {
		if got := age(d); got != want {
			t.Errorf("age(%d) = %q, want %q", d, got, want)
		}
	}
	sizes := map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 9949: "9.9 KB", 9951: "10 KB", 96_000: "96 KB", 999_499: "999 KB", 999_500: "1.0 MB",
		3_100_000_000: "3.1 GB", math.MaxInt64: "9.2 EB",
	}
	for n, want := range sizes {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	counts := map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 12_034: "12,034", 999_999: "999,999", 1_000_000: "1.0 M", 41_200_000: "41.2 M",
		999_949_999: "999.9 M", 999_950_000: "1.0 bn",
	}
	for n, want := range counts {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestAgoOfNeverAndOfAFuture(t *testing.T) {
	for want, at := range map[string]time.Time{
		"never": {}, "now": now, "3 s ago": now.Add(-3 * time.Second), "2 h 3 m ago": now.Add(-123 * time.Minute),
	} {
		if got := ago(now, at); got != want {
			t.Errorf("ago(%v) = %q, want %q", at, got, want)
		}
	}
	if got := ago(now, now.Add(time.Hour)); got != "now" {
		t.Errorf("of a future: %q", got)
	}
}
