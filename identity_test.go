package swab

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// long makes a file's last write an hour old.
func (r *rotated) long(names ...string) {
	r.t.Helper()
	at := time.Now().Add(-time.Hour)
	for _, name := range names {
		r.fatal(os.Chtimes(r.path(name), at, at))
	}
}

// With --erase rotated, what was rotated before the first start is erased as
// what is rotated later, and shipped before its successor. The dry run says so.
func TestLogsRotatedBeforeTheFirstStartCountAsRotated(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	r.stop()
	r.state = filepath.Join(r.dir, "first")
	old := r.lines("a", 10)
	for _, name := range []string{"a.log.10", "a.log.2", "a.log.1"} {
		r.fatal(os.WriteFile(r.path(name), []byte(old), 0o644))
		r.long(name)
		old = r.lines("a", 10)
	}
	r.fatal(os.WriteFile(r.path("a.log"), []byte(old), 0o644))
	args := append(r.args, "--erase", "rotated")
	f := dryRun(t, time.Now(), append(slices.Clone(args), "--state", r.state, "--to", "file://"+r.out)...)
	for _, file := range f.List {
		want := file.Size
		if strings.HasSuffix(file.Path, "a.log") {
			want = 0
		}
		if file.Erase != want {
			t.Errorf("%s: the dry run forecasts %d bytes erased, want %d", filepath.Base(file.Path), file.Erase, want)
		}
	}
	r.args = args
	r.start()
	r.turn()
	for _, name := range []string{"a.log.10", "a.log.2", "a.log.1"} {
		if left := raw(t, r.path(name)); left != "" {
			t.Errorf("%d raw bytes of %s are left", len(left), name)
		}
	}
	if left := raw(t, r.path("a.log")); left != old {
		t.Errorf("%d raw bytes of the log are left, want %d", len(left), len(old))
	}
	r.end()
	if got := r.stored("a"); !slices.Equal(got, r.written["a"]) {
		t.Errorf("%d lines are in the store, or not in order", len(got))
	}
}

// Invariant 5, when the file system gives a removed file's inode number to the
// next one, which begins with the same line: it is nobody's old friend.
func TestInvariant5AnInodeUsedAgainIsNoOldFriend(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	again, last := 0, inode{}
	for i := range 40 {
		const banner = "a 000000 the program begins\n"
		r.written["a"] = append(r.written["a"], banner)
		w := r.writer("a.log")
		r.put(w, banner+r.lines("a", 1+rand.IntN(3)))
		info, err := w.Stat()
		r.fatal(err)
		r.fatal(w.Close())
		if inodeOf(info) == last {
			again++
		}
		last = inodeOf(info)
		r.turn()
		switch i % 4 {
		case 0: // and one that nobody ever sees
			r.stop()
			r.fatal(os.Remove(r.path("a.log")))
			r.write("a.log", banner+"a 999999 of a file that was never seen\n")
			r.fatal(os.Remove(r.path("a.log")))
			r.start()
		case 1:
			r.fatal(os.Remove(r.path("a.log")))
		default:
			r.fatal(os.Remove(r.path("a.log")))
			r.turn()
		}
	}
	if r.exact(); again == 0 {
		t.Skip("this file system did not give an inode number out again")
	}
	t.Logf("%d of 40 files had the inode number of the one before", again)
}

// Rotation by a hard link, as savelog does it: a file with two names is not
// taken anew under the second, and afterwards it is the one it was. That holds
// for a swab that starts meanwhile, too, which leaves it alone until then.
func TestInvariant5AFileThatHasTwoNamesForAWhile(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	for i := range 4 {
		r.add("a.log", "a", 20)
		if i > 0 {
			r.turn()
		}
		r.add("a.log", "a", 20)
		to := r.path(fmt.Sprintf("a.log.%d", i))
		r.fatal(os.Link(r.path("a.log"), to))
		down := i%2 == 1
		before := raw(t, to)
		if down {
			r.stop()
			r.start()
		}
		r.sweep()
		r.read()
		r.ship()
		if err := r.d.erase(t.Context()); err != nil && !down {
			t.Error(err)
		}
		if down && raw(t, to) != before {
			t.Error("a file that has two names at a start was written to")
		}
		r.fatal(os.Remove(r.path("a.log")))
		r.turn()
	}
	r.exact()
}

