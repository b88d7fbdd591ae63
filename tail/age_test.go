package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"swab/ledger"
)

// history is when each byte of a file was written.
type history struct {
	at []int64 // Unix seconds, a byte
}

func (h *history) add(n int, at time.Time) {
	for range n {
		h.at = append(h.at, at.Unix())
	}
}

// sealAged seals what is pending and compares its ages with the truth; between
// comes after the looks and before the event.
func (w *world) sealAged(rt *rapid.T, h *history, between func()) {
	for _, p := range w.pending("api") {
		if truth := h.at[len(h.at)-int(p.Bytes)]; p.Oldest > truth {
			rt.Fatalf("%d bytes wait since %d, but the first is of %d", p.Bytes, p.Oldest, truth)
		}
		r, err := p.File.Take(w.options())
		if err != nil {
			rt.Fatal(err)
		}
		if r == nil {
			continue
		}
		got, err := w.readAll(r)
		if err != nil {
			rt.Fatal(err)
		}
		for _, rg := range got.ranges {
			if truth := h.at[rg.From]; rg.Oldest > truth {
				rt.Fatalf("range [%d, %d) counts from %d, but was written at %d", rg.From, rg.To, rg.Oldest, truth)
			}
		}
		between()
		w.record("api", p.File, r, got)
	}
}

// TestOldestIsNeverYoungerThanTheFirstByte lets writes, looks, seals, growth
// events, truncations and restarts happen in any order, at any time.
func TestOldestIsNeverYoungerThanTheFirstByte(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		// The clock of the ledger runs on between a look and its event.
		w.budget = int64(rapid.SampledFrom([]int{1, 40, 1 << 20}).Draw(rt, "budget"))
		real := time.Now().Add(time.Hour) // later than the file's birth
		w.pass(real.Sub(w.now))
		var h history
		write := func() {
			text := strings.Repeat("x", rapid.IntRange(0, 60).Draw(rt, "length"))
			if rapid.Bool().Draw(rt, "whole") {
				text += "\n"
			}
			w.add("a.log", text)
			h.add(len(text), w.clock())
		}
		write()
		wait := func() {
			w.pass(time.Duration(rapid.SampledFrom([]int{0, 1, 3, 61, 3600, 200000}).Draw(rt, "seconds")) * time.Second)
		}
		wait()
		w.sweep()
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(*rapid.T) { write() },
			"wait":  func(*rapid.T) { wait() },
			"sweep": func(*rapid.T) { w.sweep() },
			"see": func(*rapid.T) {
				grown := w.set.Growth()
				wait()
				write() // after the look, before the event
				wait()
				if len(grown) > 0 {
					w.append(ledger.Event{Seen: &ledger.Seen{Files: grown}})
				}
			},
			"restart": func(*rapid.T) {
				w.stop()
				wait()
				write()
				w.start()
				w.sweep()
			},
			"first": func(*rapid.T) { // the open event comes later than the look
				o := w.options()
				write()
				wait()
				if err := w.set.Sweep(o.Now); err != nil {
					rt.Fatal(err)
				}
			},
			"rewrite": func(*rapid.T) {
				w.write("a.log", "")
				h.at = nil
				w.sweep()
				write()
			},
			"seal": func(*rapid.T) { w.sealAged(rt, &h, func() { wait(); write() }) },
		})
		w.stop()
		w.start() // for the cleanup
	})
}

func TestNewBytesOfAFileThatWasIdleAreNew(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "old\n")
	w.pass(time.Since(w.now) + time.Hour)
	w.sweep()
	w.sealAll("api")
	const sweep = 5 * time.Minute
	for range 6 * 24 * 12 { // six days
		w.pass(sweep)
		w.sweep()
	}
	w.add("a.log", "new\n")
	w.pass(sweep)
	w.sweep()
	p := w.pending("api")
	if len(p) != 1 || p[0].Oldest < w.clock().Add(-2*sweep).Unix() {
		t.Fatalf("pending %+v, now %d", p, w.clock().Unix())
	}
	r, err := p[0].File.Take(w.options())
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if oldest := got.ranges[0].Oldest; oldest < w.clock().Add(-2*sweep).Unix() {
		t.Errorf("the range counts from %d, now is %d", oldest, w.clock().Unix())
	}
}

