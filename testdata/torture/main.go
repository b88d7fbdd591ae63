// Command torture runs swab through everything that may happen to it, for as
// long as told, and then counts: each line that was written must be in the
// store once, in order, without an address.
//
//	go run ./testdata/torture --for 2m                  the default acts, S3 behind the proxy
//	go run ./testdata/torture --for 1h --store dir      a directory as store
//	go run ./testdata/torture --seed 7 --only kill      one act, and the choices of seed 7
//	go run ./testdata/torture --faults -freeze,clone    the default ones without freeze, and clone
//
// It runs from the project's root. As root on Linux it mounts small file
// systems, in a mount namespace of its own, and fills them; else those acts are
// left out and named. docs/reliability.md says what each act is. Exit status:
// 0 all is well, 1 something is wrong, 2 wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// insideEnv is set for the process that may mount.
const insideEnv = "SWAB_TORTURE_INSIDE"

func main() { os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func command(args []string, in io.Reader, out, stderr io.Writer) int {
	if config := os.Getenv(writersEnv); config != "" {
		if err := runWriters(config, in, out); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
		return 0
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(stderr, "torture:", err)
		}
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if attr := privateMounts(); os.Geteuid() == 0 && attr != nil && os.Getenv(insideEnv) == "" {
		if status, ok := inside(ctx, args, attr, out, stderr); ok {
			return status
		}
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	good, err := oneRun(ctx, o, out)
	if err != nil {
		fmt.Fprintln(stderr, "torture:", err)
	}
	if err != nil || !good {
		return 1
	}
	return 0
}

// inside runs this program again in a mount namespace of its own. Where that
// is refused (a container without the right), ok is false.
func inside(ctx context.Context, args []string, attr *syscall.SysProcAttr, out, stderr io.Writer) (status int, ok bool) {
	exe, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, stderr, attr
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	cmd.Wait()
	if cmd.ProcessState.ExitCode() < 0 {
		return 1, true
	}
	return cmd.ProcessState.ExitCode(), true
}

// oneRun is a run, from an empty directory to the table.
func oneRun(ctx context.Context, o options, out io.Writer) (good bool, err error) {
	r, err := newRun(o, out)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "seed %d, %s, in %s\n", o.Seed, o.For, r.dir)
	defer r.unmountAll()
	defer r.events.Close()
	s, err := r.whole(ctx)
	var wrong []string
	if err == nil {
		err = r.print(out, s)
		wrong = r.failures(s)
	}
	if err == nil && len(wrong) == 0 {
		fmt.Fprintln(out, "\n  all is well")
		if o.Keep {
			fmt.Fprintln(out, "  kept:", r.dir)
			return true, r.keepState()
		}
		r.unmountAll()
		return true, os.RemoveAll(r.dir)
	}
	fmt.Fprintln(out)
	for _, text := range wrong {
		fmt.Fprintln(out, "  WRONG:", text)
	}
	fmt.Fprintf(out, `
  kept: %s
    events.log   what happened when            swab.log     what swab said
    state.kept   its state directory           logs         what is left of the logs
    swab ledger check --state %s/state.kept    and: swab ledger trace, swab ledger show
  once more:  go run ./testdata/torture --seed %d with the same flags (the choices are the same, their moments only about)
`, r.dir, r.dir, o.Seed)
	return false, errors.Join(err, r.keepState())
}

// keepState copies the state out of its small file system, which ends with
// this process.
func (r *run) keepState() error {
	if r.state == "" {
		return nil
	}
	return copyState(r.state, r.state+".kept")
}
