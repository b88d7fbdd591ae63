package ledger

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// story draws events that are legal in the state, whatever it is.
type story struct {
	state func() *State
}

var storyClasses = []string{"api", "web"}

// pause draws how long nothing happens: mostly seconds, sometimes past a limit.
func (s *story) pause(t *rapid.T) time.Duration {
	return time.Duration(rapid.SampledFrom([]int{0, 1, 60, 86400, 8 * 86400}).Draw(t, "seconds")) * time.Second
}

// next draws one event; ok is false where the drawn kind has no legal one now.
func (s *story) next(t *rapid.T) (e Event, ok bool) {
	st := s.state()
	files := slices.Sorted(maps.Keys(st.Files))
	kinds := []func(*rapid.T, *State, []uint64) (Event, bool){
		s.open, s.stream, s.seen, s.seen, s.seal, s.seal, s.ship, s.ship, s.erase, s.erased, s.expire, s.lost, s.close, s.other, s.copy, s.inherit, s.inherit, s.bequeath,
	}
	return kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")](t, st, files)
}

func pick[T any](t *rapid.T, list []T, label string) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(t, label)], true
}

func (s *story) open(t *rapid.T, st *State, files []uint64) (Event, bool) {
	class, _ := pick(t, storyClasses, "class")
	e := openEvent(st.NextFile, class, rapid.Int64Range(0, 500).Draw(t, "size"))
	e.Open.After, _ = pick(t, files, "after")
	e.Open.Head = &Mark{Len: 5, Day: "2026-11-23", Sum: "aa"}
	return e, true
}

func (s *story) stream(t *rapid.T, st *State, _ []uint64) (Event, bool) {
	class, _ := pick(t, storyClasses, "class")
	return streamEvent(st.NextFile, class, rapid.SampledFrom([]string{StreamStdin, StreamFIFO}).Draw(t, "stream")), true
}

func (s *story) seen(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "file")
	if !ok {
		return Event{}, false
	}
	size := st.Files[file].Size + rapid.Int64Range(-20, 400).Draw(t, "growth")
	return seenEvent(file, size, rapid.SampledFrom([]int64{0, begin.Unix(), st.LastAt.Unix()}).Draw(t, "quiet")), true
}

func (s *story) draw(t *rapid.T, st *State, file uint64, from int64) Range {
	to := from + rapid.Int64Range(1, 300).Draw(t, "bytes")
	r := Range{File: file, From: from, To: to, Lines: rapid.Int64Range(0, 9).Draw(t, "lines")}
	r.Oldest = rapid.SampledFrom([]int64{0, begin.Unix(), st.LastAt.Unix()}).Draw(t, "oldest")
	r.Newest, r.Cut = r.Oldest, rapid.Bool().Draw(t, "cut")
	r.EndAt = rapid.SampledFrom([]int64{0, st.LastAt.Unix()}).Draw(t, "end at")
	for _, sp := range TailSpans(from, to) {
		r.Tail = append(r.Tail, Mark{Off: sp.From, Len: int(sp.To - sp.From), Day: "2026-11-23", Sum: "bb"})
	}
	return r
}

func (s *story) seal(t *rapid.T, st *State, files []uint64) (Event, bool) {
	class, _ := pick(t, storyClasses, "class")
	var ranges []Range
	for _, file := range files {
		if st.Files[file].Class != class || st.Files[file].Follows() != 0 || !rapid.Bool().Draw(t, "file too") {
			continue
		}
		from := st.Files[file].Cursor
		for range rapid.IntRange(1, 2).Draw(t, "ranges") {
			r := s.draw(t, st, file, from)
			ranges, from = append(ranges, r), r.To
		}
	}
	return sealEvent(class, st.class(class).Sealed+1, ranges...), len(ranges) > 0
}

func (s *story) ship(t *rapid.T, st *State, _ []uint64) (Event, bool) {
	class, _ := pick(t, storyClasses, "class")
	c := st.class(class)
	return shipEvent(class, c.Shipped+1), c.Shipped < c.Sealed
}

