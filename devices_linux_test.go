package swab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// The marks that lines carry: of those that swab erases, and of those that
// nobody does, by which the search is known to find them.
const (
	mark        = "ERASE-ME-"
	controlMark = "STAYS-HERE-"
)

// marked is n lines that carry a mark, from the first number on.
func marked(mark string, first, n int) []byte {
	var p []byte
	for i := first; i < first+n; i++ {
		p = fmt.Appendf(p, "203.0.113.%d GET /%08d %s%08d %040d\n", i%256, i, mark, i, 0)
	}
	return p
}

// count tells how often a mark stands in a file: a log, or a device's image.
func count(t testing.TB, path, mark string) (n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 4<<20)
	for kept := 0; ; {
		read, err := io.ReadFull(f, buf[kept:])
		p := buf[:kept+read]
		n += bytes.Count(p, []byte(mark))
		kept = copy(buf, p[max(0, len(p)-len(mark)+1):])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ground is a file system that logs lie on, and what its device can be asked.
type ground struct {
	name, fs, options string
	size              int64
	fsName            string // as swab says it
	reaches           bool
	slow              bool // left out with -short
}

var grounds = []ground{
	{"ext4", "ext4", "", 64 << 20, "ext4", true, false},
	{"ext4 data=journal", "ext4", "data=journal", 64 << 20, "ext4", false, true},
	{"xfs", "xfs", "", 300 << 20, "xfs", true, true},
	{"btrfs", "btrfs", "nodiscard", 128 << 20, "btrfs", false, true},
	{"tmpfs", "tmpfs", "", 0, "tmpfs", true, true},
	{"overlay on ext4", "ext4", "", 64 << 20, "overlayfs", false, true},
}

// prepare mounts the ground. marks counts a mark on its device, or, where there
// is none, in the file; leave unmounts all before that.
func (g ground) prepare(t *testing.T) (point string, marks func(file, mark string) int, leave func()) {
	t.Helper()
	if g.fs == "tmpfs" {
		if os.Geteuid() != 0 {
			t.Skip("a file system in memory needs root")
		}
		point = t.TempDir()
		if err := unix.Mount("tmpfs", point, "tmpfs", 0, "size=64m"); err != nil {
			t.Skipf("tmpfs cannot be mounted: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(point, 0); err != nil {
				t.Errorf("unmounting: %v", err)
			}
		})
		return point, func(file, mark string) int { return count(t, file, mark) }, func() {}
	}
	d := newDevice(t, g.fs, g.options, g.size)
	marks = func(_, mark string) int {
		if d.loop != "" {
			d.sync()
		}
		return count(t, d.image, mark)
	}
	if g.fsName != "overlayfs" {
		return d.point, marks, d.unmount
	}
	point = overlay(t, d.point)
	return point, marks, func() {
		if err := unix.Unmount(point, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
		d.unmount()
	}
}

// overlay mounts one whose upper layer lies in dir.
func overlay(t *testing.T, dir string) (point string) {
	t.Helper()
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	point = filepath.Join(dir, "merged")
	options := fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir)
	if err := unix.Mount("overlay", point, "overlay", 0, options); err != nil {
		t.Skipf("overlay cannot be mounted: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(point, 0) }) // nothing is there when it was left
	return point
}

// sync brings all that was written to the device's image.
func (d *device) sync() {
	d.t.Helper()
	f, err := os.Open(d.point)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		d.t.Fatal(err)
	}
}

// groundBench is a bench whose logs lie on the ground, and all else does not:
// the store holds the marks for good.
func groundBench(t *testing.T, point string) *bench {
	t.Helper()
	b := memoryBench(t)
	b.logs = filepath.Join(point, "log")
	for _, dir := range []string{b.logs, filepath.Join(point, "kept")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// appendSynced appends to a log as a program does, and syncs.
func appendSynced(t *testing.T, path string, p []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(p)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// Invariant 4 where it counts: a live log's bytes are not on the device any
// more once they are shipped; and where a file system keeps old copies, swab
// says so at its start, on the page, in the metrics and in the ledger.
func TestInvariant4ErasedBytesAreNotOnTheDevice(t *testing.T) {
	for _, g := range grounds {
		t.Run(g.name, func(t *testing.T) {
			if g.slow && testing.Short() {
				t.Skip("one file system is enough for -short")
			}
			g.proof(t)
		})
	}
}

func (g ground) proof(t *testing.T) {
	const before, live = 4000, 16_000
	point, marks, leave := g.prepare(t)
	b := groundBench(t, point)
	log, kept := filepath.Join(b.logs, "app.log"), filepath.Join(point, "kept", "control.log")
	appendSynced(t, kept, marked(controlMark, 0, 1000))
	appendSynced(t, log, marked(mark, 0, before))
	if n := marks(log, mark); n < before*99/100 {
		t.Fatalf("%d of %d lines are on the device before anything was erased: the search is wrong", n, before)
	}
	page, stop := b.listening("api", "--batch-age", "50ms", "--sweep", "50ms", "--batch-size", "256KiB")
	w, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n < live; n += 100 {
		<-tick.C
		if _, err := w.Write(marked(mark, before+n, 100)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "nothing raw in the live log", func() bool { return raw(t, log) == "" })
	said := page("/metrics") + page("/")
	w.Close()
	said += stop()
	g.said(t, b, said)
	if n := strings.Count(b.shipped(), mark); n != before+live {
		t.Errorf("%d lines in the store, want %d", n, before+live)
	}
	leftInKept, left := marks(kept, controlMark), 0
	if g.fs == "tmpfs" {
		left = marks(log, mark)
	}
	leave()
	if g.fs != "tmpfs" {
		leftInKept, left = marks(kept, controlMark), marks(log, mark)
	}
	if leftInKept < 990 {
		t.Errorf("only %d of 1000 lines that nobody erased are found: the search is wrong", leftInKept)
	}
	if left > 0 && (g.reaches || g.fsName == "overlayfs") {
		t.Errorf("%d of %d lines are on the device still", left, before+live)
	}
	t.Logf("%-18s %6d lines written live, %6d found on the device after erasing; swab said it reaches: %v", g.name, before+live, left, g.reaches)
}

// said fails the test unless swab told at each place what overwriting is worth.
func (g ground) said(t *testing.T, b *bench, text string) {
	t.Helper()
	const warning, row = "overwriting does not reach every copy", "may leave old copies"
	metric := "swab_overwriting_reaches_device 1"
	if !g.reaches {
		metric = "swab_overwriting_reaches_device 0"
	}
	if strings.Contains(text, warning) == g.reaches || strings.Contains(text, row) == g.reaches || !strings.Contains(text, metric) {
		t.Errorf("of %s swab said\n%s", g.name, text)
	}
	start := b.events(ledger.KindStart)[0].Start
	if len(start.Devices) != 1 || start.Devices[0].FS != g.fsName || start.Devices[0].Reaches != g.reaches {
		t.Errorf("the ledger says %+v", start.Devices)
	}
}

// listening starts a daemon over the logs. page asks it; stop ends it with
// SIGTERM, and returns what it said.
func (b *bench) listening(class string, more ...string) (page func(path string) string, stop func() string) {
	b.t.Helper()
	args := append([]string{
		"--log", class + "=" + b.logs + "/*", "--to", "file://" + b.out, "--state", b.state, "--listen", "127.0.0.1:0",
	}, more...)
	cmd, _ := daemon(b.t, args...)
	if b.user != 0 {
		cmd.Path, cmd.Dir = b.binary, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.user, Gid: b.user}}
	}
	path := filepath.Join(b.dir, "said")
	out, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { end(cmd, os.Kill) })
	said := func() string {
		p, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		return string(p)
	}
	var base string
	eventually(b.t, "it listens", func() bool {
		_, at, ok := strings.Cut(said(), "metrics=")
		base, _, _ = strings.Cut(at, "/metrics")
		return ok && base != at
	})
	page = func(path string) string {
		r, err := http.Get(base + path)
		if err != nil {
			b.t.Fatal(err)
		}
		defer r.Body.Close()
		p, err := io.ReadAll(r.Body)
		if err != nil {
			b.t.Fatal(err)
		}
		return string(p)
	}
	return page, func() string {
		b.t.Helper()
		if err := end(cmd, unix.SIGTERM); err != nil {
			b.t.Fatalf("swab run: %v\n%s", err, said())
		}
		return said()
	}
}

// end signals a process that may have ended, and waits for it.
func end(cmd *exec.Cmd, s os.Signal) error {
	if cmd.ProcessState != nil {
		return nil
	}
	if err := cmd.Process.Signal(s); err != nil {
		return err
	}
	return cmd.Wait()
}

// Without the sync between overwriting and punching the zeros are dropped, and
// the device keeps the lines: what the search finds is what the order of the
// calls is for.
func TestWithoutTheSyncTheBytesStayOnTheDevice(t *testing.T) {
	d := newDevice(t, "ext4", "", 64<<20)
	b := groundBench(t, d.point)
	log := filepath.Join(b.logs, "app.log")
	appendSynced(t, log, marked(mark, 0, 4000))
	daemon := b.open("--log", "api="+b.logs+"/*")
	daemon.sync = func(*os.File) error { return nil }
	if err := daemon.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Close(); err != nil {
		t.Fatal(err)
	}
	if raw(t, log) != "" {
		t.Fatal("nothing was erased")
	}
	d.unmount()
	if n := count(t, d.image, mark); n < 2000 {
		t.Errorf("only %d of 4000 lines are on the device: is the sync not needed any more?", n)
	}
}
