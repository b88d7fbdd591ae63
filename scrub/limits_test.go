package scrub

import "testing"

// TestKnownLimitsAreThoseOfThePage holds docs/scrubbing.md to what it says is
// not found, or is cut in a way that one would not wish for.
func TestKnownLimitsAreThoseOfThePage(t *testing.T) {
	s := mustNew(t, Policy{})
	for _, c := range []struct{ in, want string }{
		// A name that turns the address round keeps the host's number.
		{"7-113-0-203.rev.isp.net", "7-113-0-0.rev.isp.net"},
		// Four numbers that are none.
		{"2.5.29.17", "2.5.29.0"},
		{"build 10.0.0.1", "build 10.0.0.0"},
		// Five and six numbers.
		{"192.168.1.1.443", "192.168.1.0.443"},
		{"1.2.3.4.443 >", "1.2.3.0.443 >"},
		{"1.2.3.4.5", "1.2.3.4.5"},
		{"192.168.1.1.443.6", "192.168.1.1.443.6"},
		// A name whose first group could be a word.
		{"fdab--1.ipv6-literal.net", "fdab--1.ipv6-literal.net"},
		// A port without brackets.
		{"2001:db8::1:443", "2001:db8::"},
		// Notations that only a field's name gives away, and those that nothing does.
		{"3405803783", "3405803783"},
		{"0xCB007107", "0xCB007107"},
		{"ywBxBw==", "ywBxBw=="},
		{"0313.0.0161.07", "0313.0.0161.07"},
		{"127.1", "127.1"},
		{"203[.]0[.]113[.]7", "203[.]0[.]113[.]7"},
		{"203 . 0 . 113 . 7", "203 . 0 . 113 . 7"},
		{"２０３.0.113.7", "２０３.0.113.7"},
		// Versions that say so.
		{"version 10.0.0.1", "version 10.0.0.1"},
	} {
		if got := s.String(c.in); got != c.want {
			t.Errorf("%q became %q, want %q: mend docs/scrubbing.md with it", c.in, got, c.want)
		}
	}
	if got, want := mustNew(t, Policy{Mode: Mask}).String("7-113-0-203.rev.isp.net"), "[ip].rev.isp.net"; got != want {
		t.Errorf("masked to %q, want %q", got, want)
	}
}
