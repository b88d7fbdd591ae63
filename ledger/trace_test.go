package ledger

import (
	"testing"
	"time"
)

// traced feeds the ledger's events to a trace.
func traced(t *testing.T, q Query, events ...Event) *Trace {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 900})
	add(t, l, events...)
	l.Close()
	clean(t, dir)
	trace := NewTrace(q)
	if err := Walk(dir, func(e *Event, _ string) error {
		trace.Add(e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return trace
}

func tracedLife() []Event {
	unknown := func(from, to int64) Range { return Range{File: 1, From: from, To: to, Lines: 2} }
	return []Event{
		startEvent(),
		openEvent(1, "api", 10),
		openEvent(2, "api", 0),
		sealEvent("api", 1, unknown(0, 100), Range{File: 2, To: 30, Lines: 1}),
		sealEvent("api", 2, unknown(100, 150)),
		shipEvent("api", 1),
		eraseEvent(ReasonShipped, "api", 1),
		{Erased: &Erased{Refs: []Ref{{Batch: BatchID{"api", 1}}}, Skipped: []Span{{File: 1, From: 0, To: 20}}}},
		eraseEvent(ReasonLimitSealed, "api", 2),
		{Expire: &Expire{Batch: BatchID{ExpireClass, 1}, Range: unknown(150, 160), Why: "spool full"}},
		erasedEvent(ExpireClass, 1),
		{Lost: &Lost{File: 1, From: 160, To: 200, Why: "truncated"}},
		{Close: &FileClose{File: 1, Why: "gone"}},
	}
}

func TestTraceTellsAFilesWholeHistory(t *testing.T) {
	files := traced(t, Query{Files: []uint64{1}}, tracedLife()...).Files()
	if len(files) != 1 {
		t.Fatalf("%d files, want 1", len(files))
	}
	f := files[0]
	if f.File != 1 || f.Class != "api" || f.Size != 200 || f.Closed.IsZero() || f.Why != "gone" || len(f.Ranges) != 4 {
		t.Fatalf("%+v", f)
	}
	one, two, three, four := f.Ranges[0], f.Ranges[1], f.Ranges[2], f.Ranges[3]
	if one.From != 0 || one.To != 100 || one.Lines != 2 || one.Key != "class=api/1" || one.Reason != ReasonShipped || one.Verified != "checksum" || one.How != "stored" || one.Removed != 20 || one.Fill != "zero" {
		t.Errorf("first range %+v", one)
	}
	for i, at := range []time.Time{one.At, one.Shipped, one.Intent, one.Erased} {
		if at.IsZero() || i > 0 && !at.After(one.At) {
			t.Errorf("time %d of the first range is %s", i, at)
		}
	}
	if two.Batch != (BatchID{"api", 2}) || !two.Shipped.IsZero() || two.Reason != ReasonLimitSealed || two.Intent.IsZero() || !two.Erased.IsZero() {
		t.Errorf("second range %+v", two)
	}
	if three.Batch.Class != ExpireClass || three.Reason != ReasonExpire || three.Why != "spool full" || three.Erased.IsZero() || three.Key != "" {
		t.Errorf("third range %+v", three)
	}
	if !four.Lost || four.Why != "truncated" || four.From != 160 || four.To != 200 {
		t.Errorf("fourth range %+v", four)
	}
}

func TestTraceOfAnObjectTellsItsRangesAlone(t *testing.T) {
	for name, q := range map[string]Query{
		"key":          {Keys: []string{"class=api/1"}},
		"key's end":    {Keys: []string{"1"}},
		"address":      {Keys: []string{"s3://bucket/class=api/1"}},
		"leading /":    {Keys: []string{"/1"}},
		"batch":        {Batches: []BatchID{{"api", 1}}},
		"both at once": {Keys: []string{"1"}, Batches: []BatchID{{"api", 1}}},
	} {
		trace := traced(t, q, tracedLife()...)
		files := trace.Files()
		if trace.Batches() != 1 || len(files) != 2 || len(files[0].Ranges) != 1 || len(files[1].Ranges) != 1 {
			t.Errorf("%s: %d batches, files %+v", name, trace.Batches(), files)
			continue
		}
		if r := files[1].Ranges[0]; files[1].File != 2 || r.To != 30 || r.Erased.IsZero() {
			t.Errorf("%s: second file's range %+v", name, r)
		}
	}
	if trace := traced(t, Query{Keys: []string{"i/1", ""}}, tracedLife()...); trace.Batches() != 0 || len(trace.Files()) != 0 {
		t.Errorf("half a name of a key finds %+v", trace.Files())
	}
}

func TestTraceBeginsWithTheFirstSnapshotThatIsLeft(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 1})
	add(t, l, tracedLife()[:6]...)
	add(t, l, eraseEvent(ReasonShipped, "api", 1), erasedEvent("api", 1))
	l.Close()
	for n := 1; n <= 6; n++ {
		removeSegment(t, dir, n)
	}
	trace := NewTrace(Query{Files: []uint64{1}})
	if err := Walk(dir, func(e *Event, _ string) error {
		trace.Add(e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	files := trace.Files()
	if len(files) != 1 || files[0].Size != 150 || len(files[0].Ranges) != 2 {
		t.Fatalf("%+v", files)
	}
	if r := files[0].Ranges[0]; r.Key != "class=api/1" || r.Shipped.IsZero() || r.Erased.IsZero() || r.At.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestWalkReturnsWhatStoppedIt(t *testing.T) {
	dir := smallLedger(t)
	stop := &CorruptionError{Path: "mine"}
	if err := Walk(dir, func(*Event, string) error { return stop }); err != stop {
		t.Errorf("error %v, want the one of the function", err)
	}
}
