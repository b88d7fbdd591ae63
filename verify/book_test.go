package verify

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
	"swab/ship"
)

// pen writes a ledger whose batches go to a store.
type pen struct {
	t    *testing.T
	dir  string
	l    *ledger.Ledger
	st   ship.Store
	now  time.Time
	at   map[string]int64 // bytes sealed, by class
	file map[string]uint64
}

func newPen(t *testing.T, st ship.Store, keep map[string]ledger.Seconds) *pen {
	t.Helper()
	p := &pen{t: t, dir: t.TempDir(), st: st, now: day, at: map[string]int64{}, file: map[string]uint64{}}
	var err error
	if p.l, err = ledger.Open(p.dir, ledger.Options{Now: func() time.Time { return p.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.l.Close() })
	policies := map[string]ledger.Retention{}
	for _, class := range []string{"api", "web"} {
		policies[class] = ledger.Retention{RawLimit: 7 * 86400, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48", Keep: keep[class]}
	}
	p.append(ledger.Event{Start: &ledger.Start{Version: "test", Host: "web1", Node: "n0de", Store: "mem", Policies: policies}})
	return p
}

func (p *pen) append(e ledger.Event) {
	p.t.Helper()
	if err := p.l.Append(e); err != nil {
		p.t.Fatal(err)
	}
}

// seal seals a batch; its object is what the ledger says of it.
func (p *pen) seal(b batch) ship.Object {
	p.t.Helper()
	b = b.defaults()
	if p.file[b.class] == 0 {
		p.file[b.class] = uint64(len(p.file) + 1)
		p.append(ledger.Event{Open: &ledger.FileOpen{File: p.file[b.class], Class: b.class, Size: 1 << 20}})
	}
	if p.now.Before(b.at) {
		p.now = b.at
	}
	id := ledger.BatchID{Class: b.class, Number: b.number}
	o := b.object(p.t)
	from := p.at[b.class]
	p.at[b.class] += 100
	p.append(ledger.Event{Seal: &ledger.Seal{
		Batch: id, Key: o.Key, SHA256: hex.EncodeToString(o.SHA256[:]), Size: o.Size, Raw: 100, Lines: int64(strings.Count(b.text, "\n")), Scrub: b.scrub,
		Ranges: []ledger.Range{{File: p.file[b.class], From: from, To: from + 100, Lines: int64(strings.Count(b.text, "\n"))}},
	}})
	p.l.View(func(s *ledger.State) { o.Metadata["swab-seal"] = s.Batches[id].SealSum })
	return o
}

func (p *pen) put(o ship.Object) {
	p.t.Helper()
	if _, err := p.st.Put(p.t.Context(), o); err != nil {
		p.t.Fatal(err)
	}
}

// shipped notes that the store took a batch.
func (p *pen) shipped(class string, number uint64) {
	p.t.Helper()
	p.append(ledger.Event{Ship: &ledger.Ship{Batch: ledger.BatchID{Class: class, Number: number}, How: "stored", Verified: "checksum"}})
}

// ship seals batches, puts them, and notes it.
func (p *pen) ship(list ...batch) {
	p.t.Helper()
	for _, b := range list {
		b = b.defaults()
		p.put(p.seal(b))
		p.shipped(b.class, b.number)
	}
}

func (p *pen) verify(change func(o *Options)) *Report {
	p.t.Helper()
	return verified(p.t, p.st.(Store), func(o *Options) {
		o.State = p.dir
		if change != nil {
			change(o)
		}
	})
}

func TestStoreThatIsAsInTheLedgerIsSound(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		p := newPen(t, st, nil)
		p.ship(batch{number: 1}, batch{number: 2}, batch{number: 1, class: "web"}, batch{number: 3, at: day.Add(26 * time.Hour)})
		p.seal(batch{number: 4}) // not shipped yet
		put(t, st, batch{number: 1, host: "another"})
		before := tree(t, p.dir)
		r := p.verify(nil)
		expect(t, r)
		if len(r.Notes) > 0 {
			t.Errorf("notes %q", r.Notes)
		}
		if after := tree(t, p.dir); after != before {
			t.Error("the state directory was changed")
		}
		hasNote(t, p.verify(func(o *Options) { o.To = "s3://another" }), "the ledger's swab ships to mem")
	})
}

