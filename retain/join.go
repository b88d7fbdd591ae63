package retain

import (
	"cmp"
	"slices"
	"time"

	"swab/ledger"
)

// JoinSpan is how far apart in age ranges may be to be joined: that much
// earlier than its limit a byte may be erased, and never later.
const JoinSpan = time.Hour

// joinLeast is how many batches are joined at a time while their span of age
// lasts: so many ranges of a file are in memory at the most, of each depth.
const joinLeast = 4

// Recall lists the joined batches whose ranges are needed for the plan:
// something of them may be due now.
func Recall(s *ledger.State, now time.Time, hints Hints) []ledger.BatchID {
	var list []ledger.BatchID
	packs := s.Archives()
	for id, b := range s.Batches {
		if b.Away != nil && awayDue(s.Policies[b.Away.Class], b, packs, now, hints) {
			list = append(list, id)
		}
	}
	sortBatches(list)
	return list
}

func awayDue(policy ledger.Retention, b *ledger.Batch, packs map[uint64]*ledger.Pack, now time.Time, hints Hints) bool {
	for _, run := range b.Away.Files {
		for num := run.From; num < run.To; num++ {
			r := ledger.BatchRange{Range: ledger.Range{File: uint64(num), Oldest: b.Away.Oldest}, Class: b.Away.Class}
			if decide(policy, b, r, packs[uint64(num)], now, hints).Erase != "" {
				return true
			}
		}
	}
	return false
}

// Joined says of each class why its ranges stay that are in joined batches, as
// [Verdict.Keep]: those of the oldest batch where they differ.
func Joined(s *ledger.State, now time.Time, hints Hints) map[string]string {
	why, oldest := map[string]string{}, map[string]int64{}
	packs := s.Archives()
	for _, b := range s.Batches {
		if b.Away == nil || len(b.Away.Files) == 0 {
			continue
		}
		class, num := b.Away.Class, uint64(b.Away.Files[0].From)
		if why[class] != "" && oldest[class] <= b.Away.Oldest {
			continue
		}
		r := ledger.BatchRange{Range: ledger.Range{File: num, Oldest: b.Away.Oldest}, Class: class}
		why[class], oldest[class] = decide(s.Policies[class], b, r, packs[num], now, hints).Keep, b.Away.Oldest
	}
	return why
}

// joinGroup is what ranges have in common that may be joined.
type joinGroup struct {
	class, key string
	span       int64 // of age
	depth      int   // -1: any
}

func spanOf(oldest int64) int64 { return oldest / int64(JoinSpan/time.Second) }

// over tells whether no more ranges of the group's span are to be expected.
func (g joinGroup) over(now time.Time) bool {
	return now.Sub(time.Unix((g.span+1)*int64(JoinSpan/time.Second), 0)) >= JoinSpan/4
}

// Rejoin lists joined batches, group by group, that are to be recalled and
// joined once more: enough of one depth, or what is left of a span that is over.
func Rejoin(s *ledger.State, now time.Time) [][]ledger.BatchID {
	found := map[joinGroup][]ledger.BatchID{}
	for id, b := range s.Batches {
		if b.Away == nil {
			continue
		}
		g := joinGroup{b.Away.Class, b.SumsKey, spanOf(b.Away.Oldest), b.Depth}
		if g.over(now) {
			g.depth = -1
		}
		found[g] = append(found[g], id)
	}
	var out [][]ledger.BatchID
	for g, list := range found {
		if len(list) >= joinLeast || g.depth < 0 && len(list) > 1 {
			sortBatches(list)
			out = append(out, list)
		}
	}
	slices.SortFunc(out, func(a, b []ledger.BatchID) int { return cmp.Compare(a[0].Number, b[0].Number) })
	return out
}

// Join lists groups of ranges that stay for longer than a [JoinSpan] and are
// to be joined: shipped, of one class, one key of the sums and one span of age.
func Join(s *ledger.State, now time.Time, hints Hints) [][]ledger.Ref {
	found := map[joinGroup]map[ledger.BatchID][]int{}
	packs := s.Archives()
	for id, b := range s.Batches {
		if !b.Shipped || id.Class == ledger.ExpireClass {
			continue
		}
		for i, r := range b.Ranges {
			if r.Gone || r.Intent != "" || s.Files[r.File] == nil {
				continue
			}
			v := decide(s.Policies[r.Class], b, r, packs[r.File], now, hints)
			if v.Erase != "" || !v.Next.IsZero() && v.Next.Sub(now) <= JoinSpan {
				continue
			}
			g := joinGroup{class: r.Class, key: b.SumsKey, span: spanOf(r.Oldest)}
			if found[g] == nil {
				found[g] = map[ledger.BatchID][]int{}
			}
			found[g][id] = append(found[g][id], i)
		}
	}
	var out [][]ledger.Ref
	for g, batches := range found {
		if worthJoining(g, batches, now) {
			out = append(out, joinRefs(batches))
		}
	}
	slices.SortFunc(out, func(a, b []ledger.Ref) int { return compareBatches(a[0].Batch, b[0].Batch) })
	return out
}

// worthJoining: enough batches; or their span is over, and there is another of
// it, or so many ranges that their sums file is better off with them.
func worthJoining(g joinGroup, batches map[ledger.BatchID][]int, now time.Time) bool {
	ranges, joined := 0, false
	for id, list := range batches {
		ranges += len(list)
		joined = joined || id.Class == ledger.JoinedClass
	}
	return len(batches) >= joinLeast || joined || g.over(now) && (len(batches) > 1 || ranges >= 2*joinLeast)
}

func joinRefs(batches map[ledger.BatchID][]int) []ledger.Ref {
	var refs []ledger.Ref
	for id, list := range batches {
		refs = append(refs, ledger.Ref{Batch: id, Only: list})
	}
	slices.SortFunc(refs, func(a, b ledger.Ref) int { return compareBatches(a.Batch, b.Batch) })
	return refs
}

func compareBatches(a, b ledger.BatchID) int {
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Number, b.Number))
}

func sortBatches(list []ledger.BatchID) { slices.SortFunc(list, compareBatches) }
