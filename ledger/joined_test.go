package ledger

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func joinedEvent(number uint64, refs ...Ref) Event {
	return Event{Joined: &Joined{Batch: BatchID{JoinedClass, number}, Refs: refs, SumsKey: "2026-11-23"}}
}

func TestAJoinNeedsShippedRangesThatAreWhole(t *testing.T) {
	web := func(n uint64, only ...int) Ref { return Ref{Batch: BatchID{"web", n}, Only: only} }
	for _, c := range []struct {
		name string
		e    Event
		want string
	}{
		{"not shipped", joinedEvent(1, web(3, 0)), "shipped is false"},
		{"another number", joinedEvent(2, web(1, 0)), "want joined/1"},
		{"no list", joinedEvent(1, web(1)), "0 ranges are raw"},
		{"twice", joinedEvent(1, web(1, 0), web(1, 0)), "twice"},
		{"no such range", joinedEvent(1, web(1, 7)), "no range 7"},
		{"nothing", joinedEvent(1), "no range"},
		{"another class", joinedEvent(1, web(1, 0), Ref{Batch: BatchID{"api", 1}, Only: []int{0}}), "cannot join"},
		{"other ranges", Event{Recalled: &Recalled{Batch: BatchID{"web", 1}, Ranges: []Range{lines(1, 0, 10)}}}, "no ranges away"},
		{"good", joinedEvent(1, web(1, 0), web(2, 0)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, Options{})
			add(t, l, startEvent(), openEvent(1, "web", 100), openEvent(2, "api", 100),
				sealEvent("web", 1, lines(1, 0, 10)), sealEvent("web", 2, lines(1, 10, 20)), sealEvent("web", 3, lines(1, 20, 30)),
				sealEvent("api", 1, lines(2, 0, 10)), shipEvent("web", 1), shipEvent("web", 2), shipEvent("api", 1))
			err := l.Append(c.e)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			clean(t, dir)
		})
	}
}

// What is recalled must be what was joined, to the byte: the ledger alone
// proves it.
func TestOnlyWhatWasJoinedIsRecalled(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	first, second := lines(1, 0, 10), lines(1, 10, 20)
	second.Oldest += 5
	add(t, l, startEvent(), openEvent(1, "web", 100), sealEvent("web", 1, first), sealEvent("web", 2, second), shipEvent("web", 1), shipEvent("web", 2),
		joinedEvent(1, Ref{Batch: BatchID{"web", 1}, Only: []int{0}}, Ref{Batch: BatchID{"web", 2}, Only: []int{0}}))
	l.View(func(s *State) {
		if len(s.Batches) != 1 {
			t.Errorf("%d batches are left", len(s.Batches))
		}
	})
	recall := func(to, oldest int64) Event {
		return Event{Recalled: &Recalled{Batch: BatchID{JoinedClass, 1}, Ranges: []Range{{File: 1, To: to, Oldest: oldest, Newest: second.Newest, Lines: 2}}}}
	}
	if l.Append(recall(21, begin.Unix())) == nil || l.Append(recall(20, begin.Unix()-1)) == nil {
		t.Error("other ranges were recalled")
	}
	add(t, l, recall(20, begin.Unix()))
	if err := l.Append(eraseEvent(ReasonLimit, JoinedClass, 1, 0)); err == nil {
		t.Error("an intent before the limit")
	}
	clean(t, dir)
}

func TestSumsOfJoinedRangesAreFound(t *testing.T) {
	key := &SumKey{Day: "2026-11-23", key: make([]byte, 32)}
	text := bytes.Repeat([]byte("0123456789abcde\n"), 1500)
	cuts := []int64{0, 16, 4096, 9000, 9016, int64(len(text))}
	var parts []Range
	var files []*bytes.Reader
	for i := range len(cuts) - 1 {
		var out bytes.Buffer
		w := NewSumWriter(&out, key)
		w.Begin(cuts[i])
		w.Write(text[cuts[i]:cuts[i+1]])
		w.End()
		w.Flush()
		parts, files = append(parts, lines(uint64(7), cuts[i], cuts[i+1])), append(files, bytes.NewReader(out.Bytes()))
	}
	order := []int{3, 0, 4, 2, 1}
	var mixed []Range
	for _, i := range order {
		mixed = append(mixed, parts[i])
	}
	joined, of := JoinRanges(mixed)
	if len(joined) != 1 || joined[0].To != int64(len(text)) || joined[0].Lines != 5 {
		t.Fatalf("joined: %+v", joined)
	}
	var list []Source
	for _, i := range of[0] {
		b := &Batch{Ranges: []BatchRange{{Range: mixed[i]}}}
		list = append(list, Source{PieceOf(b, 0), files[order[i]]})
	}
	var out bytes.Buffer
	if err := WriteJoined(&out, joined, [][]Source{list}); err != nil {
		t.Fatal(err)
	}
	file := bytes.NewReader(out.Bytes())
	j, err := OpenJoined(file)
	if err != nil {
		t.Fatal(err)
	}
	ranges, index, err := j.Ranges(7)
	if err != nil || len(ranges) != 1 || !slices.Equal(index, []int{0}) || toJSON(t, ranges) != toJSON(t, joined) {
		t.Fatalf("%+v %v (%v)", ranges, index, err)
	}
	pieces, err := j.Pieces(0)
	if err != nil || len(pieces) != 5 {
		t.Fatalf("%+v (%v)", pieces, err)
	}
	for _, p := range pieces {
		sums := p.Sums(file, key)
		for off := p.From; off < p.To; {
			end := min(p.To, (off/BlockSize+1)*BlockSize)
			if ok, err := sums.Match(off, text[off:end]); !ok || err != nil {
				t.Errorf("block [%d, %d): %t (%v)", off, end, ok, err)
			}
			off = end
		}
	}
}

func FuzzOpenJoined(f *testing.F) {
	f.Add([]byte(joinedMagic + strings.Repeat("\x00", 100)))
	var out bytes.Buffer
	r := []Range{{File: 1, To: 10}}
	if err := WriteJoined(&out, r, [][]Source{{{Piece{Extent{0, 10}, 0}, bytes.NewReader(make([]byte, 8))}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, p []byte) {
		j, err := OpenJoined(bytes.NewReader(p))
		if err != nil {
			return
		}
		if ranges, _, err := j.Ranges(0); err == nil {
			for i := range ranges {
				j.Pieces(i)
			}
		}
	})
}
