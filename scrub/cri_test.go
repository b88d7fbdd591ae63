package scrub

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	testTime  = "2026-11-23T18:04:02.123456789Z "
	testTime2 = "2026-11-23T20:04:02.1+02:00 "
)

// criLines puts the heads before short lines: "oP text" is a piece on stdout.
func criLines(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		if len(l) > 2 && (l[0] == 'o' || l[0] == 'e') && (l[1] == 'P' || l[1] == 'F') {
			stream := map[byte]string{'o': "stdout ", 'e': "stderr "}[l[0]]
			l = testTime + stream + l[1:]
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}

func TestPiecesOfAMessageAreJoinedBeforeLooking(t *testing.T) {
	policies := map[string]Policy{
		"": {}, "mask": {Mode: Mask}, "secrets": {Redact: []string{"secrets", "identifiers"}},
		"keep": {Mode: Keep, Redact: []string{"secrets"}}, "ip": {IPFields: []string{"ip"}},
	}
	for _, c := range []struct {
		name, policy string
		in, want     []string
	}{
		{"an address in two", "", []string{"oP from 203.0.1", "oF 13.77 to"}, []string{"oP from 203.0.113.0", "oF  to"}},
		{"an address in four", "", []string{"oP 20", "oP 3.0.", "oP 113", "oF .77 b"}, []string{"oP 203.0.113.0", "oP ", "oP ", "oF  b"}},
		{"a seam before it", "", []string{"oP from ", "oF 203.0.113.77 to"}, []string{"oP from ", "oF 203.0.113.0 to"}},
		{"a seam behind it", "", []string{"oP from 203.0.113.77", "oF  to"}, []string{"oP from 203.0.113.0", "oF  to"}},
		{"all octets in the first, the last one longer", "", []string{"oP 203.0.113.1", "oF 23"}, []string{"oP 203.0.113.0", "oF "}},
		{"what is an address only together", "", []string{"oP v 1.2.", "oF 3.4"}, []string{"oP v 1.2.3.0", "oF "}},
		{"what is none together", "", []string{"oP x 1.2.3.4", "oF .5 y"}, []string{"oP x 1.2.3.4", "oF .5 y"}},
		{"IPv6", "", []string{"oP a 2001:db8:1:", "oF 2:3:4:5:6 b"}, []string{"oP a 2001:db8:1::", "oF  b"}},
		{"the other stream between", "", []string{"oP 203.0.1", "eF err 198.51.100.7", "oF 13.77"}, []string{"oP 203.0.113.0", "eF err 198.51.100.0", "oF "}},
		{"both streams in pieces", "", []string{"oP 203.0.1", "eP 198.51.", "oF 13.77", "eF 100.7 e"}, []string{"oP 203.0.113.0", "eP 198.51.100.0", "oF ", "eF  e"}},
		{"a line of another kind between", "", []string{"oP 203.0.1", "x 198.51.100.7", "", "oF 13.77"}, []string{"oP 203.0.113.0", "x 198.51.100.0", "", "oF "}},
		{"more tags", "", []string{"oP:x 203.0.1", "oF:y:z 13.77"}, []string{"oP:x 203.0.113.0", "oF:y:z "}},
		{"an empty piece", "", []string{"oP 203.0.1", "oP ", "oF 13.77"}, []string{"oP 203.0.113.0", "oP ", "oF "}},
		{"an empty end", "", []string{"oP 203.0.113.77", "oF "}, []string{"oP 203.0.113.0", "oF "}},
		{"an end alone", "", []string{"oF 13.77 203.0.113.77", "a"}, []string{"oF 13.77 203.0.113.0", "a"}},
		{"masked", "mask", []string{"oP a 203.0.1", "oF 13.77 b"}, []string{"oP a [ip]", "oF  b"}},
		{"a message, then a message", "", []string{"oP 203.0.1", "oF 13.7", "oP 203.0.1", "oF 13.7", "oF 13.7"}, []string{"oP 203.0.113.0", "oF ", "oP 203.0.113.0", "oF ", "oF 13.7"}},
		{"tags that are none", "", []string{"oP 203.0.1", testTime + "stdout X 13.7", "oF 13.7"}, []string{"oP 203.0.113.0", testTime + "stdout X 13.7", "oF "}},
		{"no end", "", []string{"oP a 203.0.1"}, []string{"oP a [ip]"}},
		{"no end, the other stream goes on", "", []string{"oP a 203.0.1", "eF 13.7"}, []string{"oP a [ip]", "eF 13.7"}},
		{"a secret", "secrets", []string{"oP a password=hun", "oF ter2 b"}, []string{"oP a password=[redacted]", "oF  b"}},
		{"a secret's name", "secrets", []string{"oP a pass", "oF word=hunter2 b"}, []string{"oP a pass", "oF word=[redacted] b"}},
		{"a secret in three", "secrets", []string{`oP {"password":"hun`, "oP ter", `oF 2","b":"203.0.113.7"}`}, []string{`oP {"password":"[redacted]`, "oP ", `oF ","b":"203.0.113.0"}`}},
		{"an address of a person", "secrets", []string{"oP to bob@host.exa", "oF mple ok"}, []string{"oP to [redacted]", "oF  ok"}},
		{"a secret, the address kept", "keep", []string{"oP 203.0.113.7 token=hun", "oF ter2 203.0.113.7"}, []string{"oP 203.0.113.7 token=[redacted]", "oF  203.0.113.7"}},
		{"a tag is no user", "secrets", []string{"oF [17/May/2015:10:05:03 +0000] a", "oP [17/May/2015:10:05:03", "oF  +0000] a"}, []string{"oF [17/May/2015:10:05:03 +0000] a", "oP [17/May/2015:10:05:03", "oF  +0000] a"}},
		{"a user behind a head", "secrets", []string{"oF 203.0.113.7 - F [17/May/2015:10:05:03 +0000] a"}, []string{"oF 203.0.113.0 - [redacted] [17/May/2015:10:05:03 +0000] a"}},
		{"a secret without an end", "secrets", []string{"oP a password=hun"}, []string{"oP a password=[redacted]"}},
		{"a token without an end", "secrets", []string{"oP a eyJhbGciOi"}, []string{"oP a [redacted]"}},
		{"a field of addresses", "ip", []string{"oP ip=34058", "oF 03783 x"}, []string{"oP ip=3405803776", "oF  x"}},
		{"a field of addresses without an end", "ip", []string{"oP ip=ywBx"}, []string{"oP ip=[ip]"}},
	} {
		s := mustNew(t, policies[c.policy])
		in, want := criLines(c.in...), criLines(c.want...)
		if got := s.String(in); got != want {
			t.Errorf("%s: %q\n  got %q\n want %q", c.name, in, got, want)
		}
		for seed := range uint64(20) {
			checkSplit(t, s, []byte("a\n"+in), seed)
		}
		in, want = strings.ReplaceAll(in, testTime, testTime2), strings.ReplaceAll(want, testTime, testTime2)
		if got := s.String("before 203.0.113.7\n" + in); got != "before 203.0.113.0\n"+want && c.policy == "" {
			t.Errorf("%s: %q\n  got %q\n want %q", c.name, in, got, want)
		}
	}
}

// criText is a text of pieces, and what joining them by hand gives.
type criText struct {
	text   []byte
	lines  []criLine
	joined [][]byte // the messages, their heads those of the first pieces
	ended  []bool
}

type criLine struct {
	head    string
	message int // -1 for a line that is no piece
	text    string
	first   bool
}

func drawCRI(alphabet []string, draw func(n int) int) (c criText) {
	open := [2]int{-1, -1}
	words := func() string {
		var b strings.Builder
		for range draw(12) {
			b.WriteString(strings.NewReplacer("\n", "", "\r", "").Replace(alphabet[draw(len(alphabet))]))
		}
		return b.String()
	}
	for range 1 + draw(20) {
		if len(c.text) > maxGap/2 {
			break
		}
		stream, tag := draw(2), "PPF"[draw(3)]
		l := criLine{message: -1, text: words()}
		if draw(6) == 0 {
			if _, v := readHead([]byte(l.text + "\n")); v == isHead {
				l.text = "x" + l.text // by chance it would be a piece
			}
		} else {
			l.head = fmt.Sprintf("%sstd%s %c ", testTime, [...]string{"out", "err"}[stream], tag)
			l.message = open[stream]
			if l.message < 0 && tag == 'P' {
				l.message, l.first = len(c.joined), true
				c.joined, c.ended = append(c.joined, []byte(l.head)), append(c.ended, false)
			}
			if open[stream] = l.message; l.message >= 0 {
				c.joined[l.message] = append(c.joined[l.message], l.text...)
				if tag == 'F' {
					c.ended[l.message] = true
					open[stream] = -1
				}
			}
		}
		c.lines = append(c.lines, l)
		c.text = append(append(append(c.text, l.head...), l.text...), '\n')
	}
	return c
}

// check holds what became of the text to what becomes of the messages joined by
// hand: the same lines, with the same heads, and the same text in them.
func (c *criText) check(t interface {
	Fatalf(string, ...any)
	Helper()
}, s *Scrubber, got []byte) {
	t.Helper()
	if len(c.text) > maxGap {
		return // a message may be given up
	}
	lines := strings.SplitAfter(string(got), "\n")
	if len(lines) != len(c.lines)+1 {
		t.Fatalf("%q became %q: another number of lines", c.text, got)
	}
	joined := make([][]byte, len(c.joined))
	source := make([]int, len(c.joined))
	for i, l := range c.lines {
		text, ok := strings.CutPrefix(strings.TrimSuffix(lines[i], "\n"), l.head)
		switch {
		case l.message < 0:
			if want := s.String(l.head + l.text); want != l.head+text && l.head+want != l.head+text || !ok {
				t.Fatalf("%q: line %d became %q, want %q", c.text, i, lines[i], want)
			}
			continue
		case !ok:
			t.Fatalf("%q: line %d lost its head: %q", c.text, i, lines[i])
		}
		m := l.message
		if l.first {
			joined[m] = append(joined[m], l.head...)
			source[m] = len(l.head)
		}
		joined[m] = append(joined[m], text...)
		source[m] += len(l.text)
		// A seam behind a space, with a word before it, lies in no address.
		if from := c.joined[m][:source[m]]; s.fields == nil && bytes.HasSuffix(from, []byte("x ")) {
			if want := hand(s, from, true); !bytes.Equal(joined[m], want) {
				t.Fatalf("%q: a seam lies at %q, want %q", c.text, joined[m], want)
			}
		}
	}
	for m, text := range c.joined {
		if want := hand(s, text, c.ended[m]); !bytes.Equal(joined[m], want) {
			k := differ(joined[m], want)
			t.Fatalf("message %d: from %d on\n  got %.300q\n want %.300q\n text %.1000q", m, k, joined[m][max(0, k-100):], want[max(0, k-100):], c.text)
		}
	}
}

// differ gives where a and b begin to differ.
func differ(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// hand scrubs one message by the passes alone, which know nothing of pieces.
func hand(s *Scrubber, text []byte, ended bool) []byte {
	var out bytes.Buffer
	w := s.newPasses(&out)
	_ = w.pass(text)
	if ended {
		_ = w.flushPasses()
	} else {
		_ = w.cutPasses()
	}
	return out.Bytes()
}

var criAlphabet = append([]string{
	"203.0.113.7", "203.", "0.", "113", ".7", "2001:db8::1", "2001:", "db8:", ":", "x ", " x ", "1", "password=", "hunter2", "ip=", "3405803783", "34058", `"`, "198.51.100.200",
	"stdout P ", testTime, strings.Repeat("word ", 40), strings.Repeat("a", 600),
}, redactAlphabet...)

// criLong has a word longer than what is held back.
var criLong = append([]string{strings.Repeat("word", 3000)}, criAlphabet...)

var criPolicies = []Policy{
	{}, {Mode: Mask}, {Redact: []string{"secrets", "cookies", "identifiers"}}, {Redact: []string{"secrets"}, Mode: Keep}, {IPFields: []string{"ip"}},
	{Mode: PseudonymPrefix, IPFields: []string{"ip"}}, {Mode: PseudonymDeterministic, Redact: []string{"secrets"}},
}

func TestJoiningAgreesWithJoiningByHand(t *testing.T) {
	for _, p := range criPolicies {
		s := mustNew(t, p)
		rapid.Check(t, func(t *rapid.T) {
			c := drawCRI(criLong, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
			c.check(t, s, s.Append(nil, c.text))
			var out bytes.Buffer
			w := s.NewWriter(&out)
			for rest := c.text; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "split")
				w.Write(rest[:n])
				rest = rest[n:]
			}
			w.Flush()
			c.check(t, s, out.Bytes())
		})
	}
}

func FuzzPieces(f *testing.F) {
	for i := range uint64(30) {
		r := rand.New(rand.NewPCG(i, 41))
		f.Add(drawCRI(criAlphabet, r.IntN).text, i)
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 42))
		alphabet := append([]string{}, criAlphabet...)
		for len(text) > 0 {
			n := 1 + r.IntN(min(len(text), 40))
			alphabet = append(alphabet, string(text[:n]), string(text[:n]))
			text = text[n:]
		}
		c := drawCRI(alphabet, r.IntN)
		for _, p := range criPolicies {
			s := mustNew(t, p)
			c.check(t, s, s.Append(nil, c.text))
			checkSplit(t, s, c.text, seed)
		}
	})
}

