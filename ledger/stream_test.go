package ledger

import (
	"strings"
	"testing"
)

func streamEvent(file uint64, class, kind string) Event {
	return Event{Open: &FileOpen{File: file, Class: class, Stream: kind}}
}

// A stream's bytes are on both accounts, and never raw on a disk: sealed, they
// are done with once they are shipped.
func TestStreamIsOnBothAccounts(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	for _, e := range []Event{
		startEvent(), streamEvent(1, "api", StreamStdin),
		seenEvent(1, 300, 0),
		sealEvent("api", 1, lines(1, 0, 200)),
		shipEvent("api", 1),
		{Lost: &Lost{File: 1, From: 200, To: 500, Why: "cut off"}},
		{Close: &FileClose{File: 1, Why: StreamCut}},
	} {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	l.View(func(s *State) {
		a := s.Account("api")
		if want := (Account{Written: 500, ShippedBytes: 200, Lost: 300, Streamed: 500, Lines: 1, LinesShipped: 1}); a != want {
			t.Errorf("account %+v, want %+v", a, want)
		}
		if len(s.Batches) != 0 || len(s.Files) != 0 || len(s.KeysInUse()) != 0 {
			t.Errorf("%d batches, %d files and keys %v are left", len(s.Batches), len(s.Files), s.KeysInUse())
		}
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Check(dir); err != nil || len(r.Problems) > 0 {
		t.Errorf("check: %v, %v", err, r.Problems)
	}
}

// What cannot be true of a stream is refused.
func TestStreamHasNothingToErase(t *testing.T) {
	for name, c := range map[string]struct {
		last Event
		want string
	}{
		"expire":                {Event{Expire: &Expire{Batch: BatchID{ExpireClass, 1}, Range: Range{File: 1, From: 200, To: 300}}}, "nothing to overwrite"},
		"erased":                {erasedEvent("api", 1, 7), "no range 7"},
		"a size at first sight": {Event{Open: &FileOpen{File: 2, Class: "api", Stream: StreamFIFO, Size: 1}}, "no stream"},
		"an identity":           {Event{Open: &FileOpen{File: 2, Class: "api", Stream: StreamFIFO, ID: FileID{Ino: 1}}}, "no stream"},
		"another kind":          {Event{Open: &FileOpen{File: 2, Class: "api", Stream: "socket"}}, "no stream"},
		"a copy of it":          {Event{Open: &FileOpen{File: 2, Class: "api", Size: 9, CopyOf: 1, Copied: 9}}, "no copy"},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir(), Options{})
			for _, e := range []Event{startEvent(), streamEvent(1, "api", StreamStdin), sealEvent("api", 1, lines(1, 0, 200))} {
				if err := l.Append(e); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Append(c.last); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
