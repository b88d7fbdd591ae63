package units

import (
	"math"
	"testing"
	"time"
)

const day = 24 * time.Hour

// holds compares what a unit writes with what people say.
func holds[T comparable](t *testing.T, name string, write func(T) string, said map[T]string) {
	t.Helper()
	for v, want := range said {
		if got := write(v); got != want {
			t.Errorf("%s(%v) = %q, want %q", name, v, got, want)
		}
	}
}

func TestUnitsReadAsPeopleSayThem(t *testing.T) {
	holds(t, "Age", Age, map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 999 * time.Millisecond: "0 s", 4 * time.Second: "4 s", time.Minute: "1 m", 250 * time.Second: "4 m 10 s",
		59900 * time.Millisecond: "59 s", time.Hour - 1: "59 m 59 s",
		2*time.Hour + 4*time.Minute + 59*time.Second: "2 h 4 m", 2*time.Hour + 59*time.Second: "2 h", 26*time.Hour + 59*time.Minute: "1 d 2 h",
		7 * day: "7 d", 7*day - 1: "6 d 23 h", math.MaxInt64: "106751 d 23 h",
	})
	holds(t, "Size", Size, map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 9949: "9.9 KB", 9950: "10 KB", 9951: "10 KB", 96_000: "96 KB", 999_499: "999 KB", 999_500: "1.0 MB",
		3_100_000_000: "3.1 GB", 41e9: "41 GB", 1 << 62: "4.6 EB", math.MaxInt64: "9.2 EB",
	})
	holds(t, "About", About, map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 12_034: "12,034", 999_999: "999,999", 1_000_000: "1.0 M", 18_240_000: "18.2 M", 41_200_000: "41.2 M",
		999_949_999: "999.9 M", 999_950_000: "1.0 bn",
	})
}

func TestNumbersAreGrouped(t *testing.T) {
	holds(t, "Count", Count[int64], map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 81920: "81,920", 1234567: "1,234,567", -1000: "-1,000", -999: "-999",
		math.MinInt64: "-9,223,372,036,854,775,808",
	})
	holds(t, "Count", Count[uint64], map[uint64]string{math.MaxUint64: "18,446,744,073,709,551,615"})
}
