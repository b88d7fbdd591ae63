package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/ship"
	"swab/testdata/s3test"
)

// commandEnv makes this test binary the command.
const commandEnv = "TEST_AS_TORTURE"

// This test binary is also the writers' child, as the command itself is.
func TestMain(m *testing.M) {
	if os.Getenv(writersEnv) != "" || os.Getenv(commandEnv) != "" {
		os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// short is a run of some seconds; it fails the test unless all is well.
func short(t *testing.T, flags ...string) (*run, *result) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	t.Parallel()
	o, err := parseOptions(append([]string{"--seed", fmt.Sprint(time.Now().UnixNano()), "--backlog", "64", "--rate", "5000"}, flags...), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = filepath.Join(t.TempDir(), "run")
	t.Logf("seed %d", o.Seed)
	r, err := newRun(o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.events.Close() })
	s, err := r.whole(t.Context())
	if errors.Is(err, s3test.ErrNoModules) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := r.print(&table, s); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	if wrong := r.failures(s); len(wrong) > 0 {
		events, _ := os.ReadFile(filepath.Join(r.dir, "events.log"))
		said, _ := os.ReadFile(filepath.Join(r.dir, swabLog))
		t.Fatalf("%s\n%s\n%s", strings.Join(wrong, "\n"), events, said)
	}
	return r, s
}

func TestTenSecondsOfS3(t *testing.T) {
	_, s := short(t, "--for", "6s", "--every", "400ms", "--share", "0.2")
	if s.Shipped == 0 || s.Shipped != s.Written {
		t.Errorf("%d shipped of %d", s.Shipped, s.Written)
	}
}

// A run in a directory; then its store is spoilt, and the same count must say so.
func TestTenSecondsOfADirectoryThenASpoiltStore(t *testing.T) {
	r, _ := short(t, "--for", "4s", "--every", "300ms", "--store", "dir")
	keys := keysOf(t, r.back)
	victim := filepath.Join(r.storeDir(), keys[0])
	gone := []string{"lost", "numbers missing"}
	if n := len(keys); n > 2 && strings.SplitAfter(keys[0], "/")[0] == strings.SplitAfter(keys[2], "/")[0] {
		// One in the middle: swab verify takes the oldest ones that are gone for
		// the work of a lifecycle rule.
		victim, gone = filepath.Join(r.storeDir(), keys[1]), append(gone, "swab verify")
	}
	whole, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func() error
		want  []string
	}{
		"an object removed": {func() error { return os.Remove(victim) }, gone},
		"an object twice":   {func() error { return os.WriteFile(next(t, r, keys), whole, 0o600) }, []string{"duplicated"}},
		"a bit turned": {func() error {
			p := slices.Clone(whole)
			p[len(p)/2] ^= 1
			return os.WriteFile(victim, p, 0o600)
		}, []string{"lost", "damaged"}},
	} {
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		var s result
		if err := r.judge(t.Context(), &s); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(r.failures(&s), "\n")
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no word of %q in:\n%s", name, want, said)
			}
		}
		os.Remove(next(t, r, keys))
		if err := os.WriteFile(victim, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The command itself, where it may mount: every fault of a disk, and no mount
// that stays.
func TestDisksThatFail(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	if os.Geteuid() != 0 || privateMounts() == nil {
		t.Skip("needs root on Linux, to mount small file systems")
	}
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(os.Args[0], "--for", "6s", "--every", "200ms", "--store", "dir", "--rate", "3000", "--dir", dir,
		"--only", "fullspool,fullstate,rostate,rologs,rostore")
	cmd.Env = append(os.Environ(), commandEnv+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if strings.Contains(string(out), "to mount small file systems") {
		t.Skip("root may not mount here")
	}
	if err != nil || !strings.Contains(string(out), "all is well") {
		t.Errorf("%v", err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("a mount is left, or %v", err)
	}
}

func keysOf(t *testing.T, b backend) (keys []string) {
	t.Helper()
	err := b.walk(t.Context(), func(key string, _ opener) error {
		if _, err := ship.ParseKey(key); err == nil {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d objects, %v", len(keys), err)
	}
	return keys
}

// next is where an object of the first class would stand a second time, as its class's last.
func next(t *testing.T, r *run, keys []string) string {
	t.Helper()
	k, err := ship.ParseKey(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	class := strings.SplitAfter(keys[0], "/")[0]
	for _, key := range keys {
		if strings.HasPrefix(key, class) {
			last, err := ship.ParseKey(key)
			if err != nil {
				t.Fatal(err)
			}
			k.Hour, k.Number = last.Hour, last.Number+1
		}
	}
	return filepath.Join(r.storeDir(), k.String())
}

func TestOptions(t *testing.T) {
	for args, want := range map[string]string{
		"--store tape":       "--store tape: must be dir or s3",
		"--only kill,crash":  `no act or fault "crash"`,
		"--faults -crash":    `no act or fault "crash"`,
		"--share 2":          "--share 2: must be 0 to 1",
		"--for 0s":           "--for 0s: must be more than 0",
		"--rotate sideways":  "must be rename, create or copytruncate",
		"--for 1m extra":     "extra: no arguments",
		"--every 0s":         "--every 0s",
		"--writers 0":        "--writers 0",
		"--spool 7":          "--spool: must be 8 MiB",
		"--only none":        "",
		"--faults clone":     "",
		"--only kill,outage": "",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", args, got, want)
		}
	}
	o, err := parseOptions([]string{"--faults", "-kill,clone"}, io.Discard)
	if err != nil || slices.Contains(o.Acts, "kill") || !slices.Contains(o.Acts, "clone") || slices.Contains(o.Acts, "rollback") || !slices.Contains(o.Acts, faultLost) {
		t.Errorf("%v, %v", o.Acts, err)
	}
}

// The same seed chooses the same acts, and another seed others.
func TestChoicesComeFromTheSeed(t *testing.T) {
	choices := func(seed uint64, eaten int) string {
		r, err := newRun(options{Seed: seed, Dir: t.TempDir(), Every: time.Second, Acts: []string{"x"}}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		defer r.events.Close()
		r.swab = &process{done: make(chan struct{})}
		var said strings.Builder
		var acts []act
		for _, name := range []string{"a", "b", "c"} {
			acts = append(acts, act{name: name, weight: 1, do: func(_ context.Context, r *run) error {
				fmt.Fprint(&said, name, r.moment(time.Hour))
				for range eaten { // an act that met something else draws more
					r.moment(time.Hour)
				}
				return nil
			}})
		}
		for range 50 {
			r.draw()
			if err := r.happen(t.Context(), acts); err != nil {
				t.Fatal(err)
			}
		}
		return said.String()
	}
	if a, b := choices(1, 0), choices(1, 3); a != b {
		t.Errorf("one seed, two rows of choices:\n%s\n%s", a, b)
	}
	if choices(1, 0) == choices(2, 0) {
		t.Error("two seeds, one row of choices")
	}
}

// The page has a row for each act and fault.
func TestDocsNameEveryAct(t *testing.T) {
	text, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range allActs() {
		if !strings.Contains(string(text), "\n| `"+a.name+"` |") {
			t.Errorf("docs/reliability.md has no row for %s: %s", a.name, a.says)
		}
	}
}

func TestPeakMemoryIsRead(t *testing.T) {
	if n, ok := statusKiB("Name:\tswab\nVmPeak:\t  99 kB\nVmHWM:\t   15260 kB\nVmRSS:\t 1 kB\n", "VmHWM:"); !ok || n != 15260 {
		t.Errorf("%d, %v", n, ok)
	}
	for _, text := range []string{"", "VmHWM:", "VmHWM: 5 MB", "VmHWM: x kB"} {
		if n, ok := statusKiB(text, "VmHWM:"); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
}
