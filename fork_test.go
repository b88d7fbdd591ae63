package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
	"swab/ship"
)

func TestWhatIsACopyAndWhatWasMoved(t *testing.T) {
	for _, tt := range []struct {
		name            string
		was, now        identity
		beside, stopped bool
		fork            bool
	}{
		{"the same", identity{"m", "h"}, identity{"m", "h"}, false, true, false},
		{"the same, after a crash", identity{"m", "h"}, identity{"m", "h"}, false, false, false},
		{"moved on this machine", identity{"m", "h"}, identity{"m", "i"}, false, true, false},
		{"copied, the original is there", identity{"m", "h"}, identity{"m", "i"}, true, true, true},
		{"restored from what a running daemon wrote", identity{"m", "h"}, identity{"m", "i"}, false, false, true},
		{"another machine", identity{"m", "h"}, identity{"n", "i"}, false, true, true},
		{"its disk in another machine, or a clone of it", identity{"m", "h"}, identity{"n", "h"}, false, true, true},
		{"a machine without id", identity{"m", "h"}, identity{"", "h"}, false, true, false},
		{"ledger of an earlier version", identity{"m", ""}, identity{"m", "h"}, false, false, false},
	} {
		if why := forkWhy(tt.was, tt.now, tt.beside, tt.stopped); (why != "") != tt.fork {
			t.Errorf("%s: fork %q", tt.name, why)
		}
	}
}

