package scrub

import (
	"strings"
	"testing"
)

// redactPlaces are what may stand around a field in a line; none of it is a
// part of a value.
var redactPlaces = []struct{ before, after string }{
	{"", ""}, {"", "\n"}, {"", "\r\n"}, {"a\n", "\nb\n"}, {"x ", ""}, {"\t", "\n"}, {"198.51.100.0 - - ", "\n"},
	{"2026-11-23T18:04:05Z info ", "\nnext 12:00"}, {strings.Repeat("word ", 300), "\n" + strings.Repeat("word ", 300)},
	{"a=1&b=2 c:3 ", "\n"}, {"日本 ", "\n"}, {"\xff\x00 ", "\n"}, {"\x1b[31m ", "\n"},
}

func redactPolicy(names string) Policy { return Policy{Redact: strings.Split(names, ",")} }

func TestEveryFieldIsBlankedWhereverItStands(t *testing.T) {
	for _, row := range table(t, "redact.tsv", 4) {
		s := mustNew(t, redactPolicy(row[1]))
		for k, p := range redactPlaces {
			if strings.HasPrefix(row[2], "198.51.100.0 user-identifier") && k > 3 {
				continue // three words, counted from the line's beginning
			}
			in, want := p.before+row[2]+p.after, p.before+row[3]+p.after
			if got := s.String(in); got != want {
				t.Errorf("%s: %q\n  got %q\n want %q", row[0], in, got, want)
			}
			if got := s.String(want); got != want {
				t.Errorf("%s, twice: %q became %q", row[0], want, got)
			}
			for seed := range uint64(3) {
				checkSplit(t, s, []byte(in), seed)
			}
		}
	}
}

// However a value begins, and whatever it ends in, the next line is another one.
func TestNoValueGoesOnBehindItsLine(t *testing.T) {
	s := mustNew(t, Policy{Redact: []string{"cookies", "secrets", "identifiers"}})
	for _, begin := range []string{
		"password=", "password: ", "password=\"", "password='", "password=%22", "password=%27", "password%3D%22", "password=&quot;",
		"password=\\x22", "password=\\u0022", "password=\\\"", `{"password":"`, `{"password":[`, `{"password":{"a":"`, `{\"password\":\"`, "Cookie: ", `"cookie: `,
		"Authorization: Bearer ", "authorization=Basic%20", "?token=", "?token=%22", "?a=%7B%22password%22%3A%22", "user-agent=\"",
	} {
		for _, end := range []string{"", "a", "\\", "a\\", "\\\\", `\\\`, "a\\\\", "%", "%2", "%5c", "&", "\"\\", "'\\", "\\u", "\\x", "\\u00", "\r", "\\\r"} {
			got := string(s.Append(nil, []byte(begin+end+"\nthe next line\n")))
			if !strings.HasSuffix(got, "\nthe next line\n") {
				t.Errorf("%q became %q", begin+end+"\nthe next line\n", got)
			}
		}
	}
}
