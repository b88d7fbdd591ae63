package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

func TestReportTellsWhatARunDid(t *testing.T) {
	t.Setenv("SWAB_STATE", "")
	dir := t.TempDir()
	shipLogs(t, dir, "--to", "file://"+dir+"/store")
	state := []string{"ledger", "report", "--state", dir + "/state", "--from", "1d"}
	status, text, stderr := saidBy(t, state...)
	if status != exitDone || stderr != "" {
		t.Fatalf("%d\n%s%s", status, text, stderr)
	}
	for _, want := range []string{
		"The ledger holds", "No line was lost", "the store has it", "api/1 class=api/dt=", "in 5 pauses", "read to the end", "erased once shipped, limit 7 d",
		"It certifies nothing",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said:\n%s", want, text)
		}
	}
	if strings.Contains(text, dir+"/log") || strings.Contains(text, "203.0.113.") {
		t.Errorf("a path or a line is shown:\n%s", text)
	}

	path := filepath.Join(dir, "report.html")
	if status, _, stderr := saidBy(t, append(state, "--html", path)...); status != exitDone || stderr != "" {
		t.Fatalf("%d\n%s", status, stderr)
	}
	page, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(page), "<!doctype html>") || !strings.HasSuffix(string(page), "</html>\n") {
		t.Errorf("%v, %d bytes of a page", err, len(page))
	}
	left, err := filepath.Glob(dir + "/.swab-report-*")
	if err != nil || len(left) > 0 {
		t.Errorf("left beside it: %q %v", left, err)
	}

	segment := filepath.Join(dir, "state", "ledger", "000001.jsonl")
	good, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, []byte(strings.Replace(string(good), `"how":"stored"`, `"how":"already"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := saidBy(t, state...); status != exitFound || !strings.Contains(text, "The ledger does not hold") {
		t.Errorf("a changed ledger: %d\n%s", status, text)
	}
}

// A wall clock that was set back is behind the ledger's time.
func TestReportTellsAllWhereTheLedgersTimeIsAhead(t *testing.T) {
	ahead := time.Now().Add(48 * time.Hour)
	dir := t.TempDir()
	l, err := ledger.Open(dir, ledger.Options{Now: func() time.Time { return ahead }})
	if err == nil {
		err = errors.Join(l.Append(ledger.Event{Start: &ledger.Start{Version: "test", Host: "media-7", Node: "n0de"}}), l.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	status, text, stderr := saidBy(t, "ledger", "report", "--state", dir)
	if status != exitDone || stderr != "" || !strings.Contains(text, "media-7") {
		t.Errorf("%d\n%s%s", status, text, stderr)
	}
}

func TestReportRefusesDaysThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--from", "yesterday"}, "error: --from yesterday: is no day."},
		{[]string{"--from", "1d", "--to", "2d"}, "error: --to 2d: lies before --from\n"},
	} {
		status, _, stderr := saidBy(t, append([]string{"ledger", "report", "--state", dir}, tt.args...)...)
		if status != exitFlags || !strings.HasPrefix(stderr, tt.want) {
			t.Errorf("%v: %d, %s", tt.args, status, stderr)
		}
	}
	if o, err := reportDays("2026-11-23", "2026-11-24", time.Time{}); err != nil || o.To.Sub(o.From) != 48*time.Hour {
		t.Errorf("two days, both included: %+v, %v", o, err)
	}
}
