package swab

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
)

// daemonOn starts a daemon and ends it with SIGTERM at cleanup, or by the
// function that is returned, which fails the test unless it ends well.
func (b *bench) daemonOn(class string, more ...string) (stop func() string) {
	b.t.Helper()
	cmd, said := daemon(b.t, b.args(class, more...)...)
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	var asked atomic.Bool
	go func() {
		err := cmd.Wait()
		if !asked.Load() {
			b.t.Errorf("swab run ended by itself: %v\n%s", err, said)
		}
		ended <- err
	}()
	b.t.Cleanup(func() {
		if !asked.Swap(true) {
			cmd.Process.Kill()
			<-ended
		}
	})
	return func() string {
		b.t.Helper()
		asked.Store(true)
		cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			b.t.Fatalf("swab run: %v\n%s", err, said)
		}
		return said.String()
	}
}

func lines(n int, format string) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format+"\n", i)
	}
	return text.String()
}

// tree reads every file beneath dir into one string, names included.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		p, err := os.ReadFile(path)
		all.WriteString(path)
		all.Write(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// Invariant 1.
func TestInvariant1NothingRawLeaves(t *testing.T) {
	b := newBench(t)
	dir := filepath.Join(b.logs, "198.51.100.77")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := lines(5000, "%08d 203.0.113.77 marker-of-a-raw-line")
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hosts", filepath.Join(dir, "link-203.0.113.88.log")); err != nil {
		t.Fatal(err)
	}
	cmd, said := daemon(t, "--once", "--log", "api="+b.logs+"/**/*.log", "--to", "file://"+b.out, "--state", b.state, "--codec", "gzip:1", "--log-level", "debug")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if n := strings.Count(b.shipped(), "203.0.113.0 marker-of-a-raw-line"); n != 5000 {
		t.Errorf("%d lines in the store, want 5000", n)
	}
	state := tree(t, b.state)
	for _, secret := range []string{"203.0.113.77", "marker-of-a-raw-line", "203.0.113.88"} {
		if strings.Contains(state, secret) {
			t.Errorf("the state directory holds %q", secret)
		}
		if strings.Contains(tree(t, b.out), secret) {
			t.Errorf("the store holds %q", secret)
		}
		if strings.Contains(said.String(), secret) {
			t.Errorf("a message holds %q", secret)
		}
	}
	paths, err := os.ReadFile(filepath.Join(b.state, "paths"))
	if err != nil {
		t.Fatal(err)
	}
	if rest := strings.ReplaceAll(state, string(paths), ""); strings.Contains(rest, "198.51.100.77") {
		t.Error("a path with an address stands outside STATE/paths")
	}
	if strings.Contains(said.String(), "198.51.100.77") {
		t.Error("a path with an address stands in a message")
	}
}

