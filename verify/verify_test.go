package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"swab/ship"
)

func TestSoundStoreIsFoundSound(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		put(t, st,
			batch{number: 1}, batch{number: 2}, batch{number: 3, at: day.Add(25 * time.Hour)},
			batch{number: 1, host: "web-2", node: "x"}, batch{number: 1, class: "web", scrub: "mask", text: "[ip] - -\n"},
			batch{number: 1, class: "admin", scrub: "keep redact=secrets", text: "203.0.113.7 stays\n"},
			batch{number: 1, class: "recording", scrub: "none", ext: ".bin", text: "\x00\x01 203.0.113.7", metadata: map[string]string{"swab-lines": "1"}},
			batch{key: "p/_swab/probe"}, batch{key: "p/_swab/other"}, batch{key: "p/readme.txt"}, batch{key: "other/thing"},
			batch{number: 9, key: "p/q/class=api/dt=2026-11-23/hour=01/web1-n0de-000000000009-0000000000000000.log.zst"},
		)
		r := verified(t, st, nil)
		expect(t, r)
		if len(r.Classes) != 4 || r.Read.Objects != 7 {
			t.Fatalf("%+v", r)
		}
		admin, api, recording, web := r.Classes[0], r.Classes[1], r.Classes[2], r.Classes[3]
		if api.Objects != 4 || api.Lines != 8 || api.Hosts != 2 || api.Gaps != 0 || api.Searched != 4 || api.Addresses != 0 ||
			!api.Newest.Equal(day.Add(25*time.Hour)) || !api.Oldest.Equal(day) {
			t.Errorf("api: %+v", api)
		}
		if web.Searched != 1 || admin.Searched != 0 || fmt.Sprint(admin.Unsearched, recording.Unsearched) != "[keep] [opaque]" {
			t.Errorf("web %+v\nadmin %+v\nrecording %+v", web, admin, recording)
		}
		hasNote(t, r, "3 objects are not of swab's form, or beneath another prefix")
	})
}

func TestWhatIsWrongIsFound(t *testing.T) {
	long := "a line\n" + strings.Repeat("b", 40_000) + " 2001:db8:1:2::3 c\n"
	whole := pack(t, "203.0.113.0 a line\nanother\n")
	for name, test := range map[string]struct {
		have []batch
		want []string // KEY stands for the key of the last one
	}{
		"a gap":               {[]batch{{number: 1}, {number: 2}, {number: 4}}, []string{"gap api of web1-n0de: number 3 is missing"}},
		"a long gap":          {[]batch{{number: 1}, {number: 9}, {number: 11}}, []string{"gap api of web1-n0de: number 10 is missing", "gap api of web1-n0de: numbers 2 to 8 are missing"}},
		"a number twice":      {[]batch{{number: 1}, {number: 2}, {number: 2, text: "another\n"}}, []string{"twice p/class=api/dt=2026-11-23/hour=00/web1-n0de-000000000002-"}},
		"another hour":        {[]batch{{number: 2}, {number: 1, at: day.Add(5 * time.Hour)}}, []string{"order KEY: it stands behind number 2"}},
		"an address":          {[]batch{{number: 1, text: "203.0.113.0 a\nb [203.0.113.7]\n"}}, []string{"address KEY: line 2, column 4: an IPv4 address is left"}},
		"two in one line":     {[]batch{{number: 1, text: "::1 203.0.113.7\n"}}, []string{"line 1, column 1: an IPv6", "line 1, column 5: an IPv4"}},
		"in a long line":      {[]batch{{number: 1, text: long}}, []string{"address KEY: line 2, column 40002: an IPv6 address is left"}},
		"more bits than said": {[]batch{{number: 1, scrub: "truncate/16/32 redact=secrets versions=scrub"}}, []string{"address KEY: line 1, column 1"}},
		"one that is masked":  {[]batch{{number: 1, scrub: "mask"}}, []string{"address KEY: line 1, column 1"}},
		"fewer lines":         {[]batch{{number: 1, metadata: map[string]string{"swab-lines": "3"}}}, []string{"lines KEY: it has 2 lines, its metadata says 3"}},
		"no number of lines":  {[]batch{{number: 1, metadata: map[string]string{"swab-lines": "two"}}}, []string{"metadata KEY: its metadata does not say how many lines"}},
		"another sum":         {[]batch{{number: 1, metadata: map[string]string{"sha256": strings.Repeat("00", 32)}}}, []string{"metadata KEY: its metadata names another SHA-256"}},
		"no policy":           {[]batch{{number: 1, text: "203.0.113.7\n", metadata: map[string]string{"swab-scrub": ""}}}, []string{"metadata KEY: its metadata names no scrub policy"}},
		"no metadata":         {[]batch{{number: 1, metadata: map[string]string{"swab-scrub": "", "sha256": "", "swab-lines": ""}}}, []string{"metadata KEY: it has no metadata of swab's"}},
		"a frame cut short":   {[]batch{{number: 1, body: whole[:len(whole)-3]}}, []string{"frame KEY: it ends in the middle"}},
		"two frames":          {[]batch{{number: 1, body: append(whole[:len(whole):len(whole)], whole...)}}, []string{"frame KEY: bytes follow"}},
		"no frame":            {[]batch{{number: 1, body: []byte("203.0.113.0 a line\nanother\n")}}, []string{"frame KEY: it does not decompress"}},
		"nothing":             {[]batch{{number: 1, body: []byte{}}}, []string{"frame KEY: it ends in the middle"}},
		"other bytes": {[]batch{{number: 1, key: "p/class=api/dt=2026-11-23/hour=00/web1-n0de-000000000001-0123456789abcdef.log.zst"}},
			[]string{"sum KEY: its bytes are not those that were sealed"}},
		"an empty prefix": {[]batch{{key: "p/_swab/probe"}}, []string{"empty there is no object of swab's"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := ship.NewMem()
			keys := put(t, st, test.have...)
			var want []string
			for _, w := range test.want {
				want = append(want, strings.ReplaceAll(w, "KEY", keys[len(keys)-1]))
			}
			expect(t, verified(t, st, nil), want...)
		})
	}
}

