package scrub

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpora is the directory of other projects' logs and cases, which is not
// part of this one.
func corpora(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpora")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpora at %s (SWAB_CORPORA names another place)", dir)
	}
	return dir
}

// wrongRows would be rows of the case files that ask for what is not right, by
// their id, with the reason. There is none so far.
var wrongRows = map[string]string{}

type caseRow struct {
	id, input, class      string
	sensitive, lookalikes []string
}

func caseRows(t *testing.T, file string) (rows []caseRow) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !strings.HasPrefix(lines[0], "id\tinput\tsensitive\t") {
		return nil
	}
	for _, l := range lines[1:] {
		c := strings.Split(l, "\t")
		r := caseRow{id: c[0], input: c[1]}
		if err := json.Unmarshal([]byte(c[2]), &r.sensitive); err != nil {
			t.Fatalf("%s: sensitive: %v", r.id, err)
		}
		if err := json.Unmarshal([]byte(c[3]), &r.lookalikes); err != nil {
			t.Fatalf("%s: lookalikes: %v", r.id, err)
		}
		r.class, _, _ = strings.Cut(c[4], ";")
		rows = append(rows, r)
	}
	return rows
}

// ownTruncation reports whether the address in text has no host bits.
func ownTruncation(text string) bool {
	text, _, _ = strings.Cut(text, "%")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	bits := DefaultIPv6Prefix
	switch {
	case a.Is4():
		bits = DefaultIPv4Prefix
	case a.Is4In6(), netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		bits = 96 + DefaultIPv4Prefix
	}
	return netip.PrefixFrom(a, bits).Masked().Addr() == a
}

func TestCaseRowsOfOtherProjects(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora(t), "cases", "*.tsv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	s := mustNew(t, Policy{})
	n := 0
	for _, file := range files {
		for _, r := range caseRows(t, file) {
			got := s.String(r.input)
			for _, a := range r.sensitive {
				if r.class != "class=must" || ownTruncation(a) || wrongRows[r.id] != "" {
					continue
				}
				n++
				if strings.Contains(got, a) {
					t.Errorf("%s: %q became %q, which still holds %q", r.id, r.input, got, a)
				}
			}
			for _, a := range r.lookalikes {
				if r.class != "class=stay" || wrongRows[r.id] != "" {
					continue
				}
				n++
				if !strings.Contains(got, a) {
					t.Errorf("%s: %q became %q, which lost %q", r.id, r.input, got, a)
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d checks: the case files were not read as they are", n)
	}
}

func TestLogsOfOtherProjects(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora(t), "logs", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	s := mustNew(t, Policy{})
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Append(nil, text)
		if a, b := bytes.Count(text, []byte("\n")), bytes.Count(got, []byte("\n")); a != b {
			t.Errorf("%s: %d lines became %d", filepath.Base(file), a, b)
		}
		if bytes.Equal(got, text) {
			t.Errorf("%s: nothing was scrubbed", filepath.Base(file))
		}
		checkSplit(t, s, text, 1)
		checkIdempotent(t, s, text)
	}
}

func TestFieldsInLogsOfOtherProjects(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpora(t), "logs", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	s := mustNew(t, redactPolicies[0])
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Append(nil, text)
		if a, b := bytes.Count(text, []byte("\n")), bytes.Count(got, []byte("\n")); a != b {
			t.Errorf("%s: %d lines became %d", filepath.Base(file), a, b)
		}
		checkSplit(t, s, text, 3)
		checkIdempotent(t, s, text)
		if !strings.HasSuffix(file, ".jsonl") {
			continue
		}
		for line := range bytes.Lines(got) {
			if !json.Valid(line) {
				t.Errorf("%s: no JSON any more: %.200s", filepath.Base(file), line)
			}
		}
	}
}