func FuzzPiecesSplit(f *testing.F) {
	for i := range uint64(30) {
		r := rand.New(rand.NewPCG(i, 43))
		f.Add(drawCRI(criAlphabet, r.IntN).text, i)
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for _, p := range criPolicies {
			s := mustNew(t, p)
			checkSplit(t, s, text, seed)
			if got := s.Append(nil, text); bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
				t.Fatalf("%q became %q: another number of lines", text, got)
			}
		}
	})
}

func TestAMessageOf100MBRunsInConstantMemory(t *testing.T) {
	for _, p := range criPolicies[:3] {
		for _, between := range []string{"", testTime + "stderr F 198.51.100.7\n"} {
			s := mustNew(t, p)
			var out counting
			w := s.NewWriter(&out)
			line := []byte(testTime + "stdout P 13.7 " + strings.Repeat("some words and 203.0.113.77 ", 600) + "203.0.1\n" + between)
			for sum := 0; sum < 104<<20; sum += len(line) {
				w.Write(line)
			}
			io.WriteString(w, testTime+"stdout F 13.7\n")
			held := cap(w.cri.head)
			for i := range w.cri.queue[:cap(w.cri.queue)] {
				held += cap(w.cri.queue[:cap(w.cri.queue)][i].text)
			}
			for i := range w.cri.streams {
				w := w.cri.streams[i].text
				held += cap(w.held) + cap(w.out)
				if w.red != nil {
					held += cap(w.red.held) + cap(w.red.r.dst)
				}
			}
			if held > 24*feed {
				t.Errorf("%v: %d bytes in buffers", p, held)
			}
			if w.cri.busy() || out.n == 0 || bytes.Contains(out.last, []byte("13.7")) {
				t.Errorf("%v: the message did not end: %q", p, out.last)
			}
		}
	}
}

