package swab_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/config"
)

// TestDocsCommandsParse parses every swab command that a page, the unit or the
// pod shows, with the flags file that stands beside it.
func TestDocsCommandsParse(t *testing.T) {
	runs := 0
	for _, path := range append(docs(t), "docs/swab.service", "docs/kubernetes.yaml") {
		text := page(t, path)
		flagsFile := ""
		for _, b := range blocks(text) {
			if b.language == "flags" {
				flagsFile = filepath.Join(t.TempDir(), "flags")
				if err := os.WriteFile(flagsFile, []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
				runs += parses(t, path, flagsFile, []string{"swab", "run", "--flags-from", flagsFile})
			}
		}
		if flagsFile == "" { // the unit's file is shown in the README
			for _, b := range blocks(page(t, "README.md")) {
				if b.language == "flags" {
					flagsFile = filepath.Join(t.TempDir(), "flags")
					if err := os.WriteFile(flagsFile, []byte(b.text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, words := range commands(t, path, text) {
			runs += parses(t, path, flagsFile, words)
		}
	}
	if runs < 8 {
		t.Errorf("only %d runs of swab were found in the pages: mend this test", runs)
	}
}

// commands finds the swab commands of a page, taken apart as a shell would.
func commands(t *testing.T, path, text string) [][]string {
	t.Helper()
	var lines []string
	switch filepath.Ext(path) {
	case ".service":
		for line := range strings.Lines(text) {
			if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
				lines = append(lines, command)
			}
		}
	case ".yaml":
		var words []string
		for _, m := range regexp.MustCompile(`(?m)^\s+- (run|--[a-z].*)$`).FindAllStringSubmatch(text, -1) {
			words = append(words, strings.Trim(m[1], `"'`))
		}
		return [][]string{append([]string{"swab"}, words...)}
	default:
		for _, b := range blocks(text) {
			if b.language == "sh" {
				joined := strings.ReplaceAll(b.text, "\\\n", " ")
				lines = append(lines, strings.Split(joined, "\n")...)
			}
		}
	}
	var list [][]string
	for _, line := range lines {
		words, err := shellWords(line)
		if err != nil {
			t.Errorf("%s: %s: %v", path, line, err)
			continue
		}
		if words = swabOf(words); words != nil {
			list = append(list, words)
		}
	}
	return list
}

// swabOf finds swab's own words in a command line: behind what comes before
// them, and up to a pipe.
func swabOf(words []string) []string {
	if i := slices.Index(words, "|"); i >= 0 {
		if after := swabOf(words[i+1:]); after != nil {
			return after
		}
		words = words[:i]
	}
	if len(words) > 0 && (words[0] == "docker" || words[0] == "kubectl") {
		if i := slices.IndexFunc(words, func(w string) bool { return w == "run" }); i >= 0 {
			if j := slices.Index(words[i+1:], "run"); j > 0 {
				return words[i+j:]
			}
		}
		return nil
	}
	for i, w := range words {
		switch {
		case w == "swab" || strings.HasSuffix(w, "/swab"):
			if i == 0 || words[i-1] == "sudo" || words[i-1] == "run" {
				return words[i:]
			}
		}
	}
	return nil
}

// parses fails the test unless swab takes the command, and counts a run of the
// daemon as 1.
func parses(t *testing.T, path, flagsFile string, words []string) int {
	t.Helper()
	if len(words) < 2 {
		return 0
	}
	sub, args := words[1], slices.Clone(words[2:])
	if sub != "run" {
		if !slices.Contains([]string{"scrub", "verify", "ledger", "reveal", "demo", "version", "help"}, sub) {
			t.Errorf("%s: there is no command swab %s", path, sub)
		}
		if sub == "ledger" && (len(args) == 0 || !slices.Contains([]string{"check", "show", "trace", "report", "repair"}, args[0])) {
			t.Errorf("%s: there is no command %s", path, strings.Join(words, " "))
		}
		return 0
	}
	if slices.Contains(args, "--help") {
		return 1
	}
	for i, a := range args {
		if a == "--flags-from" && i+1 < len(args) {
			args[i+1] = flagsFile
		}
		if a == "--key-secret" && i+1 < len(args) {
			args[i+1] = filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(args[i+1], make([]byte, config.MinKeySecret), 0o400); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What secrets and state directories this machine has, and on which disk, is not the
	// pages' matter.
	args = append(args, "--ephemeral-state", "--state", filepath.Join(t.TempDir(), "state"))
	if _, err := config.ParseRun(args, nil); err != nil {
		t.Errorf("%s: %s:\n%v", path, strings.Join(words, " "), err)
	}
	return 1
}

// shellWords takes a command line apart: blanks, quotes, and a comment.
func shellWords(line string) ([]string, error) {
	var words []string
	var word bytes.Buffer
	var quote byte
	in := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == '#' && !in:
			return words, nil
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is open")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
