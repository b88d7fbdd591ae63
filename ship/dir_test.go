package ship

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newTestDir(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirStore(t *testing.T) {
	testStore(t, func(t *testing.T) Store { return newTestDir(t, t.TempDir()) })
}

// Two hosts that mount one directory are two Dirs.
func TestDirStoreIsSharedByProcesses(t *testing.T) {
	dir := t.TempDir()
	a, b := newTestDir(t, dir), newTestDir(t, dir)
	o := object("class=api/k", noise(1000, 1))
	if r := mustPut(t, a, o); r.Outcome != Stored {
		t.Errorf("first: %v", r.Outcome)
	}
	if r := mustPut(t, b, o); r.Outcome != AlreadyThere {
		t.Errorf("second: %v, want already there", r.Outcome)
	}
}

func TestDirIsMadeOnlyBeneathItsParent(t *testing.T) {
	base := t.TempDir()
	newTestDir(t, filepath.Join(base, "new"))
	if _, err := NewDir(filepath.Join(base, "not", "there")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want %v", err, fs.ErrNotExist)
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDir(file); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestDirThatWentMissingIsAnErrorAndStaysMissing(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"unmounted": func(dir string) error { // the bare mount point remains
			return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			d := newTestDir(t, dir)
			o := object("class=api/k", []byte("x"))
			mustPut(t, d, o)
			if err := lose(dir); err != nil {
				t.Fatal(err)
			}
			_, err := d.Put(t.Context(), o)
			if !codeIs(err, CodeNoDirectory) || !Permanent(err) || !strings.Contains(err.Error(), dir) {
				t.Errorf("put: %v, want a permanent %s that names the directory", err, CodeNoDirectory)
			}
			if _, err := d.Head(t.Context(), o.Key); !codeIs(err, CodeNoDirectory) || errors.Is(err, ErrNotFound) {
				t.Errorf("head: %v, want %s: the object may be there once it is mounted", err, CodeNoDirectory)
			}
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				t.Errorf("%d entries were made in its place", len(entries))
			}
			if name == "unmounted" { // and mounted again
				if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
					t.Fatal(err)
				}
				if r := mustPut(t, d, o); r.Outcome != AlreadyThere {
					t.Errorf("%v, want already there", r.Outcome)
				}
			}
		})
	}
}

func TestDirPutLeavesNoTemp(t *testing.T) {
	dir := t.TempDir()
	d := newTestDir(t, dir)
	o := object("a/k", noise(1000, 1))
	mustPut(t, d, o)
	mustPut(t, d, o)
	bad := object("a/bad", []byte("x"))
	bad.SHA256[0] ^= 1
	if _, err := d.Put(t.Context(), bad); err == nil {
		t.Error("wrong bytes were stored")
	}
	if left := names(t, filepath.Join(dir, dirMark)); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	if got := names(t, filepath.Join(dir, "a")); strings.Join(got, " ") != ".k.meta.json k" {
		t.Errorf("beside the object: %q", got)
	}
}

func TestDirRemovesTempsThatAreNobodys(t *testing.T) {
	dir := t.TempDir()
	newTestDir(t, dir)
	old, young := filepath.Join(dir, dirMark, "put-old"), filepath.Join(dir, dirMark, "put-young")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-dirStale - time.Minute)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	newTestDir(t, dir)
	if got := names(t, filepath.Join(dir, dirMark)); len(got) != 1 || got[0] != "put-young" {
		t.Errorf("left %q, want the young one alone", got)
	}
}

// The crash between metadata and link.
func TestDirMetadataWithoutBodyIsReplaced(t *testing.T) {
	dir := t.TempDir()
	d := newTestDir(t, dir)
	o := object("a/k", []byte("x"))
	o.Metadata = map[string]string{"lines": "1"}
	mustPut(t, d, o)
	if err := errors.Join(os.Remove(filepath.Join(dir, "a/k")),
		os.WriteFile(filepath.Join(dir, "a/.k.meta.json"), []byte(`{"si`), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Head(t.Context(), o.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("head: %v, want not found", err)
	}
	if r := mustPut(t, d, o); r.Outcome != Stored {
		t.Errorf("%v, want stored", r.Outcome)
	}
	if info, err := d.Head(t.Context(), o.Key); err != nil || info.Metadata["lines"] != "1" {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestDirSeesDamage(t *testing.T) {
	dir := t.TempDir()
	d := newTestDir(t, dir)
	o := object("a/k", []byte("as it was"))
	mustPut(t, d, o)
	if err := os.WriteFile(filepath.Join(dir, "a/k"), []byte("as it is!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), o); !codeIs(err, CodeMismatch) {
		t.Errorf("put: %v, want %s", err, CodeMismatch)
	}
	if info, err := d.Head(t.Context(), o.Key); err != nil || info.SHA256 == o.SHA256 {
		t.Errorf("head: %v; it tells the sum of what is no longer there", err)
	}
}

func TestDirPutDoesNotFollowLinksOutOfIt(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	d := newTestDir(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "class=api")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Put(t.Context(), object("class=api/k", []byte("x"))); err == nil {
		t.Errorf("%v through a symbolic link", r.Outcome)
	}
	if left := names(t, outside); len(left) != 0 {
		t.Errorf("%q were written outside", left)
	}
}

func TestDirKeyBeneathAnObjectIsAnError(t *testing.T) {
	d := newTestDir(t, t.TempDir())
	mustPut(t, d, object("a", []byte("x")))
	if r, err := d.Put(t.Context(), object("a/b", []byte("y"))); err == nil {
		t.Errorf("%v", r.Outcome)
	}
	mustPut(t, d, object("c/d", []byte("x")))
	if r, err := d.Put(t.Context(), object("c", []byte("y"))); err == nil {
		t.Errorf("%v", r.Outcome)
	}
}

func TestDirWithoutTheRightToWriteSaysSo(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	d := newTestDir(t, dir)
	mark := filepath.Join(dir, dirMark)
	if err := os.Chmod(mark, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(mark, 0o700) })
	_, err := d.Put(t.Context(), object("k", []byte("x")))
	if !codeIs(err, CodeAccessDenied) || !Permanent(err) || !strings.Contains(err.Error(), "let swab's user write there") {
		t.Errorf("%v, want a permanent %s", err, CodeAccessDenied)
	}
}
