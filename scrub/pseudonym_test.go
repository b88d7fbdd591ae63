package scrub

import (
	"bytes"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"swab/scrub/ipcrypt"
)

var pseudonymModes = []Mode{PseudonymDeterministic, PseudonymPrefix}

// In testdata/pseudonyms.tsv every form stands with what the two modes write in
// its place, under testKey.
func TestEveryFormBecomesAPseudonymWhereverItStands(t *testing.T) {
	rows := table(t, "pseudonyms.tsv", 4)
	for k, mode := range pseudonymModes {
		s := keyed(t, Policy{Mode: mode})
		for _, row := range rows {
			for _, p := range places {
				if strings.Contains(p.before+p.after, "198.51") || row[0] == "neighbours" && p.before+p.after != "" {
					continue
				}
				in, want := p.before+row[1]+p.after, p.before+row[2+k]+p.after
				if got := s.String(in); got != want {
					t.Errorf("%s, %v: %q\n  got %q\n want %q", row[0], mode, in, got, want)
				}
				for seed := range uint64(3) {
					checkSplit(t, s, []byte(in), seed)
				}
			}
		}
	}
}

func TestEveryFormHasItsPseudonyms(t *testing.T) {
	have := map[string]bool{}
	for _, row := range table(t, "pseudonyms.tsv", 4) {
		have[row[1]] = true
	}
	for _, row := range table(t, "forms.tsv", 3) {
		if !have[row[1]] {
			t.Errorf("%s: %q is not in pseudonyms.tsv", row[0], row[1])
		}
	}
}

// The vectors of draft-denis-ipcrypt-12, as they stand in a line.
func TestPrefixModeIsThatOfTheDraft(t *testing.T) {
	key, err := hex.DecodeString("2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a")
	if err != nil {
		t.Fatal(err)
	}
	s, err := mustNew(t, Policy{Mode: PseudonymPrefix}).WithKey(key)
	if err != nil {
		t.Fatal(err)
	}
	const in = "10.0.0.47 172.16.5.193:80 [2001:db8::a5c9:4e2f:bb91:5a7d]:443 ::ffff:10.0.0.129"
	const want = "19.214.210.244 210.78.229.136:80 [7cec:702c:1243:f70:1956:125:b9bd:1aba]:443 ::ffff:19.214.210.80"
	if got := s.String(in); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestTheTwoModesShareNoAESKey(t *testing.T) {
	key := testKey()
	a := netip.MustParseAddr("203.0.113.7")
	got, err := Pseudonym(PseudonymDeterministic, key, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range [][]byte{key[:16], key[16:]} {
		d, err := ipcrypt.NewDeterministic(half)
		if err != nil {
			t.Fatal(err)
		}
		x := addr6Of(a)
		x.hi, x.lo = d.Encrypt(&ipcrypt.Buffer{}, x.hi, x.lo)
		if x == addr6Of(got) {
			t.Error("the deterministic mode uses half of the key as it is")
		}
	}
}

func drawAddr(t *rapid.T) netip.Addr {
	b := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
	four := [4]byte(b[12:])
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return netip.AddrFrom4(four)
	case 1:
		return netip.AddrFrom16(netip.AddrFrom4(four).As16()) // mapped
	case 2:
		return netip.AddrFrom16([16]byte{0: 0, 1: 0x64, 2: 0xff, 3: 0x9b, 12: b[12], 13: b[13], 14: b[14], 15: b[15]})
	case 3:
		b[0], b[1] = 0x20, 0x02
	}
	if a := netip.AddrFrom16(b); a.Is6() && !a.Is4In6() {
		return a.WithZone(rapid.SampledFrom([]string{"", "eth0"}).Draw(t, "zone"))
	}
	return netip.AddrFrom4(four)
}

func TestRevealGivesTheAddressOfAPseudonym(t *testing.T) {
	nat64 := netip.MustParsePrefix("64:ff9b::/96")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key")
		key[0] = ^key[16]
		a := drawAddr(t)
		for _, mode := range pseudonymModes {
			p, err := Pseudonym(mode, key, a)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Reveal(mode, key, p)
			if err != nil {
				t.Fatal(err)
			}
			want := a
			if mode == PseudonymDeterministic {
				if want = want.Unmap(); nat64.Contains(want) {
					b := a.As16()
					want = netip.AddrFrom4([4]byte(b[12:]))
				}
				if p.Is4() {
					t.Fatalf("%v became IPv4", a)
				}
			} else if p.BitLen() != a.BitLen() || p.Is4In6() != a.Is4In6() || p.Zone() != a.Zone() || nat64.Contains(p) != nat64.Contains(a) {
				t.Fatalf("%v became %v, of another kind", a, p)
			}
			if got != want {
				t.Fatalf("%v: %v became %v, and that %v", mode, a, p, got)
			}
		}
	})
}

func TestTextAndPseudonymAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAddr(t)
		for _, mode := range pseudonymModes {
			want, err := Pseudonym(mode, testKey(), a)
			if err != nil {
				t.Fatal(err)
			}
			s, err := mustNewRapid(t, mode).WithKey(testKey())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // computed, then remembered
				if got, err := netip.ParseAddr(s.String(a.String())); err != nil || got != want {
					t.Fatalf("%v: %v became %v, %v, want %v", mode, a, got, err, want)
				}
			}
		}
	})
}

