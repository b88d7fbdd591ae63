package verify

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/scrub"
)

// scan gives the places at which a scanner finds an address, its text written
// in pieces of at most so many bytes.
func scan(policy, text string, piece int) []string {
	var found []string
	s := &scanner{rule: parseRule(policy), every: 1, found: func(p place) { found = append(found, fmt.Sprintf("%d:%d", p.line, p.column)) }}
	for p := range slices.Chunk([]byte(text), piece) {
		s.write(p)
	}
	s.end()
	return found
}

func TestAddressIsJudgedByThePolicy(t *testing.T) {
	for _, test := range []struct{ policy, text, want string }{
		{"truncate/24/48", "203.0.113.0 2001:db8:1:: ::ffff:203.0.113.0 64:ff9b::203.0.113.0 2002:cb00:7100:: ::1.2.3.0", "[]"},
		{"truncate/24/48", "203.0.113.1", "[1:1]"},
		{"truncate/24/48", "::ffff:203.0.113.1", "[1:1]"},
		{"truncate/24/48", "::ffff:cb00:7101", "[1:1]"},
		{"truncate/24/48", "64:ff9b::203.0.113.1", "[1:1]"},
		{"truncate/24/48", "2002:cb00:7107::", "[1:1]"},
		{"truncate/24/48", "2001:db8:1:1::", "[1:1]"},
		{"truncate/24/48", "7.113.0.203.in-addr.arpa", "[1:1]"},
		{"truncate/16/64", "203.0.0.0 2001:db8:1:1::", "[]"},
		{"truncate/16/64", "203.0.113.0 2001:db8:1:1:1::", "[1:1 1:13]"},
		{"truncate/32/128", "203.0.113.7 2001:db8::7 2002:cb00:7107::1", "[]"},
		{"truncate/12/48", "203.0.0.0 203.16.0.0 203.17.0.0", "[1:22]"},
		{"mask", "[ip] 203.0.113.0", "[1:6]"},
		{"mask", "a 0.0.0.0 :: 8.b.d.0.1.0.0.2.ip6.arpa", "[]"},
		{"mask", "0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "[]"},
		{"mask", "1.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "[1:1]"},
		{"truncate/24/48", "Chrome/120.0.1.7 v1.2.3.4 12:34:56 std::vector 00:1a:2b:3c:4d:5e", "[]"},
		{"truncate/24/48", "\n\nx%203.0.113.7\nip-10-1-2-3\r\n", "[3:5 4:4]"},
	} {
		if got := fmt.Sprint(scan(test.policy, test.text, 7)); got != test.want {
			t.Errorf("%s, %q: %s, want %s", test.policy, test.text, got, test.want)
		}
	}
}

func TestPolicyTellsWhetherAddressesAreJudged(t *testing.T) {
	for text, want := range map[string]string{
		"truncate/24/48": "truncate true", "truncate/24/48 redact=cookies,secrets": "truncate true", "mask versions=scrub": "mask true",
		"keep": "keep false", "keep redact=secrets": "keep false", "none": "opaque false", "": "no policy false",
		"truncate/24/48 keep-nets=1 redact=a": "keep-net false", "mask keep-nets=2": "keep-net false", "pseudonym=prefix": "pseudonym false",
		"pseudonym": "pseudonym false", "203.0.113.7": "a policy that is not known false", "truncate": "a policy that is not known false", "truncate/0/48": "a policy that is not known false", "truncate/24/129": "a policy that is not known false",
		"truncate/x/y": "a policy that is not known false",
	} {
		r := parseRule(text)
		if got := fmt.Sprint(r.name, " ", r.looks); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add("truncate/24/48 redact=secrets")
	f.Add("pseudonym=prefix keep-nets=3")
	f.Fuzz(func(t *testing.T, text string) {
		r := parseRule(text)
		if r.looks && !r.mask && (r.four < 1 || r.four > 32 || r.six < 1 || r.six > 128) {
			t.Errorf("%q: %+v", text, r)
		}
		if text != "" && r.name != "" && len(r.name) > 30 {
			t.Errorf("%q is called %q", text, r.name)
		}
		if r.looks && strings.Contains(text, " keep-nets=") {
			t.Errorf("%q is judged", text)
		}
	})
}

// Wherever in a long line an address stands, it is found once, at its place.
func TestAddressInALongLineIsFoundOnce(t *testing.T) {
	for _, address := range []string{"203.0.113.7", "2001%253Adb8%253A1%253A2%253A%253A3", "[2001:db8:1:2::3]:443"} {
		for _, edge := range []int{0, margin, window - 2*margin, window - margin, window, 2*window - 2*margin, 2*window - 3*margin, 3 * window} {
			for shift := -len(address) - 2; shift <= 2; shift++ {
				at := edge + shift
				if at < 0 {
					continue
				}
				text := "x\n" + strings.Repeat("k", max(at-1, 0)) + strings.Repeat(" ", min(at, 1)) + address + " " + strings.Repeat("k", 2*window) + "\n" + address
				column := at + 1
				if address[0] == '[' {
					column++
				}
				want := fmt.Sprintf("[2:%d 3:%d]", column, column-at)
				if got := fmt.Sprint(scan("truncate/24/48", text, 5000)); got != want {
					t.Errorf("%s at %d: %s, want %s", address, at, got, want)
				}
			}
		}
	}
}

// scrubPolicies are what the scrubber is asked for, as its metadata says.
var scrubPolicies = []scrub.Policy{
	{}, {Mode: scrub.Mask}, {IPv4Prefix: 16, IPv6Prefix: 64}, {IPv4Prefix: 8, IPv6Prefix: 32}, {IPv4Prefix: 31, IPv6Prefix: 127},
	{IPv4Prefix: 20, IPv6Prefix: 20}, {ScrubVersions: true, Redact: []string{"secrets"}},
}

// clean fails unless nothing is found in what the scrubber leaves of a text.
func clean(t *testing.T, p scrub.Policy, text []byte) {
	t.Helper()
	s, err := scrub.New(p)
	if err != nil {
		t.Fatal(err)
	}
	left := s.Append(nil, text)
	if found := scan(p.String(), string(left), 1000); len(found) > 0 {
		t.Fatalf("%s: found at %v\nin   %q\nfrom %q", p, found, left, text)
	}
}

var addressWords = []string{
	"203.0.113.7", "203.0.113.77:443", "10.255.255.255", "203%2E0%2E113%2E7", "ip-10-1-2-3.ec2.internal", "7.113.0.203.in-addr.arpa",
	"2001:db8::1", "[2001:db8:1:2::1]:443", "fe80::1%eth0", "::ffff:203.0.113.7", "::ffff:cb00:7107", "64:ff9b::203.0.113.7", "2002:cb00:7107::1",
	"::1", "::203.0.113.7", "2001-db8--1.ipv6-literal.net", "{203,0,113,7}", "{8193,3512,0,0,0,0,0,1}", "2001%3Adb8%3A%3A7", "::",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "0.8.b.d.0.1.0.0.2.ip6.arpa", "0.0.0.0",
	"Chrome/120.0.0.0", "v1.2.3.4", "12:34:56", "00:1a:2b:3c:4d:5e", "std::vector", `"ip":"203.0.113.9"`, "for=\"[2001:db8::9]\";by=203.0.113.9",
	"password=x", "k", "[ip]",
}

func TestNothingIsFoundInWhatWasScrubbed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for k := range 4000 {
		var words []string
		for range 1 + r.IntN(8) {
			words = append(words, addressWords[r.IntN(len(addressWords))])
		}
		clean(t, scrubPolicies[k%len(scrubPolicies)], []byte(strings.Join(words, []string{" ", ", ", "|", "\n"}[r.IntN(4)])))
	}
}

func TestNothingIsFoundInScrubbedLogs(t *testing.T) {
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpora")
	}
	files, err := filepath.Glob(filepath.Join(dir, "logs", "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpora at %s (SWAB_CORPORA names another place)", dir)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(text, []byte("\n"))
		for i, p := range scrubPolicies[:3] {
			var some []byte
			for k := i; k < len(lines); k += 23 {
				some = append(some, lines[k]...)
			}
			clean(t, p, some)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	line := `203.0.113.0 - - [17/May/2015:10:05:03 +0000] "GET /presentations/logstash-monitorama-2013/images/kibana-search.png HTTP/1.1" 200 203023 ` +
		`"http://semicomplete.com/presentations/logstash-monitorama-2013/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36"` + "\n"
	text := bytes.Repeat([]byte(line), 200)
	s := &scanner{rule: parseRule("truncate/24/48"), every: 1, found: func(place) { b.Error("found one") }}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.write(text)
	}
}
