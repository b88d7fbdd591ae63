package swab

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/testdata/crashtest"
)

// tableRows are the rows of the table of a page whose head begins with under,
// cell by cell.
func tableRows(t *testing.T, page, under string) [][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), under)
	if !ok {
		t.Fatalf("%s has no table under %q", page, under)
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "| `") {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		} else if len(rows) > 0 && !strings.HasPrefix(line, "|") {
			break
		}
	}
	return rows
}

// The page's table of steps has each step that tests crash at, and no other.
func TestDocsCrashTableHasEveryStep(t *testing.T) {
	var have []string
	for _, row := range tableRows(t, "ARCHITECTURE.md", "\n| step |") {
		have = append(have, strings.Trim(row[0], "`"))
		if len(row) != 4 || row[3] != "nothing" {
			t.Errorf("step %s: the last of four cells says what is lost or doubled, want nothing", row[0])
		}
	}
	var want []string
	for _, s := range slices.Concat(copySteps[:], packSteps[:], joinSteps[:], segmentSteps[:], steps[:], []step{stepKeyMade, stepKeyDestroyed}) {
		want = append(want, string(s))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("steps of the table:\n%q\nsteps that tests crash at:\n%q", have, want)
	}
}

// The page's table of effects names each call that a run makes at each place,
// and no other.
func TestDocsCrashTableHasEveryEffect(t *testing.T) {
	said := map[string]bool{}
	calls := regexp.MustCompile("`([a-z0-9_]+)`")
	for _, row := range tableRows(t, "ARCHITECTURE.md", "\n| place |") {
		for _, m := range calls.FindAllStringSubmatch(row[1], -1) {
			said[strings.Trim(row[0], "`")+": "+m[1]] = true
		}
		if len(row) != 5 || row[4] != "nothing" {
			t.Errorf("place %s: the last of five cells says what is lost or doubled, want nothing", row[0])
		}
	}
	made := map[string]bool{}
	for _, s := range scenarios {
		for _, e := range s.effects(t) {
			made[placeOf(e)+": "+e.Call] = true
		}
	}
	for _, m := range slices.Sorted(maps.Keys(made)) {
		if !said[m] {
			t.Errorf("the table lacks %s", m)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(said)) {
		if !made[m] {
			t.Errorf("the table has %s, which no run does", m)
		}
	}
}

// placeOf is where an effect happens, as the table calls it.
func placeOf(e crashtest.Effect) string {
	for _, p := range places {
		if p.path.MatchString(e.Path) {
			return p.name
		}
	}
	return e.Path
}

var places = []struct {
	path *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`^log/`), "LOG"},
	{regexp.MustCompile(`^state/spool/.*\.tmp$`), "STATE/spool/BATCH.tmp"},
	{regexp.MustCompile(`^state/spool/.*\.sums$`), "STATE/spool/BATCH.sums"},
	{regexp.MustCompile(`^state/spool/`), "STATE/spool/BATCH"},
	{regexp.MustCompile(`^state/keys/.*\.tmp$`), "STATE/keys/KEY.tmp"},
	{regexp.MustCompile(`^state/keys/`), "STATE/keys/KEY"},
	{regexp.MustCompile(`^state/ledger/.*\.tmp$`), "STATE/ledger/SEGMENT.tmp"},
	{regexp.MustCompile(`^state/ledger/`), "STATE/ledger/SEGMENT"},
	{regexp.MustCompile(`^state/lock$`), "STATE/lock"},
	{regexp.MustCompile(`^state/home$`), "STATE/home"},
	{regexp.MustCompile(`^state/fork$`), "STATE/fork"},
	{regexp.MustCompile(`^state/reserve$`), "STATE/reserve"},
	{regexp.MustCompile(`^state/paths\.tmp$`), "STATE/paths.tmp"},
	{regexp.MustCompile(`^state/ledger\.torn$`), "STATE/ledger.torn"},
	{regexp.MustCompile(`^(state.*|\.)$`), "STATE"},
	{regexp.MustCompile(`^out/\.swab/put-`), "STORE/.swab/put"},
	{regexp.MustCompile(`^out/\.swab/meta-`), "STORE/.swab/meta"},
	{regexp.MustCompile(`^out`), "STORE"},
}