func tree(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStoreThatIsNotAsInTheLedgerIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(p *pen)
		want []string
	}{
		"shipped and not there": {func(p *pen) {
			p.ship(batch{number: 1})
			for n := uint64(2); n <= 4; n++ {
				p.seal(batch{number: n})
				p.shipped("api", n)
			}
			p.ship(batch{number: 5})
			p.seal(batch{number: 6})
			p.shipped("api", 6)
		}, []string{"ledger api: shipped by the ledger, and not in the store: number 6", "ledger api: shipped by the ledger, and not in the store: numbers 2 to 4"}},
		"nothing is there": {func(p *pen) {
			p.seal(batch{number: 1})
			p.shipped("api", 1)
		}, []string{"empty there is no object", "ledger api: shipped by the ledger, and not in the store: number 1"}},
		"never sealed": {func(p *pen) {
			p.ship(batch{number: 1})
			put(p.t, p.st, batch{number: 2})
		}, []string{"it is this state directory's, and the ledger does not know it"}},
		"another node's number": {func(p *pen) {
			p.ship(batch{number: 1})
			put(p.t, p.st, batch{number: 1, node: "other"})
		}, nil},
		"another object": {func(p *pen) {
			p.seal(batch{number: 1})
			p.shipped("api", 1)
			put(p.t, p.st, batch{number: 1, text: "other\n"})
		}, []string{"the ledger sealed it under another key: p/class=api"}},
		"another hour": {func(p *pen) {
			o := p.seal(batch{number: 1})
			p.shipped("api", 1)
			o.Key = strings.Replace(o.Key, "hour=00", "hour=01", 1)
			p.put(o)
		}, []string{"hour=01/web1-n0de-000000000001"}},
		"other lines": {func(p *pen) {
			o := p.seal(batch{number: 1, text: "one\ntwo\n"})
			p.shipped("api", 1)
			o.Metadata["swab-lines"] = "3"
			p.put(o)
		}, []string{"lines "}},
		"another seal": {func(p *pen) {
			o := p.seal(batch{number: 1})
			p.shipped("api", 1)
			o.Metadata["swab-seal"] = strings.Repeat("00", 32)
			p.put(o)
		}, []string{"the ledger has another sum of its seal than its metadata"}},
		"no seal in the metadata": {func(p *pen) {
			o := p.seal(batch{number: 1})
			p.shipped("api", 1)
			delete(o.Metadata, "swab-seal")
			p.put(o)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPen(t, ship.NewMem(), nil)
			test.do(p)
			expect(t, p.verify(nil), test.want...)
		})
	}
}

// What a daemon ships while the store is read is no fault.
func TestBatchShippedMeanwhileIsNoFault(t *testing.T) {
	mem := ship.NewMem()
	p := newPen(t, mem, nil)
	p.ship(batch{number: 1})
	st := &faulty{Mem: mem, list: func(int) error { p.ship(batch{number: 2}); p.put(p.seal(batch{number: 3})); return nil }}
	r := verified(t, st, func(o *Options) { o.State = p.dir })
	expect(t, r)
	if r.Read.Objects != 3 {
		t.Errorf("%d objects", r.Read.Objects)
	}
}

