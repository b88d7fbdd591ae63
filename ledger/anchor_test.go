package ledger

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestASegmentHoldsOneDay(t *testing.T) {
	dir := t.TempDir()
	clock := newTicker()
	l := open(t, dir, Options{Now: clock.Now, Daily: true})
	add(t, l, life()[:3]...)
	clock.advance(5 * time.Hour) // 23:00
	add(t, l, life()[3])
	if n := l.Segment(); n != 1 {
		t.Fatalf("segment %d on the first day", n)
	}
	clock.advance(time.Hour)
	add(t, l, life()[4:6]...)
	l.Close()

	// A start on a later day begins the next one with its first event.
	clock.advance(72 * time.Hour)
	l = open(t, dir, Options{Now: clock.Now, Daily: true})
	if n := l.Segment(); n != 2 {
		t.Fatalf("segment %d before the first event", n)
	}
	add(t, l, life()[6:]...)
	if n := l.Segment(); n != 3 {
		t.Fatalf("segment %d, want 3", n)
	}
	clean(t, dir)
	days := map[int]string{}
	if err := walk(dir, func(segment int, e *Event, _ string) error {
		day := e.At.Format(time.DateOnly)
		if had := days[segment]; had != "" && had != day {
			t.Errorf("segment %d holds events of %s and of %s", segment, had, day)
		}
		days[segment] = day
		return nil
	}, func(gap) error { return errors.New("a gap") }); err != nil {
		t.Fatal(err)
	}
	if len(days) != 3 {
		t.Errorf("days %v", days)
	}
}

func TestDaysWithoutEventsMakeNoSegments(t *testing.T) {
	dir := t.TempDir()
	clock := newTicker()
	for range 3 {
		l := open(t, dir, Options{Now: clock.Now, Daily: true})
		l.Close()
		clock.advance(24 * time.Hour)
	}
	if n := len(segmentFiles(t, dir)); n != 1 {
		t.Errorf("%d segments of no event", n)
	}
}

func TestClosedSegmentsAreThoseThatTheChainHas(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 1})
	add(t, l, life()[:4]...)
	var sums []string
	if err := Walk(dir, func(_ *Event, sum string) error { sums = append(sums, sum); return nil }); err != nil {
		t.Fatal(err)
	}
	files := segmentFiles(t, dir)
	var events int64
	for n := 1; ; n++ {
		c, found, err := NextClosed(dir, n-1)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			if n != len(files) || n != l.Segment() {
				t.Errorf("segment %d is not closed, of %d", n, len(files))
			}
			break
		}
		text := read(t, files[n-1])
		if c.Number != n || c.SHA256 != sha256.Sum256(text) || c.Size != int64(len(text)) || c.Sum != sums[c.Last-1] || c.Until.Before(c.First) {
			t.Errorf("segment %d: %+v", n, c)
		}
		if events += c.Events; uint64(events) != c.Last {
			t.Errorf("segment %d ends with event %d, after %d events", n, c.Last, events)
		}
	}

	// What a repair left out is passed over; what is damaged is not.
	removeSegment(t, dir, 2)
	if c, found, err := NextClosed(dir, 1); err != nil || !found || c.Number != 3 {
		t.Errorf("after a gap: segment %d, %v, %v", c.Number, found, err)
	}
	text := read(t, files[2])
	text[len(text)/2] ^= 1
	write(t, files[2], text)
	var bad *CorruptionError
	if _, _, err := NextClosed(dir, 1); !errors.As(err, &bad) {
		t.Errorf("a damaged segment: %v", err)
	}
}

func TestAnAnchorNamesAClosedSegmentOnce(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 1})
	add(t, l, life()[:2]...) // no seal, whose sum the fold would have
	anchor := func(after int) Event {
		c, found, err := NextClosed(dir, after)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		return Event{Anchor: c.Anchor("class=ledger/x", "stored", "checksum")}
	}
	add(t, l, anchor(0), anchor(1))
	if err := l.Append(anchor(1)); err == nil || !strings.Contains(err.Error(), "segment 2") {
		t.Errorf("the same segment again: %v", err)
	}
	if n := l.state.Anchored; n != 2 {
		t.Errorf("anchored %d", n)
	}
	clean(t, dir)
	l.Close()
	// Whoever writes the chain anew has to say what the store does not.
	rechain(t, dir, func(e *Event) {
		if e.Start != nil {
			e.Start.Version = "another"
		}
	})
	if got := check(t, dir).Problems; len(got) == 0 || !strings.Contains(got[0], "ends with another event") {
		t.Errorf("an anchor of another sum: %q", got)
	}
}
