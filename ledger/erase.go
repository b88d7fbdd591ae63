package ledger

import (
	"fmt"
	"slices"
	"time"
)

// ranges resolves a reference to the indexes of ranges that are not gone.
func (s *State) ranges(ref Ref) (*Batch, []int, error) {
	b := s.Batches[ref.Batch]
	if b == nil {
		return nil, nil, fmt.Errorf("unknown batch %s", ref.Batch)
	}
	list := make([]int, 0, len(b.Ranges))
	if ref.Only == nil {
		for i := range b.Ranges {
			list = append(list, i)
		}
	}
	for _, i := range ref.Only {
		if i < 0 || i >= len(b.Ranges) {
			return nil, nil, fmt.Errorf("batch %s: no range %d", ref.Batch, i)
		}
		list = append(list, i)
	}
	return b, slices.DeleteFunc(list, func(i int) bool { return b.Ranges[i].Gone }), nil
}

func (s *State) applyErase(e *Event) error {
	for _, ref := range e.Erase.Refs {
		b, list, err := s.ranges(ref)
		if err != nil {
			return err
		}
		if ref.Batch.Class == ExpireClass {
			return fmt.Errorf("batch %s has its intent since it expired", ref.Batch)
		}
		for _, i := range list {
			if err := s.mayUnpack(b.Ranges[i].File); err != nil {
				return fmt.Errorf("batch %s range %d: %w", ref.Batch, i, err)
			}
			if err := s.mayErase(e.Erase.Reason, b, &b.Ranges[i], e.At); err != nil {
				return fmt.Errorf("batch %s range %d: %w", ref.Batch, i, err)
			}
		}
	}
	for _, ref := range e.Erase.Refs {
		b, list, _ := s.ranges(ref)
		for _, i := range list {
			s.intend(&b.Ranges[i], e.Erase.Reason)
		}
	}
	return nil
}

// mayErase is invariant 2's first half: erasing needs a reason.
func (s *State) mayErase(why Reason, b *Batch, r *BatchRange, now time.Time) error {
	policy, due, err := s.limit(r.Class, s.oldestWith(r.Range), now)
	if err != nil {
		return err
	}
	switch why {
	case ReasonShipped:
		if !b.Shipped {
			return fmt.Errorf("reason %q, but it is not shipped", why)
		}
		if policy.AtLimit {
			return fmt.Errorf("reason %q, but class %s keeps its raw bytes until the limit", why, r.Class)
		}
		if !due && now.Before(b.ShippedAt.Add(policy.EraseAfter.Duration())) {
			return fmt.Errorf("reason %q, but class %s keeps its raw bytes %s longer", why, r.Class, policy.EraseAfter.Duration())
		}
	case ReasonLimit:
		if !b.Shipped || !due {
			return fmt.Errorf("reason %q, but shipped is %t and overdue is %t", why, b.Shipped, due)
		}
	case ReasonLimitSealed:
		if b.Shipped || !due {
			return fmt.Errorf("reason %q, but shipped is %t and overdue is %t", why, b.Shipped, due)
		}
	case ReasonNameless: // it is sealed, or it would be in no batch; names are not in the ledger
	default:
		return fmt.Errorf("no reason: %q", why)
	}
	return nil
}

// limit returns the policy of a class and whether bytes of the age oldest are
// at its limit. Nothing may be overwritten where no policy is known, or where
// it says that erasing is off.
func (s *State) limit(class string, oldest int64, now time.Time) (policy Retention, due bool, err error) {
	policy, ok := s.Policies[class]
	if !ok {
		return policy, false, fmt.Errorf("class %q has no policy", class)
	}
	if policy.Erase == "off" {
		return policy, false, fmt.Errorf("class %s is not erased", class)
	}
	due = oldest == 0 || !now.Before(time.Unix(oldest, 0).Add(policy.RawLimit.Duration()))
	return policy, due, nil
}

func (s *State) intend(r *BatchRange, why Reason) {
	r.Intent = why
	if f := s.Files[r.File]; f != nil {
		f.Intent.Add(Extent{r.From, r.To})
	}
}

