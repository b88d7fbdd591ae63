package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// memoryGroup makes a control group with a limit, beside or below that of this
// process, and returns the file that takes its processes.
func memoryGroup(t *testing.T, limit int64) (procs string) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip("no control groups here")
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		top, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		if parts[0] == "0" {
			top, file = "/sys/fs/cgroup", "memory.max"
		} else if parts[1] != "memory" {
			continue
		}
		dir := filepath.Join(top, parts[2], fmt.Sprintf("swab-test-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		if os.WriteFile(filepath.Join(dir, file), []byte(strconv.FormatInt(limit, 10)), 0o644) == nil {
			return filepath.Join(dir, "cgroup.procs")
		}
	}
	t.Skip("a control group with a limit of its own needs root, and the memory controller")
	return ""
}

// A swab in a real control group with a limit keeps within it and says so; with
// GOMEMLIMIT set it takes that.
func TestInvariant8ARealControlGroupIsKept(t *testing.T) {
	const limit = 96 << 20
	procs := memoryGroup(t, limit)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(strings.Repeat("203.0.113.77 a line of a log\n", 100_000)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{"", "64MiB"} {
		cmd := exec.Command("within", "group", procs, "run", "--once", "--log", "api="+dir+"/*.log",
			"--to", "file://"+dir+"/out", "--state", dir+"/state"+asked)
		cmd.Env = append(os.Environ(), "GOMEMLIMIT="+asked)
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		want := fmt.Sprintf("msg=memory control_group_bytes=%d GOMEMLIMIT=%d", limit, limit-limit/10)
		if says := strings.Contains(string(said), want); says != (asked == "") {
			t.Errorf("GOMEMLIMIT=%q: does not say rightly %q:\n%s", asked, want, said)
		}
	}
}
