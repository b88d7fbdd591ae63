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

// rounds appends to a log and runs once, so that each round is a batch of its
// own; the lines' lengths put seams anywhere in a block.
func (b *bench) rounds(path string, from, to int) (want string) {
	b.t.Helper()
	for i := from; i < to; i++ {
		text := lines(37+i, fmt.Sprintf("%d %%08d 203.0.113.77", i))
		dryAppend(b.t, path, text)
		want += strings.ReplaceAll(text, "203.0.113.77", "203.0.113.0")
		b.once("web")
	}
	return want
}

// Ranges that are kept are joined, batch after batch; at their limit all of
// them are compared and erased, and the ledger proves it.
func TestJoinedRangesAreErasedAtTheirLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.write("a.log", "")
	other := b.write("b.log", "one line 203.0.113.77\n")
	want := b.rounds(path, 0, 18)
	b.write("c.log", "") // a file more is no trouble
	state := b.check().State
	if len(state.Batches) > 8 {
		t.Errorf("%d batches are held of 18", len(state.Batches))
	}
	if state.Joins < 4 {
		t.Errorf("%d joins", state.Joins)
	}
	spool, err := os.ReadDir(filepath.Join(b.state, "spool"))
	if err != nil || len(spool) != len(state.Batches) {
		t.Errorf("%d files in the spool for %d batches (%v)", len(spool), len(state.Batches), err)
	}
	if n := strings.Count(raw(t, path), "\n"); n != strings.Count(want, "\n") {
		t.Errorf("%d raw lines are left before their limit", n)
	}
	if err := os.Remove(other); err != nil { // joined, and removed by someone else
		t.Fatal(err)
	}
	b.once("web")
	waitUntil(time.Unix(state.LastAt.Unix(), 0).Add(2 * time.Second))
	b.once("web", "--raw-limit", "1s")
	if left := raw(t, path); left != "" {
		t.Errorf("%d raw bytes are left at their limit", len(left))
	}
	report := b.check()
	if a := report.State.Account("web"); a.Erased != int64(a.Written)-a.Removed || a.Present != 0 || a.Removed != 22 {
		t.Errorf("account: %+v", a)
	}
	if n := len(report.State.Batches); n != 0 {
		t.Errorf("%d batches are left", n)
	}
	if spool, err := os.ReadDir(filepath.Join(b.state, "spool")); err != nil || len(spool) != 0 {
		t.Errorf("%d files are left in the spool (%v)", len(spool), err)
	}
	if got := b.shipped(); !strings.Contains(got, "one line") || strings.Count(got, "\n") != strings.Count(want, "\n")+1 {
		t.Errorf("%d lines in the store, want %d", strings.Count(got, "\n"), strings.Count(want, "\n")+1)
	}
	trace := ledger.NewTrace(ledger.Query{Files: []uint64{1, 2}})
	if err := ledger.Walk(b.state, func(e *ledger.Event, _ string) error { trace.Add(e); return nil }); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range trace.Files() {
		for _, r := range f.Ranges {
			if seen++; f.Closed.IsZero() && (r.Erased.IsZero() || r.Shipped.IsZero() || r.Batch.Class != "web") {
				t.Errorf("the trace of file %d: %+v", f.File, r)
			}
		}
	}
	if seen != 19 {
		t.Errorf("%d ranges in the trace, want 19", seen)
	}
}

// A crash before and after the event that joins ranges: their sums are there
// all the same.
func TestACrashWhileRangesAreJoinedKeepsTheirSums(t *testing.T) {
	for _, at := range joinSteps {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := b.write("a.log", "")
			b.rounds(path, 0, 3)
			dryAppend(t, path, lines(50, "4 %08d 203.0.113.77"))
			cmd, said := daemon(t, b.args("web", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
			if err := cmd.Run(); err == nil {
				t.Fatalf("it did not crash:\n%s", said)
			}
			b.rounds(path, 5, 6)
			if n := b.check().State.Joins; n == 0 {
				t.Error("nothing was joined")
			}
			waitUntil(b.check().State.LastAt.Add(2 * time.Second))
			b.once("web", "--raw-limit", "1s")
			if left := raw(t, path); left != "" {
				t.Errorf("%d raw bytes are left at their limit", len(left))
			}
			if a := b.check().State.Account("web"); a.Removed != 0 || a.Erased != a.Written {
				t.Errorf("account: %+v", a)
			}
		})
	}
}

// Invariant 2: a byte of a joined range that is not what swab read is left,
// though its neighbours go.
func TestInvariant2JoinedRangesAreComparedPieceByPiece(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.write("a.log", "")
	b.rounds(path, 0, 6)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("CHANGED"), 3000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	waitUntil(b.check().State.LastAt.Add(2 * time.Second))
	b.once("web", "--raw-limit", "1s")
	left := raw(t, path)
	if !strings.Contains(left, "CHANGED") || len(left) > 2*ledger.BlockSize {
		t.Errorf("%d bytes are left, want those of the changed block", len(left))
	}
	if a := b.check().State.Account("web"); a.Removed == 0 || a.Removed > ledger.BlockSize {
		t.Errorf("account: %+v", a)
	}
}

// A copy is made of a log whose ranges are joined: it inherits their age and is
// erased with them, and no line is read twice.
func TestACopyOfJoinedRangesInheritsThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.write("a.log", "")
	b.rounds(path, 0, 6)
	if b.check().State.Joins == 0 {
		t.Fatal("nothing is joined")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := b.write("a.log.1", string(text))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	want := b.shipped()
	b.once("web")
	if b.shipped() != want {
		t.Error("the copy was read again")
	}
	if raw(t, old) != string(text) {
		t.Error("the copy was erased before its time")
	}
	waitUntil(b.check().State.LastAt.Add(2 * time.Second))
	b.once("web", "--raw-limit", "1s")
	if left := raw(t, old); left != "" {
		t.Errorf("%d raw bytes of the copy are left at their limit", len(left))
	}
	if a := b.check().State.Account("web"); a.Lost != 0 || a.Copied == 0 || a.Present != 0 {
		t.Errorf("account: %+v", a)
	}
}
