package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// swapped mounts two devices in the order in which each gets another number
// than it had, or skips the test.
func swapped(t *testing.T, one, two *device) {
	t.Helper()
	was := [2]uint64{deviceNumber(t, one.point), deviceNumber(t, two.point)}
	for _, order := range [][]*device{{two, one}, {one, two}, {two, one}} {
		one.unmount()
		two.unmount()
		for _, d := range order {
			if err := d.mount(); err != nil {
				t.Fatal(err)
			}
		}
		if now := [2]uint64{deviceNumber(t, one.point), deviceNumber(t, two.point)}; now[0] != was[0] && now[1] != was[1] {
			return
		}
	}
	t.Skip("the devices have the numbers that they had: others mount at the same time")
}

func deviceNumber(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return inodeOf(info).dev
}

// Invariant 5 when file systems are mounted in another order: a file is the one
// it was, under whatever number its device has, and so is the state directory.
// A ledger of an earlier version knew xfs by that number.
func TestInvariant5AFileIsKnownUnderAnotherDeviceNumber(t *testing.T) {
	for _, row := range []struct {
		fs   string
		size int64
		old  bool // the ledger has file systems' ids as an earlier version had them
	}{
		{"ext4", 64 << 20, false},
		{"xfs", 320 << 20, false},
		{"xfs", 320 << 20, true},
	} {
		t.Run(fmt.Sprintf("%s %t", row.fs, row.old), func(t *testing.T) {
			one, two := newDevice(t, row.fs, "", row.size), newDevice(t, row.fs, "", row.size)
			b := benchIn(t, one.point)
			b.out = filepath.Join(t.TempDir(), "out")
			r := &rotated{bench: b, written: map[string][]string{}}
			other := filepath.Join(two.point, "log")
			r.fatal(os.Mkdir(other, 0o755))
			r.args = []string{"--log", "api=" + r.logs + "/*.log*", "--log", "api=" + other + "/*.log*", "--first-grace", "0s"}
			r.start()
			t.Cleanup(func() { r.d.Close() }) // before the devices are unmounted
			text := map[string]string{"a": r.lines("a", 100), "b": r.lines("b", 100)}
			paths := map[string]string{"a": r.path("a.log"), "b": filepath.Join(other, "b.log")}
			for log, path := range paths {
				r.fatal(os.WriteFile(path, []byte(text[log]), 0o644))
			}
			r.sweep()
			r.read() // sealed, not shipped
			for log, path := range paths {
				dryAppend(t, path, r.lines(log, 10))
			}
			r.stop()
			if row.old {
				r.asOfOldVersion(one.point, two.point)
			}
			swapped(t, one, two)
			r.fatal(os.Rename(paths["b"], paths["b"]+".1"))
			r.fatal(os.WriteFile(paths["b"], []byte(r.lines("b", 10)), 0o644))
			r.start()
			r.turn()
			r.exact()
			for _, path := range []string{paths["b"], paths["b"] + ".1"} {
				if left := raw(t, path); left != "" {
					t.Errorf("%d raw bytes are left", len(left))
				}
			}
			if n := len(r.forks()); n != 0 {
				t.Errorf("the state directory took another name")
			}
		})
	}
}

// asOfOldVersion gives the file systems at points the ids that an earlier
// version took: on xfs, statfs makes its id of the device's number.
func (r *rotated) asOfOldVersion(points ...string) {
	r.t.Helper()
	old := map[string]string{}
	for _, point := range points {
		home, err := homeOf(point)
		r.fatal(err)
		var st unix.Statfs_t
		r.fatal(unix.Statfs(point, &st))
		now, _, _ := strings.Cut(home, "/")
		if old[now] = fmt.Sprintf("%08x%08x", uint32(st.Fsid.Val[0]), uint32(st.Fsid.Val[1])); now == old[now] {
			r.t.Fatal("the id is what an earlier version took")
		}
	}
	r.rewriteLedger(func(e *ledger.Event) {
		if e.Open != nil {
			e.Open.ID.FS = old[e.Open.ID.FS]
		}
		if e.Start != nil {
			fs, rest, _ := strings.Cut(e.Start.Home, "/")
			e.Start.Home = old[fs] + "/" + rest
		}
	})
}

// A file that bind mounts, two globs and two classes lead to is one: it is read
// once, and has the shorter limit.
func TestAFileUnderABindMountIsReadOnce(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a bind mount needs root")
	}
	r := newRotated(t)
	r.stop()
	bound := filepath.Join(r.dir, "bound")
	r.fatal(os.Mkdir(bound, 0o755))
	if err := unix.Mount(r.logs, bound, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("no bind mount here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(bound, 0) })
	r.args = []string{
		"--log", "web=" + bound + "/*.log*", "--log", "web=" + r.logs + "/a.*", "--log", "server=" + r.logs + "/*.log*", "--first-grace", "0s",
		"--class", "server:raw-limit=1h",
	}
	r.start()
	t.Cleanup(func() { r.d.Close() })
	r.add("a.log", "a", 50)
	r.turn()
	r.shift("a.log", 3)
	r.add("a.log", "a", 50)
	r.turn()
	r.stop()
	r.shift("a.log", 3)
	r.put(r.writer("a.log"), r.lines("a", 50)+"half a line")
	// Once more with the mount alone: that is another path to the same log.
	r.args = []string{"--log", "server=" + bound + "/*.log*", "--first-grace", "0s"}
	r.start()
	r.turn()
	r.put(r.writer("a.log"), " and its rest\n")
	r.turn()
	r.stop()
	r.put(r.writer("a.log"), "half a line")
	r.args[1] = "server=" + r.logs + "/*.log*"
	r.start()
	r.turn()
	for _, f := range r.d.files.Files() {
		if live := filepath.Base(f.Place().Name) == "a.log"; f.Away() == live {
			t.Errorf("%s: away is %t", f.Place().Name, f.Away())
		}
	}
	r.put(r.writer("a.log"), " and its rest\n")
	r.written["half"] = []string{"half a line and its rest\n", "half a line and its rest\n"}
	report := r.end()
	for log, want := range r.written {
		if got := r.stored(log); !slices.Equal(got, want) {
			t.Errorf("%s: %d lines are in the store, want %d", log, len(got), len(want))
		}
	}
	for num, f := range report.State.Files {
		if f.Class != "server" {
			t.Errorf("file %d is of class %s: that has the longer limit", num, f.Class)
		}
	}
}
