package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// place is a directory for logs, state and store, away from the system's own,
// with its symbolic links resolved.
func place(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// withRest adds what every run needs, as the first arguments, so that a test's
// own can replace it.
func withRest(dir string, args ...string) []string {
	return append([]string{"--to", "file://" + dir + "/out", "--state", dir + "/state", "--ephemeral-state"}, args...)
}

// parsed is the Config of arguments that must be right.
func parsed(t *testing.T, args, env []string) *Config {
	t.Helper()
	c, err := ParseRun(args, env)
	if err != nil {
		t.Fatalf("ParseRun(%q, %q): %v", args, env, err)
	}
	return c
}

// faults are the lines of the Error of arguments that must be wrong.
func faults(t *testing.T, args, env []string) []string {
	t.Helper()
	c, err := ParseRun(args, env)
	var e *Error
	if !errors.As(err, &e) || c != nil {
		t.Fatalf("ParseRun(%q, %q) = %v, %v; want an *Error", args, env, c, err)
	}
	if got := len(strings.Split(err.Error(), "\n")); got != len(e.Faults) {
		t.Errorf("%d faults in %d lines:\n%v", len(e.Faults), got, err)
	}
	return strings.Split(err.Error(), "\n")
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
