package swab

import (
	"strings"
	"time"

	"swab/ledger"
	"swab/retain"
)

// scale weighs one file's raw bytes: what goes now, what stays, until when.
// The rules are retain's; it sees each range as if it had just been shipped.
type scale struct {
	out    *FileForecast
	now    time.Time
	file   *target
	policy ledger.Retention
	mode   string // live, rotated, off
	// lane: a --log names the class, so that unread bytes are read.
	lane bool
	// expires: what is at its limit and unread is overwritten unshipped.
	expires bool

	kept  int64          // bytes that stay
	keep  retain.Verdict // of those, the first to go
	limit int64          // of what goes now, bytes at their limit
	lost  int64          // of what goes now, bytes that will never be shipped
	half  int64          // bytes of a line that is not finished
	idle  string         // why unread bytes are not taken
	// oldest and known are of the oldest raw byte.
	oldest int64
	known  string
}

func dueAt(oldest int64, policy ledger.Retention) time.Time { return retain.Due(oldest, policy) }

// note keeps the oldest; 0, unknown, counts as older than all.
func (s *scale) note(oldest int64, known string) {
	if s.known == "" || oldest < s.oldest {
		s.oldest, s.known = oldest, known
	}
}

// sealed weighs a range that an earlier run has sealed. waiting: it is not in
// the store yet.
func (s *scale) sealed(v retain.Verdict, waiting bool) {
	known := "seen"
	if v.Range.Oldest == 0 {
		known = "unknown"
	}
	s.note(v.Range.Oldest, known)
	if waiting && v.Batch.HasObject() {
		s.out.Lines += v.Range.Lines
		s.out.Ship += v.Range.Len()
	}
	s.add(v, waiting)
}

// unread weighs a range that the run will seal and ship.
func (s *scale) unread(r ledger.Range, known string) {
	s.note(r.Oldest, known)
	if s.expires && s.mode != "off" && !s.now.Before(dueAt(r.Oldest, s.policy)) {
		s.lost += r.Len()
		s.out.Erase += r.Len()
		s.out.Unshipped += r.Len()
		return
	}
	s.out.Lines += r.Lines
	s.out.Ship += r.Len()
	r.File = 1
	id := ledger.BatchID{Class: s.out.Class, Number: 1}
	state := &ledger.State{
		Policies: map[string]ledger.Retention{s.out.Class: s.policy},
		Batches: map[ledger.BatchID]*ledger.Batch{id: {
			Shipped: true, ShippedAt: s.now, Ranges: []ledger.BatchRange{{Range: r, Class: s.out.Class}},
		}},
	}
	verdicts := retain.Plan(state, s.now, retain.Hints{
		Mode: func(uint64) string { return s.mode },
		Away: func(uint64) bool { return s.file.away },
	})
	s.add(verdicts[0], true)
}

// add puts a range on its side.
func (s *scale) add(v retain.Verdict, unshipped bool) {
	n := v.Range.Len()
	if v.Erase == "" {
		if s.kept == 0 || !v.Next.IsZero() && v.Next.Before(s.keep.Next) {
			s.keep = v
		}
		s.kept += n
		return
	}
	s.out.Erase += n
	if unshipped {
		s.out.Unshipped += n
	}
	switch v.Erase {
	case ledger.ReasonLimit, ledger.ReasonLimitSealed:
		s.limit += n
	case ledger.ReasonExpire:
		s.lost += n
	}
}

// halfLine weighs a line that is still being written: it stays, unshipped.
func (s *scale) halfLine(n int64) { s.half = n }

// conclude writes the sum of it into the forecast.
func (s *scale) conclude() {
	o := s.out
	if s.known != "" && s.oldest > 0 {
		o.Oldest = time.Unix(s.oldest, 0).In(s.now.Location())
		o.Age = max(0, s.now.Unix()-s.oldest)
	}
	o.Known = s.known
	what, why := s.fate()
	switch {
	case o.Ship > 0 && what != "":
		what = "ship, " + what
	case o.Ship > 0:
		what = "ship"
	case what == "":
		what = "nothing"
	case what == "then overwrite now":
		what = "overwrite now"
	}
	if s.file.packed != nil && o.Ship > 0 { // the forecast looks at each file alone
		why = strings.TrimPrefix(why+"; an archive: what is in a known log, too, is not shipped twice", "; ")
	}
	o.Action, o.Reason = what, why
	if o.WriteError != "" {
		o.Erase, o.Unshipped = 0, 0
		return
	}
	if s.mode != "off" && s.kept > 0 {
		o.Next, o.Then = s.keep.Next.In(s.now.Location()), "overwrite"
		if s.mode == "rotated" && !s.file.away {
			o.Then = "overwrite at the latest"
		}
	}
}

// fate says what becomes of the bytes where they lie, and why.
func (s *scale) fate() (what, why string) {
	limit := "older than " + sayDays(s.policy.RawLimit.Duration())
	switch raw := s.out.Erase + s.kept; {
	case s.out.WriteError != "":
		return "cannot overwrite", "it cannot be written"
	case raw == 0 && s.idle != "":
		return "wait", s.idle
	case raw == 0 && s.half > 0:
		return "wait", "half a line, taken when it is finished"
	case raw == 0 && s.out.Size == 0:
		return "", "it is empty"
	case raw == 0:
		return "", "nothing raw is left in it"
	case s.out.Erase == 0 && s.mode == "off":
		return "", "erasing is off"
	case s.out.Erase == 0:
		return "keep", s.keep.Keep
	case s.lost > 0:
		return "overwrite unshipped", limit + ", and not shipped in time"
	case s.kept > 0 && s.limit > 0:
		return "overwrite a part now", "a part of it is " + limit
	case s.kept > 0:
		return "overwrite a part now", "a part of it was shipped and may go"
	case s.limit > 0:
		return "then overwrite now", limit
	}
	return "overwrite", "may go once it is shipped"
}
