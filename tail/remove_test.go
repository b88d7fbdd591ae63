package tail

import (
	"fmt"
	"os"
	"testing"
	"time"

	"swab/ledger"
)

func TestRemovalWhileOpenIsReadToTheEndAndThenClosed(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n2\n")
	w.sweep()
	w.sealAll("api")
	w.erase("api")
	w.add("a.log", "3\n")
	num := w.file("a.log").Num()
	wr, err := os.OpenFile(w.path("a.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer wr.Close()
	w.remove("a.log")
	w.sweep()
	if f := w.set.File(num); f == nil || !f.Away() {
		t.Fatal("closed before it was read, or not away")
	}
	w.want(w.sealAll("api"), "3\n")
	w.sweep()
	if w.set.File(num) == nil {
		t.Fatal("closed while a writer has it open")
	}
	if _, err := wr.WriteString("4\n"); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	w.want(w.sealAll("api"), "4\n")
	if err := wr.Close(); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * quietEnough)
	w.sweep()
	if w.set.File(num) == nil {
		t.Fatal("closed before it was overwritten: its blocks have the raw bytes still")
	}
	w.erase("api")
	w.sweep()
	if w.set.File(num) != nil {
		t.Fatal("still open")
	}
	if _, ok := w.rec(num); ok {
		t.Error("still in the ledger")
	}
	a := w.account("api")
	if a.Lost != 0 || a.Removed != 0 || a.Erased != int64(len("1\n2\n3\n4\n")) || a.Present != 0 {
		t.Errorf("account %+v", a)
	}
	if f := w.numbers(); len(f) != 0 {
		t.Errorf("open: %v", f)
	}
	w.proven()
}

// What cannot be overwritten takes no room for ever: its blocks are given back
// as they are.
func TestARemovedLogThatIsNotOverwrittenIsClosedInTheEnd(t *testing.T) {
	for name, row := range map[string]struct {
		rule Rule
		held time.Duration
	}{
		"it is tried for a while": {Rule{Class: "api", Pattern: "*.log"}, wipeWithin},
		"nothing is erased":       {Rule{Class: "api", Pattern: "*.log", Erase: "off"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, row.rule)
			w.write("a.log", "1\n2\n")
			w.sweep()
			w.sealAll("api")
			num := w.file("a.log").Num()
			w.remove("a.log")
			w.pass(2 * quietEnough)
			w.sweep()
			if held := w.set.File(num) != nil; held != (row.held > 0) {
				t.Fatalf("held: %v", held)
			}
			w.pass(row.held)
			w.sweep()
			w.pass(time.Second)
			w.sweep()
			if w.set.File(num) != nil {
				t.Fatal("still open")
			}
			if a := w.account("api"); a.Removed != 4 || a.Erased != 0 || a.Present != 0 {
				t.Errorf("account %+v", a)
			}
			w.proven()
		})
	}
}

func TestRemovalWhileDownIsALossOfAtLeastWhatWasKnown(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n2\n")
	w.write("b.log", "all is read\n")
	w.sweep()
	w.sealAll("api")
	w.add("a.log", "3\n4\n")
	w.sweep()
	w.see()
	w.stop()
	w.add("a.log", "unknown\n")
	w.remove("a.log")
	w.remove("b.log")
	w.start()
	w.sweep()
	if w.events(ledger.KindClose) != 0 || !w.set.Missing() {
		t.Error("gone after one look: a rename may have hidden both names from it")
	}
	w.settle()
	if a := w.account("api"); a.Lost != int64(len("3\n4\n")) || a.Unread != 0 || a.Present != 0 {
		t.Errorf("account %+v", a)
	}
	if n := w.warned("gone before"); n != 1 {
		t.Errorf("%d warnings, want 1: %q", n, w.said)
	}
	if w.events(ledger.KindClose) != 2 {
		t.Error("not closed once each")
	}
	w.proven()
}

// TestAnInodeUsedAgainIsAnotherFile makes and removes files until the file
// system gives a number out twice.
func TestAnInodeUsedAgainIsAnotherFile(t *testing.T) {
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down %v", down), func(t *testing.T) {
			w := newWorld(t)
			w.write("a.log", "old line one\nold line two\n")
			w.sweep()
			w.sealAll("api")
			w.erase("api")
			before, err := os.Stat(w.path("a.log"))
			if err != nil {
				t.Fatal(err)
			}
			if down {
				w.stop()
			}
			w.remove("a.log")
			if !down {
				w.pass(2 * quietEnough)
				w.sweep() // closes it: the number is free from here on
			}
			again := false
			for i := 0; i < 200 && !again; i++ {
				w.write("a.log", "new first line of a longer file\nnew second line\n")
				now, err := os.Stat(w.path("a.log"))
				if err != nil {
					t.Fatal(err)
				}
				if again = os.SameFile(before, now); !again {
					w.remove("a.log")
				}
			}
			if down {
				w.start()
			}
			if !again {
				t.Skip("this file system did not give the inode number out again")
			}
			w.sweep()
			w.want(w.sealAll("api"), "new first line of a longer file\nnew second line\n")
			w.proven()
		})
	}
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log*"})
	if err := os.Mkdir(w.path("d.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("bin.log", "\x1f\x8b\x08 binary")
	w.write("linked.log", "1\n")
	if err := os.Link(w.path("linked.log"), w.path("linked.too")); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	before := descriptors(t)
	for i := range 20 {
		w.write("a.log", "1\n")
		w.sweep()
		w.sealAll("api")
		w.write("a.log", "") // truncated
		w.sweep()
		w.add("a.log", "\x1f\x8bbinary\n")
		w.sealAll("api") // given up
		w.erase("api")
		w.remove("a.log")
		w.pass(2 * quietEnough)
		w.sweep()
		w.write("a.log", fmt.Sprint(i))
		w.sweep()
		w.remove("a.log")
		w.halves = true
		w.sealAll("api")
		w.halves = false
		w.erase("api")
		w.pass(2 * quietEnough)
		w.sweep()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors open, %d before: %v", after, before, w.set.Refused())
	}
	w.ledger.View(func(s *ledger.State) {
		if len(s.Files) != len(w.set.files) {
			t.Errorf("%d files in the ledger, %d open", len(s.Files), len(w.set.files))
		}
	})
	w.proven()
}

func descriptors(t *testing.T) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if list, err := os.ReadDir(dir); err == nil {
			return len(list)
		}
	}
	t.Skip("the open descriptors are not to be listed here")
	return 0
}
