// Package golden holds output to files that a reader approved of.
package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// Is compares with a file of the package's testdata. After a change that is
// meant, run the test with UPDATE_GOLDEN set: it writes the file.
func Is(t testing.TB, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s any more:\n%s\nwant:\n%s", file, got, want)
	}
}
