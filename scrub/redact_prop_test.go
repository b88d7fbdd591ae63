package scrub

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var redactPolicies = []Policy{
	{Redact: []string{"cookies", "secrets", "identifiers", "customer-name", "id"}},
	{Redact: []string{"secrets"}, Mode: Keep},
	{Redact: []string{"cookies", "identifiers"}, Mode: Mask},
	{Redact: []string{"secrets", "x"}, IPFields: []string{"ip", "peer"}},
}

// redactAlphabet is what fields are made of, so that random texts hold many.
var redactAlphabet = []string{
	"password", "token", "cookie", "Set-Cookie", "Authorization", "User-Agent", "username", "id", "customer_name", "ice-pwd", "pass", "x",
	"=", "=", ":", ":", ": ", "=>", "::", "://", `"`, `"`, `\"`, `\"`, `\\\"`, "'", `\'`, "%22", "%3D", "%3a", "%26", "%25", "%", `\x22`, "&quot;",
	`\n`, `\r\n`, `\\r\\n`, `\u0026`, `\`, `\\`, " ", " ", "  ", "\n", "\r\n", "\r", "&", ";", "; ", ",", ", ", "{", "}", "[", "]", "(", ")", "<", ">",
	"-", "null", "1", "abc", "Bearer x", "b=2", "[redacted]", "@", "bob@host.example", "%40", "host.example", "eyJhbGciOiJIUzI1NiJ9", ".", "eyJ",
	"203.0.113.7", "2001:db8::1", "ip", "peer", "3405803783", "_", "candidate:1 1 udp", " ufrag ", "ufrag", "turn:", "crypto:1", " inline:", "bob:pw@h.example/",
	"\x1b[0m", "é", "\xff", "\x00", ` - bob [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5 "ref" "agent"`, "user[", "\t",
}

func randomFields(r *rand.Rand, n int) []byte {
	var b []byte
	for range r.IntN(n) + 1 {
		b = append(b, redactAlphabet[r.IntN(len(redactAlphabet))]...)
	}
	return b
}

func TestAnySplitBlanksTheSameBytes(t *testing.T) {
	for k := range 4000 {
		r := rand.New(rand.NewPCG(uint64(k), 21))
		s := mustNew(t, redactPolicies[k%len(redactPolicies)])
		text := randomFields(r, 20+k%300)
		if k%8 == 0 { // longer than what is held back
			text = bytes.ReplaceAll(bytes.Repeat(text, 1+9000/len(text)), []byte("\n"), []byte(" "))
		}
		checkSplit(t, s, text, uint64(k))
	}
}

// What stands in front of a separator decides, however near the begin of the
// text that is.
func TestALineIsBlankedTheSameBehindAnother(t *testing.T) {
	for k := range 40000 {
		r := rand.New(rand.NewPCG(uint64(k), 24))
		s := mustNew(t, redactPolicies[k%len(redactPolicies)])
		text := randomFields(r, 6)
		if k%2 == 0 { // a field, nearly always
			text = nil
			for _, list := range [][]string{
				{"", "a", "-", "."}, {"password", "id", "ip", "x", "pwd", "cookie", "é"}, {"", "", "-", "_", ".", "--", "2", "-."},
				{"", "", "", "\"", "'", "%22", "]", `\"`, " "}, {"=", ":", ": ", "=>", "%3D", "%3A"}, {"abc", "255", `"a"`, "cb007107"},
			} {
				text = append(text, list[r.IntN(len(list))]...)
			}
		}
		want := "another line\n" + string(s.Append(nil, text))
		if got := s.String("another line\n" + string(text)); got != want {
			t.Fatalf("%v: %q\n got %q\nwant %q", s.policy, text, got, want)
		}
	}
}