func TestTheLedgersAgesSurviveARestart(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "old\n")
	w.pass(time.Since(w.now) + time.Hour)
	w.sweep()
	w.sealAll("api")
	for range 100 {
		w.pass(time.Hour)
		w.sweep()
		w.add("a.log", "half ")
		w.pass(time.Minute)
		w.sweep()
		w.see()
	}
	first := w.clock().Add(-101 * time.Hour).Unix()
	before := w.pending("api")[0].Oldest
	w.restart()
	after := w.pending("api")[0].Oldest
	if before < first-2*3600 || after < first-6*3600 || after > before {
		t.Errorf("oldest %d before and %d after the restart, written at %d", before, after, first)
	}
}

func TestGrowthListsWhatTheLedgerHasNotHeardOf(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.write("b.log", "1\n")
	w.sweep()
	if g := w.set.Growth(); len(g) != 0 {
		t.Errorf("grown %+v", g)
	}
	quiet := w.clock().Unix()
	w.pass(time.Minute)
	w.add("a.log", "2\n")
	w.sweep()
	g := w.set.Growth()
	want := ledger.Growth{File: w.file("a.log").Num(), Size: 4, Quiet: quiet, SizeAt: w.clock().Unix()}
	if len(g) != 1 || g[0] != want {
		t.Errorf("grown %+v, want %+v", g, want)
	}
	w.see()
	if g := w.set.Growth(); len(g) != 0 {
		t.Errorf("grown %+v", g)
	}
}

// dated makes lines of one time each.
func dated(at time.Time, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s a line with its time and a number %06d\n", at.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339), i)
	}
	return b.String()
}

func TestABacklogIsSplitWhereItsLinesGetYounger(t *testing.T) {
	w := newWorld(t)
	w.pass(time.Since(w.now))
	now := w.clock().Truncate(time.Second)
	days := []time.Duration{8, 6, 1}
	var text strings.Builder
	for _, d := range days {
		text.WriteString(dated(now.Add(-d*24*time.Hour), 3000))
	}
	w.budget = 64 << 20
	w.write("a.log", text.String())
	w.sweep()
	text0, _ := w.seal("api")
	w.want(text0, text.String())
	var ranges []ledger.Range
	w.ledger.View(func(s *ledger.State) { ranges = s.Batches[ledger.BatchID{Class: "api", Number: 1}].PlainRanges() })
	if len(ranges) != len(days) {
		t.Fatalf("%d ranges: %+v", len(ranges), ranges)
	}
	for i, r := range ranges {
		want := now.Add(-days[i] * 24 * time.Hour).Unix()
		if r.Oldest > want || i > 0 && r.Oldest < now.Add(-days[i-1]*24*time.Hour).Unix() {
			t.Errorf("range %d counts from %d, want %d", i, r.Oldest, want)
		}
		if i > 0 && r.From != ranges[i-1].To {
			t.Errorf("a gap before range %d", i)
		}
	}
}

// What is past the limit goes as one: a line of ten days is erased with those
// of eight, and the ledger is spared a range an hour.
func TestABacklogPastItsLimitIsNotSplit(t *testing.T) {
	w := newWorld(t)
	w.pass(time.Since(w.now))
	now := w.clock().Truncate(time.Second)
	var text strings.Builder
	for _, d := range []time.Duration{10, 9, 8} {
		text.WriteString(dated(now.Add(-d*24*time.Hour), 3000))
	}
	w.budget = 64 << 20
	w.write("a.log", text.String())
	w.sweep()
	w.seal("api")
	w.ledger.View(func(s *ledger.State) {
		ranges := s.Batches[ledger.BatchID{Class: "api", Number: 1}].PlainRanges()
		if want := now.Add(-10 * 24 * time.Hour).Unix(); len(ranges) != 1 || ranges[0].Oldest > want {
			t.Errorf("ranges: %+v", ranges)
		}
	})
}