func (s *story) batch(t *rapid.T, st *State) (BatchID, *Batch) {
	ids := slices.SortedFunc(maps.Keys(st.Batches), func(a, b BatchID) int {
		if a.Class != b.Class {
			return int(a.Class[0]) - int(b.Class[0])
		}
		return int(a.Number) - int(b.Number)
	})
	id, ok := pick(t, ids, "batch")
	if !ok {
		return id, nil
	}
	return id, st.Batches[id]
}

func (s *story) erase(t *rapid.T, st *State, _ []uint64) (Event, bool) {
	id, b := s.batch(t, st)
	if b == nil || id.Class == ExpireClass {
		return Event{}, false
	}
	why := ReasonShipped
	policy := st.Policies[b.Ranges[0].Class]
	switch {
	case !b.Shipped:
		why = ReasonLimitSealed
	case policy.AtLimit:
		why = ReasonLimit
	}
	var only []int
	for i, r := range b.Ranges {
		if r.Gone || why != ReasonShipped && r.Oldest != 0 && st.LastAt.Before(time.Unix(r.Oldest, 0).Add(policy.RawLimit.Duration())) {
			continue
		}
		if rapid.Bool().Draw(t, "range too") {
			only = append(only, i)
		}
	}
	return eraseEvent(why, id.Class, id.Number, only...), len(only) > 0
}

func (s *story) erased(t *rapid.T, st *State, _ []uint64) (Event, bool) {
	id, b := s.batch(t, st)
	if b == nil {
		return Event{}, false
	}
	var only []int
	e := Event{Erased: &Erased{}}
	for i, r := range b.Ranges {
		if r.Intent != "" && rapid.Bool().Draw(t, "range too") {
			only = append(only, i)
			if rapid.Bool().Draw(t, "skip") {
				e.Erased.Skipped = append(e.Erased.Skipped, Span{r.File, r.From, r.From + (r.Len()+1)/2})
			}
		}
	}
	e.Erased.Refs = []Ref{{Batch: id, Only: only}}
	return e, len(only) > 0
}

func (s *story) expire(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "file")
	if !ok || st.Files[file].Follows() != 0 || st.Files[file].Stream != "" {
		return Event{}, false
	}
	r := s.draw(t, st, file, st.Files[file].Cursor)
	limit := st.Policies[st.Files[file].Class].RawLimit.Duration()
	if r.Oldest != 0 && st.LastAt.Before(time.Unix(r.Oldest, 0).Add(limit)) {
		r.Oldest = 0
	}
	return Event{Expire: &Expire{Batch: BatchID{ExpireClass, st.NextExpire}, Range: r, SumsKey: "2026-11-23", Why: "test"}}, true
}

func (s *story) lost(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "file")
	if !ok {
		return Event{}, false
	}
	from := st.Files[file].Cursor
	if st.Files[file].Follows() != 0 {
		return Event{}, false
	}
	return Event{Lost: &Lost{File: file, From: from, To: from + rapid.Int64Range(0, 300).Draw(t, "bytes"), Why: "test"}}, true
}

func (s *story) close(t *rapid.T, st *State, files []uint64) (Event, bool) {
	file, ok := pick(t, files, "file")
	if !ok || st.Files[file].Unread() != 0 {
		return Event{}, false
	}
	why := "gone"
	if f := st.Files[file]; f.Gone.Len() == f.Size {
		why = "unlinked"
	}
	return Event{Close: &FileClose{File: file, Why: why}}, true
}

func (s *story) other(t *rapid.T, st *State, _ []uint64) (Event, bool) {
	day := rapid.SampledFrom([]string{"2026-11-23", "2026-11-24"}).Draw(t, "day")
	same := st.Policies["api"]
	return rapid.SampledFrom([]Event{
		startEvent(),
		{Policy: &Policy{Class: "api", Old: &same, New: &same}},
		{Policy: &Policy{Class: "web", Old: &same}},
		{Refused: &Refused{Name: "x", Why: "binary"}},
		{Key: &KeyEvent{Use: "sums", Day: day, Did: "made"}},
		{Key: &KeyEvent{Use: "sums", Day: day, Did: "destroyed"}},
		{Stop: &Stop{Why: "signal"}},
	}).Draw(t, "event"), true
}
