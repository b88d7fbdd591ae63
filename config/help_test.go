package config

import (
	"strings"
	"testing"
	"unicode/utf8"

	"swab/testdata/golden"
)

func TestHelpIsAsGolden(t *testing.T) { golden.Is(t, "run-help.txt", RunUsage()) }

func TestHelpIsWholeAndFits(t *testing.T) {
	help := RunUsage()
	for line := range strings.Lines(help) {
		if n := utf8.RuneCountInString(line); n > helpWidth+1 || strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("%d columns, or blanks at the end: %q", n, line)
		}
	}
	groups := map[string]bool{}
	last := ""
	for _, f := range Flags() {
		if strings.Count(help, "  --"+f.Name+" ") == 0 && strings.Count(help, "  --"+f.Name+"\n") == 0 {
			t.Errorf("--%s is not in the help", f.Name)
		}
		if f.Usage == "" || f.Group == "" || f.Hidden || f.Group != last && groups[f.Group] {
			t.Errorf("%+v: no usage, or out of its group", f)
		}
		groups[f.Group], last = true, f.Group
	}
	if strings.Contains(help, "--sweep") {
		t.Error("--sweep is hidden")
	}
}

// TestTheFlagsAreThoseOfTheDesign lists them by hand.
func TestTheFlagsAreThoseOfTheDesign(t *testing.T) {
	want := strings.Fields(`log exclude follow to state class scrub ipv4-prefix ipv6-prefix keep-net redact ip-field versions raw-limit erase fill batch-size batch-age
		spool-limit codec object-format endpoint-url region path-style sse kms-key verify rate-limit listen shutdown-timeout first-grace clock-grace
		once dry-run log-format log-level json allow-wide-glob allow-longer-raw-limit ephemeral-state flags-from mask-text key-secret`)
	have := map[string]bool{}
	for _, f := range Flags() {
		have[f.Name] = true
	}
	for _, name := range want {
		if !have[name] {
			t.Errorf("--%s is missing", name)
		}
		delete(have, name)
	}
	for name := range have {
		t.Errorf("--%s is in no list", name)
	}
}
