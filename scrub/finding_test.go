package scrub

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"swab/scrub/oracle"
)

// told writes a finding for a table.
func told(src string, f Finding) string {
	s := fmt.Sprintf("%s %q", f.Form, src[f.From:f.To])
	if f.Rule != "" {
		s += " by " + f.Rule
		if f.Field != "" {
			s += ":" + f.Field
		}
	}
	if f.Fate == Changed {
		return s + fmt.Sprintf(" -> %q", f.Became)
	}
	return s + " " + f.Fate.String()
}

func TestFindingsTellFormRuleAndFate(t *testing.T) {
	keep := Policy{KeepNets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:5::/48")}}
	all := Policy{Redact: []string{"secrets", "cookies", "identifiers", "my-field"}}
	for _, c := range []struct {
		policy Policy
		in     string
		want   []string
	}{
		{Policy{}, "203.0.113.7 x", []string{`ipv4 "203.0.113.7" -> "203.0.113.0"`}},
		{Policy{Mode: Mask}, "at 203.0.113.7:80, 10.0.0.1", []string{`ipv4 "203.0.113.7" -> "[ip]"`, `ipv4 "10.0.0.1" -> "[ip]"`}},
		{Policy{}, "203.0.113.7/32 and 10.1.2.3/x", []string{`ipv4 network "203.0.113.7" -> "203.0.113.0"`, `ipv4 "10.1.2.3" -> "10.1.2.0"`}},
		{Policy{}, "203.0.113.1-203.0.113.9", []string{`ipv4 range "203.0.113.1" -> "203.0.113.0"`, `ipv4 range "203.0.113.9" -> "203.0.113.0"`}},
		{Policy{}, "203.000.113.007", []string{`ipv4 zero-padded "203.000.113.007" -> "203.0.113.0"`}},
		{Policy{}, "203%2E0%2E113%2E7", []string{`ipv4 percent-encoded "203%2E0%2E113%2E7" -> "203%2E0%2E113%2E0"`}},
		{Policy{}, `203\u002e0\u002e113\u002e7`, []string{`ipv4 escaped "203\\u002e0\\u002e113\\u002e7" -> "203\\u002e0\\u002e113\\u002e0"`}},
		{Policy{}, "203&#46;0&#46;113&#46;7", []string{`ipv4 html entity "203&#46;0&#46;113&#46;7" -> "203&#46;0&#46;113&#46;0"`}},
		{Policy{}, "ip-10-1-2-3.ec2.internal", []string{`ipv4 in a host name "10-1-2-3" -> "10-1-2-0"`}},
		{Policy{}, "7.113.0.203.in-addr.arpa", []string{`ipv4 reverse name "7.113.0.203" -> "0.113.0.203"`}},
		{Policy{}, "{203,0,113,7}", []string{`ipv4 tuple "203,0,113,7" -> "203,0,113,0"`}},
		{Policy{}, "[2001:db8::1]:443", []string{`ipv6 "2001:db8::1" -> "2001:db8::"`}},
		{Policy{}, "2001:db8:1:2::/64", []string{`ipv6 network "2001:db8:1:2::" -> "2001:db8:1::"`}},
		{Policy{}, "2001%3Adb8%3A%3A1", []string{`ipv6 percent-encoded "2001%3Adb8%3A%3A1" -> "2001%3Adb8%3A%3A"`}},
		{Policy{}, `2001\u003adb8\u003a\u003a1`, []string{`ipv6 escaped "2001\\u003adb8\\u003a\\u003a1" -> "2001\\u003adb8\\u003a\\u003a"`}},
		{Policy{}, "2001&#58;db8&#58;&#58;1", []string{`ipv6 html entity "2001&#58;db8&#58;&#58;1" -> "2001&#58;db8&#58;&#58;"`}},
		{Policy{}, "2001-db8--1.ipv6-literal.net", []string{`ipv6 in a host name "2001-db8--1" -> "2001-db8--"`}},
		{Policy{}, "{8193,3512,0,0,0,0,0,1}", []string{`ipv6 tuple "8193,3512,0,0,0,0,0,1" -> "8193,3512,0,0,0,0,0,0"`}},
		{Policy{}, "::ffff:203.0.113.7", []string{`ipv6 mapped ipv4 "::ffff:203.0.113.7" -> "::ffff:203.0.113.0"`}},
		{Policy{}, "::203.0.113.7", []string{`ipv6 compatible ipv4 "::203.0.113.7" -> "::203.0.113.0"`}},
		{Policy{}, "64:ff9b::203.0.113.7", []string{`ipv6 nat64 "64:ff9b::203.0.113.7" -> "64:ff9b::203.0.113.0"`}},
		{Policy{}, "2002:cb00:7107::1", []string{`ipv6 6to4 "2002:cb00:7107::1" -> "2002:cb00:7100::"`}},
		{Policy{}, "203.0.113.0 0.0.0.0 2001:db8::", []string{
			`ipv4 "203.0.113.0" kept: nothing to take away`, `ipv4 "0.0.0.0" kept: unspecified`, `ipv6 "2001:db8::" kept: nothing to take away`,
		}},
		{Policy{}, "listen [::]:80", []string{`ipv6 "::" kept: unspecified`}},
		{keep, "10.1.2.3 2001:db8:5::1 ::ffff:10.0.0.1", []string{
			`ipv4 "10.1.2.3" by 10.0.0.0/8 kept: network`, `ipv6 "2001:db8:5::1" by 2001:db8:5::/48 kept: network`,
			`ipv6 mapped ipv4 "::ffff:10.0.0.1" by 10.0.0.0/8 kept: network`,
		}},
		{Policy{Mode: Keep}, "10.1.2.3 v1.2.3.4", []string{`ipv4 "10.1.2.3" kept: mode`, `version "1.2.3.4" kept: no address`}},
		{Policy{}, "Chrome/120.0.0.0 and v1.2.3.4, version: 1.2.3.4", []string{
			`version "120.0.0.0" kept: no address`, `version "1.2.3.4" kept: no address`, `version "1.2.3.4" kept: no address`,
		}},
		{Policy{ScrubVersions: true}, "Chrome/120.0.0.7", []string{`ipv4 "120.0.0.7" -> "120.0.0.0"`}},
		{Policy{}, "1.2.3.256 Chrome/131.0.6778.85", []string{`octet past 255 "1.2.3.256" kept: no address`, `octet past 255 "131.0.6778.85" kept: no address`}},
		{Policy{}, "1.3.6.1.4.1.311", []string{`dotted number "1.3.6.1.4.1.311" kept: no address`}},
		{Policy{}, "00:1a:2b:3c:4d:5e 00-1a-2b-3c-4d-5e", []string{
			`hardware address "00:1a:2b:3c:4d:5e" kept: no address`, `hardware address "00-1a-2b-3c-4d-5e" kept: no address`,
		}},
		{Policy{}, "08:51:22:4F:74:30:FE:27:FE:87:2D:A4:4C:A9:E3:A9 12:34:56", []string{
			`fingerprint "08:51:22:4F:74:30:FE:27:FE:87:2D:A4:4C:A9:E3:A9" kept: no address`,
		}},
		{Policy{}, "abc::def", []string{`name in a program "abc::def" kept: no address`}},
		{all, `token=abc&ip=203.0.113.7 {"user":{"password": 12, "my_field":"x"}} 203.0.113.8`, []string{
			`field "abc" by secrets:token -> "[redacted]"`, `ipv4 "203.0.113.7" -> "203.0.113.0"`,
			`field "12" by secrets:password -> "\"[redacted]\""`, `field "x" by my-field:myfield -> "[redacted]"`, `ipv4 "203.0.113.8" -> "203.0.113.0"`,
		}},
		{all, "a@example.org postgres://u:pw@203.0.113.7/db eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh 1.2.3.4", []string{
			`e-mail address "a@example.org" by identifiers -> "[redacted]"`, `password in a url "pw" by secrets -> "[redacted]"`,
			`ipv4 "203.0.113.7" -> "203.0.113.0"`,
			`jwt "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh" by secrets -> "[redacted]"`, `ipv4 "1.2.3.4" -> "1.2.3.0"`,
		}},
		{all, `203.0.113.7 - ann [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "http://a/" "curl"`, []string{
			`ipv4 "203.0.113.7" -> "203.0.113.0"`, `remote user "ann" by identifiers -> "[redacted]"`,
			`referer or agent "http://a/" by identifiers -> "[redacted]"`, `referer or agent "curl" by identifiers -> "[redacted]"`,
		}},
		{all, "Cookie: a=b; c=d\r\n1.2.3.4", []string{`field "a=b; c=d" by cookies:cookie -> "[redacted]"`, `ipv4 "1.2.3.4" -> "1.2.3.0"`}},
		{all, "a=candidate:1 1 udp 1 203.0.113.7 5 typ host ufrag abcd network-id 1\na=crypto:1 AES inline:abcd", []string{
			`ipv4 "203.0.113.7" -> "203.0.113.0"`, `ice ufrag "abcd" by secrets -> "[redacted]"`, `sdes key "abcd" by secrets -> "[redacted]"`,
		}},
		{Policy{IPFields: []string{"x-ip", "peers"}}, `{"x_ip":3405803783,"peers":["cb007107",  "cb007100"]} 1.2.3.4`, []string{
			`address in a named field "3405803783" by x-ip -> "3405803776"`, `address in a named field "cb007107" by peers -> "cb007100"`,
			`address in a named field "cb007100" by peers kept: nothing to take away`, `ipv4 "1.2.3.4" -> "1.2.3.0"`,
		}},
		{Policy{Mode: Mask, IPFields: []string{"ip"}}, `{"ip":3405803783, "n":"1.2.3.4"}`, []string{
			`address in a named field "3405803783" by ip -> "\"[ip]\""`, `ipv4 "1.2.3.4" -> "[ip]"`,
		}},
		{Policy{Mode: Keep, Redact: []string{"secrets"}}, "token=abcdefghijklmnopqrstuvw 1.2.3.4", []string{
			`field "abcdefghijklmnopqrstuvw" by secrets:token -> "[redacted]"`, `ipv4 "1.2.3.4" kept: mode`,
		}},
	} {
		for _, tail := range []string{"", strings.Repeat(" ", 2*quickAhead) + "\n"} {
			var got []string
			mustNew(t, c.policy).Find([]byte(c.in+tail), func(f Finding) { got = append(got, told(c.in, f)) })
			if !slices.Equal(got, c.want) {
				t.Errorf("%q\n got  %s\n want %s", c.in, strings.Join(got, "\n      "), strings.Join(c.want, "\n      "))
			}
		}
	}
}

// watched scrubs text in pieces whose lengths the seed decides, and gives what
// came out and what was found, sorted.
func watched(t testing.TB, s *Scrubber, text []byte, seed uint64) (out []byte, found []Finding) {
	t.Helper()
	var b bytes.Buffer
	w := s.NewWriter(&b)
	w.Watch(func(f Finding) {
		f.Became = bytes.Clone(f.Became)
		found = append(found, f)
	})
	r := rand.New(rand.NewPCG(seed, 3))
	most := 1 + r.IntN(1+len(text))
	for rest := text; len(rest) > 0; {
		n := min(1+r.IntN(most), len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.From, b.From) })
	return b.Bytes(), found
}

