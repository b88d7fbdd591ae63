package tail

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestRotationByRenameAndCreateLosesAndRepeatsNothing(t *testing.T) {
	for _, tt := range []struct{ name, pattern string }{
		{"within the glob", "*.log*"},
		{"out of the glob", "*.log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: tt.pattern})
			w.write("a.log", "1\n2\n")
			w.sweep()
			w.want(w.sealAll("api"), "1\n2\n")
			num := w.file("a.log").Num()
			w.add("a.log", "3\n")
			w.rename("a.log", "a.log.1")
			w.write("a.log", "4\n")
			w.sweep()
			old, fresh := w.set.File(num), w.file("a.log")
			if old == nil || !old.Away() || old.Place().Name != "a.log.1" {
				t.Fatalf("the rotated file is not away at a.log.1")
			}
			if fresh == nil || fresh.Away() || fresh.Num() == num {
				t.Fatalf("the new file is not there")
			}
			w.add("a.log.1", "3b\n") // the writer has not noticed yet
			w.sealAll("api")
			w.want(w.sealed("api"), "1\n2\n3\n3b\n4\n")
			if rec, _ := w.rec(num); rec.Cursor != int64(len("1\n2\n3\n3b\n")) {
				t.Errorf("cursor of the rotated file: %d", rec.Cursor)
			}
			w.proven()
		})
	}
}

func TestAFileRotatedManyTimesBetweenTwoSweepsIsFollowed(t *testing.T) {
	for _, pattern := range []string{"*.log*", "*.log"} {
		t.Run(pattern, func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: pattern})
			w.write("a.log", "0\n")
			w.sweep()
			w.sealAll("api")
			first := w.file("a.log")
			w.add("a.log", "0b\n")
			for i := range 4 {
				for j := i; j > 0; j-- {
					w.rename(fmt.Sprintf("a.log.%d", j), fmt.Sprintf("a.log.%d", j+1))
				}
				w.rename("a.log", "a.log.1")
				w.write("a.log", fmt.Sprintf("%d\n", i+1))
			}
			w.sweep()
			if got := first.Place().Name; got != "a.log.4" || !first.Away() {
				t.Errorf("the first file lies at %s, away %v", got, first.Away())
			}
			w.sealAll("api")
			for _, line := range []string{"0\n", "0b\n", "4\n"} {
				if strings.Count(w.sealed("api"), line) != 1 {
					t.Errorf("%q is not there once: %q", line, w.sealed("api"))
				}
			}
			// Again, after the place is one that no glob matches.
			w.rename("a.log.4", "a.log.5")
			w.sweep()
			if got := first.Place().Name; got != "a.log.5" {
				t.Errorf("the first file lies at %s", got)
			}
			w.proven()
		})
	}
}

func TestAFileMovedBackIsNotAwayAnyMore(t *testing.T) {
	for _, tt := range []struct {
		name, pattern, to string
		away              bool // seen to be while it is elsewhere
	}{
		{"within the glob", "*.log*", "a.log.1", true},
		{"out of the glob", "*.log", "a.log.1", true},
		{"out of the directory", "*.log", "../a.log", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: tt.pattern})
			w.write("a.log", "1\n")
			w.sweep()
			f := w.file("a.log")
			w.rename("a.log", tt.to)
			w.sweep()
			if f.Away() != tt.away {
				t.Errorf("away is %v", f.Away())
			}
			w.add(tt.to, "2\n")
			w.rename(tt.to, "a.log")
			w.sweep()
			if f.Away() || f.Place().Name != "a.log" {
				t.Errorf("at %s, away %v", f.Place().Name, f.Away())
			}
			w.restart()
			if f := w.file("a.log"); f == nil || f.Away() {
				t.Error("away after a restart")
			}
			w.want(w.sealAll("api"), "1\n2\n")
		})
	}
}

func TestAFileMovedToAnotherDirectoryIsReadToItsEnd(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.sealAll("api")
	f := w.file("a.log")
	w.add("a.log", "2\n")
	w.rename("a.log", "../elsewhere")
	w.sweep()
	w.add("../elsewhere", "3\n")
	w.sweep()
	if !f.Away() {
		t.Error("not away")
	}
	w.want(w.sealAll("api"), "2\n3\n")
	w.proven()
}

func TestAFileRenamedWhileSwabWasDownKeepsItsCursor(t *testing.T) {
	for _, tt := range []struct{ name, pattern, to string }{
		{"within the glob", "*.log*", "a.log.1"},
		{"out of the glob", "*.log", "a.log.1"},
		{"to a dated name", "*.log", "a.log-20261123"},
		{"in a directory below", "**/*.log", "d/a.log.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: tt.pattern})
			from := "a.log"
			if strings.HasPrefix(tt.to, "d/") {
				from = "d/a.log"
				if err := os.Mkdir(w.path("d"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			w.write(from, "1\n2\n")
			w.sweep()
			w.sealAll("api")
			num := w.file(from).Num()
			w.stop()
			w.add(from, "3\nha")
			w.rename(from, tt.to)
			w.write(from, "4\n")
			w.start()
			for range 3 { // three starts: it stays away
				w.sweep()
				f := w.set.File(num)
				if f == nil || !f.Away() || f.Place().Path() != w.path(tt.to) {
					t.Fatalf("file %d: %+v", num, f)
				}
				w.restart()
			}
			w.sealAll("api")
			w.want(w.sealed("api"), "1\n2\n3\n4\n")
			if w.warned("gone") > 0 {
				t.Error(w.said)
			}
			w.proven()
		})
	}
}

func TestRenamingIsNotForgottenByARestart(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	w.write("a.log", "1\n")
	w.sweep()
	w.rename("a.log", "a.log.1")
	w.sweep()
	for range 3 {
		w.restart()
		if f := w.file("a.log.1"); f == nil || !f.Away() {
			t.Fatal("a.log.1 does not count as away")
		}
	}
}

func TestAnotherGlobOverTheSameFileDoesNotMakeItAway(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "d/*.log", Root: "d"})
	if err := os.Mkdir(w.path("d"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("d/a.log", "1\n")
	w.sweep()
	w.opts.Rules = []Rule{{Class: "api", Pattern: w.path("*/*.log"), Root: w.logs, Erase: "live"}}
	w.restart()
	if f := w.file("d/a.log"); f == nil || f.Away() {
		t.Error("a live file counts as renamed away")
	}
	if n := len(w.set.Files()); n != 1 {
		t.Errorf("%d files", n)
	}
}

func TestLogrotateItselfIsFollowed(t *testing.T) {
	tool, err := exec.LookPath("logrotate")
	if err != nil {
		t.Skip("logrotate is not installed")
	}
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.sealAll("api")
	w.add("a.log", "2\n")
	w.write("../conf", w.path("a.log")+" {\n rotate 3\n create 0644\n}\n")
	if out, err := exec.Command(tool, "-f", "-s", w.path("../status"), w.path("../conf")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.add("a.log", "3\n")
	w.pass(time.Minute)
	w.sweep()
	w.sealAll("api")
	w.want(w.sealed("api"), "1\n2\n3\n")
}