// counting keeps what was written last, and how much was.
type counting struct {
	n    int
	last []byte
}

func (c *counting) Write(p []byte) (int, error) {
	c.n += len(p)
	c.last = append(c.last[:0], p[max(0, len(p)-200):]...)
	return len(p), nil
}

func TestLinesThatWaitTooLongGoOutAndTheEdgesAreMasked(t *testing.T) {
	for _, policy := range criPolicies[:3] {
		s := mustNew(t, policy)
		other := strings.Repeat(testTime+"stderr F "+strings.Repeat("word ", 20)+"\n", 600)
		in := criLines("oP a 203.0.1") + other + criLines("oF 13.77 b", "oF 13.77")
		got := s.String(in)
		rest := "[ip] b"
		if policy.Redact != nil {
			rest = Redacted
		}
		if want := criLines("oP a [ip]") + other + criLines("oF "+rest, "oF 13.77"); got != want {
			t.Errorf("%v: got %q … %q", policy, got[:60], got[len(got)-120:])
		}
		for seed := range uint64(20) {
			checkSplit(t, s, []byte(in), seed)
		}
		// One line without end, and a message of many pieces on the other stream.
		for _, between := range []string{strings.Repeat("word ", 40_000) + "\n", strings.Repeat(testTime+"stderr P "+strings.Repeat("word ", 20)+"\n", 900)} {
			in := criLines("oP a 203.0.1") + between + criLines("oF 13.77 b", "eF x")
			if got := s.String(in); !strings.HasPrefix(got, criLines("oP a [ip]")) || strings.Contains(got, "13.77") {
				t.Errorf("%v: got %q … %q", policy, got[:60], got[len(got)-160:])
			}
			checkSplit(t, s, []byte(in), 1)
		}
		// Pieces without text are not waited for without end.
		in = criLines("oP a 203.0.1") + strings.Repeat(criLines("oP "), 1000) + criLines("oF 13.77 b")
		if got := s.String(in); !strings.HasPrefix(got, criLines("oP a [ip]")) || strings.Contains(got, "13.77") {
			t.Errorf("%v: got %q … %q", policy, got[:60], got[len(got)-160:])
		}
		checkSplit(t, s, []byte(in), 1)
	}
}