// An object that was put under another key is found by its number, its hour or
// its class, on every store.
func TestRenamedObjectIsFound(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		put(t, st, batch{number: 1}, batch{number: 3})
		renamed := batch{number: 2}.object(t)
		renamed.Key = strings.Replace(renamed.Key, "hour=00", "hour=07", 1)
		if _, err := st.Put(t.Context(), renamed); err != nil {
			t.Fatal(err)
		}
		expect(t, verified(t, st, nil), "order "+renamed.Key)
	})
}

func TestManyFindingsAreCountedAndSomeAreNamed(t *testing.T) {
	st := ship.NewMem()
	put(t, st, batch{number: 1, text: strings.Repeat("203.0.113.7\n", 1000)}, batch{number: 2, text: strings.Repeat("203.0.113.7 203.0.113.8\n", 100)})
	r := verified(t, st, func(o *Options) { o.Workers = 3 })
	if r.Wrong != 1200 || len(r.Findings) != mostListed || len(r.Unlisted) != 1 || r.Unlisted[0].Count != 1200-mostListed {
		t.Errorf("%d wrong, %d named, %+v", r.Wrong, len(r.Findings), r.Unlisted)
	}
	if r.Classes[0].Addresses != 1200 {
		t.Errorf("%+v", r.Classes[0])
	}
	for i, f := range r.Findings {
		if f.Line != int64(i+1) || !strings.Contains(f.Where, "-000000000001-") {
			t.Errorf("%d: %v, want the first ones", i, f)
		}
	}
}

func TestWhatIsMissingAtTheBeginningIsANote(t *testing.T) {
	st := ship.NewMem()
	put(t, st, batch{number: 17}, batch{number: 18})
	r := verified(t, st, nil)
	expect(t, r)
	hasNote(t, r, "api of web1-n0de begins with number 17")
}

