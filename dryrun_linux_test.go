package swab

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dryListing is all that stat says of every file beneath dir. Directories go
// without their access time, which listing them moves, and so does the state's
// content: those are not the logs.
func dryListing(t *testing.T, dir string, accessed bool) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		at := ""
		if accessed && st.Mode&syscall.S_IFMT == syscall.S_IFREG && strings.HasSuffix(path, ".log") {
			at = fmt.Sprint(st.Atim)
		}
		list[path] = fmt.Sprint(st.Dev, st.Ino, st.Mode, st.Nlink, st.Uid, st.Gid, st.Size, st.Blocks, st.Mtim, st.Ctim, at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDryRunLeavesEverythingAsItWas(t *testing.T) {
	dir := dryDir(t)
	logs, state := filepath.Join(dir, "logs"), filepath.Join(dir, "state")
	path := dryWrite(t, filepath.Join(logs, "a.log"), dryLines(time.Now(), 5000))
	args := []string{"--log", "server=" + logs + "/**", "--state", state, "--ephemeral-state"}
	for step := range 2 {
		// An access time before the last change moves at the next read, also
		// where the file system is mounted with relatime.
		if err := os.Chtimes(path, time.Unix(1e9, 0), time.Now()); err != nil {
			t.Fatal(err)
		}
		before := dryListing(t, dir, true)
		dryRun(t, time.Now().Add(8*24*time.Hour), args...)
		if after := dryListing(t, dir, true); !maps.Equal(before, after) {
			t.Errorf("step %d: before %v\nafter %v", step, before, after)
		}
		dryOnce(t, append(args, "--to", "file://"+filepath.Join(dir, "out"))...)
		dryAppend(t, path, dryLines(time.Now(), 10))
	}
}

// TestDryRunNeedsNoRights forecasts as a user who owns nothing: as root, in
// a child with another uid.
func TestDryRunNeedsNoRights(t *testing.T) {
	if dir := os.Getenv("SWAB_TEST_DRYRUN"); dir != "" {
		dryChild(t, dir)
		return
	}
	dir := openDir(t)
	logs := filepath.Join(dir, "logs")
	for name, mode := range map[string]fs.FileMode{"open.log": 0o444, "shut.log": 0, "closed/a.log": 0o444} {
		path := dryWrite(t, filepath.Join(logs, name), dryLines(dryNow, 3))
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(logs, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(logs, "closed"), 0o700) })

	var f *Forecast
	if os.Geteuid() == 0 {
		before := dryListing(t, dir, false)
		f = dryAsNobody(t, dir)
		if after := dryListing(t, dir, false); !maps.Equal(before, after) {
			t.Errorf("before %v\nafter %v", before, after)
		}
	} else {
		f = dryRun(t, dryNow, dryChildArgs(dir)...)
	}
	got := dryFile(t, f, "open.log")
	if got.Lines != 3 || got.Writable != "no" || got.Erase != 0 || got.Action != "ship, cannot overwrite" ||
		!strings.Contains(got.WriteError, "mode 0444") || !strings.Contains(got.WriteError, "Run as the log's owner") {
		t.Errorf("a file that can only be read: %+v", got)
	}
	if len(f.Refused) != 1 || !strings.Contains(f.Refused[0].Why, "cannot be read (owner ") {
		t.Errorf("a file that cannot be read: %+v", f.Refused)
	}
	if len(f.Unmatched) != 1 || !strings.Contains(f.Unmatched[0].Why, "cannot be read") {
		t.Errorf("a directory that cannot be read: %+v", f.Unmatched)
	}
}

func dryChildArgs(dir string) []string {
	return []string{
		"--log", "api=" + dir + "/logs/*.log", "--log", "api=" + dir + "/logs/closed/*.log",
		"--state", dir + "/state", "--ephemeral-state",
	}
}

func dryChild(t *testing.T, dir string) {
	f := dryRun(t, dryNow, dryChildArgs(dir)...)
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.NewFile(3, "forecast").Write(text); err != nil {
		t.Fatal(err)
	}
}

// dryAsNobody runs this very test in a child that has uid 65534.
func dryAsNobody(t *testing.T, dir string) *Forecast {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child := exec.CommandContext(t.Context(), copiedProgram(t, openDir(t)), "-test.run=^TestDryRunNeedsNoRights$")
	child.Env = append(os.Environ(), "SWAB_TEST_DRYRUN="+dir, "TMPDIR=/tmp", "GOCOVERDIR=/tmp")
	child.Dir = "/"
	child.ExtraFiles = []*os.File{w}
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var said strings.Builder
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		w.Close()
		t.Skipf("this root may not run a program as another user: %v", err)
	}
	w.Close()
	text, readErr := io.ReadAll(r)
	if err := child.Wait(); err != nil || readErr != nil {
		t.Fatalf("as uid 65534: %v, %v\n%s", err, readErr, said.String())
	}
	var f Forecast
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestDryRunNamesWhoElseHasAFileOpen(t *testing.T) {
	dir := dryDir(t)
	path := dryWrite(t, filepath.Join(dir, "a.log"), dryLines(dryNow, 3))
	film := dryWrite(t, filepath.Join(dir, "film.rec"), "\x1a\x45\xdf\xa3")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := filepath.Join(t.TempDir(), "holder") // the kernel names a process by the link
	if err := os.Symlink(self, holder); err != nil {
		t.Fatal(err)
	}
	for flags, name := range map[int]string{os.O_RDONLY: path, os.O_WRONLY | os.O_APPEND: film} {
		f, err := os.OpenFile(name, flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), holder)
		child.Env = append(os.Environ(), holdsEnv+"=1")
		child.ExtraFiles = []*os.File{f}
		in, err := child.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		t.Cleanup(func() { in.Close(); child.Wait() })
	}

	f := dryRun(t, dryNow, "--log", "api="+dir+"/*.log", "--log", "recording="+dir+"/*.rec")
	for name, writes := range map[string]bool{"a.log": false, "film.rec": true} {
		got := dryFile(t, f, name)
		if len(got.OpenBy) != 1 || got.OpenBy[0].Name != "holder" || got.OpenBy[0].Writes != writes {
			t.Errorf("%s is open by %+v", name, got.OpenBy)
		}
	}
	if got := dryFile(t, f, "film.rec"); got.Action != "wait" || got.Erase != 0 || got.Ship != 0 {
		t.Errorf("a recording that is being written: %+v", got)
	}
}
