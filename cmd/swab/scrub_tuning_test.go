package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"swab/scrub"
	"swab/scrub/oracle"
	"swab/units"
)

// writtenForms are addresses in many forms, among words that no output may
// show.
var writtenForms = []string{
	"%s", "%s:443", "(%s)", "ip=%s,secretmark", "GET /?token=secretmark7&ip=%s&x=1", `{"user":"secretmark","ip":"%s","password":"secretmark"}`,
	`{"m":"{\"peer\":\"%s\",\"n\":[\"%[1]s\"]}"}`, "c=IN IP4 %s", "a=candidate:1 1 udp 2 %s 5 typ srflx raddr %[1]s rport 5",
	"X-Forwarded-For: %s, secretmark", "http://secretmark:secretmark@%s/secretmark", "client: %s, server: secretmark", "%s=secretmark",
	`{"%s":1}`, `{"%[1]s":"%[1]s"}`, "k%s=%[1]s", "?%s=%[1]s", "peer_%s: %[1]s", `"%s": "%[1]s"`, "Cookie: sid=%s; secretmark",
}

// rewritten gives other spellings of an address.
func rewritten(a netip.Addr) []string {
	s := a.String()
	out := []string{s, strings.ReplaceAll(strings.ReplaceAll(s, ":", "%3A"), ".", "%2E"), strings.ReplaceAll(strings.ReplaceAll(s, ":", `\u003a`), ".", `\u002e`)}
	if a.Is4() {
		b := a.As4()
		out = append(out, "::ffff:"+s, "ip-"+strings.ReplaceAll(s, ".", "-"), fmt.Sprintf("{%d,%d,%d,%d}", b[0], b[1], b[2], b[3]),
			fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0]), strings.ReplaceAll(s, ".", "_"))
	}
	return out
}

// generated writes lines with addresses in every form.
func generated(r *rand.Rand, lines int) []byte {
	var b bytes.Buffer
	for range lines {
		a := netip.AddrFrom4([4]byte{byte(11 + r.IntN(200)), byte(r.IntN(256)), byte(r.IntN(256)), byte(1 + r.IntN(255))})
		if r.IntN(3) == 0 {
			var x [16]byte
			for i := range x {
				x[i] = byte(r.Uint32())
			}
			x[0], x[1] = 0x20, 1
			a = netip.AddrFrom16(x)
		}
		all := rewritten(a)
		fmt.Fprintf(&b, writtenForms[r.IntN(len(writtenForms))]+"\n", all[r.IntN(len(all))])
	}
	return b.Bytes()
}

// runScrub runs swab scrub and gives both outputs.
func runScrub(t testing.TB, in []byte, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, told strings.Builder
	if status := dispatch(context.Background(), append([]string{"scrub"}, args...), bytes.NewReader(in), &out, &told); status != exitDone {
		t.Fatalf("%q: status %d: %s", args, status, told.String())
	}
	return out.String(), told.String()
}

// addresses are what the oracle finds in a text.
func addresses(text string) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for _, s := range oracle.Find([]byte(text)) {
		found[s.Addr] = true
		if b := s.Addr.AsSlice(); s.Addr.Is4() { // a reverse name is told without its end
			found[netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]})] = true
		}
	}
	return found
}

// checkNoAddress holds what is told of a text to the promise: an address in it
// is one that is left in the scrubbed text, too.
func checkNoAddress(t *testing.T, which, told string, left map[netip.Addr]bool) {
	t.Helper()
	for _, s := range oracle.Find([]byte(told)) {
		if !left[s.Addr] {
			t.Fatalf("%s: tells an address that scrubbing takes out, %v", which, s.Addr)
		}
	}
	if strings.Contains(told, "secretmark") {
		t.Errorf("%s: tells a word of the log: %s", which, told)
	}
}

func checkTold(t *testing.T, name string, text []byte) {
	t.Helper()
	for _, policy := range [][]string{
		{"--scrub", "mask"}, {"--redact", "secrets", "--redact", "cookies", "--redact", "identifiers"}, {"--ipv4-prefix", "16", "--ipv6-prefix", "32"},
	} {
		scrubbed, _ := runScrub(t, text, policy...)
		left := addresses(scrubbed)
		out, told := runScrub(t, text, append([]string{"--explain", "--stats"}, policy...)...)
		if out != scrubbed {
			t.Errorf("%s: %q changes what comes out", name, policy)
		}
		checkNoAddress(t, fmt.Sprint(name, policy), told, left)
		table, _ := runScrub(t, text, append([]string{"--sample", "-"}, policy...)...)
		checkNoAddress(t, fmt.Sprint(name, " --sample ", policy), table, left)
	}
	// With nothing scrubbed, nothing at all may be told.
	for _, flags := range [][]string{{"--explain"}, {"--stats"}, {"--sample", "-"}} {
		out, told := runScrub(t, text, append(flags, "--scrub", "keep")...)
		if flags[0] == "--sample" {
			told = out
		}
		checkNoAddress(t, fmt.Sprint(name, flags, "--scrub keep"), told, nil)
	}
}

