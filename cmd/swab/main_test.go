package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"swab/ledger"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"swab": main, "within": within})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("SWAB_STATE", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": scriptStatus,
			"ledger": scriptLedger,
			"flip":   scriptFlip,
			"lock":   scriptLock,
			"keyday": scriptKeyDay,
			"append": scriptAppend,
			"files":  scriptFiles,
			"pairs":  scriptPairs,
		},
	})
}

// scriptStatus runs swab and compares its exit status: status 3 ledger check
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARGUMENT…")
	}
	err := ts.Exec("swab", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// scriptLedger writes a little ledger into a state directory: ledger DIR
func scriptLedger(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	now := time.Date(2026, 11, 23, 18, 4, 0, 0, time.UTC)
	l, err := ledger.Open(dir, ledger.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	ts.Check(err)
	policy := ledger.Retention{RawLimit: 7 * 86400, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"}
	batch := ledger.BatchID{Class: "api", Number: 1}
	refs := []ledger.Ref{{Batch: batch}}
	for _, e := range []ledger.Event{
		{Start: &ledger.Start{Version: "test", Host: "host", Node: "n0de", Policies: map[string]ledger.Retention{"api": policy, "web": policy}}},
		{Open: &ledger.FileOpen{File: 1, Class: "api", Size: 81920}},
		{Open: &ledger.FileOpen{File: 2, Class: "web", Size: 1500}},
		{Seal: &ledger.Seal{
			Batch: batch, Key: "logs/class=api/dt=2026-11-23/hour=18/host-n0de-000000000001-00.log.zst", Size: 9000, Raw: 81920, Lines: 812,
			Ranges: []ledger.Range{{File: 1, To: 81920, Lines: 812}},
		}},
		{Ship: &ledger.Ship{Batch: batch, How: "stored", Verified: "checksum"}},
		{Erase: &ledger.Erase{Reason: ledger.ReasonShipped, Refs: refs}},
		{Erased: &ledger.Erased{Refs: refs}},
		{Seen: &ledger.Seen{Files: []ledger.Growth{{File: 1, Size: 82000}}}},
		{Open: &ledger.FileOpen{File: 3, Class: "api", After: 1, Size: 10}},
		{Lost: &ledger.Lost{File: 1, From: 81920, To: 82000, Why: "truncated"}},
		{Close: &ledger.FileClose{File: 1, Why: "rewritten"}},
	} {
		ts.Check(l.Append(e))
	}
	ts.Check(l.Close())
	paths, err := ledger.OpenPaths(dir)
	ts.Check(err)
	paths.Set(2, ledger.Place{Root: "/var/log/nginx", Name: "access.log"})
	paths.Set(3, ledger.Place{Root: "/var/log/api", Name: "sub/access.log"})
	ts.Check(paths.Save())
}

// scriptFlip changes one byte of a file: flip FILE LINE, its 30th in that line
func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	line, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	text, err := os.ReadFile(path)
	ts.Check(err)
	lines := strings.SplitAfter(string(text), "\n")
	p := []byte(lines[line-1])
	p[30] ^= 1
	lines[line-1] = string(p)
	ts.Check(os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))
}

// scriptKeyDay puts the day of the one key of pseudonyms of a state directory
// into a variable: keyday DIR NAME
func scriptKeyDay(ts *testscript.TestScript, _ bool, args []string) {
	list, err := filepath.Glob(ts.MkAbs(args[0]) + "/keys/pseudonyms-*")
	ts.Check(err)
	if len(list) != 1 {
		ts.Fatalf("%d keys of pseudonyms, want 1", len(list))
	}
	ts.Setenv(args[1], strings.TrimPrefix(filepath.Base(list[0]), "pseudonyms-"))
}

// scriptAppend puts one file's content behind another's: append FROM TO
func scriptAppend(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(f.Close())
}

// scriptFiles prints whatever is no directory and has such a name, at any depth:
// files PATTERN DIR…
func scriptFiles(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.Stdout() // taken also where there is no such file: what was said before goes
	for _, dir := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			fits, err := filepath.Match(args[0], e.Name())
			if fits {
				fmt.Fprintln(out, path)
			}
			return err
		}))
	}
}

// scriptPairs fails unless an expression of two groups is in a file, and each
// time with the same text in both: pairs EXPRESSION FILE
func scriptPairs(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[1])
	pairs := regexp.MustCompile("(?m)"+args[0]).FindAllStringSubmatch(text, -1)
	for _, p := range pairs {
		if p[1] != p[2] {
			ts.Fatalf("%q and %q in %q", p[1], p[2], p[0])
		}
	}
	if len(pairs) == 0 {
		ts.Fatalf("no %s in %q", args[0], text)
	}
}

// scriptLock takes the lock of a state directory until the script ends.
func scriptLock(ts *testscript.TestScript, _ bool, args []string) {
	l, err := ledger.Open(ts.MkAbs(args[0]), ledger.Options{})
	ts.Check(err)
	ts.Defer(func() { l.Close() })
}

// brokenPipe is what a shell's pipe answers when its reader has left.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	r.Close()
	defer w.Close()
	return w.Write([]byte("x"))
}

func TestReaderThatLeftIsNotComplainedAbout(t *testing.T) {
	var stderr strings.Builder
	in := strings.NewReader(strings.Repeat("203.0.113.7 a line\n", 1000))
	if status := dispatch(context.Background(), []string{"scrub"}, in, brokenPipe{}, &stderr); status != exitFailed || stderr.Len() > 0 {
		t.Errorf("status %d, said %q", status, stderr.String())
	}
}

// A failure to read is told, and what was read before it is not lost.
func TestScrubTellsOfAFailedRead(t *testing.T) {
	var stdout, stderr strings.Builder
	in := io.MultiReader(strings.NewReader("203.0.113.7 a line\n203.0.113.9"), failingReader{})
	if status := dispatch(context.Background(), []string{"scrub"}, in, &stdout, &stderr); status != exitFailed {
		t.Errorf("status %d", status)
	}
	if stdout.String() != "203.0.113.0 a line\n203.0.113.0" || stderr.String() != "error: standard input: no more\n" {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, fmt.Errorf("no more") }

func TestEveryCommandHasHelp(t *testing.T) {
	all := names(commands())
	for _, args := range append([][]string{{"ledger", "check"}, {"ledger", "show"}, {"ledger", "trace"}, {"ledger", "repair"}, {"ledger"}}, one(all)...) {
		var stdout, stderr strings.Builder
		status := dispatch(context.Background(), append(slices.Clone(args), "--help"), nil, &stdout, &stderr)
		if status != exitDone || stderr.Len() > 0 || !strings.Contains(stdout.String(), "swab "+strings.Join(args, " ")) {
			t.Errorf("%v --help: status %d, %q, %q", args, status, stdout.String(), stderr.String())
		}
	}
}

func one(list []string) [][]string {
	var out [][]string
	for _, s := range list {
		out = append(out, []string{s})
	}
	return out
}
