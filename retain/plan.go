package retain

import (
	"cmp"
	"slices"
	"time"

	"swab/ledger"
)

// Verdict is what the plan says of one raw range: overwrite it now and why, or
// keep it and why, and until when.
type Verdict struct {
	Batch ledger.BatchID
	Index int // of the range in its batch
	Range ledger.Range
	Class string // of the file

	// Erase is the reason to overwrite now; empty: keep.
	Erase ledger.Reason
	// Redo: the ledger holds the intent already.
	Redo bool
	// Packed: the file is an archive. Its ranges are overwritten all at once, or
	// none.
	Packed bool
	// Keep says why not yet, in words.
	Keep string
	// Due is when the range is at its limit; zero when it has none (erasing is
	// off).
	Due time.Time
	// Next is the earliest time at which the verdict can change by the clock
	// alone; zero when only an event can change it.
	Next time.Time
}

// Hints are what the ledger does not know of the files. Nil functions know
// nothing.
type Hints struct {
	// Mode is when a file's shipped ranges go: live, rotated or off; empty for
	// what the class says.
	Mode func(file uint64) string
	// Away tells whether a file was renamed away or removed.
	Away func(file uint64) bool
	// Nameless tells whether no name leads to a file any more: nobody can open
	// it, and its blocks are given back as they are when it is closed.
	Nameless func(file uint64) bool
}

// Plan decides what is to be overwritten now. It is a pure function of what
// the ledger knows, the files' hints and the time; the executor follows it
// blindly. The order is by file and offset, so that ranges are overwritten in
// long runs.
func Plan(s *ledger.State, now time.Time, hints Hints) []Verdict {
	return plan(s, now, hints, func(Verdict) bool { return true })
}

// Now is so much of [Plan] as is to be overwritten now. What is kept, and may
// be a week of ranges, takes no memory.
func Now(s *ledger.State, now time.Time, hints Hints) []Verdict {
	return plan(s, now, hints, func(v Verdict) bool { return v.Erase != "" })
}

func plan(s *ledger.State, now time.Time, hints Hints, wanted func(Verdict) bool) []Verdict {
	var list []Verdict
	packs := s.Archives()
	for id, b := range s.Batches {
		for i, r := range b.Ranges {
			if r.Gone {
				continue
			}
			pack := packs[r.File]
			v := decide(s.Policies[r.Class], b, r, pack, now, hints)
			if pack != nil && pack.Away && v.Erase != "" {
				continue // they are brought back first
			}
			if wanted(v) {
				v.Batch, v.Index, v.Range, v.Class = id, i, r.Range, r.Class
				list = append(list, v)
			}
		}
	}
	slices.SortFunc(list, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Range.File, b.Range.File), cmp.Compare(a.Range.From, b.Range.From))
	})
	return list
}

// decide is the rule for one range; pack is the archive that it is in, nil for
// none. What has no name left waits for nothing but its seal: a class keeps raw
// bytes so that they can be read, and only as long as swab holds the file can
// they be overwritten.
func decide(policy ledger.Retention, b *ledger.Batch, r ledger.BatchRange, pack *ledger.Pack, now time.Time, hints Hints) Verdict {
	var v Verdict
	if pack == nil {
		v = decideNamed(policy, b, r, now, hints)
	} else {
		v = decidePacked(policy, b, r, pack, now, hints)
	}
	if v.Erase == "" && !v.Due.IsZero() && (pack == nil || pack.Whole) && hints.Nameless != nil && hints.Nameless(r.File) {
		v = Verdict{Erase: ledger.ReasonNameless, Due: v.Due, Packed: v.Packed}
	}
	if pack != nil && r.Intent != "" && (pack.Intended || v.Erase != "") {
		v.Erase, v.Redo, v.Keep = r.Intent, true, ""
	}
	return v
}

func decideNamed(policy ledger.Retention, b *ledger.Batch, r ledger.BatchRange, now time.Time, hints Hints) Verdict {
	mode := policy.Erase
	if hints.Mode != nil {
		if m := hints.Mode(r.File); m != "" {
			mode = m
		}
	}
	if r.Intent != "" {
		return Verdict{Erase: r.Intent, Redo: true}
	}
	if mode == "off" || policy.Erase == "off" { // the ledger takes no intent against the class
		return Verdict{Keep: "erasing is off"}
	}
	due := Due(r.Oldest, policy)
	v := Verdict{Due: due, Next: due}
	overdue := !now.Before(due)
	switch free := b.ShippedAt.Add(policy.EraseAfter.Duration()); {
	case !b.Shipped && overdue:
		v.Erase = ledger.ReasonLimitSealed
	case !b.Shipped:
		v.Keep = "not shipped yet"
	case overdue && (policy.AtLimit || mode == "rotated"):
		v.Erase = ledger.ReasonLimit
	case policy.AtLimit:
		v.Keep = "kept until its limit"
	case now.Before(free) && !overdue:
		v.Keep = "shipped; kept for a while to be read"
		v.Next = free
		if due.Before(free) {
			v.Next = due
		}
	case mode == "rotated" && (hints.Away == nil || !hints.Away(r.File)):
		v.Keep = "erased when the file is rotated away"
	default:
		v.Erase = ledger.ReasonShipped
	}
	return v
}

// Due is when bytes that were written at oldest (Unix seconds) reach their
// limit. Of unknown age, they are at it.
func Due(oldest int64, policy ledger.Retention) time.Time {
	if oldest == 0 {
		return time.Unix(0, 0)
	}
	return time.Unix(oldest, 0).Add(policy.RawLimit.Duration())
}