func TestDaysAndClassesBoundWhatIsRead(t *testing.T) {
	stores(t, func(t *testing.T, st both) {
		for n := range 5 {
			put(t, st, batch{number: uint64(n + 1), at: day.AddDate(0, 0, n).Add(23 * time.Hour)}, batch{number: uint64(n + 1), class: "web", at: day.AddDate(0, 0, n)})
		}
		for _, test := range []struct {
			classes      []string
			since, until int // days
			want         int64
		}{
			{nil, -9, 9, 10}, {nil, 1, 3, 6}, {[]string{"api"}, 1, 3, 3}, {[]string{"api"}, 4, 9, 1}, {[]string{"api", "web"}, -9, 0, 2}, {[]string{"web"}, -9, 9, 5},
		} {
			r := verified(t, st, func(o *Options) {
				o.Classes, o.Since, o.Until = test.classes, day.AddDate(0, 0, test.since), day.AddDate(0, 0, test.until)
			})
			if r.Read.Objects != test.want || r.Wrong > 0 || len(r.Notes) > 0 {
				t.Errorf("%+v: %d objects, %d wrong, %q", test, r.Read.Objects, r.Wrong, r.Notes)
			}
		}
		r := verified(t, st, func(o *Options) { o.Classes = []string{"ap", "api"} })
		expect(t, r, "empty there is no object of class ap")
		if len(r.Classes) != 2 || r.Classes[0].Name != "ap" || r.Classes[0].Wrong != 1 {
			t.Errorf("a class of nothing has no row: %+v", r.Classes)
		}
	})
}

func TestHostsThatNeverReportedAreNamed(t *testing.T) {
	st := ship.NewMem()
	put(t, st, batch{number: 1}, batch{number: 1, host: "ip-10-1-2-0"}, batch{number: 2, host: "old", at: day.AddDate(0, 0, -9)}, batch{number: 1, host: "a_b"})
	hosts := func(o *Options) { o.Hosts = []string{"web1", "web2", "old", "ip-10-1-2-77", "ip-10-1-2-78", "a b"} }
	r := verified(t, st, hosts)
	expect(t, r, "host host web2: it never reported")
	hasNote(t, r, "1 of the hosts have the name of another")
	r = verified(t, st, func(o *Options) { hosts(o); o.Since = day })
	expect(t, r, "host host old: it has not reported since 2026-11-23", "host host web2: it has not reported")
}

func TestSampleLooksAtSomeLines(t *testing.T) {
	st := ship.NewMem()
	put(t, st, batch{number: 1, text: strings.Repeat("203.0.113.7\n", 1000)})
	if r := verified(t, st, func(o *Options) { o.Sample = 10 }); r.Wrong != 100 || r.Read.Lines != 1000 {
		t.Errorf("1 of 10: %d of %d lines", r.Wrong, r.Read.Lines)
	}
	r := verified(t, st, func(o *Options) { o.Sample = 0 })
	expect(t, r)
	hasNote(t, r, "addresses were not looked for")
	if r.Classes[0].Searched != 0 {
		t.Errorf("%+v", r.Classes[0])
	}
}

// faulty is a store whose answers are not always there.
type faulty struct {
	*ship.Mem
	list, get func(n int) error // by number of the call, from 1
	cut       int               // how many bodies break off
	lists     int
	// Objects are got side by side.
	mu   sync.Mutex
	gets int
}

func (f *faulty) List(ctx context.Context, prefix, after string, visit func(ship.Listed) error) error {
	f.lists++
	var broken error
	if f.list != nil {
		broken = f.list(f.lists)
	}
	n := 0
	return f.Mem.List(ctx, prefix, after, func(o ship.Listed) error {
		if n++; broken != nil && n > 1 {
			return broken
		}
		return visit(o)
	})
}

