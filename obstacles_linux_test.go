package swab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// obstacle keeps swab from overwriting a log that it can read, from some time
// after the first start on.
type obstacle struct {
	name, fs string
	size     int64
	raise    func(t *testing.T, d *device, log string) (lift func())
	why      string // of the message
	cure     string
}

var obstacles = []obstacle{
	{"append-only", "ext4", 64 << 20, attribute("a"), "operation not permitted", "chattr -i -a"},
	{"immutable", "ext4", 64 << 20, attribute("i"), "operation not permitted", "chattr -i -a"},
	{"read-only mount", "ext4", 64 << 20, readOnly, "read-only file system", "Mount it writable"},
	{"full, and copied on write", "btrfs", 128 << 20, full, "no space left on device", "Free some space there"},
	{"quota, and copied on write", "btrfs", 128 << 20, quota, "disk quota exceeded", "Raise the quota"},
}

// What can be read and not overwritten is told with its cure and turns /readyz
// red; when the obstacle is gone, all goes on by itself.
func TestObstaclesToErasingAreToldWithTheirCure(t *testing.T) {
	for _, o := range obstacles {
		t.Run(o.name, func(t *testing.T) {
			if o.fs == "btrfs" && testing.Short() {
				t.Skip("left out with -short")
			}
			d := newDevice(t, o.fs, "", o.size)
			b := groundBench(t, d.point)
			log := filepath.Join(b.logs, "app.log")
			appendSynced(t, log, marked(mark, 0, 10))
			b.once("api") // a first start would end with it
			appendSynced(t, log, marked(mark, 10, 40_000))
			lift := o.raise(t, d, log)
			page, stop := b.listening("api", "--batch-age", "20ms", "--sweep", "20ms")
			eventually(t, "/readyz is red", func() bool {
				return strings.Contains(page("/readyz"), "api: 1 file can be read but not erased")
			})
			lift()
			eventually(t, "all is erased", func() bool { return raw(t, log) == "" })
			eventually(t, "/readyz is green", func() bool { return page("/readyz") == "ok\n" })
			said := stop()
			if !strings.Contains(said, o.why+". ") || !strings.Contains(said, o.cure) || strings.Contains(said, mark) {
				t.Errorf("swab said\n%s", said)
			}
			b.check()
		})
	}
}

// A log of another user appears while swab runs as one without rights: told and
// red, and no other log waits for it. Nothing of it is lost, and when it belongs
// to swab's user it goes like the others.
func TestALogOfAnotherUserIsToldWithItsCure(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run swab as another user")
	}
	const user = 65532
	b := memoryBench(t)
	for _, dir := range []string{b.dir, b.logs, b.out, b.state} {
		err := os.MkdirAll(dir, 0o755)
		if err = errors.Join(err, os.Chmod(dir, 0o755), os.Chown(dir, user, user)); err != nil {
			t.Fatal(err)
		}
	}
	b.user, b.binary = user, copiedProgram(t, b.dir)
	page, stop := b.listening("api", "--batch-age", "20ms", "--sweep", "20ms")
	other := b.write("other.log", lines(1000, "%08d 203.0.113.77"))
	own := b.write("own.log", lines(1000, "%08d 203.0.113.77"))
	if err := os.Chown(own, user, user); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz is red", func() bool {
		return strings.Contains(page("/readyz"), "api: 1 file can be read but not erased")
	})
	eventually(t, "its own log is erased", func() bool { return raw(t, own) == "" })
	if n := strings.Count(raw(t, other), "\n"); n != 1000 {
		t.Errorf("%d lines are left of the other's log, want 1000", n)
	}
	if err := os.Chown(other, user, user); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is erased", func() bool { return raw(t, other) == "" })
	eventually(t, "/readyz is green", func() bool { return page("/readyz") == "ok\n" })
	if said := stop(); !strings.Contains(said, "permission denied. Run as the log's owner (root), or add CAP_DAC_OVERRIDE") {
		t.Errorf("swab said\n%s", said)
	}
	if n := strings.Count(b.shipped(), "\n"); n != 2000 {
		t.Errorf("%d lines in the store, want 2000", n)
	}
	b.check()
}

// attribute sets one of chattr(1).
func attribute(which string) func(*testing.T, *device, string) func() {
	return func(t *testing.T, _ *device, log string) func() {
		run(t, "chattr", "+"+which, log)
		lift := func() { run(t, "chattr", "-"+which, log) }
		return lift
	}
}

func readOnly(t *testing.T, d *device, _ string) func() {
	remount := func(flags uintptr) {
		if err := unix.Mount("", d.point, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(unix.MS_RDONLY)
	return func() { remount(0) }
}

// full leaves no free block.
func full(t *testing.T, d *device, _ string) func() {
	path := filepath.Join(d.point, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		_, err := f.Write(make([]byte, size))
		if err == nil {
			err = f.Sync()
		}
		if errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		d.sync()
	}
}

// quota leaves the subvolume as much as it has.
func quota(t *testing.T, d *device, _ string) func() {
	run(t, "btrfs", "quota", "enable", d.point)
	run(t, "btrfs", "quota", "rescan", "-w", d.point)
	run(t, "btrfs", "qgroup", "limit", "5M", d.point)
	return func() { run(t, "btrfs", "qgroup", "limit", "none", d.point) }
}

// run runs a command, or skips the test where there is none.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s here", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}
