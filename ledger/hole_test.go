package ledger

import (
	"testing"
	"time"
)

// A hole moves its file's cursor and has nothing raw: both accounts balance, no
// intent can name it, and the ranges behind it find their sums.
func TestInvariant6HolesAreOnBothAccounts(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const hole, size = int64(1) << 40, int64(1)<<40 + 100
	opened := func() *State {
		s := NewState()
		for _, e := range []Event{
			{Start: &Start{Host: "h", Node: "n", Policies: map[string]Retention{"api": {RawLimit: 3600, Erase: "live"}}}},
			{Open: &FileOpen{File: 1, Class: "api", Size: size}},
		} {
			if err := s.Apply(e, at); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	balanced := func(s *State, raw int64) {
		t.Helper()
		a := s.Account("api")
		if a.Content() != a.Written || a.Raw() != a.Written || a.Present != raw {
			t.Errorf("the accounts do not balance, or %d bytes are not raw: %+v", raw, a)
		}
	}
	empty := Range{File: 1, To: hole, Hole: true}
	rest := Range{File: 1, From: hole, To: size, Lines: 3}
	id := BatchID{"api", 1}

	s := opened()
	if err := s.Apply(Event{Seal: &Seal{Batch: id, Raw: size, Lines: 3, Ranges: []Range{empty, rest}}}, at); err != nil {
		t.Fatal(err)
	}
	balanced(s, 100)
	if p := PieceOf(s.Batches[id], 1); p.At != 0 {
		t.Errorf("the sums behind the hole are at %d", p.At)
	}
	if err := s.Apply(Event{Ship: &Ship{Batch: id}}, at); err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{
		{Erase: &Erase{Reason: ReasonShipped, Refs: []Ref{{Batch: id}}}}, {Erased: &Erased{Refs: []Ref{{Batch: id}}}},
	} {
		if err := s.Apply(e, at); err != nil {
			t.Fatal(err)
		}
	}
	balanced(s, 0)
	if a := s.Account("api"); a.Removed != hole || a.Erased != 100 || len(s.Batches) != 0 {
		t.Errorf("removed %d, erased %d, %d batches are left", a.Removed, a.Erased, len(s.Batches))
	}

	s = opened()
	lined := empty
	lined.Lines = 1
	if err := s.Apply(Event{Seal: &Seal{Batch: id, Raw: hole, Lines: 1, Ranges: []Range{lined}}}, at); err == nil {
		t.Error("a hole with lines was taken")
	}
	expire := Event{Expire: &Expire{Batch: BatchID{ExpireClass, 1}, Range: empty}}
	if err := s.Apply(expire, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	balanced(s, 100)
	if len(s.Batches) != 0 {
		t.Error("an expired hole has something left to overwrite")
	}
}