// replayed writes the text anew from its findings: what they say is all that
// changed.
func replayed(t testing.TB, text []byte, list []Finding) []byte {
	t.Helper()
	var out []byte
	at := int64(0)
	for _, f := range list {
		if f.From < at || f.To < f.From || f.To > int64(len(text)) {
			t.Fatalf("finding %+v after %d in %q", f, at, text)
		}
		out = append(out, text[at:f.From]...)
		if f.Fate == Changed {
			out = append(out, f.Became...)
		} else {
			out = append(out, text[f.From:f.To]...)
		}
		at = f.To
	}
	return append(out, text[at:]...)
}

var watchPolicies = []Policy{
	{},
	{Mode: Mask, Redact: []string{"secrets", "cookies", "identifiers"}},
	{Mode: Keep, Redact: []string{"secrets"}},
	{Mode: Keep},
	{KeepNets: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Redact: []string{"identifiers"}},
}

// checkWatched holds what is found to what is written, however text was split.
func checkWatched(t testing.TB, p Policy, text []byte, seed uint64) {
	t.Helper()
	s := mustNew(t, p)
	var list []Finding
	s.Find(text, func(f Finding) { list = append(list, f) })
	out, found := watched(t, s, text, seed)
	if want := s.Append(nil, text); !bytes.Equal(out, want) {
		t.Fatalf("watched, %v: %q became %q, want %q", p, text, out, want)
	}
	if !slices.EqualFunc(found, list, func(a, b Finding) bool {
		return a.From == b.From && a.To == b.To && a.Form == b.Form && a.Fate == b.Fate && a.Rule == b.Rule && a.Field == b.Field &&
			bytes.Equal(a.Became, b.Became)
	}) {
		t.Fatalf("split by seed %d, %v: %q\n got  %+v\n want %+v", seed, p, text, found, list)
	}
	if got := replayed(t, text, found); !bytes.Equal(got, out) {
		t.Fatalf("findings of %q by %v say %q, but it became %q", text, p, got, out)
	}
}