// cp copies a state directory as an operator's cp -a would: with modes, owners
// and times. What is neither a directory nor a regular file fails the test.
func cp(t *testing.T, from, to string) {
	t.Helper()
	type dir struct {
		path string
		info fs.FileInfo
	}
	var dirs []dir
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		copied := filepath.Join(to, rel)
		switch {
		case info.IsDir():
			dirs = append(dirs, dir{copied, info})
			return os.Mkdir(copied, 0o700)
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(copied, text, 0o600), like(copied, info))
		}
		return fmt.Errorf("%s: %v in a state directory", rel, info.Mode())
	})
	for _, d := range slices.Backward(dirs) { // what is made in a directory moves its time
		err = errors.Join(err, like(d.path, d.info))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// like gives a file the owner, mode and time of another.
func like(path string, info fs.FileInfo) error {
	st := info.Sys().(*syscall.Stat_t)
	return errors.Join(os.Lchown(path, int(st.Uid), int(st.Gid)), os.Chmod(path, info.Mode()), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// nodes are the nodes in the keys of the store, in the order of first sight.
func (b *bench) nodes() (list []string) {
	seen := map[string]bool{}
	for _, key := range b.objects() {
		parts := strings.Split(filepath.Base(key), "-")
		if node := parts[len(parts)-3]; !seen[node] {
			seen[node] = true
			list = append(list, node)
		}
	}
	return list
}

func (b *bench) forks() []ledger.Event { return b.events(ledger.KindFork) }

func TestACopiedStateDirectoryDrawsANewNode(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	first := *b
	copied := *b
	copied.state = b.state + "2"
	cp(t, b.state, copied.state)

	b.write("b.log", "second 203.0.113.77\n")
	copied.once("api")
	copied.once("api")
	b.write("c.log", "third 203.0.113.77\n")
	first.once("api")
	if n := len(first.forks()); n != 0 {
		t.Errorf("the original forked %d times", n)
	}
	forks := copied.forks()
	if len(forks) != 1 || forks[0].Fork.Why != "a copy, whose original is still there" {
		t.Fatalf("the copy forked %d times: %+v", len(forks), forks)
	}
	starts := copied.events(ledger.KindStart)
	f := forks[0].Fork
	if f.WasNode != starts[0].Start.Node || f.Node != starts[2].Start.Node || f.Node == f.WasNode || len(b.nodes()) != 2 {
		t.Errorf("fork %+v, nodes in the store %q", f, b.nodes())
	}
	if got := b.shipped(); strings.Count(got, "\n") != 3 {
		t.Errorf("the store holds %q", got)
	}
	first.check()
	if s := copied.check().State; s.Node != f.Node || s.Account("api").LinesShipped != 2 {
		t.Errorf("state of the copy: %+v", s)
	}
}

func TestAMovedStateDirectoryKeepsItsNode(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	move := func(how func(from, to string)) {
		t.Helper()
		to := b.state + "x"
		how(b.state, to)
		b.state = to
		b.write("b.log", "more 203.0.113.77\n")
		b.once("api")
	}
	move(func(from, to string) { // on one file system
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	})
	carry := func(from, to string) { // to another one
		cp(t, from, to)
		if err := os.RemoveAll(from); err != nil {
			t.Fatal(err)
		}
	}
	move(carry)
	if n := len(b.forks()); n != 0 || len(b.nodes()) != 1 {
		t.Errorf("%d forks, nodes %q", n, b.nodes())
	}
	// Without a stop it is what a running daemon had written when it was copied.
	l, err := ledger.Open(b.state, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var start ledger.Start
	l.View(func(s *ledger.State) {
		start = ledger.Start{Machine: s.Machine, Home: s.Home, Host: s.Host, Node: s.Node, Policies: s.Policies}
	})
	if err := l.Append(ledger.Event{Start: &start}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	move(carry)
	if n := len(b.forks()); n != 1 {
		t.Errorf("%d forks of a copy of a state directory in use, want 1", n)
	}
	b.check()
}

func TestAStateDirectoryOnAnotherMachineDrawsANewNode(t *testing.T) {
	if machine() == "" {
		t.Skip("no machine id here")
	}
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	l, err := ledger.Open(b.state, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var start ledger.Start
	l.View(func(s *ledger.State) {
		start = ledger.Start{Machine: "0123456789abcdef", Home: s.Home, Host: s.Host, Node: s.Node, Policies: s.Policies}
	})
	if err := l.Append(ledger.Event{Start: &start}, ledger.Event{Stop: &ledger.Stop{Why: "asked to"}}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	b.once("api")
	if forks := b.forks(); len(forks) != 1 || forks[0].Fork.Why != "another machine" {
		t.Errorf("forks %+v", forks)
	}
}

// Restored snapshots that nothing shows are the operator's to tell of.
func TestANewNodeIsDrawnWhenAskedFor(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	if err := os.WriteFile(filepath.Join(b.state, forkFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.once("api")
	b.once("api")
	if forks := b.forks(); len(forks) != 1 || forks[0].Fork.Why != "asked to" {
		t.Errorf("forks %+v", forks)
	}
}

// A ledger that was set back, while the spool was not, is found out by a batch
// that no crash can leave.
func TestALedgerOlderThanItsSpoolDrawsANewNode(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	for n, fork := range map[uint64]int{2: 0, 3: 1} {
		path := filepath.Join(b.state, "spool", ship.ID{Class: "api", Number: n}.String())
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(b.forks())
		b.once("api")
		if got := len(b.forks()) - before; got != fork {
			t.Errorf("batch %d in the spool after batch 1: %d forks, want %d", n, got, fork)
		}
	}
	b.check()
}

// A batch that was sealed before the copy was made keeps its key, and is in the
// store once although both ship it.
func TestASealedBatchOfACopyIsShippedOnce(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	b.write("b.log", "second 203.0.113.77\n")
	cmd, said := daemon(t, b.args("api", "--once")...)
	cmd.Env = append(cmd.Env, crashEnv+"="+string(stepSealed))
	if err := cmd.Run(); err == nil {
		t.Fatalf("it did not crash:\n%s", said)
	}
	copied := *b
	copied.state = b.state + "2"
	cp(t, b.state, copied.state)
	copied.once("api")
	b.once("api")
	if got := b.shipped(); strings.Count(got, "second") != 1 || len(b.nodes()) != 1 {
		t.Errorf("the store holds %q under %q", got, b.nodes())
	}
	b.check()
	copied.check()
}

// Two daemons on the same logs, each with its own state: one has them, and the
// other when the first has left.
func TestASecondSwabWaitsForTheLogs(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	stop := b.daemonOn("api", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "the first line to be shipped", func() bool { return len(b.objects()) == 1 })
	second := *b
	second.state, second.out = b.state+"2", b.out+"2"
	stopSecond := second.daemonOn("api", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "the second to refuse the log", func() bool {
		_, err := os.Stat(filepath.Join(second.state, "ledger", "000001.jsonl"))
		return err == nil && len(second.events(ledger.KindRefused)) > 0
	})
	r := second.events(ledger.KindRefused)[0].Refused
	if !strings.Contains(r.Why, "another swab has it") || time.Since(time.Unix(r.Since, 0)) > time.Hour {
		t.Errorf("refused %+v", r)
	}
	f, err := os.OpenFile(filepath.Join(b.logs, "a.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("second 203.0.113.77\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second line to be shipped by the first", func() bool { return len(b.objects()) == 2 })
	stop()
	if _, err := f.WriteString("third 203.0.113.77\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second to have the log", func() bool { return strings.Contains(second.shipped(), "third") })
	stopSecond()
	if got := second.shipped(); got != "third 203.0.113.0\n" {
		t.Errorf("the second shipped %q", got)
	}
}
