package scrub

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func newWriter(t testing.TB, p Policy) (*Writer, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, p)
	if err != nil {
		t.Fatal(err)
	}
	return w, &out
}

func TestWholeLinesGoOutAtOnce(t *testing.T) {
	w, out := newWriter(t, Policy{})
	io.WriteString(w, "a 203.0.113.7\nb 203.0.113.8\nc 203.0.1")
	if got, want := out.String(), "a 203.0.113.0\nb 203.0.113.0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	io.WriteString(w, "13.9\n")
	if got, want := out.String(), "a 203.0.113.0\nb 203.0.113.0\nc 203.0.113.0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.Counts(), (Counts{IPv4: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestEveryCutOfEveryFormGivesTheSameBytes(t *testing.T) {
	s := mustNew(t, Policy{})
	for _, row := range table(t, "forms.tsv", 3) {
		text := []byte("x " + row[1] + " y\n" + row[1])
		want := s.Append(nil, text)
		for i := range text {
			var out bytes.Buffer
			w := s.NewWriter(&out)
			w.Write(text[:i])
			w.Write(text[i:])
			w.Flush()
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s: cut at %d of %q\n  got %q\n want %q", row[0], i, text, out.Bytes(), want)
			}
		}
	}
}

// giant is a line without end that holds an address every so often.
func giant(size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString(strings.Repeat("QUJDREVG/+az09", 700))
		b.WriteString("203.0.113.7:2001:db8::1%3A%3A_")
		b.WriteString(strings.Repeat("0123456789abcdef", 300))
		b.WriteString(strings.Repeat("1.", 400))
		b.WriteString(strings.Repeat("ab:", 400))
	}
	b.WriteString("=203.0.113.7")
	return b.Bytes()
}

func TestGiantTokenRunsInConstantMemory(t *testing.T) {
	text := giant(3 << 20)
	s := mustNew(t, Policy{})
	want := s.Append(nil, text)
	for _, size := range []int{1000, 4096, 100_000, len(text)} {
		var out bytes.Buffer
		w := s.NewWriter(&out)
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if cap(w.held) > 4*feed || cap(w.out) > 8*feed {
				t.Fatalf("buffers of %d and %d bytes", cap(w.held), cap(w.out))
			}
			if len(w.held) > back+ahead+back {
				t.Fatalf("%d bytes held back", len(w.held))
			}
		}
		w.Flush()
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("pieces of %d bytes give other text", size)
		}
	}
	if !bytes.HasSuffix(want, []byte("=203.0.113.0")) {
		t.Errorf("the last address is left: %q", want[len(want)-20:])
	}
}

