package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// child is a swab that the demo started: this very program, as a process of
// its own, since killing it is a part of the demo.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; after done
}

// childLog is the file, in the demo's directory, of what the children have to
// say.
const childLog = "swab.log"

// startChild runs this program with args in dir.
func startChild(dir string, args ...string) (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("which program this is: %w", err)
	}
	said, err := os.OpenFile(filepath.Join(dir, childLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	c := &child{cmd: exec.Command(exe, args...), done: make(chan struct{})}
	c.cmd.Args[0] = os.Args[0] // a program may be several, by the name it is called
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = dir, said, said
	c.cmd.Env = childEnv(os.Environ())
	c.cmd.SysProcAttr = childAttr()
	started := make(chan error)
	go func() {
		// The kernel ends the child with the thread that started it
		// (prctl(2), PR_SET_PDEATHSIG), so that thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start of swab: %w", err)
	}
	return c, nil
}

// childEnv leaves out what would change the demo: flags of swab from the
// environment, and a service manager that waits for someone else.
func childEnv(env []string) []string {
	return slices.DeleteFunc(env, func(s string) bool {
		return strings.HasPrefix(s, "SWAB_") || strings.HasPrefix(s, "NOTIFY_SOCKET=")
	})
}

// kill ends the child at once, as kill -9 does, and waits for its end.
func (c *child) kill() {
	c.cmd.Process.Kill() // fails only when it has ended already
	<-c.done
}

// stop asks the child to end with SIGTERM and waits until it has.
func (c *child) stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("SIGTERM: %w", err)
	}
	return c.wait(ctx)
}

// wait returns when the child has ended, with an error if its status is not 0.
func (c *child) wait(ctx context.Context) error {
	late := time.NewTimer(demoPatience)
	defer late.Stop()
	select {
	case <-c.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late.C:
		return fmt.Errorf("%s has not ended within %s", c, demoPatience)
	}
	if c.err != nil {
		return fmt.Errorf("%s ended with %w", c, c.err)
	}
	return nil
}

// String names the child's command without its flags.
func (c *child) String() string {
	if slices.Contains(c.cmd.Args, "--once") {
		return "swab run --once"
	}
	return "swab run"
}

// ended tells whether the child has, by itself or not.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// fate says how the process ended.
func (c *child) fate() string {
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}
