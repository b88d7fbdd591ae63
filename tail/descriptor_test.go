package tail

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// few makes a world that keeps n files open.
func few(t *testing.T, n int, rules ...Rule) *world {
	t.Helper()
	w := newWorld(t, rules...)
	w.stop()
	w.opts.Descriptors = n
	w.start()
	return w
}

// park closes the descriptor of the file at name.
func (w *world) park(name string) *File {
	w.t.Helper()
	f := w.file(name)
	if f == nil || !f.park() {
		w.t.Fatalf("%s is not to be parked: %v", name, f)
	}
	return f
}

func (f *File) isParked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parked()
}

func TestInvariant8NoMoreFilesAreOpenThanMayBe(t *testing.T) {
	const files, open = 200, 7
	w := few(t, open)
	name := func(i int) string { return fmt.Sprintf("%03d.log", i) }
	want := map[string]int{}
	for round := range 3 {
		for i := range files {
			line := fmt.Sprintf("%d %d\n", i, round)
			w.add(name(i), line)
			want[line]++
		}
		if round == 1 { // all names go on to the next file
			for i := files - 1; i >= 0; i-- {
				w.rename(name(i), name(i+1))
			}
		}
		w.sweep()
		if n := w.set.descriptors.count(); n > open {
			t.Errorf("round %d: %d files open", round, n)
		}
		for range 3 { // a batch each would take long
			for _, p := range w.pending("api")[:files/4] {
				r, err := p.File.Take(w.options())
				w.must(err)
				got, err := w.readAll(r)
				w.must(err)
				w.record("api", p.File, r, got)
			}
		}
		if n := w.set.descriptors.count(); n > open {
			t.Errorf("round %d: %d files open after reading", round, n)
		}
	}
	w.sealAll("api")
	got := map[string]int{}
	for _, line := range splitLines(w.sealed("api")) {
		got[line]++
	}
	for line := range want {
		if got[line] != 1 {
			t.Errorf("%q is there %d times", line, got[line])
		}
	}
	if len(got) != len(want) || len(w.said) != 0 || w.account("api").Lost != 0 {
		t.Errorf("%d lines, want %d; said %q", len(got), len(want), w.said)
	}
	w.proven()
}

func splitLines(text string) []string {
	var list []string
	for len(text) > 0 {
		i := 0
		for text[i] != '\n' {
			i++
		}
		list, text = append(list, text[:i+1]), text[i+1:]
	}
	return list
}

func TestAParkedFileIsReadOn(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	f := w.park("a.log")
	w.add("a.log", "2\n")
	w.want(w.sealAll("api"), "2\n") // without a sweep
	w.park("a.log")
	w.add("a.log", "3\n")
	w.sweep()
	w.want(w.sealAll("api"), "3\n")
	if w.file("a.log") != f {
		t.Error("it is another one")
	}
	w.park("a.log")
	w.must(f.SyncData())
	w.park("a.log")
	if is, ok := f.Idle(); ok && !is {
		t.Error("nobody writes it")
	}
	w.proven()
}

func TestAParkedFileThatIsUnchangedIsNotOpened(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	long := begin.AddDate(-1, 0, 0)
	w.must(os.Chtimes(w.path("a.log"), long, long))
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	f := w.file("a.log")
	f.desc.was = 0
	w.sweep()
	if f.desc.was != 0 {
		t.Skip("the change is old already") // the machine stood still
	}
	info, err := f.Stat()
	w.must(err)
	f.desc.was = changedAt(info) // as after some seconds
	w.park("a.log")
	for range 3 {
		w.sweep()
		w.pending("api")
	}
	if !f.isParked() {
		t.Error("it was opened to learn that nothing had changed")
	}
	w.add("a.log", "2\n")
	w.pending("api")
	if f.isParked() {
		t.Error("it has grown, and was not looked at")
	}
	w.want(w.sealAll("api"), "2\n")
}

func TestAParkedFileIsFoundUnderAnotherName(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	w.must(os.Mkdir(w.path("old"), 0o755))
	for name, to := range map[string]string{"beside.log": "beside.log.1", "below.log": "old/below.log", "other.log": "taken.log"} {
		w.write(name, "1\n")
		w.sweep()
		w.want(w.sealAll("api"), "1\n")
		f, num := w.park(name), w.file(name).Num()
		w.add(name, "2\n")
		w.rename(name, to)
		w.write(name, "new\n")
		w.sweep()
		if w.set.File(num) == nil || w.set.File(num).Place().Path() != w.path(to) {
			t.Errorf("%s: lies at %v", to, w.numbers())
		}
		if w.set.File(num) != nil && !f.Away() {
			t.Errorf("%s: it is away", to)
		}
		for range 3 {
			w.sweep()
		}
		got := w.sealAll("api")
		if got != "2\nnew\n" && got != "new\n2\n" {
			t.Errorf("%s: %q", to, got)
		}
	}
	if a := w.account("api"); a.Lost != 0 || len(w.said) != 0 {
		t.Errorf("account %+v, said %q", a, w.said)
	}
	w.proven()
}