// Invariant 1, for the state directory's own modes.
func TestInvariant1StateIsPrivate(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(10, "%d 203.0.113.7"))
	b.once("web")
	err := filepath.WalkDir(b.state, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Invariant 2. An erase intent is open, and the log is truncated and regrown
// past the cursor while swab is down: every line of the new content ships, and
// none is zeroed unread.
func TestInvariant2OnlyBytesThatWereReadAreOverwritten(t *testing.T) {
	for _, regrown := range []int{100, 2000, 5000} {
		t.Run(fmt.Sprint(regrown), func(t *testing.T) {
			b := newBench(t)
			path := b.write("a.log", lines(2000, "old %08d 203.0.113.77"))
			cmd, said := daemon(t, b.args("api", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(stepIntended))
			if err := cmd.Run(); err == nil || len(b.events(ledger.KindErase)) != 1 || len(b.events(ledger.KindErased)) != 0 {
				t.Fatalf("swab did not crash between intent and overwriting: %v\n%s", err, said)
			}
			if err := os.WriteFile(path, []byte(lines(regrown, "new %08d 203.0.113.88")), 0o644); err != nil {
				t.Fatal(err)
			}
			b.once("api")
			text := b.shipped()
			for i := range regrown {
				if n := strings.Count(text, fmt.Sprintf("new %08d 203.0.113.0\n", i)); n != 1 {
					t.Fatalf("line %d of the new content is in the store %d times", i, n)
				}
			}
			if n := strings.Count(text, "old "); n != 2000 {
				t.Errorf("%d old lines in the store, want 2000", n)
			}
			if left := raw(t, path); left != "" {
				t.Errorf("%d raw bytes are left", len(left))
			}
			b.check()
		})
	}
}

// Invariant 3.
func TestInvariant3NoWriteThroughATrick(t *testing.T) {
	b := newBench(t)
	outside := filepath.Join(b.dir, "precious")
	text := lines(10, "%d precious 203.0.113.7")
	if err := os.WriteFile(outside, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(b.logs, "sym.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(b.logs, "hard.log")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(b.logs, "fifo.log"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(b.logs, "dir.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("wtmp.log", "text\x00\x00\x07binary")
	b.write("archive.log", "\x1f\x8b\x08 a gzip archive")
	b.write("good.log", lines(10, "%d good 203.0.113.7"))
	b.once("api")
	if got, _ := os.ReadFile(outside); string(got) != text {
		t.Error("a file outside was changed")
	}
	if shipped := b.shipped(); strings.Contains(shipped, "precious") || strings.Count(shipped, "good") != 10 {
		t.Errorf("the store holds %d lines, want the 10 of good.log", strings.Count(shipped, "\n"))
	}
	refused := b.events(ledger.KindRefused)
	var names []string
	for _, e := range refused {
		names = append(names, filepath.Base(e.Refused.Name))
	}
	slices.Sort(names)
	if want := []string{"archive.log", "fifo.log", "hard.log", "sym.log", "wtmp.log"}; !slices.Equal(names, want) {
		t.Errorf("refused: %v, want %v", names, want)
	}
}

// Invariant 4. The store is away: nothing is erased before its limit, all of
// it at the limit, sealed; it ships when the store is back, in order.
func TestInvariant4SevenDaysIsSevenDaysWithTheStoreDown(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", "")
	stop := b.daemonOn("api", "--raw-limit", "4s", "--batch-age", "100ms", "--sweep", "100ms", "--shutdown-timeout", "10s")
	eventually(t, "the first object", func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprintln(f, "first 203.0.113.7")
		return len(b.objects()) > 0
	})
	eventually(t, "the first lines to be erased", func() bool { return raw(t, path) == "" })

	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	written := time.Now()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 300 {
		fmt.Fprintf(f, "outage %08d 203.0.113.77\n", i)
	}
	eventually(t, "the outage's lines to be sealed", func() bool { return sealedLines(b) >= 300 })
	if age := time.Since(written); age < 3*time.Second && strings.Count(raw(t, path), "outage") != 300 {
		t.Fatalf("raw lines were erased after %s, before their limit, with the store down", age)
	}
	eventually(t, "the outage's lines to be erased at their limit", func() bool { return raw(t, path) == "" })
	if age := time.Since(written); age > 8*time.Second {
		t.Errorf("the limit of 4 s was held after %s only", age)
	}
	reasons := map[ledger.Reason]bool{}
	for _, e := range b.events(ledger.KindErase) {
		reasons[e.Erase.Reason] = true
	}
	if !reasons[ledger.ReasonLimitSealed] {
		t.Errorf("reasons in the ledger: %v, want %s", reasons, ledger.ReasonLimitSealed)
	}

	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the outage's lines to be shipped", func() bool { return strings.Count(b.shipped(), "outage") == 300 })
	stop()
	want := 0
	for line := range strings.Lines(b.shipped()) {
		var n int
		if _, err := fmt.Sscanf(line, "outage %d ", &n); err == nil {
			if n != want {
				t.Fatalf("line %d where line %d belongs", n, want)
			}
			want++
		}
	}
	b.check()
}

func sealedLines(b *bench) int64 {
	var n int64
	ledger.Walk(b.state, func(e *ledger.Event, _ string) error {
		if e.Seal != nil {
			n += e.Seal.Lines
		}
		return nil
	})
	return n
}

// Invariant 4, for what was there before swab: lines of eight days are shipped
// and then erased in the same run, lines of six days stay.
func TestInvariant4AgeOfLinesThatWereThereBefore(t *testing.T) {
	old, young := time.Now().Add(-8*24*time.Hour), time.Now().Add(-6*24*time.Hour)
	logs := func(b *bench) (string, string) {
		return b.write("old.log", lines(100, old.UTC().Format(time.RFC3339)+" line %d from 203.0.113.7")),
			b.write("young.log", lines(100, young.UTC().Format(time.RFC3339)+" line %d from 203.0.113.8"))
	}
	t.Run("seven days", func(t *testing.T) {
		b := newBench(t)
		o, y := logs(b)
		before, _ := os.ReadFile(y)
		b.once("server")
		if n := strings.Count(b.shipped(), " from 203.0.113.0\n"); n != 200 {
			t.Errorf("%d lines shipped, want 200", n)
		}
		if raw(t, o) != "" {
			t.Error("the lines of eight days are still there")
		}
		if after, _ := os.ReadFile(y); string(after) != string(before) {
			t.Error("the lines of six days were changed")
		}
		b.check()
	})
	t.Run("one hour", func(t *testing.T) {
		b := newBench(t)
		o, y := logs(b)
		b.once("server", "--raw-limit", "1h")
		if raw(t, o)+raw(t, y) != "" {
			t.Error("raw bytes past their limit are left")
		}
		b.check()
	})
	t.Run("kept until the limit falls", func(t *testing.T) {
		b := newBench(t)
		_, y := logs(b)
		b.once("server")
		b.once("server", "--raw-limit", "1h")
		if raw(t, y) != "" {
			t.Error("a shorter limit does not reach what was shipped before it")
		}
		b.check()
	})
}

// Invariant 6.
func TestInvariant6EveryByteIsAccountedFor(t *testing.T) {
	b := newBench(t)
	var written int64
	text := lines(1000, "%08d 203.0.113.77")
	keep := b.write("a.log", text)
	gone := b.write("b.log", text)
	b.write("c.log", text+"half a line of 203.0.113")
	written += 3*int64(len(text)) + 24
	b.once("web")
	if err := os.Remove(gone); err != nil { // kept until its limit, freed by others
		t.Fatal(err)
	}
	if err := os.Truncate(keep, 0); err != nil {
		t.Fatal(err)
	}
	b.once("web")
	a := b.check().State.Account("web")
	if a.Written != written || a.ShippedBytes != 3*int64(len(text)) || a.Unread != 24 {
		t.Errorf("account: %+v, want %d written", a, written)
	}
	if a.Removed != 2*int64(len(text)) || a.Present != int64(len(text))+24 || a.Erased != 0 {
		t.Errorf("raw account: %+v", a)
	}
}

// Invariant 7.
func TestInvariant7OrderOfLinesAndKeys(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(30000, "%08d a line of some length 203.0.113.77"))
	b.once("api", "--batch-size", "64KiB")
	keys := b.objects()
	if len(keys) < 10 {
		t.Fatalf("%d objects, want many", len(keys))
	}
	for i, key := range keys {
		if want := fmt.Sprintf("-%012d-", i+1); !strings.Contains(key, want) {
			t.Errorf("object %d in the order of the keys is %s", i+1, filepath.Base(key))
		}
	}
	next := 0
	for line := range strings.Lines(b.shipped()) {
		var n int
		fmt.Sscanf(line, "%d ", &n)
		if n != next {
			t.Fatalf("line %d where line %d belongs", n, next)
		}
		next++
	}
	if next != 30000 {
		t.Errorf("%d lines", next)
	}
}

// Invariant 8. Neither a line of 192 MiB nor a backlog of 400 MiB makes
// resident memory grow.
func TestInvariant8MemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 600 MB")
	}
	b := newBench(t)
	f, err := os.Create(filepath.Join(b.logs, "long.log"))
	if err != nil {
		t.Fatal(err)
	}
	piece := []byte(strings.Repeat("a token 203.0.113.77 and more of it ", 1<<15))
	for n := 0; n < 192<<20; n += len(piece) {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	f.WriteString("\n")
	line := []byte(lines(10000, "%08d 203.0.113.77 GET /v2/session 200 and so on"))
	for n := 0; n < 400<<20; n += len(line) {
		if _, err := f.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	cmd, said := daemon(t, b.args("api", "--once", "--batch-size", "16MiB")...)
	cmd.Env = append(cmd.Env, peakEnv+"=1")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var kib int64
	_, peak, _ := strings.Cut(said.String(), "VmHWM:")
	if _, err := fmt.Sscanf(strings.TrimSpace(peak), "%d kB", &kib); err != nil {
		t.Skipf("peak memory is not to be had here: %s", said)
	}
	t.Logf("resident at most: %d MiB", kib>>10)
	if kib>>10 > 64 {
		t.Errorf("resident at most %d MiB, want at most 64", kib>>10)
	}
	b.check()
}

// The second run of a job that is done ships nothing and changes nothing.
func TestSecondRunShipsNothing(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", lines(1000, "%d 203.0.113.7"))
	b.once("api")
	keys := b.objects()
	b.once("api")
	if !slices.Equal(keys, b.objects()) {
		t.Error("a second run shipped something")
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks != 0 {
		t.Errorf("%d blocks of 512 bytes are still allocated", st.Blocks)
	}
}

// A start that cannot work says so in one line and changes nothing.
func TestFirstStartThatCannotWorkChangesNothing(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", lines(10, "%d 203.0.113.7"))
	file := filepath.Join(b.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := listing(t, b.dir)
	for name, args := range map[string][]string{
		"state is a file":          {"--to", "file://" + b.out, "--state", file},
		"state cannot be made":     {"--to", "file://" + b.out, "--state", "/proc/swab-state"},
		"state beneath a file":     {"--to", "file://" + b.out, "--state", file + "/state"},
		"store's parent not there": {"--to", "file://" + b.dir + "/no/such/store", "--state", b.state},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, said := daemon(t, append([]string{"--once", "--log", "api=" + path}, args...)...)
			if err := cmd.Run(); err == nil {
				t.Error("it ended well")
			}
			if n := strings.Count(strings.TrimSpace(said.String()), "\n") + 1; n != 1 || !strings.Contains(said.String(), "--") {
				t.Errorf("it said, in %d lines:\n%s", n, said)
			}
			if after := listing(t, b.dir); after != before {
				t.Errorf("changed on disk:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// listing is what a file system says of all beneath dir, a line each; dir itself
// is named alone.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode().Type() == fs.ModeSymlink {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		st := info.Sys().(*syscall.Stat_t)
		_, err = fmt.Fprintf(&list, "%s: %v, inode %d, %d links, uid %d, gid %d, device %d, %d bytes in %d blocks, %v %q\n", path, info.Mode(),
			st.Ino, st.Nlink, st.Uid, st.Gid, st.Rdev, info.Size(), st.Blocks, info.ModTime(), link)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// The class recording takes whole files, and only when nobody writes them:
// their bytes leave as they are, one object a file, and are erased.
func TestRecordingsLeaveWholeAndWhenClosed(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.logs, "a.mkv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("\x1a\x45\xdf\xa3\x00\x00 frame 203.0.113.77\n\xff", 40000)
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	b.once("recording")
	if n := len(b.objects()); n != 0 {
		t.Fatalf("%d objects of a recording that is still written", n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.once("recording")
	keys := b.objects()
	if len(keys) != 1 || !strings.HasSuffix(keys[0], ".bin") {
		t.Fatalf("objects: %v", keys)
	}
	if b.body(keys[0]) != content {
		t.Error("the recording was changed on its way")
	}
	if raw(t, path) != "" {
		t.Error("raw bytes are left")
	}
	b.check()
}
