package main

import (
	"slices"
	"testing"
)

func TestJudgeFindsWhatIsLeft(t *testing.T) {
	four := row{source: "x", input: "a 203.0.113.7:443 b", class: must}.withAddresses([]string{"203.0.113.7"})
	six := row{source: "x", input: "[2001:0db8::1%eth0]:443", class: must}.withAddresses([]string{"2001:0db8::1"})
	two := row{source: own, input: "203.0.113.7 203.0.113.8", class: must}.withAddresses(nil)
	for _, c := range []struct {
		row    row
		output string
		want   verdict
	}{
		{four, "a 203.0.113.0:443 b", verdict{true, true}},
		{four, "a [ip]:443 b", verdict{true, true}},
		{four, "a :443 b", verdict{true, true}},
		{four, "a 203.0.113.0:443", verdict{true, false}},
		{four, "a 203.0.113.0:0 b", verdict{true, false}},
		{four, "a  203.0.113.0:443 b", verdict{true, true}}, // what stands in the place of an address may begin with anything
		{four, "x a 203.0.113.0:443 b", verdict{true, false}},
		{four, "a 203.0.113.7:443 b", verdict{}},
		{four, "a 203.000.113.007:443 b", verdict{}},
		{four, "a ::ffff:203.0.113.0:443 b", verdict{true, true}},
		{four, lost, verdict{}},
		{six, "[2001:db8::%eth0]:443", verdict{true, true}},
		{six, "[2001:db8::1%eth0]:443", verdict{}},
		{six, "[2001:db8:0:0:0:0:0:1%eth0]:443", verdict{}},
		{two, "203.0.113.0 203.0.113.0", verdict{true, true}},
		{two, "203.0.113.0 203.0.113.8", verdict{}},
		{row{input: "std::vector", class: stay}, "std::vector", verdict{true, true}},
		{row{input: "std::vector", class: stay}, "std:::vector", verdict{}},
		{row{input: "std::vector", class: stay}, lost, verdict{}},
	} {
		if got := judge(c.row, c.output); got != c.want {
			t.Errorf("%q became %q: %+v, want %+v", c.row.input, c.output, got, c.want)
		}
	}
}

func TestRowsWithoutHostBitsAreNotCounted(t *testing.T) {
	for input, want := range map[string]string{
		"203.0.113.0": idle, "2001:db8::": idle, "::ffff:203.0.113.0": idle, "64:ff9b::203.0.113.0": idle,
		"203.0.113.1": must, "2001:db8::1": must, "::1": must, "::ffff:203.0.113.1": must, "fe80::1%eth0": must,
	} {
		if got := (row{input: input, class: must}).withAddresses([]string{input}); got.class != want {
			t.Errorf("%s: %s, want %s", input, got.class, want)
		}
	}
}

func TestMmanonsLinesFindTheirRows(t *testing.T) {
	got, err := byOffset([]string{"a", "", "ccc"}, "3 C\n0 A\n7 "+lastLine+"\n")
	if want := []string{"A", lost, "C"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := byOffset([]string{"a"}, "1 A\n"); err == nil {
		t.Error("a line where none began was taken")
	}
}
