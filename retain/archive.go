package retain

import (
	"time"

	"swab/ledger"
)

// decidePacked is the rule for a range of an archive, which goes as a whole or
// not at all: when all of it is shipped and may go, or its oldest byte is at its
// limit. Younger ranges go early then, and what is unread is sealed before.
func decidePacked(policy ledger.Retention, b *ledger.Batch, r ledger.BatchRange, p *ledger.Pack, now time.Time, hints Hints) Verdict {
	whole := *b
	whole.ShippedAt = p.ShippedAt
	r.Intent, r.Oldest = "", p.Oldest
	v := decideNamed(policy, &whole, r, now, hints)
	v.Packed = true
	overdue := !v.Due.IsZero() && !now.Before(v.Due)
	switch {
	case !p.Whole:
		v.Erase, v.Keep, v.Next = "", "not all of the archive is read", time.Time{}
	case !p.Shipped && !overdue && v.Erase != "":
		v.Erase, v.Keep, v.Next = "", "not all of the archive is shipped", v.Due
	}
	return v
}
