package swab

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
)

// Invariant 5 where gzip read a log while swab overwrote it: raw head, zeros,
// raw tail. What was shipped is not shipped again, the rest is, and none of it
// stays.
func TestInvariant5AnArchiveThatRacedTheEraserFollows(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	text := dated("a", 3000, now)
	path := b.write("a.log", text)
	b.once("api", "--class", "api:erase-after=1h")
	b.once("api")
	gone(t, path)
	more := dated("b", 100, now)
	dryAppend(t, path, more)
	middle := strings.Repeat("\x00", len(text)-20000)
	old := b.packed("a.log.1.gz", text[:10000]+middle+text[len(text)-10000:]+more, now)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.once("api")
	b.once("api")
	b.wantOnce(map[string]int{"a": 3000, "b": 100})
	gone(t, old)
	b.settled("api")
}

// Invariant 4 for an archive of a class that keeps raw bytes: the oldest line
// decides for all of it.
func TestInvariant4AnArchiveGoesWithItsOldestLine(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	old := b.packed("a.log.2.gz", dated("a", 10, now.Add(-8*24*time.Hour))+dated("b", 1000, now.Add(-time.Hour)), now.Add(-time.Hour))
	kept := b.packed("a.log.1.gz", dated("c", 1000, now.Add(-time.Hour)), now.Add(-time.Minute))
	b.once("web")
	gone(t, old)
	if raw(t, kept) == "" {
		t.Error("an archive within its limit is erased")
	}
	b.wantOnce(map[string]int{"a": 10, "b": 1000, "c": 1000})
	b.check()
}

// An archive that no glob leads to is found beside its log when that ends.
func TestAnArchiveIsFoundBesideItsLog(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	path := b.write("a.log", dated("a", 1000, now))
	glob := []string{"--log", "api=" + b.logs + "/*.log", "--to", "file://" + b.out, "--state", b.state, "--listen", "", "--once"}
	run := func(more ...string) {
		t.Helper()
		cmd, said := daemon(t, append(glob, more...)...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	run("--class", "api:erase-after=1h")
	dryAppend(t, path, dated("b", 10, now))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := b.packed("a.log-20261123.gz", string(text), now)
	other := b.packed("b.log.gz", dated("x", 10, now), now) // nobody's
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	run()
	run()
	b.wantOnce(map[string]int{"a": 1000, "b": 10})
	gone(t, old)
	if raw(t, other) == "" {
		t.Error("an archive that is none of swab's is erased")
	}
}

// Invariant 3: what only looks like an archive is refused, and keeps no other
// from being read.
func TestInvariant3HostileArchivesAreRefused(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	whole := pack(t, "x.gz", dated("a", 5000, now))
	cut := b.write("cut.log.gz", whole[:len(whole)/2])
	torn := b.write("torn.log.gz", whole[:100]+"garbage"+whole[107:])
	binary := b.write("binary.log.gz", pack(t, "x.gz", "\x7fELF\x02\x01\x01"+strings.Repeat("x\x00", 500)))
	outside := filepath.Join(b.dir, "outside.gz")
	if err := os.WriteFile(outside, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Symlink(outside, filepath.Join(b.logs, "link.log.gz")),
		os.Link(outside, filepath.Join(b.logs, "hard.log.gz")),
		syscall.Mkfifo(filepath.Join(b.logs, "fifo.log.gz"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	empty := b.write("empty.log.gz", "")
	good := b.packed("good.log.1.gz", dated("g", 10, now), now)
	b.once("api")
	b.wantOnce(map[string]int{"g": 10})
	gone(t, good, empty)
	for _, path := range []string{cut, torn, binary, outside} {
		if raw(t, path) == "" {
			t.Errorf("%s is erased", filepath.Base(path))
		}
	}
	if n := len(b.events(ledger.KindRefused)); n != 6 {
		t.Errorf("%d refusals, want 6", n)
	}
	b.check()
}

// Invariant 2: an archive that somebody replaced in place is not overwritten;
// it is another one, and is shipped as such.
func TestInvariant2AnArchiveThatChangedIsNotOverwritten(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	path := b.packed("a.log.1.gz", dated("a", 1000, now), now.Add(-time.Minute))
	b.once("web")
	b.packed("a.log.1.gz", dated("b", 1000, now), now)
	b.once("web")
	b.once("web")
	b.wantOnce(map[string]int{"a": 1000, "b": 1000})
	if raw(t, path) == "" {
		t.Error("it is overwritten")
	}
	if err := os.Chtimes(path, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.once("web") // touched alone, it is what it was
	b.wantOnce(map[string]int{"a": 1000, "b": 1000})
}
