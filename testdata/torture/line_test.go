package main

import (
	"bytes"
	"hash/crc32"
	"testing"

	"swab/scrub"
)

// The lines that swab must ship are those that the writers have a checksum of.
func TestScrubbedLinesProveThemselves(t *testing.T) {
	s, err := scrub.New(scrub.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	long := 0
	for writer := range 3 {
		m := newLineMaker(7, writer)
		for n := range uint64(40_000) {
			raw := bytes.TrimSuffix(m.line(n/1000, n), []byte("\n"))
			if len(raw) >= mediumLine {
				long++
			}
			if _, whole, err := parseLine(raw, table); err != nil || whole || !leaks(raw) {
				t.Fatalf("writer %d line %d: %v; a raw line passes: whole %v, leaks %v", writer, n, err, whole, leaks(raw))
			}
			clean := s.Append(nil, raw)
			h, whole, err := parseLine(clean, table)
			if err != nil || !whole || h != (header{writer, n / 1000, n}) {
				t.Fatalf("writer %d line %d: %+v, whole %v, %v", writer, n, h, whole, err)
			}
			if leaks(clean) {
				t.Fatalf("writer %d line %d: taken for a leak", writer, n)
			}
			clean[headLen+int(n)%(len(clean)-headLen)] ^= 1
			if _, whole, _ := parseLine(clean, table); whole {
				t.Fatalf("writer %d line %d: a changed byte was not seen", writer, n)
			}
		}
	}
	if long < 50 {
		t.Errorf("%d long lines", long)
	}
}

func TestLinesComeAgainFromTheSameSeed(t *testing.T) {
	a, b, c := newLineMaker(1, 2), newLineMaker(1, 2), newLineMaker(2, 2)
	a.line(0, 1)
	if x, y := a.line(3, 99), b.line(3, 99); !bytes.Equal(x, y) {
		t.Error("two lines for one number")
	}
	if bytes.Equal(b.line(3, 99), c.line(3, 99)) {
		t.Error("one line for two seeds")
	}
}

func TestLeaksAreFound(t *testing.T) {
	for text, want := range map[string]bool{
		"a 203.0.113.7 b": true, "a 203.0.113.0 b": false, "a 203.0.113.0": false, "203.0.113.00": true,
		"198.51.100.0 198.51.100.1": true, "192.0.2.255:443": true, "::ffff:192.0.2.0": false,
		"ip-203-0-113-77.example.net": true, "ip-203-0-113-0.example.net": false,
		"[2001:db8:7::]:443": false, "[2001:db8:7:1::9]:443": true, "2001:db8:7::": false, "2001:db8:7::9": true,
		"2001:db8:7": true, "2001:db8::1": true, "": false, "203.0.113": false, "203.0.113.": false,
	} {
		if got := leaks([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	m, n, size := newLineMaker(1, 1), uint64(0), 0
	for b.Loop() {
		size += len(m.line(1, n))
		n++
	}
	b.ReportMetric(float64(size)/float64(n), "B/line")
}
