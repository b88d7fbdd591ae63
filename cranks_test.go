package swab

import (
	"log/slog"
	"strings"
	"testing"

	"swab/config"
)

// open makes a daemon of flags in this process, for tests that turn its cranks
// themselves, and closes it at cleanup.
func (b *bench) open(args ...string) *Daemon {
	b.t.Helper()
	cfg, err := config.ParseRun(append(args, "--to", "file://"+b.out, "--state", b.state, "--listen", ""), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := Open(b.t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { d.Close() })
	return d
}

// A class was shipped with --erase off, and no flag names it any more: its
// files are never erased, and that keeps no other from being erased.
func TestEraseGoesOnBesideAClassThatWasNeverErased(t *testing.T) {
	b := newBench(t)
	kept := b.write("kept.log", lines(100, "%08d 203.0.113.77"))
	b.once("api", "--erase", "off")
	gone := b.write("gone.log", lines(100, "%08d 203.0.113.77"))
	b.once("messaging")
	if raw(t, gone) != "" {
		t.Error("what was shipped is not erased")
	}
	if n := strings.Count(raw(t, kept), "\n"); n != 100 {
		t.Errorf("%d lines are left of a file that is not erased, want 100", n)
	}
	b.check()
}
