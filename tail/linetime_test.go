package tail

import (
	"testing"
	"time"
)

func TestLineTimeReadsTheTimeThatALineSays(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	paris := time.FixedZone("", 3600)
	utc := func(y int, m time.Month, d, h, mi, s int) time.Time { return time.Date(y, m, d, h, mi, s, 0, time.UTC) }
	for _, tt := range []struct {
		line string
		now  time.Time
		loc  *time.Location
		want time.Time // zero: none
	}{
		{"2026-11-20T10:05:03Z text", now, nil, utc(2026, 11, 20, 10, 5, 3)},
		{"2026-11-20T10:05:03.123456+02:00 text", now, nil, utc(2026, 11, 20, 8, 5, 3)},
		{"2026-11-20 10:05:03,123 INFO", now, paris, utc(2026, 11, 20, 9, 5, 3)},
		{"2026/11/20 10:05:03 [error] 1#0: nginx", now, time.UTC, utc(2026, 11, 20, 10, 5, 3)},
		{"2026-11-20 10:05:03 -0500", now, time.UTC, utc(2026, 11, 20, 10, 5, 3)}, // a blank: no zone of this time
		{"2026-11-20T10:05:03-0500", now, time.UTC, utc(2026, 11, 20, 15, 5, 3)},
		{"2026-11-20T10:05:03-05", now, time.UTC, utc(2026, 11, 20, 15, 5, 3)},
		{`{"level":"info","time":"2026-11-20T10:05:03Z"}`, now, nil, utc(2026, 11, 20, 10, 5, 3)},
		{`10.0.0.1 - - [20/Nov/2026:10:05:03 +0100] "GET / HTTP/1.1" 200 5`, now, nil, utc(2026, 11, 20, 9, 5, 3)},
		{`10.0.0.1 - [x] [20/Nov/2026:10:05:03 +0000] "GET /"`, now, nil, utc(2026, 11, 20, 10, 5, 3)},
		{"Nov 20 10:05:03 host app[1]: text", now, time.UTC, utc(2026, 11, 20, 10, 5, 3)},
		{"Nov  2 10:05:03 host app[1]: text", now, time.UTC, utc(2026, 11, 2, 10, 5, 3)},
		{"<34>Nov 20 10:05:03 host app: text", now, time.UTC, utc(2026, 11, 20, 10, 5, 3)},
		{"Dec 24 10:05:03 host app: last year's", now, time.UTC, utc(2025, 12, 24, 10, 5, 3)},
		{"Dec 31 23:59:59 host app: text", utc(2027, 1, 1, 0, 0, 5), time.UTC, utc(2026, 12, 31, 23, 59, 59)},
		{"Jan  1 00:00:01 host app: text", utc(2027, 1, 1, 0, 0, 5), time.UTC, utc(2027, 1, 1, 0, 0, 1)},
		{"Jan  1 00:00:30 host app: a clock ahead", utc(2026, 12, 31, 23, 59, 45), time.UTC, utc(2026, 1, 1, 0, 0, 30)},
		{"1795000000 text", now, nil, time.Unix(1795000000, 0)},
		{"1795000000.123 text", now, nil, time.Unix(1795000000, 0)},
		{"1795000000123 text", now, nil, time.UnixMilli(1795000000123)},
		{`{"ts":1795000000.5,"msg":"x"}`, now, nil, time.Unix(1795000000, 0)},
		{`{"msg":"x","timestamp":"1795000000123"}`, now, nil, time.UnixMilli(1795000000123)},
		{"level=info ts=1795000000 msg=x", now, nil, time.Unix(1795000000, 0)},

		{"", now, nil, time.Time{}},
		{"no time in here", now, nil, time.Time{}},
		{"2026-11-23T19:00:00Z an hour ahead", now, nil, time.Time{}},
		{"2036-11-23T19:00:00Z years ahead", now, nil, time.Time{}},
		{"1970-01-01T00:00:00Z before there were logs", now, nil, time.Time{}},
		{"2026-13-20T10:05:03Z", now, nil, time.Time{}},
		{"2026-11-20T25:05:03Z", now, nil, time.Time{}},
		{"12345678901 eleven digits", now, nil, time.Time{}},
		{"99999999999999999999999999 too many digits", now, nil, time.Time{}},
		{"Foo 20 10:05:03 host", now, nil, time.Time{}},
		{"[20/Foo/2026:10:05:03 +0000]", now, nil, time.Time{}},
		{"----------/////////////", now, nil, time.Time{}},
	} {
		got, ok := LineTime([]byte(tt.line), tt.now, tt.loc)
		if ok != !tt.want.IsZero() || !got.Equal(tt.want) {
			t.Errorf("%q: %v, %v; want %v", tt.line, got, ok, tt.want)
		}
	}
}

// TestTheTimeAtTheLinesBeginCounts: what a client wrote into his request
// stands behind what the server says.
func TestTheTimeAtTheLinesBeginCounts(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	for _, line := range []string{
		`10.0.0.1 - - [23/Nov/2026:17:00:00 +0000] "GET /?since=2014-01-01T00:00:00Z HTTP/1.1" 200 5`,
		`Nov 23 17:00:00 host app: order of 2014-01-01 00:00:00`,
		`<34>Nov 23 17:00:00 host app: order of 2014-01-01 00:00:00`,
		`1795453200 GET /?since=2014-01-01T00:00:00Z`,
		`2026-11-23T17:00:00Z [01/Jan/2014:00:00:00 +0000]`,
		`{"ts":1795453200,"url":"/?since=2014-01-01T00:00:00Z"}`,
	} {
		if got, ok := LineTime([]byte(line), now, time.UTC); !ok || now.Sub(got) != time.Hour {
			t.Errorf("%q: %v, %v", line, got, ok)
		}
	}
}

func FuzzLineTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-20T10:05:03.123456+02:00", "[20/Nov/2026:10:05:03 +0100]", "<34>Nov 20 10:05:03 x", "1795000000123",
		`{"ts":1795000000.5}`, "Feb 29 00:00:60", "-", "[", "<1>", "0000-00-00 00:00:00-99:99",
	} {
		f.Add([]byte(s), int64(1795456800))
	}
	f.Fuzz(func(t *testing.T, line []byte, unix int64) {
		now := time.Unix(unix%(1<<34), 0)
		got, ok := LineTime(line, now, time.UTC)
		if ok && (got.After(now.Add(time.Minute)) || got.Before(earliest)) {
			t.Errorf("%q at %v: %v", line, now, got)
		}
		if again, ok2 := LineTime(append(line, '\n'), now, time.UTC); len(line) < lineTimeSpan && ok && ok2 && !again.Equal(got) {
			t.Errorf("%q: %v, and with its newline %v", line, got, again)
		}
	})
}

func BenchmarkLineTime(b *testing.B) {
	line := []byte(`203.0.113.7 - - [20/Nov/2026:10:05:03 +0100] "GET /images/a-b-c.png HTTP/1.1" 200 5 "-" "curl/8.1"`)
	now := time.Now()
	for b.Loop() {
		LineTime(line, now, time.UTC)
	}
}
