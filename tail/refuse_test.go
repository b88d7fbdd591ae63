package tail

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"swab/ledger"
)

// gzip is the begin of a gzip file, of which nothing before its first newline
// tells more.
const gzip = "\x1f\x8b\x08\x00abc\n"

func TestWhatIsNoLogIsRefusedAndReportedOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(w *world)
		why  string
	}{
		{"symbolic link out", func(w *world) {
			w.write("../target", "1\n")
			w.must(os.Symlink(w.path("../target"), w.path("x.log")))
		}, "symbolic link"},
		{"symbolic link in", func(w *world) {
			w.write("target", "1\n")
			w.must(os.Symlink("target", w.path("x.log")))
		}, "symbolic link"},
		{"symbolic link to nothing", func(w *world) {
			w.must(os.Symlink("nothing", w.path("x.log")))
		}, "link to nothing"},
		{"hard link", func(w *world) {
			w.write("../target", "1\n")
			w.must(os.Link(w.path("../target"), w.path("x.log")))
		}, "2 hard links"},
		{"FIFO", func(w *world) { w.must(syscall.Mkfifo(w.path("x.log"), 0o644)) }, "no regular file"},
		{"socket", func(w *world) {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.path("x.log"), Net: "unix"})
			w.must(err)
			w.t.Cleanup(func() { l.Close() })
		}, "no regular file"},
		{"hard link to another owner's file", func(w *world) {
			w.write("../target", "1\n")
			if err := os.Chown(w.path("../target"), 12345, 12345); err != nil {
				w.t.Skipf("no right to give a file away: %v", err)
			}
			w.must(os.Link(w.path("../target"), w.path("x.log")))
		}, "2 hard links"},
		{"device", func(w *world) {
			if err := syscall.Mknod(w.path("x.log"), syscall.S_IFCHR|0o644, 1<<8|5); err != nil { // /dev/zero
				w.t.Skipf("no right to make a device: %v", err)
			}
		}, "no regular file"},
		{"gzip", func(w *world) { w.write("x.log", gzip) }, "gzip"},
		{"zstd", func(w *world) { w.write("x.log", "\x28\xb5\x2f\xfd\n") }, "zstd"},
		{"NULs among text", func(w *world) { w.write("x.log", "text\x00text\n") }, "NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.make(w)
			for range 3 {
				w.sweep()
			}
			if n := len(w.set.Files()); n != 0 {
				t.Errorf("%d files open", n)
			}
			refused := w.set.Refused()
			if !strings.Contains(refused[w.path("x.log")], tt.why) || len(refused) != 1 {
				t.Errorf("refused: %q", refused)
			}
			if n := w.warned("not taken"); n != 1 {
				t.Errorf("%d warnings: %q", n, w.said)
			}
			if n := w.events(ledger.KindRefused); n != 1 {
				t.Errorf("%d events", n)
			}
			for _, s := range w.said {
				if strings.Contains(s, w.logs) {
					t.Errorf("a true path in %q", s)
				}
			}
			// It is forgotten when it goes, and taken when it has become a log.
			w.remove("x.log")
			w.sweep()
			if refused := w.set.Refused(); len(refused) != 0 {
				t.Errorf("refused: %q", refused)
			}
			w.write("x.log", "1\n")
			w.sweep()
			w.want(w.sealAll("api"), "1\n")
		})
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestADirectoryNamedLikeALogIsNoLog(t *testing.T) {
	w := newWorld(t)
	w.must(os.Mkdir(w.path("x.log"), 0o755))
	w.write("a.log", "1\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	if len(w.set.Files()) != 1 {
		t.Error("a directory is open")
	}
}

func TestLinksIntoAFollowedRootAreTaken(t *testing.T) {
	w := newWorld(t)
	pods := w.path("../pods")
	w.must(os.MkdirAll(filepath.Join(pods, "uid"), 0o755))
	w.write("../pods/uid/0.log", "1\n")
	w.write("../pods/system.log", "never\n")
	w.must(os.Symlink(filepath.Join(pods, "uid/0.log"), w.path("pod.log")))
	w.must(os.Symlink(filepath.Join(pods, "system.log"), w.path("system.log")))
	w.must(os.Symlink("/etc/passwd", w.path("passwd.log")))
	w.opts.Follow = []string{pods}
	w.opts.Exclude = []string{filepath.Join(pods, "system*")}
	w.restart()
	w.want(w.sealAll("api"), "1\n")
	f := w.set.Files()[0]
	if got := f.Place(); got != (ledger.Place{Root: pods, Name: "uid/0.log"}) {
		t.Errorf("place %+v", got)
	}
	if r := w.set.Refused(); len(r) != 1 || r[w.path("passwd.log")] == "" {
		t.Errorf("refused: %q", r)
	}
	// The kubelet rotates: the target is renamed, and the link leads on.
	w.add("../pods/uid/0.log", "2\n")
	w.rename("../pods/uid/0.log", "../pods/uid/0.log.20261123")
	w.write("../pods/uid/0.log", "3\n")
	w.sweep()
	if !f.Away() || f.Place().Name != "uid/0.log.20261123" {
		t.Errorf("at %v, away %v", f.Place(), f.Away())
	}
	w.want(w.sealAll("api"), "2\n3\n")
}

