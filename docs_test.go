package swab_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
)

// writeDocs makes TestDocsFlagsTable write the table instead of comparing it:
// `make docs`.
var writeDocs = flag.Bool("write-docs", false, "write the generated parts of README.md")

// docs lists the pages that people read.
func docs(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(pages, "README.md", "ARCHITECTURE.md", "CHANGELOG.md")
}

func page(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocsFlagsTableIsThatOfTheFlags(t *testing.T) {
	const begin, end = "<!-- flags: begin (make docs writes what stands here) -->\n", "<!-- flags: end -->"
	readme := page(t, "README.md")
	head, rest, ok := strings.Cut(readme, begin)
	have, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md has lost the marks around its table of flags")
	}
	want := flagsTable()
	if *writeDocs {
		if err := os.WriteFile("README.md", []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Error("README.md's table of flags is not that of config.Flags; `make docs` writes it")
	}
}

func flagsTable() string {
	var b strings.Builder
	group := ""
	for _, f := range config.Flags() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n**%s**\n\n| flag | default | |\n|---|---|---|\n", group)
		}
		name, standard := "--"+f.Name, ""
		if f.Value != "" {
			name += " " + f.Value
		}
		name = code(name)
		if f.Repeat {
			name += " …"
		}
		if f.Default != "" {
			standard = code(f.Default)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, standard, cell(f.Usage))
	}
	return b.String() + "\n"
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

// cell keeps a text from being taken for a table's border or for emphasis.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(s) }

// TestDocsFlagsAreFlags finds flags that a page names and swab does not know.
func TestDocsFlagsAreFlags(t *testing.T) {
	known := map[string]bool{"help": true, "objects": true, "explain": true, "stats": true, "sample": true, "hosts": true, "since": true, "until": true}
	for _, f := range config.Flags() {
		known[f.Name] = true
	}
	for _, name := range []string{"store", "from", "html"} { // of swab ledger
		known[name] = true
	}
	named := regexp.MustCompile("`--([a-z][a-z0-9-]*)")
	for _, path := range docs(t) {
		for _, m := range named.FindAllStringSubmatch(page(t, path), -1) {
			if !known[m[1]] {
				t.Errorf("%s: there is no flag --%s", path, m[1])
			}
		}
	}
}

// TestDocsRetentionTableIsThatOfThePresets holds the tables of classes to the
// presets, a row a class.
func TestDocsRetentionTableIsThatOfThePresets(t *testing.T) {
	for _, path := range []string{"README.md", "docs/retention.md"} {
		text := page(t, path)
		for _, c := range config.Presets() {
			row, ok := tableRow(text, c.Name)
			if !ok {
				t.Errorf("%s: no row for class %s", path, c.Name)
				continue
			}
			for _, want := range classWords(c) {
				if !strings.Contains(row, want) {
					t.Errorf("%s: the row of class %s does not say %q", path, c.Name, want)
				}
			}
		}
	}
}

// classWords is what a row must say of a class.
func classWords(c config.Class) []string {
	var words []string
	limit := "7 days"
	if c.RawLimit != config.PolicyRawLimit {
		limit = fmt.Sprintf("%d hours", c.RawLimit/time.Hour)
	}
	if c.EraseAtLimit {
		words = append(words, "until "+limit+" old")
	} else {
		words = append(words, "until shipped", "never past "+limit)
	}
	switch {
	case c.Opaque:
		words = append(words, "opaque")
	case c.Scrub.Mode == scrub.Keep:
		words = append(words, "| stay |")
	default:
		words = append(words, "| taken out")
	}
	switch years := int64(c.Keep / (365 * 24 * time.Hour)); {
	case years > 0:
		words = append(words, fmt.Sprintf("| %d years |", years))
	case c.Keep > 0:
		words = append(words, fmt.Sprintf("| %d hours |", c.Keep/time.Hour))
	}
	return words
}

// tableRow finds the row of a table whose first cell is name as code.
func tableRow(text, name string) (string, bool) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `"+name+"` |") {
			return line, true
		}
	}
	return "", false
}

