package tail

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// swap exchanges two names, at one blow where the file system can, as often as
// it can until stop is closed.
func swap(t *testing.T, stop <-chan struct{}, a, b string) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not to be had here
			err = errors.Join(os.Rename(a, b+".t"), os.Rename(b, a), os.Rename(b+".t", b))
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// The application's user exchanges a component of a log's path for a link, to
// and fro, while it is listed and opened. What is opened is the log, whatever
// the moment.
func TestALinkSwappedInAtAnyComponentLeadsNowhere(t *testing.T) {
	for _, tt := range []struct{ name, component string }{
		{"first directory", "one"}, {"second directory", "one/two"}, {"the file", "one/two/x.log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			logs, out := filepath.Join(dir, "logs"), filepath.Join(dir, "out")
			for root, text := range map[string]string{logs: "log\n", out: "not\n"} {
				if err := errors.Join(
					os.MkdirAll(filepath.Join(root, "one/two"), 0o755),
					os.WriteFile(filepath.Join(root, "one/two/x.log"), []byte(text), 0o644),
				); err != nil {
					t.Fatal(err)
				}
			}
			link := filepath.Join(dir, "link")
			if err := os.Symlink(filepath.Join(out, tt.component), link); err != nil {
				t.Fatal(err)
			}
			opts := Options{Rules: []Rule{{Class: "api", Pattern: filepath.Join(logs, "**/x.log"), Root: logs}}}
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() { swap(t, stop, filepath.Join(logs, tt.component), link) })
			opened, refused := 0, 0
			look := func(place ledger.Place) {
				f, err := OpenPlace(place)
				if err != nil {
					refused++
					return
				}
				defer f.Close()
				opened++
				if p, err := io.ReadAll(f); string(p) != "log\n" || err != nil {
					t.Errorf("opened %q (%v)", p, err)
				}
			}
			until := time.Now().Add(2 * time.Second)
			for range 3000 {
				if time.Now().After(until) {
					break
				}
				for _, found := range Expand(opts, func(string, error) { refused++ }) {
					look(found.Place)
				}
				look(ledger.Place{Root: logs, Name: "one/two/x.log"})
			}
			close(stop)
			wg.Wait()
			t.Logf("opened %d times, refused %d times", opened, refused)
			if opened == 0 {
				t.Error("the log was never opened")
			}
		})
	}
}

// A file that is open is written through the descriptor that was read: where
// its name leads by then is all the same.
func TestWhatIsWrittenIsWhatWasReadWhereverItsNameLeads(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "raw\n")
	w.write("../victim", "victim\n")
	w.sweep()
	w.sealAll("api")
	f := w.file("a.log")
	num := f.Num()
	for name, replace := range map[string]func() error{
		"a link":      func() error { return os.Symlink(w.path("../victim"), w.path("a.log")) },
		"a hard link": func() error { return os.Link(w.path("../victim"), w.path("a.log")) },
		"a directory": func() error { return os.Mkdir(w.path("a.log"), 0o755) },
		"a FIFO":      func() error { return unix.Mkfifo(w.path("a.log"), 0o644) },
		"nothing":     func() error { return nil },
	} {
		w.rename("a.log", "../read")
		w.must(replace())
		w.must(f.Erase(num, func(file *os.File, _ sync.Locker) error {
			_, err := file.WriteAt([]byte("...\n"), 0)
			return err
		}))
		read, err := os.ReadFile(w.path("../read"))
		w.must(err)
		victim, err := os.ReadFile(w.path("../victim"))
		w.must(err)
		if string(read) != "...\n" || string(victim) != "victim\n" {
			t.Errorf("%s: what was read holds %q, the victim %q", name, read, victim)
		}
		w.must(os.RemoveAll(w.path("a.log")))
		w.must(os.WriteFile(w.path("../read"), []byte("raw\n"), 0o644))
		w.rename("../read", "a.log")
	}
}

// Files of known kinds are refused by name, with their raw age, whatever they
// are called.
func TestFilesOfKnownKindsAreRefusedByName(t *testing.T) {
	for _, tt := range []struct{ head, what string }{
		{"\x02\x00\x00\x00\x00\x00\x00\x00~\x00\x00\x00" + strings.Repeat("\x00", 28) + "~~\x00\x00reboot", "login records"},
		{"\x07\x00\x00\x00\xd2\x04\x00\x00pts/0" + strings.Repeat("\x00", 27) + "ts/0user", "login records"},
		{"LPKSHHRH\x00\x00\x00\x00", "journal"},
		{"SQLite format 3\x00", "SQLite"},
		{"\x37\x7f\x06\x82\x00\x2d\xe2\x18", "SQLite"},
		{"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "packet capture"},
		{"\xa1\xb2\xc3\xd4\x00\x02\x00\x04", "packet capture"},
		{"\x4d\x3c\xb2\xa1\x02\x00\x04\x00", "packet capture"},
		{"\xa1\xb2\x3c\x4d\x00\x02\x00\x04", "packet capture"},
		{"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "packet capture"},
		{"\x1f\x8b\x08\x00", "gzip"}, {"\x28\xb5\x2f\xfd\x04", "zstd"}, {"BZh91AY&SY", "bzip2"}, {"\xfd7zXZ\x00", "xz"},
		{"\x04\x22\x4d\x18\x64", "lz4"}, {"\x7fELF\x02\x01\x01", "program"},
	} {
		w := newWorld(t)
		w.write("x.log", tt.head+"\n")
		w.sweep()
		w.want(w.sealAll("api"), "")
		if why := w.set.Refused()[w.path("x.log")]; !strings.Contains(why, tt.what) {
			t.Errorf("%q: refused as %q, want %s", tt.head, why, tt.what)
		}
		if w.warned("raw_bytes_since 2") != 1 {
			t.Errorf("%q: said %q", tt.head, w.said)
		}
	}
	for _, text := range []string{"\x07 bell\n", "\n\r\r text\n", "BZ 42\n", "\x02STX text\n"} {
		if what, binary := Binary([]byte(text)); binary {
			t.Errorf("%q is taken for %s", text, what)
		}
	}
}
