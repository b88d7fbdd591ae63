package ledger

import (
	"strings"
	"testing"
	"time"
)

// For tests of what state and rules come to together: retain imports this
// package.
var (
	NewState = newState
	Started  = startEvent
	Heap     = heap
	Begin    = begin
)

// Apply folds one event of a time.
func (s *State) Apply(t testing.TB, at time.Time, e Event) {
	t.Helper()
	e.N, e.At = 1, at
	e.Kind, _ = e.content()
	if err := s.apply(&e, strings.Clone(strings.Repeat("a", 64))); err != nil {
		t.Fatal(err)
	}
}
