package scrub

import (
	"bytes"
	"io"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var ipNames = []string{"ip", "Client-IP", "x_ip"}

func TestEveryNotationIsChangedInFieldsNamedForIt(t *testing.T) {
	s := mustNew(t, Policy{IPFields: ipNames})
	for _, row := range table(t, "ipfields.tsv", 3) {
		for k, p := range redactPlaces {
			if strings.Contains(row[1], ": ") && p.before != "" && !strings.HasSuffix(p.before, "\n") {
				continue // a header begins its line
			}
			in, want := p.before+row[1]+p.after, p.before+row[2]+p.after
			if p.before == "\x1b[31m " || strings.HasPrefix(p.after, "\nnext") {
				in, want = p.before+row[1], p.before+row[2]
			}
			if got := s.String(in); got != want {
				t.Errorf("%s: %q\n  got %q\n want %q", row[0], in, got, want)
			}
			if got := s.String(want); got != want {
				t.Errorf("%s, twice: %q became %q", row[0], want, got)
			}
			for seed := range uint64(3) {
				checkSplit(t, s, []byte(in), seed+uint64(k))
			}
		}
	}
}

func TestIPFieldsFollowThePolicy(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		policy   Policy
		in, want string
	}{
		{Policy{Mode: Mask}, `{"ip":3405803783,"x_ip":"cb007107"}`, `{"ip":"[ip]","x_ip":"[ip]"}`},
		{Policy{Mode: Mask}, `{"ip":[3405803783,"cb007107"]}`, `{"ip":["[ip]","[ip]"]}`},
		{Policy{Mode: Mask, MaskText: "0.0.0.0"}, `ip=3405803783`, `ip=0.0.0.0`},
		{Policy{Mode: Mask}, `"{\"ip\":3405803783}"`, `"{\"ip\":\"[ip]\"}"`},
		{Policy{Mode: Keep}, `{"ip":3405803783}`, `{"ip":3405803783}`},
		{Policy{Mode: Keep, Redact: []string{"a"}}, `a=1 ip=3405803783`, `a=[redacted] ip=3405803783`},
		{Policy{Redact: []string{"ip"}}, `ip=3405803783 x_ip=3405803783`, `ip=[redacted] x_ip=3405803776`},
		{Policy{IPv4Prefix: 16, IPv6Prefix: 32}, `ip=3405803783 x_ip=20010db8000100020003000400050006`, `ip=3405774848 x_ip=20010db8000000000000000000000000`},
		{Policy{KeepNets: nets}, `ip=3405803783 x_ip=3405803520`, `ip=3405803783 x_ip=3405803520`},
		{Policy{KeepNets: nets}, `ip=3405803523`, `ip=3405803520`},
		{Policy{KeepNets: nets, Mode: Mask}, `ip=20010db8000100020003000400050006 x_ip=0001a147ea12d545`, `ip=20010db8000100020003000400050006 x_ip=0001a147ea12d545`},
		{Policy{KeepNets: nets, Mode: Mask}, `ip=0002a1470113a9faa5d3f179bc25f4b5bed2b9d9`, `ip=[ip]`},
	} {
		c.policy.IPFields = ipNames
		if got := mustNew(t, c.policy).String(c.in); got != c.want {
			t.Errorf("%v: %s\n  got %s\n want %s", c.policy, c.in, got, c.want)
		}
	}
}