func TestNothingThatTuningTellsIsAnAddressOrAWordOfTheLog(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1 // the oracle is slow under the race detector
	}
	for seed := range seeds {
		checkTold(t, fmt.Sprintf("seed %d", seed), generated(rand.New(rand.NewPCG(seed, 2)), 150))
	}
}

func TestNothingThatTuningTellsOfLogsOfOtherProjectsIsAnAddress(t *testing.T) {
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	files, err := filepath.Glob(filepath.Join(dir, "logs", "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("no logs in %s; SWAB_CORPORA names another place", dir)
	}
	most := 8 << 10
	if testing.Short() {
		most = 1 << 10
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkTold(t, filepath.Base(file), text[:min(len(text), most)])
	}
}

// Each finding's line and columns are those of what was taken out.
func TestExplainNamesTheRightLineAndColumns(t *testing.T) {
	text := generated(rand.New(rand.NewPCG(1, 1)), 400)
	text = append(text, strings.Repeat("a long line ", 200000)...)
	text = append(text, "203.0.113.7 x\n198.51.100.7"...)
	lines := bytes.Split(text, []byte{'\n'})
	for _, in := range []struct {
		name string
		args []string
	}{{"addresses", nil}, {"fields too", []string{"--redact", "secrets"}}} {
		for _, small := range []bool{false, true} {
			var out, told strings.Builder
			stdin := iotest.DataErrReader(bytes.NewReader(text))
			if small {
				stdin = iotest.HalfReader(&sevens{bytes.NewReader(text)})
			}
			if status := dispatch(t.Context(), append([]string{"scrub", "--explain"}, in.args...), stdin, &out, &told); status != exitDone {
				t.Fatalf("status %d", status)
			}
			clean := strings.Split(out.String(), "\n")
			// Told from left to right, each line's findings make of it what came out.
			places := map[int][]explained{}
			for _, e := range explanations(t, told.String()) {
				places[e.line] = append(places[e.line], e)
			}
			for i, line := range lines {
				got, at := "", 0
				for _, e := range places[i+1] {
					if e.from <= at || e.to > len(line) {
						t.Fatalf("%s: line %d: columns %d-%d after %d", in.name, i+1, e.from, e.to, at)
					}
					became := e.became
					if strings.HasPrefix(became, "kept: ") {
						became = string(line[e.from-1 : e.to])
					}
					got += string(line[at:e.from-1]) + became
					at = e.to
				}
				if got += string(line[at:]); got != clean[i] {
					t.Fatalf("%s: line %d: the explanation makes %.300q of it, but it became %.300q", in.name, i+1, got, clean[i])
				}
			}
		}
	}
}

// sevens reads seven bytes at a time, so that each read splits a token.
type sevens struct{ r *bytes.Reader }

func (s *sevens) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 7000)]) }

type explained struct {
	line, from, to int
	became         string
}

var explainedRE = regexp.MustCompile(`^ *([0-9,]+)  ([0-9]+)-([0-9]+) +\S.*?  +(\S.*)$`)

func explanations(t *testing.T, told string) (list []explained) {
	t.Helper()
	rows := strings.Split(strings.TrimSuffix(told, "\n"), "\n")
	for _, row := range rows[1:] {
		m := explainedRE.FindStringSubmatch(row)
		if m == nil {
			t.Fatalf("cannot read %q", row)
		}
		e := explained{became: m[4]}
		for i, p := range []*int{&e.line, &e.from, &e.to} {
			if _, err := fmt.Sscan(strings.ReplaceAll(m[i+1], ",", ""), p); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, e)
	}
	return list
}

