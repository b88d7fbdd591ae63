package tail

import (
	"errors"
	"os"
	"testing"

	"swab/ledger"
)

func TestIdentitiesThatDifferByTheNumberOfADevice(t *testing.T) {
	const uuid, other, ext4, xfs, overlay = "uuid-8e1c", "uuid-77aa", "c3b1f2d90a4e5566", "0000fd0700000000", "dev-0:50"
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{uuid, uuid, true}, {ext4, ext4, true}, {uuid, other, false}, {ext4, uuid, false},
		{xfs, uuid, true}, {uuid, xfs, true}, {xfs, "0000070100000000", true}, {overlay, "dev-0:51", true}, {overlay, ext4, true},
	} {
		a := ledger.FileID{FS: tt.a, Ino: 7, Gen: 3, Born: 5}
		b := a
		b.FS = tt.b
		if got := SameButForDevice(a, b); got != tt.want {
			t.Errorf("%s and %s: %t", tt.a, tt.b, got)
		}
		for _, c := range []ledger.FileID{{FS: tt.b, Ino: 8, Gen: 3, Born: 5}, {FS: tt.b, Ino: 7, Gen: 4, Born: 5}, {FS: tt.b, Ino: 7, Gen: 3, Born: 6}} {
			if SameButForDevice(a, c) {
				t.Errorf("%+v and %+v are taken for one file", a, c)
			}
		}
	}
}

// Where a file system has neither generations nor times of birth, the content
// and the place decide what a device's number does not.
func TestWithoutGenerationAndBirthTheContentDecides(t *testing.T) {
	w := newWorld(t)
	text := lines("a", 20)
	w.write("a.log", text)
	w.sweep()
	w.sealAll("api")
	num := w.numbers()[0]
	rec, _ := w.rec(num)
	place, _ := w.paths.Get(num)
	rec.ID = ledger.FileID{FS: "dev-0:50", Ino: 7}
	today := ledger.FileID{FS: "dev-0:51", Ino: 7}
	is := func(name string, id ledger.FileID, place ledger.Place) bool {
		fd, err := os.Open(w.path(name))
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		return w.set.sameFile(fd, num, rec, id, place)
	}
	w.write("other", lines("b", 30))
	w.write("short", text[:40])
	elsewhere := ledger.Place{Root: w.logs, Name: "b.log"}
	switch {
	case !is("a.log", today, place):
		t.Error("the same content at the same place is another file")
	case is("a.log", today, elsewhere):
		t.Error("the same content at another place is the file")
	case is("other", today, place), is("short", today, place):
		t.Error("other content is the file")
	case is("a.log", ledger.FileID{FS: "dev-0:51", Ino: 8}, place):
		t.Error("another inode is the file")
	case is("a.log", ledger.FileID{FS: "uuid-1", Ino: 7, Born: 5}, place):
		t.Error("another birth is the file")
	}
	// With a birth, the place does not count, and the content does.
	rec.ID.Born, today.Born = 5, 5
	if !is("a.log", today, elsewhere) || is("other", today, place) {
		t.Error("with a time of birth the content alone does not decide")
	}
	rec.ID.Gen, today.Gen = 9, 9
	if !is("other", today, elsewhere) {
		t.Error("a generation and a time of birth do not decide")
	}
}

// A file that has the name it had, reached by another path after its directory
// was moved, is still the live one.
func TestALogWhoseDirectoryIsElsewhereIsNotAway(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log*"})
	if err := errors.Join(os.Mkdir(w.path("old"), 0o755), os.Mkdir(w.path("stays"), 0o755)); err != nil {
		t.Fatal(err)
	}
	w.write("old/a.log", lines("a", 3)+"half")
	w.write("old/b.log.1", lines("b", 3))
	w.write("stays/c.log", lines("c", 3))
	w.sweep()
	w.sealAll("api")
	w.stop()
	w.rename("old", "new")
	w.rename("stays/c.log", "c.log")
	w.start()
	w.sweep()
	for _, f := range w.set.Files() {
		if want := f.Place().Name == "c.log"; f.Away() != want {
			t.Errorf("%s: away is %t", f.Place().Name, f.Away())
		}
	}
	w.restart()
	for _, f := range w.set.Files() {
		if want := f.Place().Name == "c.log"; f.Away() != want {
			t.Errorf("%s after a restart: away is %t", f.Place().Name, f.Away())
		}
	}
}
