package ledger

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What a story does with copies.

func (s *story) copy(t *rapid.T, st *State, files []uint64) (Event, bool) {
	of, ok := pick(t, files, "original")
	if !ok || st.Files[of].Follows() != 0 || st.Files[of].Stream != "" {
		return Event{}, false
	}
	return copyEvent(st.NextFile, of, st.Files[of].Class, rapid.Int64Range(1, 500).Draw(t, "size")), true
}

func (s *story) inherit(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "copy")
	if !ok {
		return Event{}, false
	}
	f := st.Files[file]
	if f.Follows() == 0 {
		return Event{}, false
	}
	c := &Copied{File: file, From: f.Cursor, To: f.Cursor, In: f.Follows()}
	e, more := st.Inherits(file)
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 0:
		c.Own = true
	case 1:
		c.To = f.Origin.Size
	default:
		if !more {
			return Event{}, false
		}
		c.To, c.Batch, c.SumsKey = e.To, BatchID{CopyClass, st.Copies + 1}, "2026-11-23"
		for _, r := range st.CopyRanges(file, e, nil) {
			c.Ranges = append(c.Ranges, r.Range)
		}
	}
	return Event{Copied: c}, true
}

func (s *story) bequeath(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "file")
	if !ok {
		return Event{}, false
	}
	f := st.Files[file]
	for _, c := range st.CopiesOf(file) {
		if heir := st.Files[c]; heir.Cursor == f.Cursor && heir.Origin.Size > f.Cursor {
			return Event{Copied: &Copied{File: file, From: f.Cursor, To: heir.Origin.Size, In: c}}, true
		}
	}
	return Event{}, false
}

func copyEvent(file, of uint64, class string, size int64) Event {
	e := openEvent(file, class, size)
	e.Open.CopyOf, e.Open.Copied = of, size
	e.Open.Head = &Mark{Len: 5, Day: "2026-11-23", Sum: "cc"}
	return e
}

func inheritEvent(number, file uint64, from, to int64, in uint64) Event {
	return Event{Copied: &Copied{
		File: file, From: from, To: to, In: in, Batch: BatchID{CopyClass, number}, Sums: "00", SumsKey: "2026-11-23",
		Ranges: []Range{lines(file, from, to)},
	}}
}

