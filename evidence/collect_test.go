package evidence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

func (r *Report) class(t testing.TB, name string) Class {
	t.Helper()
	for _, c := range r.Classes {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no class %s in %d", name, len(r.Classes))
	return Class{}
}

func days(from, to int) Options {
	return Options{From: begin.AddDate(0, 0, from), To: begin.AddDate(0, 0, to), Now: begin.AddDate(0, 0, 100), Live: true}
}

// Parts of a time come to the whole of it, and the whole to the ledger's accounts.
func TestFlowsOfDaysComeToTheAccounts(t *testing.T) {
	p := fortnight(t)
	sum := map[string]Class{}
	for day := 0; day < 15; day += 5 {
		for _, c := range p.report(days(day, day+5)).Classes {
			s := sum[c.Name]
			s.Written, s.Shipped, s.Erased, s.Lost, s.Removed = s.Written+c.Written, s.Shipped+c.Shipped, s.Erased+c.Erased, s.Lost+c.Lost, s.Removed+c.Removed
			s.Lines += c.Lines
			sum[c.Name] = s
		}
	}
	whole := p.report(days(0, 15))
	p.l.View(func(s *ledger.State) {
		for name, class := range s.Classes {
			a, c, w := class.Account, sum[name], whole.class(t, name)
			for what, n := range map[string][3]int64{
				"written": {a.Written, c.Written, w.Written}, "shipped": {a.ShippedBytes, c.Shipped, w.Shipped}, "erased": {a.Erased, c.Erased, w.Erased},
				"lost": {a.Lost, c.Lost, w.Lost}, "removed": {a.Removed, c.Removed, w.Removed}, "lines": {a.LinesShipped, c.Lines, w.Lines},
			} {
				if n[0] != n[1] || n[0] != n[2] {
					t.Errorf("%s of class %s: the ledger has %d, the days come to %d, the whole to %d", what, name, n[0], n[1], n[2])
				}
			}
			var erased int64
			for _, e := range w.Erases {
				erased += e.Bytes
			}
			if erased != a.Erased {
				t.Errorf("class %s: the reasons come to %d bytes, the account to %d", name, erased, a.Erased)
			}
		}
	})
}

func TestOldestByteAtEachHour(t *testing.T) {
	p := newPen(t)
	p.start()
	p.now = begin.Add(90 * time.Minute)
	n := p.seal("api", 1000) // written at 1:28
	p.now = begin.Add(4 * time.Hour)
	p.ship("api", n) // at a full hour: what was before it counts
	p.erase(ledger.ReasonShipped, "api", n)
	p.now = begin.Add(6*time.Hour + time.Minute)
	c := p.report(Options{From: begin, To: begin.Add(6 * time.Hour), Now: p.now, Live: true}).class(t, "api")
	want := []Age{{None: true}, {Age: 32 * time.Minute}, {Age: 92 * time.Minute}, {Age: 152 * time.Minute}, {None: true}}
	if len(c.Ages) != len(want) {
		t.Fatalf("%d hours: %v", len(c.Ages), c.Ages)
	}
	for i := range want {
		if c.Ages[i].Limit != 7*24*time.Hour {
			t.Errorf("hour %d: a limit of %s", i+1, c.Ages[i].Limit)
		}
		if c.Ages[i].Limit = 0; c.Ages[i] != want[i] {
			t.Errorf("hour %d: %v, want %v", i+1, c.Ages[i], want[i])
		}
	}
	if c.Worst.Age != 152*time.Minute || c.Past != 0 || len(c.Erases) != 1 || c.Erases[0].Oldest != 152*time.Minute {
		t.Errorf("%+v", c)
	}
}

// Bytes that nobody erases while swab is off grow old, and the report says so.
func TestLimitThatPassesWhileSwabIsOffIsSeen(t *testing.T) {
	p := newPen(t)
	p.start()
	p.now = begin.Add(time.Hour)
	p.seal("web", 1000)
	p.stop()
	o := Options{From: begin, To: begin.AddDate(0, 0, 9), Now: begin.AddDate(0, 0, 8)}
	r := p.report(o)
	c := r.class(t, "web")
	if want := 8*24 - 7*24 - 1; c.Past != want || len(c.Ages) != 8*24-1 { // the hour before the first event is not known
		t.Errorf("%d hours past the limit of %d, want %d", c.Past, len(c.Ages), want)
	}
	if len(r.Off) != 1 || r.Off[0].Why != "asked to" || !r.Off[0].From.Equal(p.now) || !r.Off[0].To.Equal(o.Now) {
		t.Errorf("off: %+v", r.Off)
	}
	// The same ledger, while a swab has it: it was on all the time.
	o.Live = true
	if r := p.report(o); len(r.Off) != 0 {
		t.Errorf("off, with a swab at work: %+v", r.Off)
	}
}

// What was in force at an hour counts, and not what came later.
func TestAnHourIsHeldToTheLimitOfThen(t *testing.T) {
	p := newPen(t)
	p.start()
	p.now = begin.Add(time.Hour)
	p.seal("web", 1000)
	was, is := rules()["web"], rules()["web"]
	is.RawLimit = 24 * 3600
	p.now = begin.AddDate(0, 0, 2)
	p.add(ledger.Event{Policy: &ledger.Policy{Class: "web", Old: &was, New: &is}})
	r := p.report(Options{From: begin, To: begin.AddDate(0, 0, 3), Now: begin.AddDate(0, 0, 2).Add(10 * time.Hour), Live: true})
	c := r.class(t, "web")
	if c.Past != 9 { // from the hour after the change on
		t.Errorf("%d hours past the limit: %v", c.Past, c.Ages)
	}
	if line := r.draw(&c).Limit; strings.Count(line, "V") != 1 {
		t.Errorf("the limits are drawn as %q", line)
	}
}

// A year is drawn with as many points as a screen has.
func TestPictureOfALongTimeIsBounded(t *testing.T) {
	r := &Report{From: begin, To: begin.AddDate(1, 0, 0)}
	c := Class{Name: "api", Held: true, Limit: 7 * 24 * time.Hour}
	for at := r.From; at.Before(r.To); at = at.Add(time.Hour) {
		r.Hours = append(r.Hours, at)
		c.Ages = append(c.Ages, Age{Age: time.Duration(at.Hour()) * time.Hour, Limit: c.Limit, Past: at.YearDay() == 40 && at.Hour() == 3})
	}
	p := r.draw(&c)
	if n := strings.Count(p.Line, "H"); n > mostSteps || n < mostSteps/2 || len(p.Days) > mostTicks+1 {
		t.Errorf("%d steps, %d dates", n, len(p.Days))
	}
	if len(p.Marks) != 1 || !p.Marks[0].Bad {
		t.Errorf("one hour past the limit is marked as %+v", p.Marks)
	}
}

func TestPausesAreClippedToTheTime(t *testing.T) {
	p := newPen(t)
	p.start()
	p.stop()
	p.now = begin.AddDate(0, 0, 3).Add(6 * time.Hour)
	p.start()
	p.now = p.now.Add(time.Hour)
	p.start() // after a crash
	for day, want := range []time.Duration{24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 7 * time.Hour, 0} {
		r := p.report(days(day, day+1))
		if got := r.offFor(); got != want {
			t.Errorf("day %d: off for %s, want %s", day, got, want)
		}
		if day == 3 && (len(r.Off) != 2 || r.Off[0].Unsaid || !r.Off[1].Unsaid) {
			t.Errorf("day 3: %+v", r.Off)
		}
	}
}

func TestUnknownAgesAreSaid(t *testing.T) {
	p := newPen(t)
	p.start()
	p.add(ledger.Event{Open: &ledger.FileOpen{File: 1, Class: "api", ID: ledger.FileID{FS: "1", Ino: 1}, Size: 500}})
	p.now = begin.Add(2 * time.Hour)
	r := p.report(Options{From: begin, To: p.now, Now: p.now, Live: true})
	if c := r.class(t, "api"); !c.Worst.Unknown || c.Worst.None {
		t.Errorf("%+v", c)
	}
	var text strings.Builder
	if err := Text(&text, r); err != nil || !strings.Contains(text.String(), "the age of some raw bytes was not known") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestLossesAndWhatOthersFreed(t *testing.T) {
	p := newPen(t)
	p.start()
	n := p.seal("api", 1000)
	p.now = begin.AddDate(0, 0, 8)
	p.add(ledger.Event{Seen: &ledger.Seen{Files: []ledger.Growth{{File: 1, Size: 1500, Quiet: begin.Unix()}}}})
	old := begin.Unix()
	p.add(ledger.Event{Expire: &ledger.Expire{
		Batch: ledger.BatchID{Class: ledger.ExpireClass, Number: 1}, Why: "the spool is full", SumsKey: "x",
		Range: ledger.Range{File: 1, From: 1000, To: 1500, Oldest: old, Newest: old, Lines: 5},
	}})
	p.erase(ledger.ReasonExpire, ledger.ExpireClass, 1)
	p.erase(ledger.ReasonLimitSealed, "api", n, ledger.Span{File: 1, From: 0, To: 400})
	c := p.report(days(8, 9)).class(t, "api")
	if c.Expired != 500 || c.Removed != 400 || c.Erased != 1100 || c.Waiting != 1 {
		t.Errorf("%+v", c)
	}
	got := map[string]int64{}
	for _, e := range c.Erases {
		got[e.Reason] = e.Bytes
	}
	if got["expire"] != 500 || got["limit-sealed"] != 600 || len(got) != 2 {
		t.Errorf("by reason: %v", got)
	}
	r := p.report(days(8, 9))
	if len(r.Losses) != 1 || r.Losses[0].Class != "api" || r.Losses[0].Bytes != 500 || r.lossless() {
		t.Errorf("losses: %+v", r.Losses)
	}
}

func TestWhatIsSaidAgainIsCounted(t *testing.T) {
	p := newPen(t)
	p.start()
	for range 3 {
		p.now = p.now.Add(time.Hour)
		p.add(ledger.Event{Refused: &ledger.Refused{Name: "/a", Why: "binary"}})
	}
	for range mostListed + 7 {
		p.add(ledger.Event{Refused: &ledger.Refused{Name: "/b" + p.now.String(), Why: "binary"}})
		p.now = p.now.Add(time.Second)
	}
	r := p.report(days(0, 1))
	if f := r.Refused[0]; f.Times != 3 || f.Last.Sub(f.First) != 2*time.Hour {
		t.Errorf("%+v", f)
	}
	if len(r.Refused) != mostListed || r.Unlisted["refused"] != 8 {
		t.Errorf("%d listed, %d more", len(r.Refused), r.Unlisted["refused"])
	}
}

func TestFilesThatNoGlobCoversStandInTheReport(t *testing.T) {
	p := newPen(t)
	p.start()
	if r := p.report(days(0, 1)); r.Looks.Times != 0 || !strings.Contains(textOf(t, r), "The ledger has no list of them") {
		t.Errorf("nobody looked: %+v", r.Looks)
	}
	for range 3 { // the same 250 files, in pieces of a hundred
		for from := 0; from < 250; from += 100 {
			u := &ledger.Uncovered{Files: 250, Bytes: 250}
			for i := from; i < min(from+100, 250); i++ {
				u.List = append(u.List, ledger.UncoveredFile{Name: fmt.Sprintf("/log/%03d.log", i), Size: 1, Since: begin.Unix()})
			}
			p.now = p.now.Add(time.Hour)
			p.add(ledger.Event{Uncovered: u})
		}
	}
	r := p.report(days(0, 1))
	l := r.Looks
	if l.Times != 9 || l.Files != 250 || len(l.Uncovered) != mostListed || r.Unlisted["uncovered"] != 50 {
		t.Errorf("%d looks, %d files, %d listed, %d more", l.Times, l.Files, len(l.Uncovered), r.Unlisted["uncovered"])
	}
	if f := l.Uncovered[0]; f.Last.Sub(f.First) != 6*time.Hour || !f.Made.Equal(begin) {
		t.Errorf("%+v", f)
	}
	if text := textOf(t, r); !strings.Contains(text, "250 files lie beside the logs, covered by no glob.") {
		t.Error("the summary is silent")
	}
	p.now = p.now.Add(time.Hour)
	p.add(ledger.Event{Uncovered: &ledger.Uncovered{}}) // all have got a glob
	if text := textOf(t, p.report(days(0, 1))); strings.Contains(text, "covered by no glob.") {
		t.Error("the summary speaks of files that are covered by now")
	}
}

func textOf(t *testing.T, r *Report) string {
	var text strings.Builder
	if err := Text(&text, r); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestDamageAndMissingPartsStandInTheReport(t *testing.T) {
	p := newPen(t)
	p.start()
	for day := range 6 {
		p.now = begin.AddDate(0, 0, day).Add(time.Hour)
		p.seal("api", 1000)
	}
	first := filepath.Join(p.dir, "ledger", "000001.jsonl")
	aside := filepath.Join(t.TempDir(), "1")
	if err := os.Rename(first, aside); err != nil {
		t.Fatal(err)
	}
	r := p.report(days(3, 4))
	if len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0], "what came before is not here") || !r.Begun.Equal(begin) || len(r.Hours) != 24 {
		t.Errorf("without its first segment: %q, begun %s, %d hours", r.Gaps, r.Begun, len(r.Hours))
	}
	if err := os.Rename(aside, first); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.dir, "ledger", "000004.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r = p.report(days(0, 14))
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "damaged") {
		t.Errorf("damage: %q", r.Problems)
	}
}

// A ledger of nothing, and one that begins within the time, are told as they are.
func TestTimeBeforeTheLedgerIsUnknown(t *testing.T) {
	p := newPen(t)
	p.now = begin.Add(30 * time.Hour)
	p.start()
	r := p.report(Options{From: begin, To: begin.AddDate(0, 0, 2), Now: p.now.Add(time.Minute), Live: true})
	if len(r.Hours) != 0 || len(r.Off) != 0 {
		t.Errorf("%d hours, off %v", len(r.Hours), r.Off)
	}
	var text strings.Builder
	if err := Text(&text, r); err != nil || !strings.Contains(text.String(), "The ledger begins at 2026-11-17 06:00:00") {
		t.Errorf("%v\n%s", err, text.String())
	}
	var page strings.Builder
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
}
