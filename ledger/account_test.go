package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// balanced fails unless both accounts of every class come to what was written.
func balanced(t rapid.TB, s *State) {
	t.Helper()
	if wrong := s.Imbalances(); len(wrong) > 0 {
		t.Fatalf("out of balance: %q", wrong)
	}
	for name, c := range s.Classes {
		a := c.Account
		if a.Content() != a.Written || a.Raw() != a.Written {
			t.Fatalf("class %s: written %d, content %d, raw %d", name, a.Written, a.Content(), a.Raw())
		}
		for _, n := range []int64{a.Written, a.Unread, a.SealedBytes, a.ShippedBytes, a.Expired, a.Lost, a.Present, a.Erased, a.Removed} {
			if n < 0 {
				t.Fatalf("class %s: a negative count in %+v", name, a)
			}
		}
	}
	for num, f := range s.Files {
		if f.Cursor > f.Size || f.Gone.Len() > f.Size || len(f.Points) > maxPoints {
			t.Fatalf("file %d: %+v", num, f)
		}
		for _, x := range f.Intent {
			if f.Gone.Covered(x) > 0 {
				t.Fatalf("file %d: an intent for what is gone: %v of %v", num, f.Intent, f.Gone)
			}
		}
	}
}

func stamp(s *State, e *Event, after time.Duration) {
	e.N, e.At = 1, later(s.LastAt, begin).Add(after)
	e.Kind, _ = e.content()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Invariant 6, over any legal history.
func TestEveryByteIsAccountedForAtEachStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		state := newState()
		first := startEvent()
		stamp(state, &first, 0)
		if err := state.apply(&first, ""); err != nil {
			rt.Fatal(err)
		}
		s := &story{state: func() *State { return state }}
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			e, ok := s.next(rt)
			if !ok {
				continue
			}
			stamp(state, &e, s.pause(rt))
			before := toJSON(t, state)
			written := map[string]int64{}
			for name, c := range state.Classes {
				written[name] = c.Account.Written
			}
			kept := state.Clone()
			if err := state.apply(&e, "sum"); err != nil {
				rt.Fatalf("%s in %s: %v", toJSON(t, e), before, err)
			}
			balanced(rt, state)
			for name, n := range written {
				if state.Classes[name].Account.Written < n {
					rt.Fatalf("class %s: written went down", name)
				}
			}
			if toJSON(t, kept) != before {
				rt.Fatalf("a clone changed with its original: %s", toJSON(t, e))
			}
		}
		var again *State
		if err := json.Unmarshal([]byte(toJSON(t, state)), &again); err != nil || toJSON(t, again) != toJSON(t, state) {
			rt.Fatalf("the state does not survive JSON: %v", err)
		}
	})
}

// Whatever an event says, the state either refuses it and stays as it was, or
// takes it and stays in balance.
func TestNoEventUnbalancesTheAccounts(t *testing.T) {
	number := rapid.Uint64Range(0, 4)
	bytes := rapid.Int64Range(-10, 600)
	class := rapid.SampledFrom([]string{"api", "web", "off", "new", "", ExpireClass, CopyClass})
	id := rapid.Custom(func(rt *rapid.T) BatchID { return BatchID{class.Draw(rt, "class"), number.Draw(rt, "number")} })
	aRange := rapid.Custom(func(rt *rapid.T) Range {
		return Range{File: number.Draw(rt, "file"), From: bytes.Draw(rt, "from"), To: bytes.Draw(rt, "to"),
			Oldest: rapid.SampledFrom([]int64{0, begin.Unix(), 1 << 40}).Draw(rt, "oldest"), Lines: rapid.Int64Range(-2, 5).Draw(rt, "lines")}
	})
	ref := rapid.Custom(func(rt *rapid.T) Ref {
		return Ref{id.Draw(rt, "batch"), rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 3).Draw(rt, "only")}
	})
	refs := rapid.SliceOfN(ref, 0, 3)
	wild := func(rt *rapid.T) Event {
		switch rapid.IntRange(0, 9).Draw(rt, "kind") {
		case 0:
			return Event{Open: &FileOpen{File: number.Draw(rt, "file"), Class: class.Draw(rt, "class"), Size: bytes.Draw(rt, "size"),
				CopyOf: number.Draw(rt, "copy of"), Copied: bytes.Draw(rt, "copied")}}
		case 1:
			return Event{Seen: &Seen{Files: []Growth{{number.Draw(rt, "file"), bytes.Draw(rt, "size"), 0, 0}, {number.Draw(rt, "file"), bytes.Draw(rt, "size"), 0, 0}}}}
		case 2:
			e := sealEvent("", 0, rapid.SliceOfN(aRange, 0, 3).Draw(rt, "ranges")...)
			e.Seal.Batch = id.Draw(rt, "batch")
			return e
		case 3:
			return Event{Ship: &Ship{Batch: id.Draw(rt, "batch")}}
		case 4:
			why := rapid.SampledFrom([]Reason{ReasonShipped, ReasonLimit, ReasonLimitSealed, ReasonExpire, ""}).Draw(rt, "reason")
			return Event{Erase: &Erase{Reason: why, Refs: refs.Draw(rt, "refs")}}
		case 5:
			return Event{Erased: &Erased{Refs: refs.Draw(rt, "refs"), Skipped: []Span{{number.Draw(rt, "file"), bytes.Draw(rt, "from"), bytes.Draw(rt, "to")}}}}
		case 6:
			return Event{Expire: &Expire{Batch: id.Draw(rt, "batch"), Range: aRange.Draw(rt, "range")}}
		case 8:
			return Event{Copied: &Copied{
				File: number.Draw(rt, "file"), From: bytes.Draw(rt, "from"), To: bytes.Draw(rt, "to"), In: number.Draw(rt, "in"),
				Own: rapid.Bool().Draw(rt, "own"), Batch: id.Draw(rt, "batch"), Ranges: rapid.SliceOfN(aRange, 0, 2).Draw(rt, "ranges"),
			}}
		case 7:
			return Event{Lost: &Lost{File: number.Draw(rt, "file"), From: bytes.Draw(rt, "from"), To: bytes.Draw(rt, "to")}}
		}
		return Event{Close: &FileClose{File: number.Draw(rt, "file"), Why: rapid.SampledFrom([]string{"unlinked", "gone"}).Draw(rt, "why")}}
	}
	rapid.Check(t, func(rt *rapid.T) {
		state := newState()
		first := startEvent()
		stamp(state, &first, 0)
		if err := state.apply(&first, ""); err != nil {
			rt.Fatal(err)
		}
		s := &story{state: func() *State { return state }}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			e, ok := s.next(rt)
			tame := ok && rapid.Bool().Draw(rt, "tame")
			if !tame {
				e = wild(rt)
			}
			stamp(state, &e, s.pause(rt))
			before := toJSON(t, state)
			if err := state.apply(&e, "sum"); err != nil && toJSON(t, state) != before {
				rt.Fatalf("%s was refused (%v) and changed the state from %s to %s", toJSON(t, e), err, before, toJSON(t, state))
			}
			balanced(rt, state)
		}
	})
}
