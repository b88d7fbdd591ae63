package retain

import (
	"testing"
	"time"

	"swab/ledger"
)

// A class that keeps its raw bytes to the limit has hundreds of thousands of
// ranges, and the eraser asks every second.
func TestWhatIsDueCostsNoMemoryForWhatIsKept(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &ledger.State{
		Policies: map[string]ledger.Retention{"web": {RawLimit: 7 * 86400, AtLimit: true, Erase: "live"}},
		Batches:  map[ledger.BatchID]*ledger.Batch{},
	}
	for n := range uint64(100) {
		s.Batches[ledger.BatchID{Class: "web", Number: n}] = &ledger.Batch{Shipped: true, ShippedAt: now, Ranges: []ledger.BatchRange{
			{Class: "web", Range: ledger.Range{File: 1, From: int64(n), To: int64(n) + 1, Oldest: now.Unix() - 1000}},
		}}
	}
	if list := Plan(s, now, Hints{}); len(list) != 100 {
		t.Errorf("%d verdicts, want 100", len(list))
	}
	if n := testing.AllocsPerRun(10, func() { Now(s, now, Hints{}) }); n > 0 {
		t.Errorf("%v allocations for 100 ranges that are kept", n)
	}
	if list := Now(s, now.AddDate(0, 0, 7), Hints{}); len(list) != 100 {
		t.Errorf("%d verdicts at the limit, want 100", len(list))
	}
}
