package swab

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"swab/ledger"
)

// pack compresses text, by the extension of a name; what Go cannot write is
// written by the program, or skips the test.
func pack(t testing.TB, name, text string) string {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		tool, lerr := exec.LookPath("bzip2")
		if lerr != nil {
			t.Skip("bzip2 is not installed")
		}
		cmd := exec.Command(tool)
		cmd.Stdin = strings.NewReader(text)
		p, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(p)
	}
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// packed writes an archive among the logs, last changed at a time.
func (b *bench) packed(name, text string, changed time.Time) string {
	b.t.Helper()
	path := b.write(name, pack(b.t, name, text))
	if err := os.Chtimes(path, changed, changed); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// dated is n lines with a time, which differ by tag.
func dated(tag string, n int, at time.Time) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s %s %08d 203.0.113.77\n", at.Add(time.Duration(i)*time.Millisecond).UTC().Format(time.RFC3339), tag, i)
	}
	return b.String()
}

// wantOnce fails unless the store has each dated line of a tag once, and no
// raw one.
func (b *bench) wantOnce(want map[string]int) {
	b.t.Helper()
	got := b.shipped()
	seen := map[string]int{}
	for line := range strings.Lines(got) {
		var at, tag string
		var n int
		if _, err := fmt.Sscanf(line, "%s %s %d 203.0.113.0\n", &at, &tag, &n); err != nil {
			b.t.Fatalf("a line in the store is not what was written (%v)", err)
		}
		seen[fmt.Sprintf("%s %d", tag, n)]++
	}
	all := 0
	for tag, n := range want {
		all += n
		for i := range n {
			if c := seen[fmt.Sprintf("%s %d", tag, i)]; c != 1 {
				b.t.Fatalf("line %d of %q is in the store %d times", i, tag, c)
			}
		}
	}
	if len(seen) != all {
		b.t.Errorf("%d lines in the store, want %d", len(seen), all)
	}
}

// settled fails unless all that a class had is shipped and nothing of it raw.
func (b *bench) settled(class string) ledger.Account {
	b.t.Helper()
	a := b.check().State.Account(class)
	if a.Unread+a.SealedBytes+a.Lost+a.Expired+a.Present != 0 || a.Written == 0 {
		b.t.Errorf("account: %+v", a)
	}
	spool, err := os.ReadDir(filepath.Join(b.state, "spool"))
	if err != nil || len(spool) > 0 {
		b.t.Errorf("the spool still holds %d files (%v)", len(spool), err)
	}
	return a
}

// gone fails unless nothing raw is left of files.
func gone(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if left := raw(t, path); left != "" {
			t.Errorf("%s: %d raw bytes are left", filepath.Base(path), len(left))
		}
	}
}

// A first start where logs were rotated for a while: the archives are shipped
// once, oldest first, and erased as a whole.
func TestArchivesThatWereThereAreShippedOnce(t *testing.T) {
	for _, ext := range []string{".gz", ".zst", ".bz2"} {
		t.Run(ext, func(t *testing.T) {
			b := newBench(t)
			now := time.Now()
			c := b.packed("a.log.3"+ext, dated("c", 5000, now.Add(-3*time.Hour)), now.Add(-2*time.Hour))
			d := b.packed("a.log.2"+ext, dated("d", 1000, now.Add(-2*time.Hour))+"half a line", now.Add(-time.Hour))
			e := b.write("a.log.1", dated("e", 1000, now.Add(-time.Hour)))
			if err := os.Chtimes(e, now.Add(-time.Minute), now.Add(-time.Minute)); err != nil {
				t.Fatal(err)
			}
			f := b.write("a.log", dated("f", 1000, now.Add(-time.Minute)))
			b.once("api", "--exclude", "*.none")
			got := b.shipped()
			half := "half a line\n"
			if !strings.Contains(got, half) {
				t.Error("the half line at the end of an archive is not shipped")
			}
			at := 0
			for _, tag := range []string{" c ", " d ", " e ", " f "} {
				i := strings.Index(got, tag)
				if i < at {
					t.Errorf("%q stands at %d of the store's text, before what is older", tag, i)
				}
				at = i
			}
			for _, tag := range []string{"c", "d", "e", "f"} {
				n := 1000
				if tag == "c" {
					n = 5000
				}
				if c := strings.Count(got, " "+tag+" "); c != n {
					t.Errorf("%d lines of %s, want %d", c, tag, n)
				}
			}
			gone(t, c, d, e, f)
			b.once("api")
			b.settled("api")
			for _, path := range []string{c, d} {
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Errorf("%s is still there (%v)", filepath.Base(path), err)
				}
			}
		})
	}
}

// Invariant 5 where swab was down while the log was renamed and packed: what
// was shipped is not shipped again, and what was not read is read from the
// archive.
func TestInvariant5AnArchiveFollowsItsOriginal(t *testing.T) {
	for _, ext := range []string{".gz", ".zst", ".bz2"} {
		for _, class := range []string{"api", "web"} {
			t.Run(class+ext, func(t *testing.T) {
				b := newBench(t)
				now := time.Now()
				path := b.write("a.log", dated("a", 2000, now))
				b.once(class)
				dryAppend(t, path, dated("b", 3000, now))
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				old := b.packed("a.log.1"+ext, string(text), now)
				b.write("a.log", dated("c", 100, now))
				b.once(class)
				b.once(class)
				b.wantOnce(map[string]int{"a": 2000, "b": 3000, "c": 100})
				a := b.check().State.Account(class)
				if a.Copied == 0 || a.Lost != 0 || a.Unread != 0 {
					t.Errorf("account: %+v", a)
				}
				if class == "web" {
					if raw(t, old) == "" {
						t.Error("the archive is erased before its limit")
					}
					return
				}
				gone(t, old, path)
				b.settled(class)
			})
		}
	}
}

// Invariant 5: a crash at each step of an archive, and then two runs, leave
// every line once in the store and nothing raw.
func TestInvariant5ACrashAtEachStepOfAnArchiveLosesAndRepeatsNothing(t *testing.T) {
	for _, at := range append(append(copySteps[:], packSteps[:]...), steps[:]...) {
		t.Run(string(at), func(t *testing.T) {
			b := newBench(t)
			now := time.Now()
			path := b.write("a.log", dated("a", 1000, now))
			b.once("api", "--class", "api:erase-after=1h") // sealed, shipped, raw
			dryAppend(t, path, dated("b", 1000, now))
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			old := b.packed("a.log.1.gz", string(text), now)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			cmd, said := daemon(t, b.args("api", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
			if err := cmd.Run(); err == nil {
				t.Fatalf("it did not crash:\n%s", said)
			}
			b.once("api")
			b.once("api")
			b.wantOnce(map[string]int{"a": 1000, "b": 1000})
			gone(t, old)
			if a := b.settled("api"); a.Copied == 0 {
				t.Errorf("account: %+v", a)
			}
		})
	}
}
