package tail

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestAFileReplacedWhileItIsOpenedIsNeverAnotherKind(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	path := filepath.Join(dir, "x.log")
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret"), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("target")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		kinds := []func() error{
			func() error { return os.Symlink("target", path) },
			func() error { return os.Link(filepath.Join(dir, "target"), path) },
			func() error { return syscall.Mkfifo(path, 0o600) },
			func() error { return os.WriteFile(path, []byte("log"), 0o600) },
		}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			os.Remove(path)
			if err := kinds[i%len(kinds)](); err != nil {
				t.Error(err)
				return
			}
		}
	})
	opened, refused := 0, 0
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		f, err := openBeneath(root, "x.log")
		if err != nil {
			refused++
			continue
		}
		opened++
		buf := make([]byte, 6)
		n, _ := f.ReadAt(buf, 0)
		if got := string(buf[:n]); got == "secret" {
			t.Error("opened what the name did not stand for")
		}
		f.Close()
	}
	close(stop)
	wg.Wait()
	if opened == 0 || refused == 0 {
		t.Logf("opened %d times, refused %d times: the race was not met", opened, refused)
	}
}

func TestAFileThatFailsKeepsNoOtherFromBeingRead(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.write("b.log", "2\n")
	w.sweep()
	bad := w.file("a.log")
	w.must(bad.desc.f.Close()) // as with a stale handle, every look fails
	w.rename("a.log", "elsewhere")
	for range 3 {
		w.want(strings.TrimPrefix(w.sealAll("api"), "2\n"), "")
		w.sweep()
	}
	w.want(w.sealed("api"), "2\n")
	if n := w.warned("cannot be read"); n != 1 {
		t.Errorf("%d warnings: %q", n, w.said)
	}
	// Found again, it goes on where it was.
	w.rename("elsewhere", "a.log")
	w.sweep()
	if w.file("a.log") != bad || len(w.set.Files()) != 2 {
		t.Errorf("open: %v", w.numbers())
	}
	w.want(w.sealAll("api"), "1\n")
	w.proven()
}

func TestErrorsHoldNoPath(t *testing.T) {
	w := newWorld(t)
	w.write("203.0.113.7.log", "1\n")
	w.sweep()
	f := w.set.Files()[0]
	w.must(f.desc.f.Close())
	_, err := f.Take(w.options())
	errs := []error{err, f.SyncData(), f.Erase(f.Num(), nil), f.Unlinking(f.Num(), w.clock(), nil)}
	for i, err := range errs {
		if err == nil || strings.Contains(err.Error(), "203.0.113.7") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if f.desc.f, err = os.Open(w.path("203.0.113.7.log")); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeOpenedForWritingIsReadAndSaid(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everything")
	}
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.must(os.Chmod(w.path("a.log"), 0o444))
	w.sweep()
	f := w.file("a.log")
	if err := f.WriteErr(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("WriteErr: %v", err)
	}
	if err := TryWrite(f.Place()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("TryWrite: %v", err)
	}
	w.want(w.sealAll("api"), "1\n")
}

func TestWhatCannotBeReadIsRefusedUntilItCan(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.must(os.Chmod(w.path("a.log"), 0))
	for range 3 {
		w.sweep()
	}
	if why := w.set.Refused()[w.path("a.log")]; why != "permission denied" || w.warned("not taken") != 1 {
		t.Errorf("refused: %q, said %q", why, w.said)
	}
	w.must(os.Chmod(w.path("a.log"), 0o644))
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	if r := w.set.Refused(); len(r) != 0 {
		t.Errorf("refused: %q", r)
	}
	// Known, and not to be opened at the next start: no loss.
	w.add("a.log", "2\n")
	w.sweep()
	w.see()
	w.must(os.Chmod(w.path("a.log"), 0))
	w.restart()
	if a := w.account("api"); a.Lost != 0 {
		t.Errorf("account %+v", a)
	}
	w.must(os.Chmod(w.path("a.log"), 0o644))
	w.sweep()
	w.want(w.sealAll("api"), "2\n")
}