func TestIPFieldsAreCountedAsAddresses(t *testing.T) {
	w, _ := newWriter(t, Policy{IPFields: ipNames})
	io.WriteString(w, "ip=3405803783 x_ip=20010db8000100020003000400050006 203.0.113.7\nip=ywBxBw")
	w.Flush()
	if got, want := w.Counts(), (Counts{IPv4: 3, IPv6: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestCutLeavesNoHalfOfAnIPField(t *testing.T) {
	for _, text := range []string{"ip=3405803783", "ip=ywBxBw==", `{"ip":["cb007107","ywBxBw`, "ip=-889163513", `{"ip":3405803783`} {
		for i := strings.IndexAny(text, "=:") + 1; i <= len(text); i++ {
			w, out := newWriter(t, Policy{IPFields: ipNames})
			io.WriteString(w, text[:i])
			w.Cut()
			io.WriteString(w, "\n")
			w.Resume()
			io.WriteString(w, text[i:]+"\n")
			got := out.String()
			for _, part := range []string{"34", "05", "yw", "xB", "cb", "71", "88", "63"} {
				if strings.Contains(strings.ReplaceAll(got, "cb007100", ""), part) {
					t.Errorf("%q cut at %d left %q", text, i, got)
				}
			}
		}
	}
}

func TestNamesOfIPFieldsAreChecked(t *testing.T) {
	for _, name := range []string{"ip", "client-ip", "peer.addr", "secret", "日本"} {
		if err := CheckIPField(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-", "a b", "a=b", strings.Repeat("a", 65)} {
		if CheckIPField(name) == nil || (Policy{IPFields: []string{name}}).Validate() == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if got, want := (Policy{IPFields: []string{"ip", "addr", "ip"}}).String(), "truncate/24/48 ip-fields=addr,ip"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDecimalsOf128BitsAgreeWithBig holds reading and writing to math/big.
func TestDecimalsOf128BitsAgreeWithBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := addr6{rapid.Uint64().Draw(t, "high"), rapid.Uint64().Draw(t, "low")}
		b := a.bytes()
		want := new(big.Int).SetBytes(b[:]).String()
		if got := string(appendDecimal(nil, a, 0)); got != want {
			t.Fatalf("%v became %s, want %s", a, got, want)
		}
		v, ok := parseDecimal([]byte(want))
		if !ok || v.six.addr != a {
			t.Fatalf("%s became %v, %v", want, v.six.addr, ok)
		}
	})
	if _, ok := parseDecimal([]byte("340282366920938463463374607431768211456")); ok {
		t.Error("2^128 is taken")
	}
}

// TestNotationsReadWhatTheyWrite is over all that parseIP takes.
func TestNotationsReadWhatTheyWrite(t *testing.T) {
	for _, row := range table(t, "ipfields.tsv", 3) {
		text, ok := strings.CutPrefix(row[1], "client_ip=")
		if !ok {
			continue
		}
		v, ok := parseIP([]byte(text))
		if !ok || v.opaque {
			continue
		}
		if got := string(v.append(nil)); got != text {
			t.Errorf("%s: %s was written as %s", row[0], text, got)
		}
	}
}

func FuzzIPFieldSplit(f *testing.F) {
	for i, row := range table(f, "ipfields.tsv", 3) {
		f.Add([]byte(row[1]), uint64(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for _, p := range []Policy{{IPFields: ipNames}, {IPFields: ipNames, Mode: Mask, Redact: []string{"secrets"}}} {
			s := mustNew(t, p)
			checkSplit(t, s, text, seed)
			checkSplit(t, s, bytes.Repeat(text, 1+12000/(len(text)+1)), seed)
			if got := s.Append(nil, text); bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
				t.Fatalf("%q became %q: another number of lines", text, got)
			}
		}
	})
}

var ipAlphabet = []string{
	"ip", "x_ip", "client-ip", "=", "=", ":", ": ", `":`, `"`, `\"`, "[", "]", ",", ", ", "3405803783", "cb007107", "0x", "ywBxBw", "==", "%3D", "%253D", "%2C", "%22", "'",
	"-", ".", "0", "/24", ":443", "203.0.113.7", "2001:db8::1", "0001a147ea12d545", " ", "\n", `\/`, `\u003d`, "é", "{", "}", "&", "password=",
}

func TestAnySplitChangesTheSameIPFields(t *testing.T) {
	for k := range 3000 {
		r := rand.New(rand.NewPCG(uint64(k), 31))
		p := Policy{IPFields: ipNames, Mode: Mode(k % 2)}
		if k%3 == 0 {
			p.Redact = []string{"secrets"}
		}
		var text []byte
		for range 10 + r.IntN(100) {
			text = append(text, ipAlphabet[r.IntN(len(ipAlphabet))]...)
		}
		if k%8 == 0 {
			text = bytes.ReplaceAll(bytes.Repeat(text, 1+9000/len(text)), []byte("\n"), []byte(" "))
		}
		checkSplit(t, mustNew(t, p), text, uint64(k))
	}
}

func TestIPFieldsAllocateNothingInSteadyState(t *testing.T) {
	var text []byte
	for _, row := range table(t, "ipfields.tsv", 3) {
		text = append(append(text, row[1]...), '\n')
	}
	s := mustNew(t, Policy{IPFields: ipNames})
	w := s.NewWriter(io.Discard)
	if n := testing.AllocsPerRun(100, func() { w.Write(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