func TestFindingsAreAllThatChangesHoweverTheTextIsSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for k := range 4000 {
		text := randomText(r, 40+k%400)
		if k%3 == 0 {
			for _, row := range table(t, "redact.tsv", 4)[:40] {
				text = append(append(text, row[2]...), " \n"[r.IntN(2)])
			}
		}
		checkWatched(t, watchPolicies[k%len(watchPolicies)], text, uint64(k))
	}
	for _, file := range []string{"forms.tsv", "lookalikes.tsv", "redact.tsv", "ipfields.tsv"} {
		for k, row := range table(t, file, map[string]int{"forms.tsv": 3, "lookalikes.tsv": 2, "redact.tsv": 4, "ipfields.tsv": 3}[file]) {
			for _, p := range append(slices.Clone(watchPolicies), Policy{IPFields: ipNames}, Policy{Mode: Mask, IPFields: ipNames, Redact: []string{"secrets"}}) {
				text := strings.Join(row, " ")
				checkWatched(t, p, []byte(text), uint64(k))
				checkWatched(t, p, []byte(strings.Repeat(text+" ", 1+3000/len(text))), uint64(k))
			}
		}
	}
}

// A pseudonym can take more than the address: .in-addr.arpa becomes .ip6.arpa.
func TestFindingsAreAllThatAPseudonymChanges(t *testing.T) {
	texts := slices.Clone(seeds)
	for _, row := range table(t, "forms.tsv", 3) {
		texts = append(texts, strings.Join(row, " "))
	}
	for _, mode := range []Mode{PseudonymDeterministic, PseudonymPrefix} {
		s, err := mustNew(t, Policy{Mode: mode}).WithKey(testKey())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			var list []Finding
			s.Find([]byte(text), func(f Finding) {
				f.Became = bytes.Clone(f.Became)
				list = append(list, f)
			})
			if got, want := replayed(t, []byte(text), list), s.Append(nil, []byte(text)); !bytes.Equal(got, want) {
				t.Errorf("%v: findings of %q say %q, but it became %q", mode, text, got, want)
			}
		}
	}
}