func FuzzRedactSplit(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint64(i))
	}
	for i := range uint64(40) {
		f.Add(randomFields(rand.New(rand.NewPCG(i, 22)), 40), i)
	}
	for _, row := range table(f, "redact.tsv", 4) {
		f.Add([]byte(row[2]), uint64(len(row[2])))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		for _, p := range redactPolicies {
			s := mustNew(t, p)
			checkSplit(t, s, text, seed)
			checkSplit(t, s, bytes.Repeat(text, 1+12000/(len(text)+1)), seed)
			if got := s.Append(nil, text); bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
				t.Fatalf("%q became %q: another number of lines", text, got)
			}
		}
	})
}

// TestBlankingTwiceChangesNothing is over texts whose quotes are balanced by
// construction: the rows of the table, joined.
func TestBlankingTwiceChangesNothing(t *testing.T) {
	rows := table(t, "redact.tsv", 4)
	s := mustNew(t, redactPolicies[0])
	for k := range 3000 {
		r := rand.New(rand.NewPCG(uint64(k), 23))
		var text []byte
		for range 1 + r.IntN(4) {
			text = append(append(text, rows[r.IntN(len(rows))][2]...), "\n \t"[r.IntN(3)])
		}
		checkIdempotent(t, s, text)
	}
}

// stringsOfJSON are pieces of strings that look like fields.
func drawText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(redactAlphabet), 0, 6).Draw(t, label), "")
}

func drawJSON(t *rapid.T, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return drawText(t, "text")
	case 1:
		return rapid.Float64Range(-1e9, 1e9).Draw(t, "number")
	case 2:
		return rapid.Bool().Draw(t, "bool")
	case 3: // JSON in a string
		inner, _ := json.Marshal(drawJSONOr(t, depth))
		return string(inner)
	case 4:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range list {
			list[i] = drawJSON(t, depth-1)
		}
		return list
	}
	m := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "keys") {
		key := rapid.SampledFrom([]string{"password", "dbPassword", "access_token", "a", "token_type", "msg", "user.pwd", "cookie", "n", ""}).Draw(t, "key")
		if rapid.IntRange(0, 4).Draw(t, "odd key") == 0 {
			key = strings.ToValidUTF8(drawText(t, "key"), "")
		}
		m[key] = drawJSON(t, depth-1)
	}
	return m
}

func drawJSONOr(t *rapid.T, depth int) any {
	if depth == 0 {
		return map[string]any{"token": "hunter2"}
	}
	return drawJSON(t, depth-1)
}

// checkGone reports a value that is left under a key that is blanked, in the
// document and in the documents in its strings.
func checkGone(t *rapid.T, v any, under bool, text []byte) {
	switch v := v.(type) {
	case string:
		if under && v != Redacted && v != "" && v != "-" {
			t.Fatalf("a value is left: %q in %s", v, text)
		}
	case float64, bool:
		if under {
			t.Fatalf("a value is left: %v in %s", v, text)
		}
	case []any:
		if under {
			t.Fatalf("a list is left in %s", text)
		}
		for _, x := range v {
			checkGone(t, x, false, text)
		}
	case map[string]any:
		if under {
			t.Fatalf("an object is left in %s", text)
		}
		for key, x := range v {
			switch key {
			case "password", "dbPassword", "access_token", "user.pwd", "cookie", "token":
				checkGone(t, x, true, text)
			default:
				checkGone(t, x, false, text)
			}
		}
	}
}

func TestJSONStaysJSONAndItsFieldsGo(t *testing.T) {
	for _, p := range redactPolicies[:1] {
		s := mustNew(t, p)
		rapid.Check(t, func(t *rapid.T) {
			v := map[string]any{"v": drawJSON(t, 3)}
			text, err := json.Marshal(v)
			if err != nil {
				t.Skip("no JSON")
			}
			if rapid.Bool().Draw(t, "spaces") {
				var b bytes.Buffer
				json.Indent(&b, text, "", " ")
				text = bytes.ReplaceAll(b.Bytes(), []byte("\n"), nil)
			}
			got := s.Append(nil, text)
			var back any
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatalf("%v:\n%s\nbecame\n%s", err, text, got)
			}
			checkGone(t, back, false, got)
		})
	}
}

