package ledger

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func TestPathsSurviveTheRoundTripByteForByte(t *testing.T) {
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"app.log", "a\nb", "\xff\xfe.log", "caf\xe9", "\u2028", ""}),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(p []byte) string { return string(p) }))
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		paths, err := OpenPaths(dir)
		if err != nil {
			rt.Fatal(err)
		}
		want := map[uint64]Place{}
		for range rapid.IntRange(0, 8).Draw(rt, "steps") {
			file := rapid.Uint64Range(0, 4).Draw(rt, "file")
			switch rapid.IntRange(0, 4).Draw(rt, "kind") {
			case 0:
				paths.Drop(file)
				delete(want, file)
			case 1:
				if err := paths.Save(); err != nil {
					rt.Fatal(err)
				}
			default:
				want[file] = Place{name.Draw(rt, "root"), name.Draw(rt, "name")}
				paths.Set(file, want[file])
			}
		}
		if err := paths.Save(); err != nil {
			rt.Fatal(err)
		}
		again, err := OpenPaths(dir)
		if err != nil {
			rt.Fatal(err)
		}
		if got := again.All(); !maps.Equal(got, want) {
			rt.Fatalf("all places %v, want %v", got, want)
		}
		for file := range uint64(5) {
			place, ok := want[file]
			if got, known := again.Get(file); got != place || known != ok {
				rt.Fatalf("file %d is at %q (%t), want %q (%t)", file, got, known, place, ok)
			}
		}
	})
}

func TestPathsAreForTheOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	paths, err := OpenPaths(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "paths")); err == nil {
		t.Error("nothing to save, and a file was written")
	}
	paths.Set(1, Place{"/var/log", "app.log"})
	if err := paths.Save(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "paths")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	write(t, filepath.Join(dir, "paths"), []byte("{\n"))
	if _, err := OpenPaths(dir); err == nil {
		t.Error("a damaged file was taken")
	}
}