func TestForgedTimesMakeBytesOlderAtTheMost(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "")
	w.pass(time.Since(w.now) + time.Hour)
	w.sweep()
	seen := w.clock().Unix()
	for _, tt := range []struct {
		name string
		at   time.Time
		want func(oldest int64) bool
	}{
		{"years to come", w.clock().AddDate(3, 0, 0), func(o int64) bool { return o <= seen }},
		{"years ago", w.clock().AddDate(-3, 0, 0), func(o int64) bool { return o == w.clock().AddDate(-3, 0, 0).Unix() }},
	} {
		w.pass(0)
		w.add("a.log", dated(tt.at, 1))
		r, err := w.file("a.log").Take(w.options())
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		w.record("api", w.file("a.log"), r, p)
		if got := p.ranges[0].Oldest; !tt.want(got) {
			t.Errorf("%s: counts from %d, seen empty at %d", tt.name, got, seen)
		}
	}
}

func TestOfUnknownBirthALinesTimeCountsAndALongLineDoesNotUndoIt(t *testing.T) {
	w := newWorld(t)
	w.pass(time.Since(w.now))
	now := w.clock().Truncate(time.Second)
	w.write("a.log", now.Add(-2*time.Hour).Format(time.RFC3339)+" "+strings.Repeat("long ", 50000)+"\n")
	w.sweep()
	f := w.file("a.log")
	r, err := f.Take(w.options())
	if err != nil {
		t.Fatal(err)
	}
	r.rec.ID.Born = 0
	p, err := w.readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.ranges) != 1 || p.ranges[0].Oldest != now.Add(-2*time.Hour).Unix() {
		t.Errorf("ranges %+v, now %d", p.ranges, now.Unix())
	}
	// A writer's clock may be ahead; no byte is younger than now.
	w.write("b.log", now.Add(30*time.Second).Format(time.RFC3339)+"\n")
	w.sweep()
	if r, err = w.file("b.log").Take(w.options()); err != nil {
		t.Fatal(err)
	}
	r.rec.ID.Born = 0
	if p, err = w.readAll(r); err != nil {
		t.Fatal(err)
	}
	if p.ranges[0].Oldest > w.clock().Unix() {
		t.Errorf("counts from %d, now %d", p.ranges[0].Oldest, w.clock().Unix())
	}
	// Nothing known at all counts as the oldest it can be.
	w.write("c.log", "no time\n")
	w.sweep()
	if r, err = w.file("c.log").Take(w.options()); err != nil {
		t.Fatal(err)
	}
	r.rec.ID.Born = 0
	if p, err = w.readAll(r); err != nil {
		t.Fatal(err)
	}
	if p.ranges[0].Oldest != 0 {
		t.Errorf("counts from %d", p.ranges[0].Oldest)
	}
}

func TestAnOpaqueFileCountsFromItsLastWrite(t *testing.T) {
	w := newWorld(t, Rule{Class: "rec", Pattern: "*.bin", Opaque: true})
	w.pass(time.Since(w.now))
	w.write("a.bin", gzip)
	at := w.clock().Add(-90 * time.Minute).Truncate(time.Second)
	w.must(os.Chtimes(w.path("a.bin"), at, at))
	w.sweep()
	w.seal("rec")
	w.ledger.View(func(s *ledger.State) {
		if got := s.Batches[ledger.BatchID{Class: "rec", Number: 1}].Ranges[0].Oldest; got != at.Unix() {
			t.Errorf("counts from %d, want %d", got, at.Unix())
		}
	})
}

func TestFirstSightCountsFromTheLookNotFromItsEvent(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.pass(time.Since(w.now) + time.Hour)
	looked := w.clock()
	w.pass(time.Minute) // the ledger's disk is slow
	w.must(w.set.Sweep(looked))
	w.add("a.log", "2\n") // meanwhile, say
	for range 2 {
		w.sealAll("api")
		if rec, _ := w.rec(w.file("a.log").Num()); rec.Oldest(2) > looked.Unix() {
			t.Errorf("counts from %d, looked at %d", rec.Oldest(2), looked.Unix())
		}
		w.restart()
	}
}
