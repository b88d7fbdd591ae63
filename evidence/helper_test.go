package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

var begin = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

const week = ledger.Seconds(7 * 24 * 3600)

// pen writes a ledger by a clock of its own.
type pen struct {
	t       testing.TB
	dir     string
	now     time.Time
	l       *ledger.Ledger
	at      map[string]int64 // bytes written to each class's one file
	file    map[string]uint64
	batches map[string]uint64
	hold    bool // events are held until flush, and written as one group then
	held    []ledger.Event
}

func newPen(t testing.TB) *pen {
	p := &pen{t: t, dir: t.TempDir(), now: begin, at: map[string]int64{}, file: map[string]uint64{}, batches: map[string]uint64{}}
	p.open()
	t.Cleanup(func() { p.l.Close() })
	return p
}

func (p *pen) open() {
	p.t.Helper()
	var err error
	if p.l, err = ledger.Open(p.dir, ledger.Options{Now: func() time.Time { return p.now }, Daily: true}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pen) add(events ...ledger.Event) {
	p.t.Helper()
	if p.held = append(p.held, events...); !p.hold {
		p.flush()
	}
}

func (p *pen) flush() {
	p.t.Helper()
	if err := p.l.Append(p.held...); err != nil {
		p.t.Fatal(err)
	}
	p.held = nil
}

// rules are those of the classes: api goes when shipped, web at its limit, lab
// never.
func rules() map[string]ledger.Retention {
	r := ledger.Retention{RawLimit: week, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"}
	web, lab := r, r
	web.AtLimit, lab.Erase = true, "off"
	return map[string]ledger.Retention{"api": r, "web": web, "lab": lab}
}

func (p *pen) start(more ...ledger.Event) {
	p.t.Helper()
	p.add(append(more, ledger.Event{Start: &ledger.Start{
		Version: "v1.0.0", Machine: "m", Boot: "b", Host: "media1", Node: "0a1b2c3d", Store: "s3://my-logs/edge", Policies: rules(),
		Devices: []ledger.Device{{FS: "ext4", Reaches: true}, {FS: "btrfs", Note: "it copies on write"}},
	}})...)
}

func (p *pen) stop() { p.add(ledger.Event{Stop: &ledger.Stop{Why: "asked to"}}) }

// seal writes n bytes to a class's file, two minutes before now, and seals them.
func (p *pen) seal(class string, n int64) uint64 {
	p.t.Helper()
	if p.file[class] == 0 {
		p.file[class] = uint64(len(p.file) + 1)
		p.add(ledger.Event{Open: &ledger.FileOpen{File: p.file[class], Class: class, ID: ledger.FileID{FS: "1", Ino: p.file[class]}}})
	}
	p.batches[class]++
	number, from, old := p.batches[class], p.at[class], p.now.Add(-2*time.Minute).Unix()
	p.at[class] += n
	p.add(ledger.Event{Seal: &ledger.Seal{
		Batch:  ledger.BatchID{Class: class, Number: number},
		Key:    fmt.Sprintf("edge/class=%s/dt=%s/hour=%02d/media1-0a1b2c3d-%012d-1f2e3d4c5b6a7988.log.zst", class, p.now.Format(time.DateOnly), p.now.Hour(), number),
		SHA256: strings.Repeat("1f", 32), Size: n / 5, Raw: n, Lines: n / 100, SumsKey: ledger.Day(p.now), Scrub: "truncate/24/48",
		Ranges: []ledger.Range{{File: p.file[class], From: from, To: from + n, Oldest: old, Newest: old, Lines: n / 100}},
	}})
	return number
}

func (p *pen) ship(class string, number uint64) {
	p.t.Helper()
	p.add(ledger.Event{Ship: &ledger.Ship{Batch: ledger.BatchID{Class: class, Number: number}, How: "stored", Verified: "checksum"}})
}

func (p *pen) erase(why ledger.Reason, class string, number uint64, skipped ...ledger.Span) {
	p.t.Helper()
	refs := []ledger.Ref{{Batch: ledger.BatchID{Class: class, Number: number}}}
	if why != ledger.ReasonExpire {
		p.add(ledger.Event{Erase: &ledger.Erase{Reason: why, Refs: refs}})
	}
	p.add(ledger.Event{Erased: &ledger.Erased{Refs: refs, Skipped: skipped}})
}

// fortnight is two weeks of a media server: quiet days, an outage of the store,
// a crash, a day without power, a loss.
func fortnight(t testing.TB) *pen {
	p := newPen(t)
	p.start()
	p.hold = true
	var web []uint64 // sealed, by hour
	erasedWeb := 0
	waiting := map[string][]uint64{}
	for hour := range 14 * 24 {
		p.now = begin.Add(time.Duration(hour) * time.Hour).Add(10 * time.Minute)
		day, clock := hour/24, hour%24
		switch {
		case day == 9 && clock == 3: // killed, and nobody saw it until noon
			p.l.Close()
		case day == 9 && clock > 3 && clock < 12:
			web = append(web, 0)
			continue
		case day == 9 && clock == 12:
			p.open()
			p.start()
		case day == 11 && clock == 20:
			p.stop()
			p.flush()
			p.l.Close()
			p.now = p.now.Add(25 * time.Minute)
			p.open()
			p.start()
		}
		if day == 9 && clock == 3 {
			web = append(web, 0)
			continue
		}
		busy := int64(1 + 8*clock*(24-clock)/144)
		for _, class := range []string{"api", "web"} {
			n := p.seal(class, busy*4_000_000)
			waiting[class] = append(waiting[class], n)
			if class == "web" {
				web = append(web, n)
			}
		}
		p.flush()
		down := day == 4 && clock >= 9 || day == 5 && clock < 16
		if !down {
			p.now = p.now.Add(20 * time.Second)
			for _, class := range []string{"api", "web"} {
				for _, n := range waiting[class] {
					p.ship(class, n)
					if class == "api" {
						p.erase(ledger.ReasonShipped, class, n)
					}
				}
				waiting[class] = nil
			}
		}
		p.now = p.now.Add(time.Second)
		for hour-erasedWeb >= 7*24 && p.now.Sub(begin.Add(time.Duration(erasedWeb)*time.Hour).Add(8*time.Minute)) >= 7*24*time.Hour {
			if web[erasedWeb] > 0 {
				p.erase(ledger.ReasonLimit, "web", web[erasedWeb])
			}
			erasedWeb++
		}
		p.others(day, clock)
		p.flush()
	}
	p.hold = false
	return p
}

// beside is what a look for files that no glob covers found on a day: one of
// them gets its glob after the second.
func beside(day int) *ledger.Uncovered {
	list := []ledger.UncoveredFile{
		{Name: "/var/log/media/error.log", Size: int64(day) << 20, Since: begin.Add(-40 * 24 * time.Hour).Unix()},
		{Name: "/var/log/media/mixer.log", Size: 4096},
	}[:2-day/10]
	u := &ledger.Uncovered{Files: len(list), List: list}
	for _, f := range list {
		u.Bytes += f.Size
	}
	return u
}

// others are the events that are not of every day.
func (p *pen) others(day, clock int) {
	switch {
	case day == 8 && clock == 0:
		p.ship("lab", p.seal("lab", 2_000_000))
	case day == 1 && clock == 6:
		p.add(ledger.Event{Refused: &ledger.Refused{Name: "/var/log/media/core.<script>alert(1)</script>", Why: "binary: not a text of lines", Since: begin.Add(-time.Hour).Unix()}})
	case day == 3 && clock == 6 || day == 8 && clock == 6:
		p.add(ledger.Event{Refused: &ledger.Refused{Name: "/var/log/media/access.log.2.gz", Why: "gzip: a compressed archive"}})
	case (day == 4 || day == 8 || day == 10) && clock == 8:
		p.add(ledger.Event{Uncovered: beside(day)})
	case day == 2 && clock == 11:
		before := rules()["api"]
		after := before
		after.EraseAfter = 3600
		p.add(ledger.Event{Policy: &ledger.Policy{Class: "api", Old: &before, New: &after}}, ledger.Event{Policy: &ledger.Policy{Class: "api", Old: &after, New: &before}})
	case day == 6 && clock == 9:
		p.add(ledger.Event{Reveal: &ledger.Reveal{ID: "x", User: "root", Sudo: "ada", Day: "2026-11-20", Asked: p.now.Unix()}})
	case day == 7 && clock == 1:
		p.add(ledger.Event{Key: &ledger.KeyEvent{Use: ledger.UseSums, Day: "2026-11-23", Did: ledger.KeyMade}})
	case day == 7 && clock == 2:
		p.add(ledger.Event{Key: &ledger.KeyEvent{Use: ledger.UseSums, Day: "2026-11-15", Did: ledger.KeyDestroyed}})
	case day == 10 && clock == 10:
		p.at["api"] += 52_000
		p.add(ledger.Event{Lost: &ledger.Lost{File: p.file["api"], From: p.at["api"] - 52_000, To: p.at["api"], Why: "truncated before it was read"}})
	case clock == 1 && day > 0:
		c, found, err := ledger.NextClosed(p.dir, day-1)
		if err != nil || !found {
			return
		}
		p.add(ledger.Event{Anchor: c.Anchor(fmt.Sprintf("edge/class=ledger/dt=%s/hour=00/media1-0a1b2c3d-%012d-1f2e3d4c5b6a7988.jsonl", p.now.Format(time.DateOnly), c.Number), "stored", "checksum")})
	}
}

func (p *pen) report(o Options) *Report {
	p.t.Helper()
	r, err := Read(p.dir, o)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}
