package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func changed(t *testing.T, w *Watch) {
	t.Helper()
	select {
	case <-w.Changed():
	case <-time.After(30 * time.Second):
		t.Fatal("no word of it")
	}
}

func TestWatchTellsOfFilesInNewDirectories(t *testing.T) {
	dir := t.TempDir()
	w := NewWatch([]string{dir, filepath.Join(dir, "missing")})
	defer w.Close()
	if err := w.Err(); err != nil {
		t.Skipf("no watching here: %v", err)
	}
	sub := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	changed(t, w)
	// Both directories are watched now, or another word comes when they are:
	// files made until then are found by the sweep that follows it.
	name := filepath.Join(sub, "x.log")
	told := make(chan struct{})
	go func() {
		defer close(told)
		changed(t, w)
	}()
	for i := 0; ; i++ {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		select {
		case <-told:
			return
		default:
		}
	}
}

func TestWatchTellsOfRenamingAndRemoval(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w := NewWatch([]string{dir})
	defer w.Close()
	if err := w.Err(); err != nil {
		t.Skipf("no watching here: %v", err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	changed(t, w)
	for len(w.Changed()) > 0 {
		<-w.Changed()
	}
	if err := os.Remove(path + ".1"); err != nil {
		t.Fatal(err)
	}
	changed(t, w)
}

func TestAClosedWatchEnds(t *testing.T) {
	w := NewWatch([]string{t.TempDir()})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