func TestAFollowedRootMayBeALinkItself(t *testing.T) {
	w := newWorld(t)
	w.must(os.Mkdir(w.path("../true"), 0o755))
	w.must(os.Symlink("true", w.path("../pods")))
	w.write("../true/0.log", "1\n")
	w.must(os.Symlink(filepath.Join(filepath.Dir(w.logs), "pods/0.log"), w.path("pod.log")))
	w.opts.Follow = []string{filepath.Join(filepath.Dir(w.logs), "pods")}
	w.restart()
	w.want(w.sealAll("api"), "1\n")
}

func TestBinaryContentThatComesLaterIsRefused(t *testing.T) {
	for _, parts := range [][]string{
		{"", gzip},
		{"\x1f", "\x8b\x08\x00abc\n"}, // half a magic at the first look
		{"P", "K\x03\x04\n"},
		{"ha", "lf a line\x00\n"},
	} {
		t.Run(fmt.Sprintf("%q", parts), func(t *testing.T) {
			w := newWorld(t)
			w.write("a.log", parts[0])
			w.sweep()
			w.want(w.sealAll("api"), "")
			w.add("a.log", parts[1])
			w.sweep()
			w.want(w.sealAll("api"), "")
			for range 3 {
				w.sweep()
				w.want(w.sealAll("api"), "")
			}
			if len(w.set.Files()) != 0 || len(w.set.Refused()) != 1 || w.warned("not taken") != 1 {
				t.Errorf("open %v, refused %q, said %q", w.numbers(), w.set.Refused(), w.said)
			}
			w.restart()
			if a := w.account("api"); a.Lost != 0 {
				t.Errorf("%d bytes lost that are still there", a.Lost)
			}
			// It goes: the ledger hears of it without a restart.
			w.remove("a.log")
			w.settle()
			w.ledger.View(func(s *ledger.State) {
				if len(s.Files) != 0 {
					t.Errorf("%d files in the ledger", len(s.Files))
				}
			})
			w.proven()
		})
	}
}

func TestAKnownLogIsNotTakenForBinaryBecauseItIsPartlyErased(t *testing.T) {
	// The first range waits, the second is overwritten: text, NULs, text.
	w := newWorld(t)
	w.budget = 1
	w.write("a.log", "first line\nsecond line\nthird line\n")
	w.sweep()
	w.seal("api")
	w.seal("api")
	w.ship("api")
	ref := []ledger.Ref{{Batch: ledger.BatchID{Class: "api", Number: 2}}}
	w.append(ledger.Event{Erase: &ledger.Erase{Reason: ledger.ReasonShipped, Refs: ref}})
	num := w.file("a.log").Num()
	w.must(w.file("a.log").Erase(num, func(f *os.File, _ sync.Locker) error {
		_, err := f.WriteAt(make([]byte, len("second line\n")), int64(len("first line\n")))
		return err
	}))
	w.append(ledger.Event{Erased: &ledger.Erased{Refs: ref}})
	w.restart()
	if f := w.file("a.log"); f == nil || f.Num() != num {
		t.Fatalf("not open: %q", w.set.Refused())
	}
	w.want(w.sealAll("api"), "third line\n")
}

func TestAKnownLogRewrittenAsBinaryIsRefusedThen(t *testing.T) {
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down %v", down), func(t *testing.T) {
			w := newWorld(t)
			w.write("a.log", "1\n")
			w.sweep()
			w.sealAll("api")
			if down {
				w.stop()
			}
			w.write("a.log", gzip+strings.Repeat("\x01", 100)+"\n")
			if down {
				w.start()
			}
			for range 3 {
				w.sweep()
				w.want(w.sealAll("api"), "")
			}
			if w.warned("not taken") != 1 || len(w.set.Files()) != 0 {
				t.Errorf("said %q", w.said)
			}
			w.proven()
		})
	}
}

func TestBinaryTellsTextFromOtherFiles(t *testing.T) {
	for _, tt := range []struct {
		head   string
		binary bool
	}{
		{"", false},
		{"2026-11-23 text\n", false},
		{"\x00\x00\x00text\n", false},
		{"\x00\x00\x00", false},
		{"caf\xe9 in Latin-1\n", false},
		{"\xff\xfet\x00e\x00x\x00t\x00", true}, // UTF-16
		{gzip, true},
		{"PK\x03\x04", true},
		{"BZh9", true},
		{"\x7fELF", true},
		{"SQLite format 3\x00", true},
		{"LPKSHHRH", true},
		{"a\x00", true},
		{"a line\n" + strings.Repeat("\x00", 8), false}, // what a power cut leaves
		{"a line\n" + strings.Repeat("\x00", 500) + "and more\n", false},
		{"a line\n" + strings.Repeat("\x00", 500) + "and\x00more\n", true},
		{"a line\n" + strings.Repeat("\x00", 7) + "and more\n", true},
		{strings.Repeat("a line\n", 585) + "\x00", false}, // the head of more
	} {
		if what, binary := Binary([]byte(tt.head)); binary != tt.binary {
			t.Errorf("%q: %q, %v", tt.head, what, binary)
		}
	}
}

// Someone who has a file alone closes and opens it again: a sweep that comes in
// the midst of that waits, and refuses nothing.
func TestASweepWaitsForWhoHasAFileAlone(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "line\n")
	w.sweep()
	f := w.set.Files()[0]
	num := f.Num()
	ended := make(chan error, 1)
	go func() {
		var err error
		for range 500 {
			err = errors.Join(err, f.Alone(num, func(*os.File) error { return nil }))
		}
		ended <- err
	}()
	for len(ended) == 0 {
		w.sweep()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := w.warned("log not taken"); n > 0 {
		t.Errorf("%d refusals of a log that was there all the time", n)
	}
}
