package swab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/ship"
	"swab/testdata/crashtest"
)

// daemonEnv makes the test binary a swab: its arguments are those of swab run.
const daemonEnv = "SWAB_TEST_AS_DAEMON"

// peakEnv makes it tell its peak memory at the end.
const peakEnv = "TEST_PEAK"

// holdsEnv makes it hold what it was started with, until its input ends.
const holdsEnv = "TEST_HOLDS"

// crashEnv names the step at which that swab is killed.
const crashEnv = "TEST_CRASH_AT"

func TestMain(m *testing.M) {
	if status, done := crashtest.Main(); done {
		os.Exit(status)
	}
	if os.Getenv(holdsEnv) != "" {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if os.Getenv(daemonEnv) != "" {
		os.Unsetenv(daemonEnv)
		if err := runDaemon(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runDaemon(args []string) error {
	cfg, err := config.ParseRun(args, os.Environ())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	d, err := Open(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	if at := os.Getenv(crashEnv); at != "" {
		d.at = func(s step) {
			if string(s) == at {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
	if cfg.Once {
		err = d.Once(ctx, nil)
	} else {
		err = d.Run(ctx)
	}
	if os.Getenv(peakEnv) != "" {
		fmt.Fprintln(os.Stderr, peakMemory())
	}
	return errors.Join(err, d.Close())
}

// peakMemory is the VmHWM line of this process: the peak of its resident
// memory since exec. (The rusage of a child counts its parent's before that.)
func peakMemory() string {
	p, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	i := strings.Index(string(p), "VmHWM:")
	if i < 0 {
		return "no VmHWM"
	}
	line, _, _ := strings.Cut(string(p)[i:], "\n")
	return line
}

// daemon is the command that runs this binary as swab run with args.
func daemon(t testing.TB, args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), daemonEnv+"=1")
	said := &strings.Builder{}
	cmd.Stderr = said
	return cmd, said
}

// bench is a directory with logs, a store directory and a state directory.
type bench struct {
	t                     testing.TB
	dir, logs, out, state string
	// user runs swab under that uid, from binary: its own copy of the tests'.
	user   uint32
	binary string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	dir := t.TempDir()
	if keep := os.Getenv("TEST_KEEP"); keep != "" {
		t.Cleanup(func() {
			if t.Failed() {
				os.CopyFS(filepath.Join(keep, "kept"), os.DirFS(dir))
			}
		})
	}
	b := &bench{t: t, dir: dir, logs: filepath.Join(dir, "log"), out: filepath.Join(dir, "out"), state: filepath.Join(dir, "state")}
	if err := os.Mkdir(b.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// args are the flags of a run over all logs as one class, with more.
func (b *bench) args(class string, more ...string) []string {
	return append([]string{
		"--log", class + "=" + b.logs + "/*", "--to", "file://" + b.out, "--state", b.state, "--listen", "", "--log-level", "warn",
	}, more...)
}

// once runs swab run --once and fails the test unless it exits with status 0.
func (b *bench) once(class string, more ...string) {
	b.t.Helper()
	cmd, said := daemon(b.t, b.args(class, append([]string{"--once"}, more...)...)...)
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("swab run --once: %v\n%s", err, said)
	}
}

func (b *bench) write(name string, text string) string {
	b.t.Helper()
	path := filepath.Join(b.logs, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// objects lists the keys of the store directory, sorted, but for the ledger's
// own, which are there when midnight passes.
func (b *bench) objects() []string {
	b.t.Helper()
	return slices.DeleteFunc(b.allObjects(), func(key string) bool { return strings.HasPrefix(key, "class=ledger/") })
}

func (b *bench) allObjects() []string {
	b.t.Helper()
	var keys []string
	err := filepath.WalkDir(b.out, func(path string, e os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() && strings.HasPrefix(e.Name(), ".") == false && !strings.Contains(path, "_swab") {
			rel, _ := filepath.Rel(b.out, path)
			if !strings.HasPrefix(rel, ".") {
				keys = append(keys, rel)
			}
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// body decompresses an object.
func (b *bench) body(key string) string {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.out, key))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	r, err := ship.CodecOf(key).NewReader(f)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	p, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatalf("object %s: %v", key, err)
	}
	return string(p)
}

// shipped is all that the store holds, in the order of the keys.
func (b *bench) shipped() string {
	b.t.Helper()
	var text strings.Builder
	for _, key := range b.objects() {
		text.WriteString(b.body(key))
	}
	return text.String()
}

// check fails the test unless the ledger's chain and accounts hold.
func (b *bench) check() *ledger.Report {
	b.t.Helper()
	r, err := ledger.Check(b.state)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		b.t.Fatalf("ledger check: %s", strings.Join(r.Problems, "\n"))
	}
	return r
}

// events returns the ledger's events of one kind.
func (b *bench) events(kind ledger.Kind) []ledger.Event {
	b.t.Helper()
	var list []ledger.Event
	err := ledger.Walk(b.state, func(e *ledger.Event, _ string) error {
		if e.Kind == kind {
			list = append(list, *e)
		}
		return nil
	})
	var torn *ledger.CorruptionError
	if err != nil && !(errors.As(err, &torn) && torn.Torn) { // a daemon may be in the middle of a write
		b.t.Fatal(err)
	}
	return list
}

// raw returns what is left of a file besides zeros.
func raw(t testing.TB, path string) string {
	t.Helper()
	p, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return withoutZeros(p)
}

// withoutZeros is what else is in p: of an erased log nothing, which takes no look
// at each byte.
func withoutZeros(p []byte) string {
	var left strings.Builder
	for block := range slices.Chunk(p, 4096) {
		if !bytes.Equal(block, zeros[:len(block)]) {
			left.Write(bytes.ReplaceAll(block, zeros[:1], nil))
		}
	}
	return left.String()
}

var zeros = make([]byte, 4096)

// eventually waits for a condition, polling: for effects of another process.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if t.Failed() {
			t.FailNow()
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within two minutes: %s", what)
		}
		<-tick.C
	}
}
