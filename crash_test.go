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
