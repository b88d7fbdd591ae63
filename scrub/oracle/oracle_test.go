package oracle_test

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"swab/scrub"
	"swab/scrub/oracle"
)

// hostBits reports whether truncating to the default prefix lengths would
// change the address.
func hostBits(s oracle.Span) bool {
	a := s.Addr
	b := a.As16()
	nat64 := netip.MustParsePrefix("64:ff9b::/96")
	compatible := netip.MustParsePrefix("::/96")
	bits := 48
	switch {
	case a.Is4():
		bits = 24
	case a.Is4In6(), nat64.Contains(a), s.Dotted && compatible.Contains(a):
		bits = 96 + 24
	case b[0] == 0x20 && b[1] == 0x02:
		bits = 16 + 24
	}
	p := netip.PrefixFrom(a, bits)
	if a.Is6() {
		p = netip.PrefixFrom(netip.AddrFrom16(b), bits)
		a = netip.AddrFrom16(b)
		if a.Is4In6() {
			c := a.As16()
			return c[15] != 0
		}
	}
	return p.Masked().Addr() != a
}

// check holds the scanner and the oracle to each other on one text.
func check(t testing.TB, s *scrub.Scrubber, text []byte) {
	t.Helper()
	got := s.Append(nil, text)
	for _, sp := range oracle.Find(got) {
		if hostBits(sp) {
			t.Fatalf("an address is left:\n text %q\n  got %q\n left %q (%v)", text, got, got[sp.Start:sp.End], sp.Addr)
		}
	}
	if len(oracle.Find(text)) == 0 && !bytes.Equal(got, text) {
		t.Fatalf("changed without an address:\n text %q\n  got %q", text, got)
	}
}

// checkPseudonyms holds a mode with a key to what the oracle finds: no address
// of the text is left, and a text without one stays.
func checkPseudonyms(t testing.TB, mode scrub.Mode, s *scrub.Scrubber, text []byte) {
	t.Helper()
	got := s.Append(nil, text)
	found := oracle.Find(text)
	if len(found) == 0 && !bytes.Equal(got, text) {
		t.Fatalf("%v: changed without an address:\n text %q\n  got %q", mode, text, got)
	}
	was := map[netip.Addr]bool{}
	for _, sp := range found {
		was[sp.Addr] = was[sp.Addr] || !ofRegistry(text, sp)
	}
	for _, sp := range oracle.Find(got) {
		if was[sp.Addr] && sp.Addr != netip.IPv6Unspecified() {
			t.Fatalf("%v: an address is left:\n text %q\n  got %q\n left %q (%v)", mode, text, got, got[sp.Start:sp.End], sp.Addr)
		}
	}
}

var pseudonymModes = []scrub.Mode{scrub.PseudonymDeterministic, scrub.PseudonymPrefix}

