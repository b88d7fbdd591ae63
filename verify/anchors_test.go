package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"swab/ship"
)

// asked is a store that was given its objects at times of its own, and notes
// when a body is read, which nobody should.
type asked struct {
	*ship.Mem
	at   func(key string) time.Time
	head func(key string)
}

func (a *asked) List(ctx context.Context, prefix, after string, visit func(ship.Listed) error) error {
	return a.Mem.List(ctx, prefix, after, func(o ship.Listed) error {
		o.Modified = a.at(o.Key)
		return visit(o)
	})
}

func (a *asked) Head(ctx context.Context, key string) (ship.Info, error) {
	if a.head != nil {
		a.head(key)
	}
	return a.Mem.Head(ctx, key)
}

// anchored asks a store whose times are those of the keys' minutes.
func (p *pen) anchored(change func(a *asked)) *Report {
	p.t.Helper()
	a := &asked{Mem: p.st.(*ship.Mem), at: func(key string) time.Time {
		k, err := ship.ParseKey(key)
		if err != nil {
			return day
		}
		return day.Add(time.Duration(k.Number) * time.Minute)
	}}
	if change != nil {
		change(a)
	}
	r, err := Anchors(p.t.Context(), a, Options{Prefix: "p", To: "mem", State: p.dir, Now: day.Add(36 * time.Hour)})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func TestAnchorsVouchForTheLedgerUpToTheLastSeal(t *testing.T) {
	p := newPen(t, ship.NewMem(), nil)
	p.ship(batch{number: 1}, batch{number: 1, class: "web"}, batch{number: 2})
	p.seal(batch{number: 3}) // not shipped yet
	put(t, p.st, batch{number: 1, host: "another"})
	r := p.anchored(func(a *asked) {
		a.head = func(key string) {
			if strings.Contains(key, "another") {
				t.Errorf("asked for %s, which is none of this ledger's", key)
			}
		}
	})
	expect(t, r)
	hasNote(t, r, "1 object is of other state directories")
	a := r.Anchored
	if a.Objects != 3 || a.Last != a.Event+2 || !a.At.Equal(day.Add(2*time.Minute)) {
		t.Errorf("anchored: %+v", a)
	}
}

func TestAnchorsContradictedAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(p *pen, a *asked)
		want []string
	}{
		"no seal in the metadata": {func(p *pen, _ *asked) {
			o := p.seal(batch{number: 1})
			p.shipped("api", 1)
			delete(o.Metadata, "swab-seal")
			p.put(o)
		}, []string{"anchor p/class=api"}},
		"another seal": {func(p *pen, _ *asked) {
			o := p.seal(batch{number: 1})
			p.shipped("api", 1)
			o.Metadata["swab-seal"] = strings.Repeat("00", 32)
			p.put(o)
		}, []string{"the ledger has another sum of its seal than its metadata"}},
		"never sealed": {func(p *pen, _ *asked) {
			p.ship(batch{number: 1})
			put(p.t, p.st, batch{number: 2})
		}, []string{"the ledger does not know it: the ledger's end is missing"}},
		"shipped and not there": {func(p *pen, _ *asked) {
			p.ship(batch{number: 1})
			p.seal(batch{number: 2})
			p.shipped("api", 2)
		}, []string{"ledger api: shipped by the ledger, and not in the store: number 2"}},
		"nothing of this ledger's is there": {func(p *pen, _ *asked) {
			p.seal(batch{number: 1})
			p.shipped("api", 1)
			put(p.t, p.st, batch{number: 1, node: "other"})
		}, []string{"empty there is no object of this state directory's", "not in the store: number 1"}},
		"there before it was sealed": {func(p *pen, a *asked) {
			p.ship(batch{number: 1, at: day.Add(2 * time.Hour)})
			a.at = func(string) time.Time { return day.Add(time.Hour) }
		}, []string{"time p/class=api/dt=2026-11-23/hour=02/web1-n0de-000000000001"}},
		"there long after it was shipped": {func(p *pen, a *asked) {
			p.ship(batch{number: 1})
			a.at = func(string) time.Time { return day.Add(time.Hour) }
		}, []string{"it was put again since"}},
		"there long after it was sealed, and shipped when it came": {func(p *pen, a *asked) {
			o := p.seal(batch{number: 1})
			p.now = day.Add(5 * time.Hour)
			p.put(o)
			p.shipped("api", 1)
			a.at = func(string) time.Time { return day.Add(5 * time.Hour) }
		}, nil},
		"clocks apart by some minutes": {func(p *pen, a *asked) {
			p.ship(batch{number: 1, at: day.Add(time.Hour)})
			a.at = func(string) time.Time { return day.Add(50 * time.Minute) }
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPen(t, ship.NewMem(), nil)
			r := p.anchored(func(a *asked) { test.do(p, a) })
			expect(t, r, test.want...)
			if len(test.want) > 0 && strings.HasPrefix(test.want[0], "anchor") && r.Anchored.Event != 0 {
				t.Errorf("an object without a seal vouches for event %d", r.Anchored.Event)
			}
		})
	}
}

// What a daemon ships while the store is asked is no fault.
func TestAnchorsOfARunningDaemonAreNoFault(t *testing.T) {
	p := newPen(t, ship.NewMem(), nil)
	p.ship(batch{number: 1})
	once := false
	r := p.anchored(func(a *asked) {
		at := a.at
		a.at = func(key string) time.Time {
			if !once {
				once = true
				p.ship(batch{number: 2})
			}
			return at(key)
		}
	})
	expect(t, r)
}

func TestAnchorsAreTheSameInEveryStore(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		p := newPen(t, st, nil)
		p.now = time.Now()
		p.ship(batch{number: 1, at: p.now}, batch{number: 2, at: p.now.Add(time.Second)})
		ask := func() *Report {
			r, err := Anchors(t.Context(), st, Options{Prefix: "p", To: "mem", State: p.dir})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := ask()
		expect(t, r)
		if r.Anchored.Objects != 2 {
			t.Errorf("%d objects vouch for it", r.Anchored.Objects)
		}
		put(t, st, batch{number: 3, at: p.now})
		expect(t, ask(), "the ledger does not know it")
	})
}
