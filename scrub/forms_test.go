package scrub

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// table reads a file of testdata: tab-separated, with a header.
func table(t testing.TB, file string, columns int) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		c := strings.Split(l, "\t")
		if len(c) != columns {
			t.Fatalf("%s: %d columns in %q", file, len(c), l)
		}
		rows = append(rows, c)
	}
	return rows
}

// places are where a form may stand in a line; the text around it stays.
var places = []struct{ before, after string }{
	{"", ""}, {"", "\n"}, {"", "\r\n"}, {"a\n", "\nb\n"}, {" ", " "}, {"\t", "\t"}, {`"`, `"`}, {`'`, `',`}, {"(", ")"}, {"<", ">"},
	{"=", ";"}, {"|", "|"}, {`{"ip":"`, `"}`}, {`\"`, `\"`}, {"x [", "] y"}, {"\xff", "\xff"}, {"\x00", "\x00"}, {"日本", "語"},
	{"\x1b[31m", "\x1b[0m"}, {"GET /?q=", " HTTP/1.1"}, {"&a=", "&b=1"}, {strings.Repeat("word ", 200), strings.Repeat(" word", 200)},
	{"2026-11-23T18:04:05Z ", " Chrome/120.0.0.0"}, {`\n`, `\n`}, {`\u003c`, `\u003e`}, {"%20", "%20"}, {"198.51.100.0 ", " 198.51.100.0"},
}

func TestEveryFormIsTruncatedWhereverItStands(t *testing.T) {
	s := mustNew(t, Policy{})
	for _, row := range table(t, "forms.tsv", 3) {
		for _, p := range places {
			in, want := p.before+row[1]+p.after, p.before+row[2]+p.after
			if got := s.String(in); got != want {
				t.Errorf("%s: %q\n  got %q\n want %q", row[0], in, got, want)
			}
			if got := s.String(want); got != want {
				t.Errorf("%s, scrubbed twice: %q became %q", row[0], want, got)
			}
			for seed := range uint64(3) {
				checkSplit(t, s, []byte(in), seed)
			}
		}
	}
}

// The scanner goes by words of eight bytes: a dash may be the first of one that
// holds no digit.
func TestAFormIsFoundAtEveryPlaceOfAWord(t *testing.T) {
	s := mustNew(t, Policy{})
	for n := range 24 {
		before, after := strings.Repeat(" ", n), strings.Repeat(" ", 64)
		for in, want := range map[string]string{"fe80--abcd.ipv6-literal.net": "fe80--.ipv6-literal.net", "203.0.113.7": "203.0.113.0", "fd00::face": "fd00::"} {
			if got := s.String(before + in + after); got != before+want+after {
				t.Errorf("%q behind %d bytes became %q", in, n, strings.TrimSpace(got))
			}
		}
	}
}

func TestNoFormIsLeftByMask(t *testing.T) {
	s := mustNew(t, Policy{Mode: Mask})
	for _, row := range table(t, "forms.tsv", 3) {
		got := s.String(row[1])
		if row[1] != row[2] && got == row[1] {
			t.Errorf("%s: %q was not masked", row[0], row[1])
		}
		if again := s.String(got); again != got {
			t.Errorf("%s: %q became %q, then %q", row[0], row[1], got, again)
		}
	}
}

func TestLookalikesStayToTheByte(t *testing.T) {
	for _, policy := range []Policy{{}, {Mode: Mask}, {Mode: PseudonymDeterministic}, {Mode: PseudonymPrefix}} {
		s := mustNew(t, policy)
		for _, row := range table(t, "lookalikes.tsv", 2) {
			for _, p := range places {
				in := p.before + row[1] + p.after
				if strings.Contains(in, "198.51") && policy.Mode != Truncate || p.before == "x [" && row[0] == "c++" {
					continue // in brackets, abc::def is an address
				}
				if got := s.String(in); got != in {
					t.Errorf("%s: %q became %q", row[0], in, got)
				}
			}
		}
	}
}

func TestBytesThatAreNoTextStay(t *testing.T) {
	s := mustNew(t, Policy{})
	var all []byte
	for b := range 256 {
		all = append(all, byte(b), 'z', byte(b), byte(255-b))
	}
	if got := s.Append(nil, all); !bytes.Equal(got, all) {
		t.Errorf("%q was changed to %q", all, got)
	}
}