// pseudonymScrubbers have a key that is the same each time, so that what fuzzing
// finds can be found again.
func pseudonymScrubbers(t testing.TB) (all []*scrub.Scrubber) {
	t.Helper()
	key := make([]byte, scrub.KeySize)
	for k := range key {
		key[k] = byte(k)
	}
	for _, mode := range pseudonymModes {
		s, err := scrub.New(scrub.Policy{Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		if s, err = s.WithKey(key); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestNoAddressOfAnyTripleSurvivesAPseudonym(t *testing.T) {
	step := 3
	if testing.Short() {
		step = 23 // a sample: the oracle is slow
	}
	all := pseudonymScrubbers(t)
	for i := range words {
		for j, second := range words {
			for k := (i + j) % step; k < len(words); k += step {
				text := words[i] + second + words[k]
				if strings.Count(colons.Replace(text), "::") < 2 {
					for m, s := range all {
						checkPseudonyms(t, pseudonymModes[m], s, []byte(text+" "))
					}
				}
			}
		}
	}
}

// A long line costs no more a byte than a short one.
func BenchmarkFind(b *testing.B) {
	for _, lines := range []int{1, 100} {
		text := []byte(strings.Repeat(strings.Repeat("GET /a?b=1 203.0.113.7 ", 2000/lines)+"\n", lines))
		b.Run(strconv.Itoa(lines)+" lines", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				oracle.Find(text)
			}
		})
	}
}

func TestAddressFarIntoALineIsFound(t *testing.T) {
	text := []byte(strings.Repeat("word ", 4000) + "203.0.113.7.443 > 2001:db8::1.80: x")
	got := oracle.Find(text)
	if len(got) != 2 || string(text[got[0].Start:got[0].End]) != "203.0.113.7" || string(text[got[1].Start:got[1].End]) != "2001:db8::1" {
		t.Errorf("found %v", got)
	}
}

func newScrubber(t testing.TB) *scrub.Scrubber {
	t.Helper()
	s, err := scrub.New(scrub.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var words = []string{
	"0", "1", "2", "9", "25", "203", "255", "256", "007", "a", "f", "db8", "2001", "fe80", "ffff", "g", "v", "x", ".", ".", ".", ":", ":",
	"::", "-", "-", "--", "_", "%3A", "%2E", "%253a", "%20", "\\u003a", "\\u002e", "\\.", "\\", "&#58;", "&#x2e;", "&", "{", "}", ",",
	" ", " ", " ", "/", "\"", "[", "]", "\n", "é", "203.0.113.7", "2001:db8::1", "::ffff:", ".in-addr.arpa", ".ip6.arpa", ".rpm", " >", ": ",
	"Chrome/", "version=", "ip-", ".ipv6-literal.net", "m", "1.", "0.", "198.51.100.9", "10-1-2-3", "c=IN IP4 ", "::1", "fd00::", "64:ff9b::",
}

// compose makes a text of the words that choices name.
func compose(choices []byte) (text []byte) {
	for _, c := range choices {
		text = append(text, words[int(c)%len(words)]...)
	}
	return text
}

func TestScannerAndOracleAgreeOnRandomText(t *testing.T) {
	s := newScrubber(t)
	for k := range 1500 {
		r := rand.New(rand.NewPCG(uint64(k), 3))
		choices := make([]byte, 1+r.IntN(9))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		check(t, s, compose(choices))
	}
}

// colons undoes the encodings of a colon among the words.
var colons = strings.NewReplacer("%3A", ":", "%253a", ":", "\\u003a", ":", "&#58;", ":")

// Every three words glued together, but for those of two "::".
func TestScannerAndOracleAgreeOnAllTriples(t *testing.T) {
	s := newScrubber(t)
	step := 1
	if testing.Short() {
		step = 11 // a sample; the whole takes half a minute under the race detector
	}
	for i := 0; i < len(words); i += step {
		for _, second := range words {
			for _, third := range words {
				text := words[i] + second + third
				if strings.Count(colons.Replace(text), "::") < 2 {
					check(t, s, []byte(text+" "))
				}
			}
		}
	}
}

// FuzzScannerAndOracleAgree chooses words rather than bytes: of raw bytes, too
// few are near to an address. At most three words are glued, with at most one
// "::" in them: of a longer tangle (64:ff9b::64:ff9b::0::ffff, 10-1-2-3-0::ffff)
// neither finder can say which part is an address.
func FuzzScannerAndOracleAgree(f *testing.F) {
	for k := range len(words) {
		f.Add([]byte{byte(k), byte(k + 7), byte(k + 31), byte(k + 50)})
	}
	s := newScrubber(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		var text []byte
		for group := range slices.Chunk(choices[:min(len(choices), 18)], 3) {
			word := compose(group)
			if strings.Count(colons.Replace(string(word)), "::") > 1 {
				return
			}
			text = append(append(text, word...), ' ')
		}
		check(t, s, text)
	})
}

// FuzzNoAddressSurvivesAPseudonym chooses words likewise. It looks for addresses
// in the text as it came only: beside a pseudonym a neighbour can read as what it
// is not beside the address (10-1-2-3-198.51.100.9, 198.51.100.9version=1.2.3.4).
// Each must lie in what the scrubber says that it changed, into something else,
// and nothing but that may be changed.
func FuzzNoAddressSurvivesAPseudonym(f *testing.F) {
	for k := range len(words) {
		f.Add([]byte{byte(k), byte(k + 7), byte(k + 31), byte(k + 50)})
	}
	all := pseudonymScrubbers(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		var text []byte
		for group := range slices.Chunk(choices[:min(len(choices), 18)], 3) {
			word := compose(group)
			if strings.Count(colons.Replace(string(word)), "::") > 1 {
				return
			}
			text = append(append(text, word...), ' ')
		}
		for m, s := range all {
			checkPlaces(t, pseudonymModes[m], s, text)
		}
	})
}

// checkPlaces holds what a mode with a key says that it changed to what it writes
// and to where the oracle finds addresses.
func checkPlaces(t testing.TB, mode scrub.Mode, s *scrub.Scrubber, text []byte) {
	t.Helper()
	var want []byte
	changed := make([]bool, len(text)+1)
	end := 0
	s.Find(text, func(found scrub.Finding) {
		if found.Fate != scrub.Changed {
			return
		}
		from, to := int(found.From), int(found.To)
		if bytes.Equal(found.Became, text[from:to]) {
			t.Fatalf("%v: %q became itself", mode, found.Became)
		}
		for k := from; k < to; k++ {
			changed[k] = true
		}
		want = append(append(want, text[end:from]...), found.Became...)
		end = to
	})
	want = append(want, text[end:]...)
	if got := s.Append(nil, text); !bytes.Equal(got, want) {
		t.Fatalf("%v: changed beside what was found:\n text %q\n  got %q\n want %q", mode, text, got, want)
	}
	for _, sp := range oracle.Find(text) {
		if sp.Addr == netip.IPv6Unspecified() || ofRegistry(text, sp) {
			continue
		}
		if k := slices.Index(changed[sp.Start:sp.End], false); k >= 0 {
			t.Fatalf("%v: an address is left:\n text %q\n  got %q\n left %q (%v), its byte %d", mode, text, want, text[sp.Start:sp.End], sp.Addr, k)
		}
	}
}

// ofRegistry says that an address in text is a reverse name of less than four
// nibbles, a registry's network.
func ofRegistry(text []byte, sp oracle.Span) bool {
	return sp.End-sp.Start < len("8.b.d.0") && bytes.HasPrefix(bytes.ToLower(text[sp.End:]), []byte(".ip6."))
}

func TestScannerAndOracleAgreeOnLogs(t *testing.T) {
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpora at %s (SWAB_CORPORA names another place)", dir)
	}
	s, keyed := newScrubber(t), pseudonymScrubbers(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The oracle is slow: of a long file, its beginning and some of the rest.
		for k, line := range bytes.Split(text, []byte("\n")) {
			if k < 20 || k%500 == 0 {
				check(t, s, line[:min(len(line), 1000)])
				checkPseudonyms(t, pseudonymModes[k%2], keyed[k%2], line[:min(len(line), 1000)])
			}
		}
	}
}
