package evidence

import (
	"slices"
	"time"

	"swab/ledger"
)

// reasons are those of erasing, in the order in which they are told.
var reasons = [...]string{
	string(ledger.ReasonShipped), string(ledger.ReasonLimit), string(ledger.ReasonLimitSealed), string(ledger.ReasonNameless),
	string(ledger.ReasonExpire),
}

// erased notes what an event says was overwritten, before it is folded.
func (c *collector) erased(e *ledger.Event) {
	for _, ref := range e.Erased.Refs {
		b := c.state.Batches[ref.Batch]
		if b == nil {
			continue // its files were closed meanwhile
		}
		only := ref.Only
		if only == nil {
			for i := range b.Ranges {
				only = append(only, i)
			}
		}
		for _, i := range only {
			if i < 0 || i >= len(b.Ranges) || b.Ranges[i].Gone || b.Ranges[i].Intent == "" || c.state.Files[b.Ranges[i].File] == nil {
				continue
			}
			c.erase(e, ref.Batch, b, b.Ranges[i])
		}
	}
}

func (c *collector) erase(e *ledger.Event, id ledger.BatchID, b *ledger.Batch, r ledger.BatchRange) {
	key := eraseID{r.Class, string(r.Intent)}
	sum := c.erases[key]
	if sum == nil {
		sum = &tallied{Erases: Erases{Reason: key.reason}}
		c.erases[key] = sum
	}
	c.class(r.Class)
	freed := c.state.Files[r.File].Gone.Covered(ledger.Extent{From: r.From, To: r.To}) // by others
	for _, s := range e.Erased.Skipped {
		if s.File == r.File {
			freed += max(0, min(s.To, r.To)-max(s.From, r.From))
		}
	}
	sum.Ranges++
	sum.Bytes += max(0, r.Len()-freed)
	s := Sample{At: e.At, Batch: id.String(), Key: b.Key, File: r.File, From: r.From, To: r.To}
	if b.Shipped {
		s.Shipped = b.ShippedAt
	}
	older := false
	if r.Oldest == 0 {
		sum.Unknown = true
	} else {
		s.Written = time.Unix(r.Oldest, 0).UTC()
		age := e.At.Sub(s.Written)
		older = age > sum.Oldest
		sum.Oldest = max(sum.Oldest, age)
	}
	sum.sample(s, older)
}

// tallied is an [Erases] on its way.
type tallied struct {
	Erases
	first, oldest, last Sample
}

// sample keeps the first, the oldest and the last.
func (t *tallied) sample(s Sample, oldest bool) {
	if t.Ranges == 1 {
		t.first, t.oldest = s, s
	}
	if oldest {
		t.oldest = s
	}
	t.last = s
}

// done is the sum with its samples, in the order of time.
func (t *tallied) done() Erases {
	e := t.Erases
	for _, s := range []Sample{t.first, t.oldest, t.last} {
		if !slices.Contains(e.Samples, s) {
			e.Samples = append(e.Samples, s)
		}
	}
	slices.SortStableFunc(e.Samples, func(a, b Sample) int { return a.At.Compare(b.At) })
	return e
}
