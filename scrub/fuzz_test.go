package scrub

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"swab/scrub/oracle"
)

// seeds are texts in which every form stands at least once.
var seeds = []string{
	`203.0.113.7 - - [17/May/2015:10:05:03 +0000] "GET /a?ip=203%2E0%2E113%2E7 HTTP/1.1" 200 5 "-" "Mozilla/5.0 Chrome/120.0.0.0"` + "\n",
	"[2001:db8:1:2::1]:443 ::ffff:203.0.113.7 ::ffff:cb00:7107 64:ff9b::203.0.113.7 fe80::1%eth0 2002:cb00:7107::1",
	`{"ip":"2001\u003adb8\u003a\u003a1","b":"203\u002e0\u002e113\u002e7"} 2001%253Adb8%253A%253A1 203\.0\.113\.7 2001&#58;db8&#x3a;&#58;1`,
	"ip-10-1-2-3.ec2.internal 203_0_113_7 2001-db8--1.ipv6-literal.net 7.113.0.203.in-addr.arpa",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa {203,0,113,7} {8193,3512,0,0,0,0,0,1}",
	"203.0.113.7.443 > 2001:db8::1.443: 1.3.6.1.4.1.311 v1.2.3.4 pkg-1.2.3.4-1.el8.x86_64.rpm \x1b[31m2001:db8::1\x1b[0m",
	"2001::db8::1 1.2.3.4.5::1 12345:db8::1 0:0:0:0:0:0:0:0:2181 10:05:03:2001:db8:0:0:0:0:0:1 std::vector\r\n\x00\xff",
	"08:51:22:4F:74:30:FE:27:FE:87:2D:A4:4C:A9:E3:A9 00:1a:2b:3c:4d:5e %20203.0.113.7 %c3%a9203.0.113.7 \\nfe80::1",
}

// alphabet is what addresses are made of, so that random texts hold many.
var alphabet = []string{
	"0", "1", "2", "9", "25", "203", "255", "256", "007", "a", "f", "db8", "2001", "fe80", "ffff", "g", "v", "x", ".", ".", ".", ":", ":",
	"::", "-", "-", "--", "_", "%3A", "%2E", "%253a", "%20", "%", "\\u003a", "\\u002e", "\\.", "\\", "&#58;", "&#x2e;", "&", "{", "}", ",",
	" ", "/", "\"", "[", "]", "\n", "é", "203.0.113.7", "2001:db8::1", "::ffff:", "in-addr.arpa", "ip6.arpa", ".rpm", " >", ": ", "Chrome/",
	"version=", "ip-", ".ipv6-literal.net", "m", "1.", "0.",
}

func randomText(r *rand.Rand, n int) []byte {
	var b []byte
	for range r.IntN(n) + 1 {
		b = append(b, alphabet[r.IntN(len(alphabet))]...)
	}
	return b
}

func mustNew(t testing.TB, p Policy) *Scrubber {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var fuzzPolicies = []Policy{{}, {Mode: Mask}, {IPv4Prefix: 16, IPv6Prefix: 64}, {IPv4Prefix: 8, IPv6Prefix: 48}, {IPv4Prefix: 32, IPv6Prefix: 128}}

// writeSplit writes text in pieces whose lengths the seed decides.
func writeSplit(t testing.TB, s *Scrubber, text []byte, seed uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := s.NewWriter(&out)
	r := rand.New(rand.NewPCG(seed, 1))
	most := 1 + r.IntN(1+len(text))
	for rest := text; len(rest) > 0; {
		n := min(1+r.IntN(most), len(rest))
		if k, err := w.Write(rest[:n]); err != nil || k != n {
			t.Fatalf("Write: %d, %v", k, err)
		}
		rest = rest[n:]
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func checkSplit(t testing.TB, s *Scrubber, text []byte, seed uint64) {
	t.Helper()
	want := s.Append(nil, text)
	if got := writeSplit(t, s, text, seed); !bytes.Equal(got, want) {
		t.Fatalf("split by seed %d:\n text %q\n  got %q\n want %q", seed, text, got, want)
	}
}

func checkIdempotent(t testing.TB, s *Scrubber, text []byte) {
	t.Helper()
	once := s.Append(nil, text)
	if twice := s.Append(nil, once); !bytes.Equal(twice, once) {
		t.Fatalf("scrubbing twice, %v:\n  text %q\n  once %q\n twice %q", s.policy, text, once, twice)
	}
}

func TestAnySplitGivesTheSameBytes(t *testing.T) {
	for k, s := range []*Scrubber{mustNew(t, Policy{}), keyed(t, Policy{Mode: PseudonymDeterministic}), keyed(t, Policy{Mode: PseudonymPrefix})} {
		for n := range 3000 {
			r := rand.New(rand.NewPCG(uint64(n), 7+uint64(k)))
			checkSplit(t, s, randomText(r, 40+n%500), uint64(n))
		}
	}
}

// Near its end, a text is decided by the slow way alone; with more lines behind
// it, by the quick way first.
func TestQuickAndSlowWaysAgree(t *testing.T) {
	scrubbers := []*Scrubber{mustNew(t, Policy{}), keyed(t, Policy{Mode: PseudonymDeterministic}), keyed(t, Policy{Mode: PseudonymPrefix})}
	more := append([]byte{'\n'}, bytes.Repeat([]byte{' '}, 2*quickAhead)...)
	for k := range 40000 {
		s := scrubbers[max(0, k%4-1)] // one text in two for the common way
		text := randomText(rand.New(rand.NewPCG(uint64(k), 11)), 8)
		want := append(s.Append(nil, text), more...)
		if got := s.Append(nil, append(bytes.Clone(text), more...)); !bytes.Equal(got, want) {
			t.Fatalf("text %q\n slow %q\nquick %q", text, want, got)
		}
	}
}

func TestScrubbingTwiceChangesNothing(t *testing.T) {
	for k := range 20000 {
		r := rand.New(rand.NewPCG(uint64(k), 9))
		checkIdempotent(t, mustNew(t, fuzzPolicies[k%2]), randomText(r, 12))
	}
}

func FuzzSplit(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint64(i))
	}
	scrubbers := []*Scrubber{mustNew(f, fuzzPolicies[0]), mustNew(f, fuzzPolicies[1])}
	for _, mode := range pseudonymModes {
		scrubbers = append(scrubbers, keyed(f, Policy{Mode: mode}))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for _, s := range scrubbers {
			checkSplit(t, s, text, seed)
			// A context on both sides, so that tokens lie across the edges.
			checkSplit(t, s, bytes.Repeat(text, 1+1500/(len(text)+1)), seed)
		}
	})
}

// glued tells whether some address in text does not stand apart.
func glued(text []byte) bool {
	more := func(i int) bool {
		return i >= 0 && i < len(text) && (is(text[i], isLetter|isDigit) || strings.IndexByte(":._-%&\\", text[i]) >= 0 || text[i] >= 0x80)
	}
	return slices.ContainsFunc(oracle.Find(text), func(s oracle.Span) bool {
		port := s.Addr.Is4() && s.End < len(text) && text[s.End] == ':'
		return more(s.Start-1) || more(s.End) && !port
	})
}

func FuzzIdempotent(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// Where an address is glued to what could be more of one (nine groups
		// of hex, say), cutting it makes another that is cut again.
		if glued(text) {
			return
		}
		// Mask is left to TestScrubbingTwiceChangesNothing: text glued to an
		// address stands free once the address is masked.
		for _, p := range fuzzPolicies {
			if p.Mode == Mask {
				continue
			}
			checkIdempotent(t, mustNew(t, p), text)
		}
	})
}