// Colour only repeats what the words say.
func TestExplainSaysInWordsWhatItColours(t *testing.T) {
	var told bytes.Buffer
	rows := map[bool]string{}
	for _, colour := range []bool{false, true} {
		told.Reset()
		x := &watcher{out: bufio.NewWriter(&told), colour: colour, line: 1}
		for _, fate := range []scrub.Fate{scrub.Changed, scrub.KeptNoAddress} {
			x.row(scrub.Finding{To: 5, Fate: fate, Became: []byte("[ip]")})
		}
		if err := x.flush(); err != nil {
			t.Fatal(err)
		}
		rows[colour] = told.String()
	}
	plain := regexp.MustCompile(`\x1b\[[0-9]*m`).ReplaceAllString(rows[true], "")
	if plain != rows[false] || plain == rows[true] || !strings.Contains(plain, "kept: no address") {
		t.Errorf("with colour %q, without %q", rows[true], rows[false])
	}
}

// A line without an end has findings without an end, and they do not pile up.
func TestExplainKeepsNoMoreThanItSorts(t *testing.T) {
	var out, told bytes.Buffer
	w, err := scrub.NewWriter(&out, scrub.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	x := tuning{explain: &yes, stats: &no, sample: &no}.watch(w, &told)
	piece := []byte(strings.Repeat("203.0.113.7 ", 1000))
	for range 50 {
		if _, err := w.Write(piece); err != nil {
			t.Fatal(err)
		}
		if err := x.wrote(piece); err != nil {
			t.Fatal(err)
		}
		if len(x.pending) > maxPending {
			t.Fatalf("%d findings wait", len(x.pending))
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := x.end(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(told.String(), "\n"); n != 50*1000+1 {
		t.Errorf("%d lines told of 50,000 findings", n)
	}
	if got := explanations(t, told.String()); got[len(got)-1] != (explained{1, 599989, 599999, "203.0.113.0"}) {
		t.Errorf("the last is %+v", got[len(got)-1])
	}
}

func TestSampleNamesThePlace(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"@", "column 1"}, {"a b @", "column 3"}, {"a  b @", "column 3"}, {`- - [x y] "GET /" @`, "column 5"}, {`x "GET /@`, "column 2, in quotes"},
		{strings.Repeat("a ", 50) + "@", "column 31 or later"},
		{"ip=@", "ip="}, {`ip="@`, "ip="}, {`ip="a @`, "ip="}, {"a ip=@", "ip="}, {"ip=10,@", "ip="}, {"GET /x?ip=@", "query ip"}, {"GET /x?a=1&ip=@", "query ip"},
		{`{"ip":"@`, "json ip"}, {`{"a":1, "ip" : "@`, "json ip"}, {`{"msg":"to @`, "json msg"}, {`{"m":"said \"hi\" to @`, "json m"},
		{`{"l":["a","@`, "json l"}, {`{"l":[["a"],["@`, "column 1"}, {`{"a":"b"} @`, "column 2"}, {`{\"ip\":\"@`, "json ip"}, {`{"m":"{\"ip\":\"@`, "json ip"},
		{`{"n":@`, "json n"},
		{"c=IN IP4 @", "sdp c="}, {`{"sdp":"v=0\r\no=- 1 IN IP4 @`, "sdp o="}, {`{"sdp":"v=0\r\na=rtcp:9 IN IP4 @`, "sdp a=rtcp"},
		{"a=candidate:1 1 udp 2 @", "sdp a=candidate"}, {"a=candidate:1 1 udp 2 x 5 typ srflx raddr @", "sdp a=candidate raddr"},
		{`{"candidate":"candidate:1 1 udp 2 @`, "ice candidate"},
		{"X-Forwarded-For: a, @", "header X-Forwarded-For"}, {`{"h":"Via: @`, "json h"}, {"Via: @", "header Via"}, {"x client: @", "client:"},
		{"http://@", "host of a url"}, {"to http://@", "host of a url"},
		{strings.Repeat("x", lookBehind+1) + " @", "far into a line"},
		// What may be content is not shown.
		{"ip-10-1-2-3=@", "(other)="}, {"203.0.113.7=@", "(other)="}, {`{"203.0.113.7":"@`, "json (other)"}, {"d41d8cd98f00b204e9800998ecf8427e=@", "(other)="},
		{"?x203_0_113_7=@", "query (other)"}, {"aGVsbG9Xb3JsZEZvbw=@", "(other)="}, {"user4711=@", "(other)="}, {"deadbeefcafe=@", "(other)="},
		{"sha256=@", "sha256="}, {"x.y-z_A=@", "x.y-z_A="}, {`{"a b":"@`, "json (other)"}, {"2001:db8::1=@", "(other)="}, {"ann@example.org: @", "(other):"},
	} {
		s, err := newSampler(scrub.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		head := strings.TrimSuffix(c.line, "@")
		if got := s.places.where([]byte(head)); got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

var placeRE = regexp.MustCompile(`^(?:(?:column \d+(?: or later|, in quotes)?|far into a line|host of a url|ice candidate(?: raddr)?|sdp [co]=)|` +
	`(?:query |json |header )(?:[A-Za-z][A-Za-z0-9_.-]{0,40}|\(other\))|sdp a=(?:[A-Za-z][A-Za-z0-9_.-]{0,40}|\(other\))(?: raddr)?|` +
	`(?:[A-Za-z][A-Za-z0-9_.-]{0,40}|\(other\))[=:])$`)

func FuzzSamplePlace(f *testing.F) {
	for _, s := range []string{"ip=", `{"a":["b","`, `{\"203.0.113.7\":\"`, "c=IN IP4 ", "a=candidate:1 raddr ", "X-A: ", "a: ", "http://", `"[\"`, "?=", "=", `":"`} {
		f.Add([]byte(s))
	}
	s, err := newSampler(scrub.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		s.places.known = map[string]bool{}
		got := s.places.where(head)
		if !placeRE.MatchString(got) {
			t.Fatalf("%q is in %q", head, got)
		}
		if len(oracle.Find([]byte(got))) > 0 {
			t.Fatalf("%q: the place %q holds an address", head, got)
		}
	})
}

func TestSampleSuggestsWhatNoPresetCovers(t *testing.T) {
	var b strings.Builder
	r := rand.New(rand.NewPCG(4, 4))
	random := func() string {
		var v []byte
		for range 24 {
			v = append(v, "abcdefghijkmnpqr0123456789012345"[r.IntN(32)])
		}
		return string(v)
	}
	for range 50 {
		fmt.Fprintf(&b, `sid=%s {"upstreamKey": "%s", "trace":"0b6e1c1a-9f0e-4a5e-8c0e-0123456789ab"} token=%s build=2026-11-23T18 path=/usr/lib/a/b/c1/d2/e3/f4/g5`+"\n",
			random(), random(), random())
	}
	out, _ := runScrub(t, []byte(b.String()), "--sample", "-")
	for _, want := range []string{"--redact secrets would blank: token (50)", "random: sid (50), upstreamKey (50)\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = runScrub(t, []byte(b.String()), "--sample", "-", "--redact", "secrets", "--redact", "sid")
	if strings.Contains(out, "would blank") || !strings.Contains(out, "random: upstreamKey (50)\n") {
		t.Errorf("with --redact:\n%s", out)
	}
}

func TestSampleReadsTheBeginningOfALargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.log")
	line := strings.Repeat("x", 1000) + " 203.0.113.7\n"
	text := strings.Repeat(line, sampleBytes/len(line)+50)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s lines, 17 MB, the first of 17 MB\n", units.Count(int64(sampleBytes/len(line))))
	if out, _ := runScrub(t, nil, "--sample", path); !strings.Contains(out, want) {
		t.Errorf("no %q in %q", want, out)
	}
	if out, _ := runScrub(t, []byte(text), "--sample", "-"); !strings.Contains(out, "17 MB, its beginning\n") {
		t.Errorf("standard input: %q", out)
	}
}

func TestSampleRefusesCompressedFiles(t *testing.T) {
	for magic, tool := range map[string]string{"\x1f\x8b\x08": "zcat", "\x28\xb5\x2f\xfd": "zstdcat"} {
		path := filepath.Join(t.TempDir(), "a.log.1")
		if err := os.WriteFile(path, []byte(magic+"rest"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, told strings.Builder
		if status := dispatch(t.Context(), []string{"scrub", "--sample", path}, nil, &out, &told); status != exitFailed || out.Len() > 0 {
			t.Errorf("status %d, %q", status, out.String())
		}
		if got := told.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "is compressed") || !strings.Contains(got, tool+" FILE") {
			t.Errorf("told %q", got)
		}
	}
}

func TestTablesAreCutWhereTheyAreLong(t *testing.T) {
	list := findings{}
	for i := range 10 {
		for range i + 1 {
			list.add(fmt.Sprintf("column %d", i), scrub.Finding{})
		}
	}
	var b strings.Builder
	list.print(&b, 8)
	rows := strings.Split(b.String(), "\n")
	if !slices.Contains(rows, "  … and 2 more rows with 3 findings") || !strings.HasPrefix(rows[1], "  column 9  ipv4 ") {
		t.Errorf("%s", b.String())
	}
}