func TestATextThatEndsWithinAMessageLeavesNoHalf(t *testing.T) {
	s := mustNew(t, Policy{})
	text := criLines("oP a 203.0.1", "eP b 198.5", "oP 13.77 198.51.1", "eF 1.100.7 e", "oF 00.7 o")
	for i := 1; i < len(text); i++ {
		if text[i-1] != '\n' {
			continue
		}
		var out bytes.Buffer
		w := s.NewWriter(&out)
		io.WriteString(w, text[:i])
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		open := w.Unfinished()
		w.Reset(&out)
		w.Continue(open)
		io.WriteString(w, text[i:])
		w.Flush()
		got := out.String()
		for _, half := range []string{"203.0.1\n", "198.5\n", "13.77", "198.51.1\n", "1.100.7", "00.7"} {
			if strings.Contains(got, half) {
				t.Errorf("ended at %d: %q is left in %q", i, half, got)
			}
		}
		if strings.Count(got, "\n") != 5 || !strings.Contains(got, " e\n") || !strings.Contains(got, " o\n") {
			t.Errorf("ended at %d: got %q", i, got)
		}
	}
	w := s.NewWriter(io.Discard)
	io.WriteString(w, text)
	if w.Flush(); w.Unfinished() != 0 {
		t.Errorf("a whole text is unfinished on %b", w.Unfinished())
	}
	io.WriteString(w, text[:strings.Index(text, "13.77")])
	if w.Flush(); w.Unfinished() != Stdout|Stderr {
		t.Errorf("unfinished on %b", w.Unfinished())
	}
}