func TestCutMasksTheOpenEdge(t *testing.T) {
	for in, want := range map[string]string{
		"from 203.0.113.7":            "from [ip]",
		"from 203.0.1":                "from [ip]",
		"from 203":                    "from [ip]",
		"from 203.0.113.7 ok":         "from 203.0.113.0 ok",
		"from 203.0.113.7 ":           "from 203.0.113.0 ",
		"from 203.0.113.7\n":          "from 203.0.113.0\n",
		"at 2001:db8::":               "at [ip]",
		"at [2001:db8:0:1":            "at [[ip]",
		"q=2001%3Adb8%3":              "q=[ip]",
		`{"a":"203\u002e0\u00`:        `{"a":"[ip]`,
		"ip-10-1-2":                   "ip[ip]",
		"session started":             "session started",
		"GET /index.html":             "GET /index.html",
		"word fe80":                   "word [ip]",
		"word decade":                 "word decade",
		"":                            "",
		"203.0.113.8 x\n198.51.100.1": "203.0.113.0 x\n[ip]",
	} {
		w, out := newWriter(t, Policy{})
		io.WriteString(w, in)
		if err := w.Cut(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestResumeMasksTheEdgeAtTheBeginning(t *testing.T) {
	for in, want := range map[string]string{
		"113.7 203.0.113.7\n203.0.113.8\n": "[ip] 203.0.113.0\n203.0.113.0\n",
		"7\n7\n":                           "[ip]\n7\n",
		"db8::1]:443\n":                    "[ip]]:443\n",
		"ted by peer\n":                    "ted by peer\n",
		" 203.0.113.7\n":                   " 203.0.113.0\n",
		"\n12\n":                           "\n12\n",
		"0.113.7":                          "[ip]",
		"":                                 "",
	} {
		for size := 1; size <= len(in)+1; size++ {
			w, out := newWriter(t, Policy{})
			w.Resume()
			for rest := in; rest != ""; {
				n := min(size, len(rest))
				io.WriteString(w, rest[:n])
				rest = rest[n:]
			}
			w.Flush()
			if got := out.String(); got != want {
				t.Errorf("%q in pieces of %d became %q, want %q", in, size, got, want)
			}
		}
	}
}

// TestNoHalfOfACutAddressIsLeft cuts each form anywhere: the head of it ends
// one text, the rest of it begins another.
func TestNoHalfOfACutAddressIsLeft(t *testing.T) {
	for _, a := range []string{"203.0.113.77", "198.51.100.254", "2001:db8:1:2:3:4:5:6"} {
		for i := 1; i < len(a); i++ {
			w, out := newWriter(t, Policy{})
			io.WriteString(w, "from "+a[:i])
			w.Cut()
			w.Resume()
			io.WriteString(w, a[i:]+" to\n")
			if got, want := out.String(), "from [ip][ip] to\n"; got != want {
				t.Errorf("%q cut at %d left %q", a, i, got)
			}
		}
	}
}

func TestKeepGoesThroughUnchanged(t *testing.T) {
	w, out := newWriter(t, Policy{Mode: Keep})
	w.Resume()
	io.WriteString(w, "7 203.0.113.7")
	w.Cut()
	if got := out.String(); got != "7 203.0.113.7" {
		t.Errorf("got %q", got)
	}
}

func TestResetForgetsTheStream(t *testing.T) {
	w, _ := newWriter(t, Policy{})
	io.WriteString(w, "203.0.113.7\n198.51")
	w.Resume()
	var out bytes.Buffer
	w.Reset(&out)
	io.WriteString(w, "2001:db8::1\n")
	if got := out.String(); got != "2001:db8::\n" {
		t.Errorf("got %q", got)
	}
	if got, want := w.Counts(), (Counts{IPv6: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

type failing struct{}

var errFull = errors.New("full")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestErrorsOfTheWriterBelowAreGiven(t *testing.T) {
	w, err := NewWriter(failing{}, Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "a\n"); !errors.Is(err, errFull) {
		t.Errorf("Write: %v", err)
	}
	w.Reset(failing{})
	io.WriteString(w, "a")
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v", err)
	}
	io.WriteString(w, "203.0")
	if err := w.Cut(); !errors.Is(err, errFull) {
		t.Errorf("Cut: %v", err)
	}
}

func TestNothingIsAllocatedInSteadyState(t *testing.T) {
	text := accessLog(64 << 10)
	for _, row := range table(t, "forms.tsv", 3) {
		text = append(append(text, row[1]...), '\n')
	}
	s := mustNew(t, Policy{})
	dst := make([]byte, 0, 2*len(text))
	if n := testing.AllocsPerRun(10, func() { dst = s.Append(dst[:0], text) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
	w := s.NewWriter(io.Discard)
	if n := testing.AllocsPerRun(10, func() { w.Write(text[:50_001]); w.Write(text[50_001:]) }); n != 0 {
		t.Errorf("Write: %v allocations", n)
	}
}

func TestOneScrubberServesManyGoroutines(t *testing.T) {
	s := mustNew(t, Policy{})
	text := accessLog(32 << 10)
	want := s.Append(nil, text)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := s.Append(nil, text); !bytes.Equal(got, want) {
				t.Error("another goroutine got other text")
			}
		})
	}
	wg.Wait()
}
