package tail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const limitEnv = "SWAB_TEST_WATCH_LIMIT"

// inNamespace runs the test again in a user namespace of its own, which has its
// own limits of inotify (namespaces(7), /proc/sys/user), and tells whether this
// is that run.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(limitEnv) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), limitEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("in the namespace: %v\n%s", err, out)
	case err != nil:
		t.Skipf("no user namespaces here: %v", err)
	}
	return false
}

func limit(t *testing.T, what string, n int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/user/max_inotify_"+what, fmt.Append(nil, n), 0); err != nil {
		t.Skipf("the limit cannot be set: %v", err)
	}
}

func TestInvariant8WatchesThatRanOutAreTriedAgain(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	limit(t, "watches", 3)
	root := t.TempDir()
	dirs := make([]string, 6)
	for i := range dirs {
		dirs[i] = filepath.Join(root, fmt.Sprintf("d%d", i))
	}
	mkdir := func(list []string) {
		for _, dir := range list {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	mkdir(dirs[:2])
	w := NewWatch([]string{root})
	defer w.Close()
	if err := w.Err(); err != nil {
		t.Fatalf("three directories, three watches: %v", err)
	}
	// The limit is reached later.
	mkdir(dirs[2:])
	for w.Err() == nil {
		changed(t, w)
	}
	if err := w.Err(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("at the limit: %v", err)
	}
	w.Retry()
	if w.Err() == nil {
		t.Fatal("still at the limit, and nothing is said")
	}
	limit(t, "watches", 100)
	for w.Err() != nil { // directories may still be told of one by one
		w.Retry()
	}
	for len(w.Changed()) > 0 {
		<-w.Changed()
	}
	if err := os.WriteFile(filepath.Join(dirs[5], "x.log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	changed(t, w)
}

func TestInvariant8AWatcherThatCouldNotBeHadIsTriedAgain(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	limit(t, "instances", 0)
	root := t.TempDir()
	w := NewWatch([]string{root})
	defer w.Close()
	if err := w.Err(); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("no instance of inotify to be had: %v", err)
	}
	w.Retry()
	if w.Err() == nil {
		t.Fatal("still none, and nothing is said")
	}
	limit(t, "instances", 10)
	w.Retry()
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "x.log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	changed(t, w)
}
