package verify

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Runs are those of a sorted set of the numbers, in whatever order they came.
func TestNumberRunsAreThoseOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOf(rapid.Uint64Range(0, 20)).Draw(t, "numbers")
		if rapid.Bool().Draw(t, "top") {
			numbers = append(numbers, ^uint64(0), ^uint64(0)-1)
		}
		var runs numberRuns
		there := map[uint64]bool{}
		for _, n := range numbers {
			if twice := runs.add(n); twice != there[n] {
				t.Fatalf("%d of %v: twice is %v", n, numbers, twice)
			}
			there[n] = true
		}
		var want numberRuns
		slices.Sort(numbers)
		for _, n := range slices.Compact(numbers) {
			if k := len(want); k > 0 && want[k-1].to+1 == n {
				want[k-1].to = n
			} else {
				want = append(want, numberRun{n, n})
			}
		}
		if !slices.Equal(runs, want) {
			t.Fatalf("%v became %v, want %v", numbers, runs, want)
		}
	})
}
