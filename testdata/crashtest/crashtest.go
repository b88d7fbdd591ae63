// Package crashtest stops a program right before, or in the middle of, any one
// of its effects: the system calls by which it changes files or speaks to a
// socket. It needs no hook in the program, and so no boundary between two
// effects is missed because nobody thought of it.
//
// The test binary traces itself: [Main] belongs at the head of its TestMain.
package crashtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tracerEnv makes the test binary a tracer; it holds the plan as JSON.
const tracerEnv = "TEST_CRASH_PLAN"

// filterEnv makes the program that is traced stop at its effects.
const filterEnv = "TEST_CRASH_FILTER"

// Mode is what becomes of the effect that was chosen.
type Mode string

const (
	Watch Mode = "watch" // nothing: all effects happen, and are listed
	Kill  Mode = "kill"  // SIGKILL right before it
	Tear  Mode = "tear"  // a write writes its first half, and SIGKILL follows; others: as Kill
	Fail  Mode = "fail"  // it does nothing and returns an error; the program goes on
	Ruin  Mode = "ruin"  // the same for it and for every later effect of its kind
)

// Plan says which effects count and what becomes of one of them.
type Plan struct {
	Dir  string // effects on files beneath it count, and those on sockets
	Mode Mode
	At   int // the effect's number, from 1 on
	// Paged begins the paths whose writes are torn between two pages only.
	Paged string
}

// Effect is one system call, in the order in which all threads began theirs.
type Effect struct {
	Call  string
	Path  string // beneath Plan.Dir, "." for itself; "socket" for one
	To    string // of a rename or link: the new name
	Bytes int    // of a write
	Errno string `json:",omitempty"` // what it was made to return
}

func (e Effect) String() string {
	text := e.Call + " " + e.Path
	if e.To != "" {
		text += " → " + e.To
	}
	return text
}

// Result is how the program ended.
type Result struct {
	Effects []Effect // those that were begun, the chosen one included
	Reached bool     // there was an effect of that number
	Status  int      // exit status; -1 for a signal
	Signal  string
}

// ErrUnsupported says that nothing can be traced here, or not in this mode.
var ErrUnsupported = errors.New("system calls cannot be traced here")

// Run runs cmd, which must not have been started, under a tracer.
func Run(cmd *exec.Cmd, plan Plan) (r Result, err error) {
	if !supported(plan.Mode) {
		return r, ErrUnsupported
	}
	out, err := os.CreateTemp("", "crashtest-*.json")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Remove(out.Name())) }()
	dir, err := filepath.EvalSymlinks(plan.Dir)
	if err != nil {
		return r, err
	}
	plan.Dir = dir
	text, err := json.Marshal(order{Plan: plan, Out: out.Name(), Path: cmd.Path, Args: cmd.Args})
	if err != nil {
		return r, err
	}
	tracer := exec.Command(os.Args[0])
	tracer.Env = append(cmd.Env, tracerEnv+"="+string(text))
	tracer.Stderr = cmd.Stderr
	if err := tracer.Run(); err != nil {
		return r, fmt.Errorf("tracer: %w", err)
	}
	text, err = os.ReadFile(out.Name())
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// order is what the tracer is told.
type order struct {
	Plan
	Out, Path string
	Args      []string
}

// Main is the tracer, and true, in a process that [Run] started: the process is
// to exit with status then. In the one that is traced it has the kernel stop it
// at its effects, and is false, as in every other.
func Main() (status int, done bool) {
	err := filtered()
	if text := os.Getenv(tracerEnv); err == nil && text != "" {
		err, done = traced(text), true
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracer:", err)
		return 1, true
	}
	return 0, done
}

// traced carries out an order.
func traced(text string) error {
	var o order
	if err := errors.Join(os.Unsetenv(tracerEnv), json.Unmarshal([]byte(text), &o)); err != nil {
		return err
	}
	r, err := trace(o)
	if err != nil {
		return err
	}
	out, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(o.Out, out, 0o600)
}

// filtered makes this process stop at its effects if it is the one to be traced.
func filtered() error {
	if os.Getenv(filterEnv) == "" {
		return nil
	}
	return errors.Join(os.Unsetenv(filterEnv), filter())
}

// beneath is path without dir, "." for dir itself, "" if it lies elsewhere.
func beneath(dir, path string) string {
	if path == dir {
		return "."
	}
	rel, ok := strings.CutPrefix(path, dir+"/")
	if !ok {
		return ""
	}
	return rel
}

// Dir makes a directory in memory where there is such a file system, else a
// temporary one: what waits for no disk goes through more crashes in a minute.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "swab-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
