package retain

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
	"swab/testdata/golden"
)

// planEpoch is the time from which the golden files count.
var planEpoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// written is a range of 100 bytes written so long after the epoch.
func written(file uint64, from int64, after time.Duration) ledger.BatchRange {
	return ledger.BatchRange{Class: "logs", Range: ledger.Range{File: file, From: from, To: from + 100, Oldest: planEpoch.Add(after).Unix()}}
}

// sealedBatch is a batch of the class logs; shippedAfter is negative for one
// that the store does not have.
func sealedBatch(shippedAfter time.Duration, ranges ...ledger.BatchRange) *ledger.Batch {
	b := &ledger.Batch{Ranges: ranges}
	if shippedAfter >= 0 {
		b.Shipped, b.ShippedAt = true, planEpoch.Add(shippedAfter)
	}
	return b
}

// render is a plan as a person reads it.
func render(list []Verdict, now time.Time) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintf(&b, "  file %d [%d, %d) of %s: ", v.Range.File, v.Range.From, v.Range.To, v.Batch)
		switch {
		case v.Redo:
			fmt.Fprintf(&b, "erase again: %s", v.Erase)
		case v.Erase != "":
			fmt.Fprintf(&b, "erase: %s", v.Erase)
		default:
			fmt.Fprintf(&b, "keep: %s", v.Keep)
		}
		if !v.Next.IsZero() && v.Erase == "" {
			fmt.Fprintf(&b, "; next in %s", v.Next.Sub(now))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The plan is a pure function: the same state, policy and time make the same
// verdicts, which stand in testdata/plan to be read.
func TestPlanIsWhatItsGoldenFilesSay(t *testing.T) {
	const hour, week = time.Hour, 7 * 24 * time.Hour
	retention := ledger.Retention{RawLimit: 7 * 86400, Erase: "live"}
	gone := written(1, 0, 0)
	gone.Gone = true
	open := written(1, 100, 0)
	open.Intent = ledger.ReasonShipped
	lost := written(2, 0, -8*24*hour)
	lost.Intent = ledger.ReasonExpire
	for _, tt := range []struct {
		name    string
		change  func(*ledger.Retention)
		hints   Hints
		batches []*ledger.Batch
		at      []time.Duration
	}{
		{"shipped-goes-at-once", nil, Hints{}, []*ledger.Batch{sealedBatch(hour, written(1, 0, 0), written(2, 0, 0))}, []time.Duration{hour}},
		{"store-down", nil, Hints{}, []*ledger.Batch{sealedBatch(-1, written(1, 0, 0), written(1, 100, 24*hour))},
			[]time.Duration{hour, week - time.Second, week, week + 24*hour}},
		{"kept-until-the-limit", func(r *ledger.Retention) { r.AtLimit = true }, Hints{},
			[]*ledger.Batch{sealedBatch(hour, written(1, 0, 0), written(1, 100, 2*hour)), sealedBatch(-1, written(1, 200, 3*hour))},
			[]time.Duration{2 * hour, week, week + 2*hour, week + 3*hour}},
		{"kept-for-a-while", func(r *ledger.Retention) { r.EraseAfter = 3600 }, Hints{}, []*ledger.Batch{
			sealedBatch(2*hour, written(1, 0, 0)), sealedBatch(week-hour/2, written(2, 0, 0))},
			[]time.Duration{2 * hour, 3 * hour, week - hour/4, week}},
		{"erased-when-rotated", func(r *ledger.Retention) { r.Erase = "rotated" }, Hints{Away: func(file uint64) bool { return file == 2 }},
			[]*ledger.Batch{sealedBatch(hour, written(1, 0, 0), written(2, 0, 0))}, []time.Duration{hour, week}},
		{"erasing-is-off", func(r *ledger.Retention) { r.Erase = "off" }, Hints{}, []*ledger.Batch{sealedBatch(hour, written(1, 0, 0))}, []time.Duration{hour, week}},
		{"off-for-one-file", nil, Hints{Mode: func(file uint64) string { return map[uint64]string{1: "off"}[file] }},
			[]*ledger.Batch{sealedBatch(hour, written(1, 0, 0), written(2, 0, 0))}, []time.Duration{hour, week}},
		{"age-unknown", nil, Hints{}, []*ledger.Batch{sealedBatch(-1, ledger.BatchRange{Class: "logs", Range: ledger.Range{File: 1, To: 100}})}, []time.Duration{0}},
		{"a-crash-left-intents", nil, Hints{}, []*ledger.Batch{sealedBatch(hour, gone, open), sealedBatch(-1, lost)}, []time.Duration{2 * hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			policy := retention
			if tt.change != nil {
				tt.change(&policy)
			}
			s := &ledger.State{Policies: map[string]ledger.Retention{"logs": policy}, Batches: map[ledger.BatchID]*ledger.Batch{}}
			for i, b := range tt.batches {
				s.Batches[ledger.BatchID{Class: "logs", Number: uint64(i + 1)}] = b
			}
			var got strings.Builder
			for _, at := range tt.at {
				now := planEpoch.Add(at)
				fmt.Fprintf(&got, "after %s\n%s", at, render(Plan(s, now, tt.hints), now))
				if again := render(Plan(s, now, tt.hints), now); !strings.HasSuffix(got.String(), again) {
					t.Errorf("a second plan of the same is another:\n%s", again)
				}
			}
			golden.Is(t, filepath.Join("plan", tt.name+".golden"), got.String())
		})
	}
}