func (f *faulty) Get(ctx context.Context, key string) (io.ReadCloser, ship.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	if f.get != nil {
		if err := f.get(f.gets); err != nil {
			return nil, ship.Info{}, err
		}
	}
	body, info, err := f.Mem.Get(ctx, key)
	if err == nil && f.cut > 0 {
		f.cut--
		return io.NopCloser(io.MultiReader(io.LimitReader(body, 10), brokenOff{})), info, nil
	}
	return body, info, err
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestStoreThatFailsIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := ship.NewMem()
		put(t, mem, batch{number: 1}, batch{number: 2}, batch{number: 3})
		down := &ship.Error{Op: "list", Status: 503, Code: "SlowDown"}
		st := &faulty{Mem: mem, cut: 2,
			list: func(n int) error {
				if n <= 3 {
					return down
				}
				return nil
			},
			get: func(n int) error {
				if n == 2 {
					return down
				}
				return nil
			},
		}
		r := verified(t, st, func(o *Options) { o.Workers = 1 })
		expect(t, r)
		if r.Read.Objects != 3 || st.lists < 3 {
			t.Errorf("%d objects after %d lists", r.Read.Objects, st.lists)
		}
	})
}

func TestStoreThatCannotBeReadIsAnError(t *testing.T) {
	denied := &ship.Error{Op: "open", Status: 403, Code: ship.CodeAccessDenied}
	down := &ship.Error{Op: "list", Status: 503, Code: "SlowDown"}
	for name, st := range map[string]*faulty{
		"a list refused":     {list: func(int) error { return denied }},
		"a list for ever":    {list: func(int) error { return down }},
		"an object refused":  {get: func(int) error { return denied }},
		"an object for ever": {get: func(int) error { return down }},
		"bodies break off":   {cut: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st.Mem = ship.NewMem()
				for n := range 12 {
					put(t, st.Mem, batch{number: uint64(n + 1)})
				}
				_, err := Run(t.Context(), st, Options{Prefix: "p", Sample: 1, Workers: 1})
				var refused *ship.Error
				if !errors.As(err, &refused) {
					t.Errorf("%v, want the store's error", err)
				}
			})
		})
	}
}

// hanging is a body that sends nothing until its request is ended.
type hanging func() error

func (h hanging) Read([]byte) (int, error) { return 0, h() }

type silent struct{ *ship.Mem }

func (s silent) Get(ctx context.Context, key string) (io.ReadCloser, ship.Info, error) {
	return io.NopCloser(hanging(func() error { <-ctx.Done(); return ctx.Err() })), ship.Info{}, nil
}

func TestStoreThatFallsSilentIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := ship.NewMem()
		put(t, mem, batch{number: 1})
		if _, err := Run(t.Context(), silent{mem}, Options{Prefix: "p", Sample: 1}); !errors.Is(err, errStall) {
			t.Errorf("%v, want %v", err, errStall)
		}
	})
}

func TestObjectsThatGoOrAreArchivedAreNotes(t *testing.T) {
	for _, test := range []struct {
		err  error
		note string
	}{
		{&ship.Error{Op: "open", Code: ship.CodeNoSuchKey, Err: ship.ErrNotFound}, "1 object was removed while"},
		{&ship.Error{Op: "open", Status: 403, Code: ship.CodeArchived}, "1 object is in an archive's storage class"},
	} {
		mem := ship.NewMem()
		put(t, mem, batch{number: 1}, batch{number: 2})
		st := &faulty{Mem: mem, get: func(n int) error {
			if n == 1 {
				return test.err
			}
			return nil
		}}
		r := verified(t, st, func(o *Options) { o.Workers = 1 })
		expect(t, r)
		hasNote(t, r, test.note)
	}
}

func TestStopEndsTheRun(t *testing.T) {
	mem := ship.NewMem()
	put(t, mem, batch{number: 1}, batch{number: 2})
	ctx, cancel := context.WithCancel(t.Context())
	st := &faulty{Mem: mem, get: func(int) error { cancel(); return nil }}
	if _, err := Run(ctx, st, Options{Prefix: "p", Sample: 1, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestProgressIsTold(t *testing.T) {
	mem := ship.NewMem()
	put(t, mem, batch{number: 1}, batch{number: 2})
	var last Progress
	r := verified(t, mem, func(o *Options) { o.Progress = func(p Progress) { last = p } })
	if last != r.Read || last.Objects != 2 || last.Lines != 4 || last.Text == 0 || last.Stored == 0 {
		t.Errorf("%+v", last)
	}
}