// A file that is moved while swab is down to another directory that a glob
// covers is found again by what identifies it.
func TestInvariant5AFileMovedToAnotherDirectoryWhileDown(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	r.stop()
	old := filepath.Join(r.dir, "old")
	r.fatal(os.Mkdir(old, 0o755))
	r.args = append(r.args, "--log", "web="+old+"/*")
	r.start()
	r.add("a.log", "a", 50)
	r.turn()
	r.add("a.log", "a", 50)
	r.sweep()
	r.stop()
	r.fatal(os.Rename(r.path("a.log"), filepath.Join(old, "a.20261123")))
	r.add("a.log", "a", 50)
	r.start()
	r.exact() // also that nothing counts as lost
	if n := r.check().State.Account("web").Written; n != 0 {
		t.Errorf("%d bytes went over to the class of the other directory", n)
	}
	if left := raw(t, filepath.Join(old, "a.20261123")); left != "" {
		t.Errorf("%d raw bytes are left where it was moved to", len(left))
	}
}

// The logs of container runtimes, through links in one directory to files in
// another, rotated as the kubelet and as Docker do.
func TestContainersLogsAreFollowedThroughTheirLinks(t *testing.T) {
	stamp := time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z") // younger than the limit whenever this runs
	for name, run := range map[string]struct {
		line    func(r *rotated) string
		rotated func(n int) string // name of the live log's n-th rotation
	}{
		"cri": {func(r *rotated) string {
			r.next++
			text := fmt.Sprintf("a %s stdout P part %06d of a line \na %s stdout F that ends here\n", stamp, r.next, stamp)
			text = strings.ReplaceAll(text, "a "+stamp, stamp)
			r.written["a"] = append(r.written["a"], slices.Collect(strings.Lines(text))...)
			return text
		}, func(n int) string { return fmt.Sprintf("0.log.20261123-10000%d", n) }},
		"docker": {func(r *rotated) string {
			r.next++
			text := fmt.Sprintf(`{"log":"line %06d\n","stream":"stdout","time":"%s"}`+"\n", r.next, stamp)
			r.written["a"] = append(r.written["a"], text)
			return text
		}, func(n int) string { return fmt.Sprintf("0.log.%d", n) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotated(t)
			r.stop()
			pods := filepath.Join(r.dir, "pods")
			pod := filepath.Join(pods, "ns_pod_uid", "main")
			r.fatal(os.MkdirAll(pod, 0o755))
			live := filepath.Join(pod, "0.log")
			r.fatal(os.Symlink(live, r.path("pod_ns_main-0123.log")))
			r.args = []string{"--log", "api=" + r.logs + "/*.log", "--follow", pods, "--erase", "rotated", "--first-grace", "0s"}
			r.start()
			write := func(n int) {
				f, err := os.OpenFile(live, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
				r.fatal(err)
				for range n {
					r.put(f, run.line(r))
				}
				r.fatal(f.Close())
			}
			for n := range 6 {
				write(20)
				r.turn()
				write(20)
				down := n%2 == 1
				if down {
					r.stop()
				}
				r.fatal(os.Rename(live, filepath.Join(pod, run.rotated(n))))
				write(20)
				if down {
					r.start()
				}
			}
			r.turn()
			if left := raw(t, live); len(left) == 0 {
				t.Error("the live log is erased")
			}
			r.end()
			for n := range 6 {
				if left := raw(t, filepath.Join(pod, run.rotated(n))); left != "" {
					t.Errorf("%d raw bytes of rotation %d are left", len(left), n)
				}
			}
			if got := slices.Collect(strings.Lines(r.shipped())); !slices.Equal(got, r.written["a"]) {
				t.Errorf("%d lines are in the store, or not in order, want %d", len(got), len(r.written["a"]))
			}
		})
	}
}