// TestDocsNameEveryWordOfTheCode holds pages to what the code calls its events,
// reasons, steps and metrics.
func TestDocsNameEveryWordOfTheCode(t *testing.T) {
	for _, of := range []struct{ source, kind, path string }{
		{"ledger/event.go", "Kind", "docs/format.md"},
		{"ledger/event.go", "Reason", "docs/format.md"},
		{"steps.go", "step", "ARCHITECTURE.md"},
	} {
		text := page(t, of.path)
		words := constants(t, of.source, of.kind)
		if len(words) == 0 {
			t.Errorf("%s has no constants of type %s any more: mend this test", of.source, of.kind)
		}
		for _, word := range words {
			if _, ok := tableRow(text, word); !ok {
				t.Errorf("%s: no row for the %s %q of %s", of.path, strings.ToLower(of.kind), word, of.source)
			}
		}
	}
	metrics := regexp.MustCompile(`(?m)^# TYPE (swab_\w+)`).FindAllStringSubmatch(page(t, "status/testdata/metrics.golden"), -1)
	if len(metrics) == 0 {
		t.Error("no metrics in status/testdata/metrics.golden")
	}
	operating := page(t, "docs/operating.md")
	for _, m := range metrics {
		if _, ok := tableRow(operating, m[1]); !ok {
			t.Errorf("docs/operating.md: no row for the metric %s", m[1])
		}
	}
}

// constants lists the strings of a file's constants of one type.
func constants(t *testing.T, path, typeName string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
			return true
		}
		for _, v := range spec.Values {
			lit, ok := v.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			if word, err := strconv.Unquote(lit.Value); err == nil {
				words = append(words, word)
			}
		}
		return true
	})
	return words
}

// TestDocsLedgerExamplesAreEvents reads the events shown in docs/format.md.
func TestDocsLedgerExamplesAreEvents(t *testing.T) {
	shown := 0
	for _, b := range blocks(page(t, "docs/format.md")) {
		if b.language != "json" {
			continue
		}
		shown++
		var event struct {
			ledger.Event
			Sum string `json:"sum"`
		}
		d := json.NewDecoder(strings.NewReader(b.text))
		d.DisallowUnknownFields()
		if err := d.Decode(&event); err != nil {
			t.Errorf("docs/format.md line %d: %v", b.line, err)
		}
	}
	if shown == 0 {
		t.Error("docs/format.md shows no JSON any more")
	}
}

// TestDocsLinksLeadSomewhere follows the relative links and their anchors.
func TestDocsLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, path := range docs(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(page(t, path)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			text, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %s: %v", path, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(string(text)), anchor) {
				t.Errorf("%s: %s has no heading %q", path, target, anchor)
			}
		}
	}
}

// anchors are what a page's headings can be linked by: lower case, blanks as
// hyphens, punctuation left out.
func anchors(text string) []string {
	var list []string
	for line := range strings.Lines(withoutCode(text)) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title)))
	}
	return list
}

// block is a fenced block of a page.
type block struct {
	language, text string
	line           int // of its first line
}

func blocks(text string) []block {
	var list []block
	var open *block
	n := 0
	for line := range strings.Lines(text) {
		n++
		language, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: n + 1}
		case fence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	return list
}

func withoutCode(text string) string {
	for _, b := range blocks(text) {
		text = strings.Replace(text, b.text, "", 1)
	}
	return text
}

// TestDocsUnitHasTheCapabilitiesThatAreExplained holds the unit to the table of
// docs/deploying.md.
func TestDocsUnitHasTheCapabilitiesThatAreExplained(t *testing.T) {
	unit, deploying := page(t, "docs/swab.service"), page(t, "docs/deploying.md")
	m := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.+)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal("the unit does not bound its capabilities")
	}
	for _, name := range strings.Fields(m[1]) {
		if _, ok := tableRow(deploying, name); !ok {
			t.Errorf("docs/deploying.md: no row for %s", name)
		}
	}
	if !strings.Contains(unit, "\nAmbientCapabilities="+m[1]+"\n") {
		t.Error("the unit's ambient capabilities are not those of its bounding set")
	}
}