func (s *State) applyErased(e *Erased) error {
	for _, ref := range e.Refs {
		if s.settled(ref.Batch) {
			continue
		}
		b, list, err := s.ranges(ref)
		if err != nil {
			return err
		}
		for _, i := range list {
			r := &b.Ranges[i]
			if r.Intent == "" && !r.Gone {
				return fmt.Errorf("batch %s range %d: no intent", ref.Batch, i)
			}
			if err := s.mayUnpack(r.File); err != nil {
				return fmt.Errorf("batch %s range %d: %w", ref.Batch, i, err)
			}
		}
	}
	for _, ref := range e.Refs {
		if s.settled(ref.Batch) {
			continue
		}
		b, list, _ := s.ranges(ref)
		for _, i := range list {
			r := &b.Ranges[i]
			f := s.Files[r.File]
			if r.Gone || f == nil {
				continue // closed meanwhile: booked as removed
			}
			r.Gone = true
			whole := Extent{r.From, r.To}
			gone := f.Gone.Add(whole)
			removed := skipped(e.Skipped, r.Range)
			a := &s.class(f.Class).Account
			a.Present -= gone
			a.Removed += min(removed, gone)
			a.Erased += gone - min(removed, gone)
			f.Intent = without(f.Intent, whole)
			s.unpacked(f)
		}
		s.settle(ref.Batch)
	}
	return nil
}

// settled tells whether the batch was there and nothing was left to do for it:
// its files were closed while they were being erased.
func (s *State) settled(id BatchID) bool {
	if s.Batches[id] != nil {
		return false
	}
	if id.Class == ExpireClass {
		return id.Number < s.NextExpire
	}
	if id.Class == CopyClass {
		return id.Number <= s.Copies && id.Number > 0
	}
	if id.Class == JoinedClass {
		return id.Number <= s.Joins && id.Number > 0
	}
	if id.Class == PackedClass {
		return id.Number <= s.Packs && id.Number > 0
	}
	c := s.Classes[id.Class]
	return c != nil && id.Number <= c.Sealed && id.Number > 0
}

// skipped counts the bytes of r that the spans name.
func skipped(spans []Span, r Range) int64 {
	var n int64
	for _, sp := range spans {
		if sp.File == r.File {
			n += max(0, min(sp.To, r.To)-max(sp.From, r.From))
		}
	}
	return n
}

func (s *State) applyExpire(e *Event, sum string) error {
	x := e.Expire
	if x.Batch.Class != ExpireClass || x.Batch.Number != s.NextExpire {
		return fmt.Errorf("batch %s, want %s/%d", x.Batch, ExpireClass, s.NextExpire)
	}
	if err := s.advance(x.Range, map[uint64]int64{}); err != nil {
		return err
	}
	f := s.Files[x.Range.File]
	if f.Stream != "" {
		return fmt.Errorf("file %d is a stream: there is nothing to overwrite", x.Range.File)
	}
	if _, due, err := s.limit(f.Class, s.oldestWith(x.Range), e.At); err != nil {
		return fmt.Errorf("file %d: %w", x.Range.File, err)
	} else if !due {
		return fmt.Errorf("file %d: range [%d, %d) is not at its limit", x.Range.File, x.Range.From, x.Range.To)
	}
	s.NextExpire++
	s.advanceTo(f, x.Range)
	a := &s.class(f.Class).Account
	a.Unread -= x.Range.Len()
	a.Expired += x.Range.Len()
	b := &Batch{
		Raw: x.Range.Len(), Lines: x.Range.Lines, SealedAt: e.At, SealSum: sum, Sums: x.Sums, SumsKey: x.SumsKey,
		Ranges: []BatchRange{{Range: x.Range, Class: f.Class, Gone: x.Range.Hole}},
	}
	if x.Range.Hole {
		return nil // nothing is left to do for it
	}
	s.intend(&b.Ranges[0], ReasonExpire)
	s.Batches[x.Batch] = b
	return nil
}