func TestGiantValueRunsInConstantMemory(t *testing.T) {
	for _, in := range []struct{ head, tail, want string }{
		{`{"password":"`, `","b":1}`, `{"password":"[redacted]","b":1}`},
		{`{"password":{"a":"`, `"},"b":1}`, `{"password":"[redacted]","b":1}`},
		{`x token=`, ` b`, `x token=[redacted] b`},
		{`Cookie: `, "\r\n", "Cookie: [redacted]\r\n"},
		{`x eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJz`, `. b`, `x [redacted]. b`},
	} {
		s := mustNew(t, redactPolicies[0])
		var out bytes.Buffer
		w := s.NewWriter(&out)
		io.WriteString(w, in.head)
		piece := bytes.Repeat([]byte("abcdefgh"), 4000)
		for range 100 {
			w.Write(piece)
			if len(w.red.held) > redactBack+redactAhead+redactStep+len(piece) || cap(w.red.held) > 4*feed || out.Len() > 100 {
				t.Fatalf("%s: %d bytes held back, %d out", in.head, len(w.red.held), out.Len())
			}
		}
		io.WriteString(w, in.tail)
		w.Flush()
		if out.String() != in.want {
			t.Errorf("%q became %q", in.head, out.String())
		}
	}
}

func TestCutAndResumeLeaveNoPieceOfAValue(t *testing.T) {
	for _, text := range []string{
		`{"password":"hunter2","b":1}`, `x token=hunter2&b=1`, "Cookie: a=hunter2; b=hunter2", `{"credentials":{"a":"hunter2","b":["hunter2"]}}`,
		"x https://bob:hunter2@host.example/", "to hunter2@hunter2.example ok", "a=ice-pwd:hunter2",
	} {
		for i := len("hunter2"); i < len(text); i++ {
			w, out := newWriter(t, redactPolicies[0])
			io.WriteString(w, text[:i])
			w.Cut()
			io.WriteString(w, "\n")
			w.Resume()
			io.WriteString(w, text[i:]+"\nnext\n")
			w.Flush()
			if got := out.String(); strings.Contains(got, "ter2") || !strings.HasSuffix(got, "\nnext\n") {
				t.Errorf("%q cut at %d left %q", text, i, got)
			}
		}
	}
}

func TestBlankingAllocatesNothingInSteadyState(t *testing.T) {
	text := accessLog(64 << 10)
	for _, row := range table(t, "redact.tsv", 4) {
		text = append(append(text, row[2]...), '\n')
	}
	s := mustNew(t, redactPolicies[0])
	w := s.NewWriter(io.Discard)
	if n := testing.AllocsPerRun(10, func() { w.Write(text[:50_001]); w.Write(text[50_001:]) }); n != 0 {
		t.Errorf("Write: %v allocations", n)
	}
	if w.Counts().Redacted == 0 {
		t.Error("nothing was counted")
	}
	dst := make([]byte, 0, 2*len(text))
	if n := testing.AllocsPerRun(100, func() { dst = s.Append(dst[:0], text) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
}

// TestHostileTextsTakeLinearTime holds the slowest texts known to a rate that
// anything quadratic is far from.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	const size = 256 << 10
	s := mustNew(t, redactPolicies[0])
	for _, unit := range []string{
		"eyJ", "eyJhbGciOiJIUzI1NiJ9 ", strings.Repeat("eyJ", 1300) + " ", "eyJhbGciOiJIUzI1NiJ9.", "username=", "candidate:", "a@", "a@b.c", "://", "://a:", `\`, `\"`, `"`, `"token":`,
		"token=", "token=[", "token={\"", "%", "%25", "%3D", "token%3D", "=", ":", " ", "'", "crypto:", "&quot;:", `\x22:`, "a", "Cookie: ", "id: ",
	} {
		for _, head := range []string{"", ` - x [17/May/2015:10:05:03 +0000] `, `"`} {
			text := append([]byte(head), strings.Repeat(unit, size/len(unit))...)
			done := make(chan struct{})
			go func() {
				defer close(done)
				s.Append(nil, text)
			}()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Fatalf("%q takes more than 30 s for 256 KiB", unit)
			}
		}
	}
}
