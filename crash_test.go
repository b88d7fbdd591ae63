package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ledger"
)

// Invariant 5, step by step: a crash at each boundary between two effects, and
// then one run, leave every line once in the store and nothing raw.
func TestInvariant5ACrashAtEachStepLosesAndRepeatsNothing(t *testing.T) {
	for _, at := range steps {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.write("a.log", "first 203.0.113.77\n")
			b.once("api")
			// Renamed away and grown, so that the run unlinks it in the end.
			old := filepath.Join(b.logs, "a.log.1")
			if err := os.Rename(filepath.Join(b.logs, "a.log"), old); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(old, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(f, lines(3000, "%08d 203.0.113.77"))
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}

			cmd, said := daemon(t, b.args("api", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
			if err := cmd.Run(); err == nil {
				t.Fatalf("it did not crash:\n%s", said)
			}
			b.once("api")
			b.once("api")

			want := "first 203.0.113.0\n" + lines(3000, "%08d 203.0.113.0")
			if got := b.shipped(); got != want {
				t.Errorf("the store holds %d lines, want %d, each once", strings.Count(got, "\n"), strings.Count(want, "\n"))
			}
			if left := raw(t, old); left != "" {
				t.Errorf("%d raw bytes are left", len(left))
			}
			spool, err := os.ReadDir(filepath.Join(b.state, "spool"))
			if err != nil || len(spool) > 0 {
				t.Errorf("the spool still holds %d files (%v)", len(spool), err)
			}
			a := b.check().State.Account("api")
			if a.Erased+a.Removed != a.Written || a.ShippedBytes != a.Written {
				t.Errorf("account: %+v", a)
			}
			if n := len(b.events(ledger.KindStart)); n != 4 {
				t.Errorf("%d starts in the ledger, want 4", n)
			}
		})
	}
}

// A store directory that is known and not there (not mounted) is never made
// anew: its disk would be filled underneath.
func TestAKnownStoreDirectoryIsNotMadeAnew(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	b.once("api")
	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	b.write("b.log", "second 203.0.113.77\n")
	cmd, said := daemon(t, b.args("api", "--once", "--shutdown-timeout", "10ms")...)
	if err := cmd.Run(); err == nil {
		t.Errorf("it ended well:\n%s", said)
	}
	if _, err := os.Stat(b.out); err == nil {
		t.Error("the store's directory was made anew")
	}
	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	b.once("api")
	if got := b.shipped(); got != "first 203.0.113.0\nsecond 203.0.113.0\n" {
		t.Errorf("the store holds %d lines", strings.Count(got, "\n"))
	}
}

// A log that was renamed away is unlinked only when all of it is read: what a
// writer still appends to it after the rename is shipped.
func TestARenamedLogWithAnUnreadTailIsNotUnlinked(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", "first 203.0.113.77\n")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop := b.daemonOn("api", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "the first line to be gone", func() bool { return raw(t, path) == "" })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		fmt.Fprintf(f, "late %d 203.0.113.77\n", i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the renamed log to be unlinked", func() bool { _, err := os.Stat(path + ".1"); return err != nil })
	stop()
	if n := strings.Count(b.shipped(), "late "); n != 200 {
		t.Errorf("%d late lines in the store, want 200", n)
	}
	a := b.check().State.Account("api")
	if a.Lost+a.Removed != 0 {
		t.Errorf("account: %+v", a)
	}
}

// SIGTERM flushes: what was written before it is in the store when the daemon
// has left, files of the last moment included.
func TestSIGTERMFlushes(t *testing.T) {
	b := newBench(t)
	b.write("a.log", "first 203.0.113.77\n")
	stop := b.daemonOn("api", "--batch-age", "1h", "--sweep", "1h")
	eventually(t, "the ledger to know the first log", func() bool {
		_, err := os.Stat(filepath.Join(b.state, "ledger", "000001.jsonl"))
		return err == nil && len(b.events(ledger.KindOpen)) > 0
	})
	b.write("b.log", lines(500, "%d 203.0.113.77"))
	stop()
	if n := strings.Count(b.shipped(), "203.0.113.0\n"); n != 501 {
		t.Errorf("%d lines in the store, want 501", n)
	}
	b.check()
}
