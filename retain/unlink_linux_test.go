package retain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

type place struct {
	*os.Root
	path string // of app.log.1, a finished file
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	p := place{root, filepath.Join(dir, "app.log.1")}
	if err := os.WriteFile(p.path, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Idle(f); errors.Is(err, ErrNoLease) {
		t.Skip("the file system of the temporary directory grants no leases")
	}
	return p
}

func (p place) there() bool {
	_, err := os.Lstat(p.path)
	return err == nil
}

func TestUnlinkRemovesAFinishedFile(t *testing.T) {
	p := newPlace(t)
	reader, err := os.Open(p.path) // readers are no hindrance
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var size int64
	err = Unlink(p.Root, "app.log.1", func(info os.FileInfo) bool { size = info.Size(); return true })
	if err != nil || p.there() || size != 100 {
		t.Errorf("error %v, file there %v, size %d", err, p.there(), size)
	}
	if err := Unlink(p.Root, "app.log.1", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v of a file that is gone", err)
	}
}

func TestUnlinkWorksInADirectoryBeneath(t *testing.T) {
	p := newPlace(t)
	if err := errors.Join(p.Mkdir("web", 0o700), p.WriteFile("web/old.log", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Unlink(p.Root, "web/old.log", nil); err != nil {
		t.Error(err)
	}
}

func TestUnlinkLeavesAFileThatIsOpenForWriting(t *testing.T) {
	p := newPlace(t)
	for _, flag := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND} {
		w, err := os.OpenFile(p.path, flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := Unlink(p.Root, "app.log.1", nil); !errors.Is(err, ErrInUse) {
			t.Errorf("error %v, want ErrInUse", err)
		}
		w.Close()
	}
	if !p.there() {
		t.Error("the file was unlinked")
	}
}

// Whoever opens the file while it is being checked waits for the lease; what
// they will write must not go with the file.
func TestUnlinkLeavesAFileThatSomeoneIsAboutToWrite(t *testing.T) {
	p := newPlace(t)
	err := Unlink(p.Root, "app.log.1", func(os.FileInfo) bool {
		// O_NONBLOCK: break the lease, but do not wait for its end.
		if w, err := os.OpenFile(p.path, os.O_WRONLY|unix.O_NONBLOCK, 0); !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("opened %v, error %v; want EWOULDBLOCK", w, err)
		}
		return true
	})
	if !errors.Is(err, ErrInUse) || !p.there() {
		t.Errorf("error %v, file there %v; want ErrInUse", err, p.there())
	}
	w, err := os.OpenFile(p.path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("the lease was not released: %v", err)
	}
	w.Close()
}

func TestUnlinkLeavesWhatIsNotTheFileMeant(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(p place) error
		want    func(os.FileInfo) bool
	}{
		{"not wanted", func(place) error { return nil }, func(os.FileInfo) bool { return false }},
		{"a symbolic link", func(p place) error {
			return errors.Join(p.Rename("app.log.1", "other"), p.Symlink("other", "app.log.1"))
		}, nil},
		{"two links", func(p place) error { return p.Link("app.log.1", "other") }, nil},
		{"a directory", func(p place) error { return errors.Join(p.Remove("app.log.1"), p.Mkdir("app.log.1", 0o700)) }, nil},
		{"a named pipe", func(p place) error { return errors.Join(p.Remove("app.log.1"), unix.Mkfifo(p.path, 0o600)) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			if err := tt.prepare(p); err != nil {
				t.Fatal(err)
			}
			if err := Unlink(p.Root, "app.log.1", tt.want); !errors.Is(err, ErrNotWanted) || !p.there() {
				t.Errorf("error %v, file there %v; want ErrNotWanted", err, p.there())
			}
		})
	}
}

func TestUnlinkLeavesAFileThatTookTheName(t *testing.T) {
	p := newPlace(t)
	err := Unlink(p.Root, "app.log.1", func(os.FileInfo) bool {
		if err := errors.Join(p.Rename("app.log.1", "app.log.2"), p.WriteFile("app.log.1", nil, 0o600)); err != nil {
			t.Error(err)
		}
		return true
	})
	if !errors.Is(err, ErrNotWanted) || !p.there() {
		t.Errorf("error %v, file there %v; want ErrNotWanted", err, p.there())
	}
}

func TestUnlinkStaysBeneathItsDirectory(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	if err := os.Symlink(filepath.Dir(other.path), filepath.Join(filepath.Dir(p.path), "out")); err != nil {
		t.Fatal(err)
	}
	if err := Unlink(p.Root, "out/app.log.1", nil); err == nil || !other.there() {
		t.Errorf("error %v, file there %v", err, other.there())
	}
}

func TestIdleTellsWhetherAWriterIsThere(t *testing.T) {
	p := newPlace(t)
	f, err := os.Open(p.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	check := func(want bool) {
		t.Helper()
		if idle, err := Idle(f); idle != want || err != nil {
			t.Errorf("idle %v, %v; want %v", idle, err, want)
		}
	}
	check(true)
	w, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	check(false)
	w.Close()
	check(true)
	w, err = os.OpenFile(p.path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("the lease was not released: %v", err)
	}
	w.Close()
}

func TestALeaseIsTheOwnersToAsk(t *testing.T) {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	if os.Geteuid() == 0 {
		t.Skip("root may ask for any lease")
	}
	if _, err := Idle(f); !errors.Is(err, ErrNoLease) {
		t.Errorf("error %v, want ErrNoLease", err)
	}
}

// Who rotates gives the name to another file in the moment in which it is removed:
// that one keeps it.
func TestInvariant3UnlinkRemovesNoOtherFileOfThatName(t *testing.T) {
	p := newPlace(t)
	info, err := os.Lstat(p.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.path, p.path+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path, []byte("unread\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(info, p.Root, "app.log.1"); !errors.Is(err, ErrNotWanted) {
		t.Errorf("error %v, want %v", err, ErrNotWanted)
	}
	if text, err := os.ReadFile(p.path); err != nil || string(text) != "unread\n" {
		t.Errorf("%q, %v: the other file is not there any more", text, err)
	}
	names, err := filepath.Glob(filepath.Dir(p.path) + "/*")
	if err != nil || len(names) != 2 {
		t.Errorf("%d names are there, want the two: %v", len(names), err)
	}
}

// The same under somebody who rotates as fast as he can: each file that is not
// the one meant is there at the end.
func TestInvariant3UnlinkUnderRotationRemovesWhatWasMeant(t *testing.T) {
	p := newPlace(t)
	const files = 3000
	rotated := make(chan int)
	go func() {
		n := 0
		for range files {
			if os.WriteFile(p.path+".new", []byte("unread\n"), 0o600) != nil {
				break
			}
			if err := os.Rename(p.path, fmt.Sprintf("%s.%d", p.path, n)); err == nil || errors.Is(err, fs.ErrNotExist) {
				n++
			}
			if os.Rename(p.path+".new", p.path) != nil {
				break
			}
		}
		rotated <- n
	}()
	removed := 0
	for done := false; !done; {
		err := Unlink(p.Root, "app.log.1", func(info os.FileInfo) bool { return info.Size() == 100 })
		if err == nil {
			removed++
		}
		select {
		case <-rotated:
			done = true
		default:
		}
	}
	names, err := filepath.Glob(filepath.Dir(p.path) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	unread := 0
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && info.Size() == 7 {
			unread++
		}
	}
	if unread != files || removed > 1 {
		t.Errorf("%d of %d files with unread lines are there; %d were removed", unread, files, removed)
	}
}