// What was renamed while a lane wants to read it is no trouble.
func TestAParkedFileThatMovedWaitsForASweep(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	f := w.park("a.log")
	w.rename("a.log", "a.log.1")
	if _, err := f.Take(w.options()); !errors.Is(err, ErrRewritten) {
		t.Errorf("take: %v", err)
	}
	if err := f.Erase(f.Num(), nil); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("erase: %v", err)
	}
	if list := w.pending("api"); len(list) != 0 || len(w.said) != 0 {
		t.Errorf("pending %v, said %q", list, w.said)
	}
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	w.proven()
}

func TestAParkedFileThatIsRewrittenIsReadAnew(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "first line\n")
	w.sweep()
	w.want(w.sealAll("api"), "first line\n")
	w.park("a.log")
	w.write("a.log", "other line\n")
	w.settle()
	w.want(w.sealAll("api"), "other line\n")
	w.proven()
}

func TestAParkedFileThatIsRemovedIsGone(t *testing.T) {
	w := newWorld(t)
	w.write("read.log", "1\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	num := w.file("read.log").Num()
	w.park("read.log")
	w.remove("read.log")
	w.write("read.log", "2\n") // it may have the same inode number
	w.settle()
	if _, ok := w.rec(num); ok || w.set.File(num) != nil {
		t.Error("it is not gone")
	}
	w.want(w.sealAll("api"), "2\n")
	if len(w.said) != 0 || w.account("api").Lost != 0 {
		t.Errorf("said %q", w.said)
	}
	w.proven()
}

// That the unread bytes of a parked file are lost is said, and counted up to
// the last look.
func TestInvariant6WhatAParkedFileLosesIsSaid(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	w.add("a.log", "22\n")
	w.pending("api") // it is seen, and the ledger does not know yet
	w.park("a.log")
	w.remove("a.log")
	w.settle()
	if a := w.account("api"); a.Lost != 3 || w.warned("bytes were gone before") != 1 {
		t.Errorf("account %+v, said %q", a, w.said)
	}
	w.proven()
}

func TestUnreadFilesAreParkedLast(t *testing.T) {
	w := few(t, 4)
	for i := range 3 {
		w.write(fmt.Sprintf("unread-%d.log", i), "1\n")
	}
	w.sweep()
	unread := w.set.Files()
	for i := range 20 {
		w.write(fmt.Sprintf("read-%02d.log", i), "")
	}
	w.sweep()
	w.sweep()
	for _, f := range w.set.Files() {
		f.Idle() // opens it
	}
	for _, f := range unread {
		if f.isParked() {
			t.Errorf("%s is parked before others that are read", f.Place().Name)
		}
	}
	if n := w.set.descriptors.count(); n > 4 {
		t.Errorf("%d are open", n)
	}
}

// What cannot be opened again is not closed.
func TestWhatHasNoNameIsNotParked(t *testing.T) {
	w := few(t, 1)
	app, err := os.OpenFile(w.path("a.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	w.must(err)
	defer app.Close()
	w.sweep()
	f := w.file("a.log")
	w.remove("a.log")
	for i := range 5 {
		w.write(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d\n", i))
		w.sweep()
	}
	if f.isParked() {
		t.Fatal("it is parked")
	}
	_, err = app.WriteString("the last\n")
	w.must(err)
	w.want(w.sealAll("api"), "the last\n0\n1\n2\n3\n4\n")
	if n := w.set.descriptors.count(); n > 3 {
		t.Errorf("%d are open", n)
	}
	w.proven()
}

func TestALinkedFileIsNotReadThroughItsName(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	f := w.park("a.log")
	w.must(os.Remove(w.path("a.log")))
	w.must(os.WriteFile(w.path("secret"), []byte("secret\n"), 0o644))
	w.must(os.Symlink("secret", w.path("a.log")))
	if _, err := f.Take(w.options()); !errors.Is(err, ErrRewritten) {
		t.Errorf("take: %v", err)
	}
	w.settle()
	w.want(w.sealAll("api"), "")
}

// A link may get the number of the inode that the file has freed: it is another
// file all the same, and no refusal of this one.
func TestALinkWithTheNumberOfAParkedFileIsNotTheFile(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	f := w.park("a.log")
	w.must(os.Remove(w.path("a.log")))
	got := false
	for i := 0; !got && i < 100; i++ {
		link := w.path(fmt.Sprint(i))
		w.must(os.Symlink("secret", link))
		info, err := os.Lstat(link)
		w.must(err)
		if got = inodeOf(info).ino == f.id.Ino; got {
			w.must(os.Rename(link, w.path("a.log")))
		}
	}
	if !got {
		t.Skip("this file system gives no freed inode to a link")
	}
	if _, err := f.Take(w.options()); !errors.Is(err, ErrRewritten) {
		t.Errorf("take: %v", err)
	}
	w.settle()
	w.want(w.sealAll("api"), "")
}

func TestLocksOfMoreDirectoriesThanDescriptorsAreLeftOutAndSaid(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	w.set.locks.max = 2
	for i := range 5 {
		w.must(os.Mkdir(w.path(fmt.Sprint(i)), 0o755))
		w.write(fmt.Sprintf("%d/a.log", i), fmt.Sprintf("%d\n", i))
	}
	w.sweep()
	if n := len(w.set.locks.dirs); n != 2 || w.warned("no lock keeps a second swab off") != 1 {
		t.Errorf("%d directories are locked, said %q", n, w.said)
	}
	w.want(w.sealAll("api"), "0\n1\n2\n3\n4\n")
}