func TestWholeMessagesEndBeforeOneThatIsOpen(t *testing.T) {
	for _, c := range []struct {
		lines []string
		whole int
	}{
		{[]string{"oF a", "oP b", "oF c"}, 3}, {[]string{"oF a", "oP b"}, 1}, {[]string{"oP b"}, 0}, {[]string{"oP a", "eF b"}, 0},
		{[]string{"oF a", "eP a", "oF b", "eP c"}, 1}, {[]string{"oP a", "eP a", "oF b"}, 1}, {[]string{"a", "b"}, 2}, {nil, 0},
	} {
		if got, want := WholeMessages([]byte(criLines(c.lines...))), len(criLines(c.lines[:c.whole]...)); got != want {
			t.Errorf("%q: %d, want %d", c.lines, got, want)
		}
	}
}

func TestPiecesAreCountedAndAllocateNothingInSteadyState(t *testing.T) {
	text := []byte(criLines("oP a 203.0.1", "eF 198.51.100.7 x 2001:db8::1", "oP 13.7 token=hun", "oF ter2"))
	s := mustNew(t, Policy{Redact: []string{"secrets"}})
	w := s.NewWriter(io.Discard)
	w.Write(text)
	if got, want := w.Counts(), (Counts{IPv4: 2, IPv6: 1, Redacted: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { w.Write(text[:50]); w.Write(text[50:]) }); n != 0 {
		t.Errorf("Write: %v allocations", n)
	}
	dst := make([]byte, 0, 2*len(text))
	if n := testing.AllocsPerRun(100, func() { dst = s.Append(dst[:0], text) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { w.Reset(io.Discard); w.Write(text) }); n != 0 {
		t.Errorf("Reset: %v allocations", n)
	}
}
