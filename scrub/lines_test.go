package scrub

import (
	"strconv"
	"strings"
	"testing"
)

// lines are whole lines as they stand in logs, with what truncating makes of
// them; both are written as Go strings, since they hold any byte.
func lines(t *testing.T) (rows []struct{ form, line, truncated string }) {
	t.Helper()
	for _, c := range table(t, "lines.tsv", 3) {
		line, err := strconv.Unquote(c[1])
		if err != nil {
			t.Fatalf("%s: %s: %v", c[0], c[1], err)
		}
		truncated, err := strconv.Unquote(c[2])
		if err != nil {
			t.Fatalf("%s: %s: %v", c[0], c[2], err)
		}
		rows = append(rows, struct{ form, line, truncated string }{c[0], line, truncated})
	}
	return rows
}

func TestWholeLinesLoseTheirAddressesAndNothingElse(t *testing.T) {
	s := mustNew(t, Policy{})
	var all, want strings.Builder
	for _, r := range lines(t) {
		if got := s.String(r.line); got != r.truncated {
			t.Errorf("%s: %q\n  got %q\n want %q", r.form, r.line, got, r.truncated)
		}
		if got := s.String(r.truncated); got != r.truncated {
			t.Errorf("%s, scrubbed twice: %q became %q", r.form, r.truncated, got)
		}
		for seed := range uint64(20) {
			checkSplit(t, s, []byte(r.line), seed)
		}
		all.WriteString(r.line + "\n")
		want.WriteString(r.truncated + "\n")
	}
	// Amid the others a line is decided the quick way; alone, near its end, not.
	for seed := range uint64(20) {
		if got := writeSplit(t, s, []byte(all.String()), seed); string(got) != want.String() {
			t.Errorf("all lines together, split by seed %d, differ from each alone", seed)
		}
	}
}

func TestWholeLinesThatStayAreLeftByMaskToo(t *testing.T) {
	s := mustNew(t, Policy{Mode: Mask})
	for _, r := range lines(t) {
		got := s.String(r.line)
		if r.line == r.truncated && got != r.line {
			t.Errorf("%s: %q became %q", r.form, r.line, got)
		}
		if r.line != r.truncated && !strings.Contains(got, DefaultMaskText) {
			t.Errorf("%s: %q became %q: nothing is masked", r.form, r.line, got)
		}
	}
}