func TestOlderObjectsMayBeGone(t *testing.T) {
	lost := func(p *pen, class string, n uint64) {
		p.seal(batch{number: n, class: class})
		p.shipped(class, n)
	}
	p := newPen(t, ship.NewMem(), nil)
	lost(p, "api", 1)
	lost(p, "api", 2)
	p.ship(batch{number: 3})
	r := p.verify(nil)
	expect(t, r)
	hasNote(t, r, "api: 2 objects are gone that come before all that are there")
	// From a day on, all of it must be there.
	expect(t, p.verify(func(o *Options) { o.Since = day }), "ledger api: shipped by the ledger, and not in the store: numbers 1 to 2")
	r = p.verify(func(o *Options) { o.Since = day.AddDate(0, 0, 1) })
	expect(t, r)
	hasNote(t, r, "there is no object of swab's, and the ledger shipped none")

	// A class that says how long objects stay is held to it.
	p = newPen(t, ship.NewMem(), map[string]ledger.Seconds{"api": 72 * 3600})
	lost(p, "api", 1)
	p.ship(batch{number: 2})
	expect(t, p.verify(nil), "ledger api: shipped by the ledger, and not in the store: number 1")
	r = p.verify(func(o *Options) { o.Now = day.AddDate(0, 0, 4) })
	expect(t, r)
	hasNote(t, r, "api: 1 object is gone, older than the 72 hours")
	hasNote(t, p.verify(func(o *Options) { o.Now = day.AddDate(0, 0, 6) }), "api: 1 object is still there, older than the 72 hours")
}

func TestLedgerThatShippedNothingExpectsNothing(t *testing.T) {
	p := newPen(t, ship.NewMem(), nil)
	p.seal(batch{number: 1})
	r := p.verify(nil)
	expect(t, r)
	hasNote(t, r, "there is no object of swab's, and the ledger shipped none")
	p.ship(batch{number: 1, class: "web"})
	expect(t, p.verify(func(o *Options) { o.Classes = []string{"api", "web"} }))
}

func TestBatchesBeneathAnotherPrefixAreANote(t *testing.T) {
	p := newPen(t, ship.NewMem(), nil)
	p.ship(batch{number: 1}, batch{number: 2})
	put(t, p.st, batch{number: 1, host: "x", key: "q/class=api/dt=2026-11-23/hour=00/x-n0de-000000000001-0000000000000000.log.zst"})
	r := p.verify(func(o *Options) { o.Prefix = "q" })
	hasNote(t, r, "2 batches of the ledger lie beneath another prefix")
	expect(t, r, "sum q/class=api")
}

func TestLedgerThatCannotBeReadIsAnError(t *testing.T) {
	mem := ship.NewMem()
	p := newPen(t, mem, nil)
	p.ship(batch{number: 1})
	if _, err := Run(t.Context(), mem, Options{Prefix: "p", State: t.TempDir()}); err == nil {
		t.Error("no ledger is taken for one")
	}
	segment := filepath.Join(p.dir, "ledger", "000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	damaged := strings.Replace(string(text), lines[2], strings.Replace(lines[2], "1048576", "1048577", 1), 1)
	if err := os.WriteFile(segment, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), mem, Options{Prefix: "p", State: p.dir}); err == nil || !strings.Contains(err.Error(), "swab ledger check") {
		t.Errorf("a damaged ledger: %v", err)
	}
}

// What the original ships under the name that a copy gave up is not the copy's;
// what was shipped under it before the fork is.
func TestABatchOfTheOriginalIsNoFaultOfItsCopy(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		p := newPen(t, st, nil)
		p.ship(batch{number: 1}, batch{number: 2})
		p.append(ledger.Event{Fork: &ledger.Fork{Host: "web2", Node: "c0de", WasHost: "web1", WasNode: "n0de", Why: "a copy"}})
		p.append(ledger.Event{Start: &ledger.Start{Version: "test", Host: "web2", Node: "c0de", Store: "mem"}})
		p.ship(batch{number: 3, host: "web2", node: "c0de"})
		put(t, st, batch{number: 3, text: "of the original\n"})
		expect(t, p.verify(nil))
		put(t, st, batch{number: 2, text: "of nobody\n"})
		if r := p.verify(nil); len(r.Findings) == 0 {
			t.Error("a second batch 2 of before the fork is no finding")
		}
	})
}
