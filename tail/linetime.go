package tail

import (
	"bytes"
	"strconv"
	"time"
)

// lineTimeSpan is how far into a line a time is looked for, bytes.
const lineTimeSpan = 256

// LineTime finds the time that a line says it was written at: RFC 3339 (with
// 'T' or a blank, fraction, zone), the common log format's [17/May/2015:10:05:03
// +0000], syslog's "Nov 23 18:04:02" (RFC 3164, without a year), or Unix time
// in seconds or milliseconds at the line's begin or after a "ts", "time" or
// "timestamp" key. Times without a zone are loc's. now dates syslog's; a time
// later than now, or earlier than 1995, is not taken for one.
func LineTime(line []byte, now time.Time, loc *time.Location) (time.Time, bool) {
	line = line[:min(len(line), lineTimeSpan)]
	if loc == nil {
		loc = time.Local
	}
	for _, find := range []func([]byte, time.Time, *time.Location) (time.Time, bool){syslogTime, epochTime} {
		if t, ok := find(line, now, loc); ok && plausible(t, now) {
			return t, true
		}
	}
	// Of these the first in the line: what a client wrote into his request
	// stands behind what the server says.
	var first time.Time
	at := -1
	for _, find := range []func([]byte, *time.Location) (time.Time, int){isoTime, clfTime, keyedTime} {
		if t, from := find(line, loc); from >= 0 && (at < 0 || from < at) && plausible(t, now) {
			first, at = t, from
		}
	}
	return first, at >= 0
}

var earliest = time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)

// plausible allows a writer's clock that is a minute ahead.
func plausible(t, now time.Time) bool {
	return t.After(earliest) && t.Before(now.Add(time.Minute))
}

// isoTime finds 2006-01-02T15:04:05, or with a blank or slashes, and where it
// stands, -1 if nowhere.
func isoTime(line []byte, loc *time.Location) (t time.Time, from int) {
	for i := 4; i+15 <= len(line); i++ { // of the first separator
		j := bytes.IndexAny(line[i:], "-/")
		if i += j; j < 0 || i+15 > len(line) {
			break
		}
		if t, ok := isoAt(line[i-4:], loc); ok {
			return t, i - 4
		}
	}
	return time.Time{}, -1
}

// isoAt reads an ISO 8601 time at the begin of p.
func isoAt(p []byte, loc *time.Location) (time.Time, bool) {
	if len(p) < 19 || p[4] != p[7] || p[10] != 'T' && p[10] != ' ' || p[13] != ':' || p[16] != ':' {
		return time.Time{}, false
	}
	year, ok1 := digits(p[0:4])
	month, ok2 := digits(p[5:7])
	day, ok3 := digits(p[8:10])
	clock, ok4 := clockAt(p[11:19])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return time.Time{}, false
	}
	rest := p[19:]
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		rest = rest[1:]
		for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			rest = rest[1:]
		}
	}
	return date(year, time.Month(month), day, clock, zoneAt(rest, loc))
}

// clfTime finds [02/Jan/2006:15:04:05 -0700, and where it stands, -1 if
// nowhere.
func clfTime(line []byte, loc *time.Location) (t time.Time, from int) {
	for i := bytes.IndexByte(line, '['); i >= 0 && i+21 <= len(line); {
		p := line[i+1:]
		if len(p) >= 20 && p[2] == '/' && p[6] == '/' && p[11] == ':' {
			day, ok1 := digits(p[0:2])
			month, ok2 := monthAt(p[3:6])
			year, ok3 := digits(p[7:11])
			clock, ok4 := clockAt(p[12:20])
			if ok1 && ok2 && ok3 && ok4 {
				if t, ok := date(year, month, day, clock, zoneAt(bytes.TrimLeft(p[20:], " "), loc)); ok {
					return t, i
				}
			}
		}
		j := bytes.IndexByte(p, '[')
		if j < 0 {
			break
		}
		i += 1 + j
	}
	return time.Time{}, -1
}

