package ledger

import (
	"bytes"
	"testing"
)

// What is taken for a line is a line: written again, it is an event of the
// same kind with a body that chains to the same sum.
func FuzzParseLine(f *testing.F) {
	for _, e := range append(life(), Event{Snapshot: &Snapshot{State: newState()}}) {
		e.N, e.Group, e.At = 7, 3, begin
		e.Kind, _ = e.content()
		line, _, err := appendLine(nil, chainSum{}, &e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
		f.Add(line[:len(line)/2])
	}
	f.Add([]byte(`{"n":1,"sum":"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		body, sum, e, err := parseLine(line)
		if err != nil {
			return
		}
		if len(body)+sumBytes != len(line) || !bytes.HasPrefix(line, body) {
			t.Fatalf("body of %d bytes of a line of %d", len(body), len(line))
		}
		again, _, err := appendLine(nil, chainSum{}, e)
		if err != nil {
			t.Fatalf("not an event that can be written: %v", err)
		}
		if _, _, e2, err := parseLine(again); err != nil || e2.Kind != e.Kind || e2.N != e.N {
			t.Fatalf("written again: %v", err)
		}
		var at link
		_ = at.next(body, sum, e)
		_ = holdsLater(line, 0)
		state := newState()
		_ = state.apply(e, "")
	})
}

func FuzzBatchID(f *testing.F) {
	for _, s := range []string{"api/1", "expire/18446744073709551615", "a/b/2", "api/01", "api/+1", "api/1x", "/1", "api/", "api", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id := BatchID{"before", 9}
		if err := id.UnmarshalText([]byte(text)); err != nil {
			if id != (BatchID{"before", 9}) {
				t.Fatalf("%q was refused and changed the id to %v", text, id)
			}
			return
		}
		if id.String() != text {
			t.Fatalf("%q was read as %v", text, id)
		}
	})
}