func FuzzFindings(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint64(i))
	}
	f.Add([]byte(`token=203.0.113.7 {"password": 12} 203.0.113.8`), uint64(1))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for _, p := range watchPolicies {
			checkWatched(t, p, text, seed)
			checkWatched(t, p, bytes.Repeat(text, 1+1500/(len(text)+1)), seed)
		}
	})
}

// Every address that the oracle finds is told, at its very place.
func TestEveryAddressIsFoundWhereTheOracleFindsIt(t *testing.T) {
	s := mustNew(t, Policy{})
	for _, text := range seeds {
		at := map[[2]int64]bool{}
		s.Find([]byte(text), func(f Finding) {
			if f.Form.Address() {
				at[[2]int64{f.From, f.To}] = true
			}
		})
		for _, o := range oracle.Find([]byte(text)) {
			if !at[[2]int64{int64(o.Start), int64(o.End)}] {
				t.Errorf("%q: nothing told at %d-%d", text, o.Start, o.End)
			}
		}
	}
}

// After a cut, and a resumed line, offsets go on in the text as it was written.
func TestOffsetsGoOnBehindACut(t *testing.T) {
	for _, p := range []Policy{{}, {Redact: []string{"secrets"}}, {Mode: Keep}, {Mode: Keep, Redact: []string{"secrets"}}} {
		var text string
		var got []string
		w := mustNew(t, p).NewWriter(io.Discard)
		w.Watch(func(f Finding) { got = append(got, text[f.From:f.To]) })
		write := func(s string) {
			text += s
			if _, err := w.Write([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		write("token=abcdefghijklmnopqrst 203.0.113.7\nx 203.0.1")
		if err := w.Cut(); err != nil {
			t.Fatal(err)
		}
		w.Resume()
		write("13.9 x\n203.0.113.8\n")
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(got, "203.0.113.7") || !slices.Contains(got, "203.0.113.8") {
			t.Errorf("%v: %q", p, got)
		}
		if w.Reset(io.Discard); len(p.Redact) > 0 {
			text, got = "", nil
			write("token=abc 203.0.113.8\n")
			if !slices.Equal(got, []string{"abc", "203.0.113.8"}) {
				t.Errorf("%v, reset: %q", p, got)
			}
		}
	}
}

func TestFormsAndFatesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range forms {
		if n := f.String(); n == "" || seen[n] || strings.HasPrefix(n, "form(") {
			t.Errorf("form %d is called %q", f, n)
		} else {
			seen[n] = true
		}
	}
	for f := Changed; f <= KeptNoAddress; f++ {
		if n := f.String(); n == "" || strings.HasPrefix(n, "fate(") {
			t.Errorf("fate %d is called %q", f, n)
		}
	}
}

// What a container runtime cut is found where it lay: from its begin in one
// piece to its end in another, and what lies between and behind, too.
func TestFindingsInMessagesInPiecesTellWhereTheyLay(t *testing.T) {
	text := criLines("oF 192.0.2.1", "oP a 203.0.1", "eF b 198.51.100.9", "oF 13.7 c token=abc", "oF 192.0.2.2") + "192.0.2.3\n"
	at := func(from, to string) string {
		i := strings.Index(text, from)
		return fmt.Sprint(i, " ", i+strings.Index(text[i:], to)+len(to))
	}
	want := []string{
		at("192.0.2.1", "192.0.2.1") + " 192.0.2.0", at("203.0.1", "13.7") + " 203.0.113.0", at("198.51.100.9", "198.51.100.9") + " 198.51.100.0",
		at("abc", "abc") + " [redacted]", at("192.0.2.2", "192.0.2.2") + " 192.0.2.0", at("192.0.2.3", "192.0.2.3") + " 192.0.2.0",
	}
	s := mustNew(t, Policy{Redact: []string{"secrets"}})
	tell := func(list []Finding) (got []string) {
		slices.SortFunc(list, func(a, b Finding) int { return cmp.Compare(a.From, b.From) })
		for _, f := range list {
			got = append(got, fmt.Sprintf("%d %d %s", f.From, f.To, f.Became))
		}
		return got
	}
	for seed := range uint64(50) {
		if _, found := watched(t, s, []byte(text), seed); !slices.Equal(tell(found), want) {
			t.Fatalf("seed %d: got %q, want %q", seed, tell(found), want)
		}
	}
	keeps := mustNew(t, Policy{Mode: Keep})
	var kept []Finding
	keeps.Find([]byte(text), func(f Finding) { kept = append(kept, f) })
	if len(kept) != 5 {
		t.Errorf("with the mode keep: %d addresses, want 5", len(kept))
	}
	for i, f := range kept {
		if f.Fate != KeptMode {
			t.Errorf("finding %d: %+v", i, f)
		}
	}
}
