package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

// What no glob covers is neither shipped nor erased, and an auditor can see it.
func TestFilesThatNoGlobCoversAreInTheLedger(t *testing.T) {
	b := newBench(t)
	line := "01 203.0.113.77\n"
	log := b.write("api.log", line)
	beside := b.write("error-203.0.113.77.log", line)
	b.write("debug.log", line) // meant to be left out
	b.write("empty.log", "")
	if err := os.Mkdir(filepath.Join(b.logs, "old.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	d, said := b.openSaying("--log", "api="+log, "--exclude", b.logs+"/debug*")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	look := func(after time.Duration) {
		t.Helper()
		h.pass(after)
		if err := d.sweep(); err != nil {
			t.Fatal(err)
		}
		if err := d.noteUncovered(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(names ...string) {
		t.Helper()
		var got []string
		for _, e := range b.events(ledger.KindUncovered) {
			row := fmt.Sprint(e.Uncovered.Files, " ", e.Uncovered.Bytes)
			for _, f := range e.Uncovered.List {
				row += " " + strings.TrimPrefix(f.Name, b.logs+"/")
			}
			got = append(got, row)
		}
		if strings.Join(got, "\n") != strings.Join(names, "\n") {
			t.Errorf("the ledger has %q, want %q", got, names)
		}
	}

	first, both := "1 16 error-203.0.113.0.log", "2 32 error-203.0.113.0.log mixer.log"
	look(0)
	want(first)
	b.write("mixer.log", line)
	look(uncoveredEvery / 2) // not yet
	want(first)
	if err := os.Rename(log, log+".1"); err != nil { // which no glob names, and swab knows
		t.Fatal(err)
	}
	b.write("api.log", line)
	look(uncoveredEvery / 2)
	want(first, both)
	if n := d.Snapshot().Uncovered; n != 2 {
		t.Errorf("status says %d", n)
	}
	if err := os.WriteFile(beside, []byte(line+line), 0o644); err != nil { // more of the same is no news
		t.Fatal(err)
	}
	look(uncoveredEvery)
	want(first, both)
	look(uncoveredAgain - uncoveredEvery)
	daily := "2 48 error-203.0.113.0.log mixer.log"
	want(first, both, daily)
	if n := strings.Count(said.String(), "no --log names"); n != 2 {
		t.Errorf("said %d times, want once for each list", n)
	}
	for _, path := range []string{beside, filepath.Join(b.logs, "mixer.log")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	look(uncoveredEvery)
	want(first, both, daily, "0 0")
	if since := b.events(ledger.KindUncovered)[0].Uncovered.List[0].Since; since != 0 && since < time.Now().Add(-time.Hour).Unix() {
		t.Errorf("made %s", time.Unix(since, 0))
	}
	if strings.Contains(said.String(), "203.0.113.77") {
		t.Error("an address is in a message")
	}
}

// An event names a hundred files and counts the others: it stays small.
func TestInvariant8UncoveredFilesAreCountedPastAHundred(t *testing.T) {
	b := newBench(t)
	log := b.write("api.log", "x\n")
	for i := range mostUncovered + 5 {
		b.write(fmt.Sprintf("other-%03d.log", i), "y\n")
	}
	cmd, said := daemon(t, "--log", "api="+log, "--to", "file://"+b.out, "--state", b.state, "--once", "--listen", "")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	events := b.events(ledger.KindUncovered)
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	u := events[0].Uncovered
	if u.Files != mostUncovered+5 || u.Bytes != 2*int64(u.Files) || len(u.List) != mostUncovered {
		t.Errorf("%d files, %d bytes, %d named", u.Files, u.Bytes, len(u.List))
	}
	b.check()
}