func mustNewRapid(t *rapid.T, mode Mode) *Scrubber {
	s, err := New(Policy{Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Of IPv4, what was written once stays in a second pass under the same key.
func TestDeterministicPseudonymsOfIPv4AreKnownAgain(t *testing.T) {
	s := keyed(t, Policy{Mode: PseudonymDeterministic})
	for _, row := range table(t, "pseudonyms.tsv", 4) {
		plain := strings.Contains(row[1], "203") || strings.Contains(row[1], "10.") || strings.Contains(row[1], "10-")
		if !plain || strings.Contains(row[1], "2001") || strings.Contains(row[1], "2002:") || strings.Contains(row[1], "::1") {
			continue
		}
		for _, p := range places {
			once := s.String(p.before + row[1] + p.after)
			if twice := s.String(once); twice != once {
				t.Errorf("%s: %q\n once %q\ntwice %q", row[0], row[1], once, twice)
			}
		}
	}
}

func TestKeepNetsComeBeforePseudonyms(t *testing.T) {
	const in = "10.1.2.3 :: ::ffff:10.1.2.3 64:ff9b::10.1.2.3 2002:a01:203::1 fd00::1 {10,1,2,3}"
	for _, mode := range pseudonymModes {
		s := keyed(t, Policy{Mode: mode, KeepNets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
		if got := s.String(in); got != in {
			t.Errorf("%v: %q", mode, got)
		}
		if got := s.String("11.1.2.3"); got == "11.1.2.3" {
			t.Errorf("%v: %q stayed", mode, got)
		}
	}
}

// Each address of a text is replaced once, whatever the split and whatever is
// blanked beside it: nothing that was written is looked at again.
func TestNothingWrittenIsLookedAtAgain(t *testing.T) {
	for _, mode := range pseudonymModes {
		for _, redact := range [][]string{nil, {"secrets", "cookies"}} {
			s := keyed(t, Policy{Mode: mode, Redact: redact})
			var text, want []byte
			r := rand.New(rand.NewPCG(3, 4))
			for k := range 400 {
				a := netip.AddrFrom4([4]byte{byte(1 + r.IntN(223)), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
				if k%3 == 0 {
					a = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(r.Uint32()), 9: byte(r.Uint32())})
				}
				p, err := Pseudonym(mode, testKey(), a)
				if err != nil {
					t.Fatal(err)
				}
				secret := "hunter2"
				if redact != nil {
					secret = Redacted
				}
				line := func(addr netip.Addr, secret string) string {
					return `{"ip":"` + addr.String() + `","password":"` + secret + `"} ` + addr.String() + strings.Repeat(" x", r.IntN(300))
				}
				n := r.Uint64()
				r = rand.New(rand.NewPCG(n, 4))
				text = append(text, line(a, "hunter2")...)
				r = rand.New(rand.NewPCG(n, 4))
				want = append(want, line(p, secret)...)
				if k%5 == 0 {
					text, want = append(text, '\n'), append(want, '\n')
				}
			}
			if got := s.Append(nil, text); !bytes.Equal(got, want) {
				t.Errorf("%v, redact %v: the text is not what its addresses make", mode, redact)
			}
			for seed := range uint64(20) {
				if got := writeSplit(t, s, text, seed); !bytes.Equal(got, want) {
					t.Errorf("%v, redact %v: split by seed %d gives other bytes", mode, redact, seed)
				}
			}
		}
	}
}

func TestEdgesOfACutTextAreMaskedInPseudonymModes(t *testing.T) {
	for _, mode := range pseudonymModes {
		var out bytes.Buffer
		w := keyed(t, Policy{Mode: mode}).NewWriter(&out)
		w.Resume()
		io.WriteString(w, "113.7 up 203.0.11")
		w.Cut()
		if got, want := out.String(), "[ip] up [ip]"; got != want {
			t.Errorf("%v: got %q, want %q", mode, got, want)
		}
	}
}

func TestNoPseudonymIsAllocated(t *testing.T) {
	text := accessLog(64 << 10)
	for _, row := range table(t, "forms.tsv", 3) {
		text = append(append(text, row[1]...), '\n')
	}
	for _, mode := range pseudonymModes {
		s := keyed(t, Policy{Mode: mode})
		dst := make([]byte, 0, 4*len(text))
		if n := testing.AllocsPerRun(10, func() { dst = s.Append(dst[:0], text) }); n != 0 {
			t.Errorf("%v: Append: %v allocations", mode, n)
		}
		w := s.NewWriter(io.Discard)
		if n := testing.AllocsPerRun(10, func() { w.Write(text[:50_001]); w.Write(text[50_001:]) }); n != 0 {
			t.Errorf("%v: Write: %v allocations", mode, n)
		}
	}
}

func TestBothPseudonymModesCountWhatTheyChange(t *testing.T) {
	for _, mode := range pseudonymModes {
		w := keyed(t, Policy{Mode: mode}).NewWriter(io.Discard)
		io.WriteString(w, "203.0.113.7 ip-10-1-2-3 [2001:db8::1] :: and no more of them in here\n")
		if got, want := w.Counts(), (Counts{IPv4: 2, IPv6: 1}); got != want {
			t.Errorf("%v: counts %+v, want %+v", mode, got, want)
		}
	}
}
