package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// With 160 descriptors swab carries 600 files in 30 directories, 3,000 with
// SWAB_TEST_MANY, before, while and after all of them are rotated.
func TestInvariant8FewDescriptorsCarryManyFiles(t *testing.T) {
	const limit, dirs, waits = 160, 30, 3 * time.Minute
	each := 20
	if os.Getenv("SWAB_TEST_MANY") != "" { // takes minutes
		each = 100
	}
	dir := inMemory(t)
	logs, store := filepath.Join(dir, "log"), filepath.Join(dir, "out")
	want := map[string]int{}
	name := func(i int) string { return filepath.Join(logs, fmt.Sprintf("%02d/app-%04d.log", i%dirs, i)) }
	write := func(word string) {
		for i := range dirs * each {
			line := fmt.Sprintf("%s line of application %d\n", word, i)
			f, err := os.OpenFile(name(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(line); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			want[line]++
		}
	}
	for i := range dirs {
		if err := os.MkdirAll(filepath.Join(logs, fmt.Sprintf("%02d", i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	p := &process{t: t, logs: logs, out: store, said: make(chan string, 10000)}
	// The soft limit is lower: the hard one counts.
	p.cmd = exec.Command("within", "files", fmt.Sprint(limit),
		"run", "--log", "api="+logs+"/**/*.log", "--to", "file://"+store, "--state", filepath.Join(dir, "state"), "--listen", "",
		"--batch-age", "10ms", "--sweep", "100ms")
	p.begin()
	p.says("watching")
	until := func(what string, done func() bool) {
		t.Helper()
		look := time.NewTicker(100 * time.Millisecond)
		defer look.Stop()
		for late := time.Now().Add(waits); !done(); <-look.C {
			if n := openDescriptors(t, p.cmd.Process.Pid); n > limit {
				t.Fatalf("%d descriptors", n)
			}
			if time.Now().After(late) {
				p.signal(syscall.SIGQUIT)
				p.status()
				t.Fatalf("not within three minutes: %s; %d lines of %d", what, len(shippedLines(t, store)), len(want))
			}
		}
	}
	until("the first lines", func() bool { return len(shippedLines(t, store)) == len(want) })
	write("second")
	for i := range dirs * each {
		if err := os.Rename(name(i), name(i)+".1"); err != nil {
			t.Fatal(err)
		}
	}
	write("third")
	until("all lines", func() bool { return len(shippedLines(t, store)) == len(want) })
	p.signal(syscall.SIGTERM)
	var said []string
	for line := range p.said {
		said = append(said, line)
	}
	if status := p.status(); status != exitDone {
		t.Errorf("exit status %d", status)
	}
	for line, n := range shippedLines(t, store) {
		if n != want[line] {
			t.Errorf("%q is there %d times", line, n)
		}
	}
	for _, word := range []string{"too many open files", "not taken", "cannot be read", "were gone"} {
		if all := strings.Join(said, "\n"); strings.Contains(all, word) {
			t.Errorf("it says %q:\n%.2000s", word, all)
		}
	}
}

// inMemory is a directory in memory, where there is such a file system: each
// file is synced before its lines are sealed, and the disk is not what is tested.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "swab-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func openDescriptors(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