// A copy's bytes are the original's to account for, are erased for its reasons,
// and what the original had unread is the copy's.
func TestACopyFollowsItsOriginalUntilThatEnds(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	born := begin.Add(-time.Hour)
	original := openEvent(1, "api", 100)
	original.Open.ID.Born = born.UnixNano()
	add(t, l, startEvent(), original, sealEvent("api", 1, lines(1, 0, 100)), copyEvent(2, 1, "api", 150))
	refused := func(why string, e Event) {
		t.Helper()
		if err := l.Append(e); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
	refused("is a copy of file 1", sealEvent("api", 2, lines(2, 0, 50)))
	refused("100 are read", inheritEvent(1, 2, 0, 120, 1))
	refused("want copy/1", inheritEvent(2, 2, 0, 100, 1))
	refused("no copy of", copyEvent(3, 2, "api", 10)) // of a copy that follows
	refused("no copy of", copyEvent(3, 1, "web", 10))
	refused("read from 0", Event{Copied: &Copied{File: 1, From: 100, To: 150, In: 2}})
	add(t, l, inheritEvent(1, 2, 0, 100, 1))
	refused("not shipped", eraseEvent(ReasonShipped, CopyClass, 1))
	refused("not sealed", shipEvent(CopyClass, 1))
	add(t, l, shipEvent("api", 1), eraseEvent(ReasonShipped, CopyClass, 1), erasedEvent(CopyClass, 1))
	if err := l.Append(
		Event{Copied: &Copied{File: 1, From: 100, To: 150, In: 2}},
		Event{Lost: &Lost{File: 1, From: 150, To: 170, Why: "rewritten"}},
		Event{Close: &FileClose{File: 1, Why: "rewritten"}},
	); err != nil {
		t.Fatal(err)
	}
	add(t, l, sealEvent("api", 2, lines(2, 100, 150)))
	l.View(func(s *State) {
		a := s.Account("api")
		if a.Copied != 150 || a.Lost != 20 || a.SealedBytes != 50 || a.ShippedBytes != 100 || a.Unread != 0 {
			t.Errorf("account %+v", a)
		}
		if a.Erased != 100 || a.Removed != 170 || a.Present != 50 {
			t.Errorf("account %+v", a)
		}
		if f := s.Files[2]; f.Follows() != 0 || f.Oldest(50) != born.Unix() {
			t.Errorf("the copy: %+v, oldest %d", f, f.Oldest(50))
		}
	})
}

// What a copy inherits is shipped when the last of it is, and not before.
func TestACopyIsShippedWithTheLastOfItsOriginal(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	add(t, l, startEvent(), openEvent(1, "api", 300),
		sealEvent("api", 1, lines(1, 0, 100)), sealEvent("api", 2, lines(1, 100, 200)), sealEvent("api", 3, lines(1, 200, 300)),
		copyEvent(2, 1, "api", 150), inheritEvent(1, 2, 0, 150, 1))
	shipped := func() (is bool) {
		l.View(func(s *State) { is = s.Batches[BatchID{CopyClass, 1}].Shipped })
		return is
	}
	for n, want := range []bool{false, true} {
		add(t, l, shipEvent("api", uint64(n+1)))
		if shipped() != want {
			t.Errorf("shipped is %t after batch %d", shipped(), n+1)
		}
	}
	l.View(func(s *State) {
		if s.Files[2].Follows() != 0 {
			t.Error("all of it is read, and it still follows")
		}
	})
}

// Of several copies, the longest has what was unread, and the others follow it.
func TestTheOtherCopiesFollowTheHeir(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	add(t, l, startEvent(), openEvent(1, "api", 100), copyEvent(2, 1, "api", 60), copyEvent(3, 1, "api", 100))
	if err := l.Append(Event{Copied: &Copied{File: 1, From: 0, To: 100, In: 3}}, Event{Close: &FileClose{File: 1, Why: "rewritten"}}); err != nil {
		t.Fatal(err)
	}
	l.View(func(s *State) {
		if s.Files[2].Follows() != 3 || s.Files[3].Follows() != 0 {
			t.Errorf("2 follows %d, 3 follows %d", s.Files[2].Follows(), s.Files[3].Follows())
		}
	})
	add(t, l, sealEvent("api", 1, lines(3, 0, 100)), inheritEvent(1, 2, 0, 60, 3))
}

// A copy's ranges are those of its original, with their ages, as far as they
// are still raw; what is gone there is of unknown age, which is due.
func TestCopyRangesHaveTheAgesOfTheOriginals(t *testing.T) {
	l := open(t, t.TempDir(), Options{})
	add(t, l, startEvent(), openEvent(1, "api", 300),
		sealEvent("api", 1, lines(1, 0, 100)), sealEvent("api", 2, lines(1, 100, 200), lines(1, 200, 300)),
		shipEvent("api", 1), eraseEvent(ReasonShipped, "api", 1), erasedEvent("api", 1), copyEvent(2, 1, "api", 250))
	l.View(func(s *State) {
		e, ok := s.Inherits(2)
		got := s.CopyRanges(2, e, nil)
		if !ok || len(got) != 3 || e != (Extent{0, 250}) {
			t.Fatalf("%v: %+v", e, got)
		}
		for i, want := range []CopyRange{
			{Range: Range{File: 2, To: 100}},
			{Range: Range{File: 2, From: 100, To: 200, Oldest: begin.Unix()}, Batch: BatchID{"api", 2}},
			{Range: Range{File: 2, From: 200, To: 250, Oldest: begin.Unix()}, Batch: BatchID{"api", 2}, Index: 1},
		} {
			g := got[i]
			if g.File != want.File || g.From != want.From || g.To != want.To || g.Oldest != want.Oldest || g.Batch != want.Batch || g.Index != want.Index {
				t.Errorf("range %d: %+v, want %+v", i, g, want)
			}
		}
	})
}

// A ledger of before knows nothing of copies: its events and snapshots read as
// they did, and its state is written as it was.
func TestALedgerWithoutCopiesReadsAsBefore(t *testing.T) {
	state := newState()
	for _, e := range []Event{startEvent(), openEvent(1, "api", 100), sealEvent("api", 1, lines(1, 0, 100))} {
		stamp(state, &e, 0)
		if err := state.apply(&e, ""); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"copied", "copies", "origin", "heir", "copy_of", "own"} {
		if strings.Contains(string(text), `"`+word+`"`) {
			t.Errorf("the state names %q", word)
		}
	}
}

// Trace tells of a copy what it is a copy of, and where its bytes were read.
func TestTraceOfACopy(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 150), sealEvent("api", 1, lines(1, 0, 100)), copyEvent(2, 1, "api", 150), inheritEvent(1, 2, 0, 100, 1),
		Event{Copied: &Copied{File: 1, From: 100, To: 150, In: 2}}, Event{Close: &FileClose{File: 1, Why: "rewritten"}})
	tr := NewTrace(Query{Files: []uint64{1, 2}})
	if err := Walk(dir, func(e *Event, _ string) error { tr.Add(e); return nil }); err != nil {
		t.Fatal(err)
	}
	files := tr.Files()
	if len(files) != 2 || files[1].CopyOf != 1 {
		t.Fatalf("%+v", files)
	}
	in := func(f *FileTrace) (list []uint64) {
		for _, r := range f.Ranges {
			list = append(list, r.In)
		}
		return list
	}
	if !slices.Equal(in(files[0]), []uint64{0, 2}) || !slices.Equal(in(files[1]), []uint64{1}) {
		t.Errorf("read in %v and %v", in(files[0]), in(files[1]))
	}
}
