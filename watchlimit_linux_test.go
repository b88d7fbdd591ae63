package swab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const namespaceEnv = "TEST_NAMESPACE"

// Where watches run out, that is said once, logs are found by sweeping, and its
// end is said, too. A user namespace has its own limit of watches.
func TestInvariant8WatchesThatRunOutAreToldOf(t *testing.T) {
	if os.Getenv(namespaceEnv) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), namespaceEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("in the namespace: %v\n%s", err, out)
		} else if err != nil {
			t.Skipf("no user namespaces here: %v", err)
		}
		return
	}
	limit := func(n string) {
		if err := os.WriteFile("/proc/sys/user/max_inotify_watches", []byte(n), 0); err != nil {
			t.Skipf("the limit cannot be set: %v", err)
		}
	}
	limit("1")
	b := newBench(t)
	for _, dir := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(b.logs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.write("a/first.log", "203.0.113.77 one\n")
	said, err := os.Create(filepath.Join(b.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	t.Cleanup(func() {
		if text, err := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("%v, it said\n%s", err, text)
		}
	})
	cmd, _ := daemon(t, "--log", "api="+b.logs+"/*/*.log", "--to", "file://"+b.out, "--state", b.state, "--listen", "",
		"--batch-age", "20ms", "--sweep", "20ms")
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	says := func(what string) int {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), what)
	}
	const lacking, over = "no notifications of some new files", "new files are notified of again"
	eventually(t, "the limit is told of", func() bool { return says(lacking) > 0 })
	b.write("b/second.log", "203.0.113.77 two\n")
	eventually(t, "both are shipped", func() bool { return strings.Count(b.shipped(), "\n") == 2 })
	limit("1000")
	eventually(t, "its end is told of", func() bool { return says(over) > 0 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if n, m := says(lacking), says(over); n != 1 || m != 1 {
		t.Errorf("told %d times, and %d times that it is over, want once each", n, m)
	}
	b.check()
}