// syslogTime reads "Nov 23 18:04:02" at the line's begin, behind a <PRI> where
// there is one. The year is the last one in which that time is not to come.
func syslogTime(line []byte, now time.Time, loc *time.Location) (time.Time, bool) {
	if i := bytes.IndexByte(line, '>'); len(line) > 0 && line[0] == '<' && i > 0 && i < 6 {
		line = line[i+1:]
	}
	if len(line) < 15 || line[3] != ' ' || line[6] != ' ' {
		return time.Time{}, false
	}
	month, ok1 := monthAt(line[0:3])
	day, ok2 := digits(bytes.TrimLeft(line[4:6], " "))
	clock, ok3 := clockAt(line[7:15])
	if !ok1 || !ok2 || !ok3 {
		return time.Time{}, false
	}
	year := now.In(loc).Year()
	t, ok := date(year, month, day, clock, loc)
	if ok && t.After(now.Add(time.Minute)) {
		t, ok = date(year-1, month, day, clock, loc)
	}
	return t, ok
}

// epochTime reads Unix time in seconds or milliseconds at the line's begin.
func epochTime(line []byte, _ time.Time, _ *time.Location) (time.Time, bool) {
	return epochAt(bytes.TrimLeft(line, "[{( \t"))
}

// keyedTime finds Unix time behind a key, and where the key stands, -1 if
// nowhere.
func keyedTime(line []byte, _ *time.Location) (t time.Time, from int) {
	from = -1
	for _, key := range []string{`"ts":`, `"time":`, `"timestamp":`, "ts=", "time=", "timestamp="} {
		if i := bytes.Index(line, []byte(key)); i >= 0 && (from < 0 || i < from) {
			if at, ok := epochAt(bytes.TrimLeft(line[i+len(key):], " \"")); ok {
				t, from = at, i
			}
		}
	}
	return t, from
}

func epochAt(p []byte) (time.Time, bool) {
	n := 0
	for n < len(p) && p[n] >= '0' && p[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(string(p[:n]), 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case n == 10:
		return time.Unix(v, 0), true
	case n == 13:
		return time.UnixMilli(v), true
	}
	return time.Time{}, false
}

// clockAt reads 15:04:05 as seconds of the day.
func clockAt(p []byte) (int, bool) {
	if p[2] != ':' || p[5] != ':' {
		return 0, false
	}
	h, ok1 := digits(p[0:2])
	m, ok2 := digits(p[3:5])
	s, ok3 := digits(p[6:8])
	return h*3600 + m*60 + s, ok1 && ok2 && ok3 && h < 24 && m < 60 && s <= 60
}

// zoneAt reads Z, +02:00, +0200 or +02; anything else is loc.
func zoneAt(p []byte, loc *time.Location) *time.Location {
	if len(p) > 0 && p[0] == 'Z' {
		return time.UTC
	}
	if len(p) < 3 || p[0] != '+' && p[0] != '-' {
		return loc
	}
	h, ok := digits(p[1:3])
	if !ok {
		return loc
	}
	rest := bytes.TrimPrefix(p[3:], []byte{':'})
	m := 0
	if len(rest) >= 2 {
		if v, ok := digits(rest[:2]); ok {
			m = v
		}
	}
	offset := h*3600 + m*60
	if p[0] == '-' {
		offset = -offset
	}
	return time.FixedZone("", offset)
}

func date(year int, month time.Month, day, clock int, loc *time.Location) (time.Time, bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	return time.Date(year, month, day, 0, 0, clock, 0, loc), true
}

func digits(p []byte) (int, bool) {
	n := 0
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(p) > 0
}

func monthAt(p []byte) (time.Month, bool) {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if string(p) == names[i:i+3] {
			return time.Month(i/3 + 1), true
		}
	}
	return 0, false
}
