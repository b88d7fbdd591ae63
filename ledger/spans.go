package ledger

import "slices"

// Extent is [From, To), in bytes.
type Extent struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Extents is a sorted list of extents that neither touch nor overlap.
type Extents []Extent

// Add covers e and returns how many bytes were not covered before.
func (x *Extents) Add(e Extent) int64 {
	if e.From >= e.To {
		return 0
	}
	added := e.To - e.From - x.Covered(e)
	i, _ := slices.BinarySearchFunc(*x, e, func(a, b Extent) int {
		if a.To < b.From {
			return -1
		}
		return 1
	})
	j := i
	for j < len(*x) && (*x)[j].From <= e.To {
		e.From = min(e.From, (*x)[j].From)
		e.To = max(e.To, (*x)[j].To)
		j++
	}
	*x = slices.Replace(*x, i, j, e)
	return added
}

// Covered returns how many bytes of e are covered.
func (x Extents) Covered(e Extent) int64 {
	var n int64
	for _, c := range x {
		from, to := max(c.From, e.From), min(c.To, e.To)
		if from < to {
			n += to - from
		}
	}
	return n
}

// Len is the number of bytes covered.
func (x Extents) Len() int64 {
	var n int64
	for _, c := range x {
		n += c.To - c.From
	}
	return n
}

// without cuts e out of x.
func without(x Extents, e Extent) Extents {
	var out Extents
	for _, c := range x {
		if c.To <= e.From || c.From >= e.To || e.From >= e.To {
			out = append(out, c)
			continue
		}
		if c.From < e.From {
			out = append(out, Extent{c.From, e.From})
		}
		if c.To > e.To {
			out = append(out, Extent{e.To, c.To})
		}
	}
	return out
}
