package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const demoUsage = `swab demo [--seed N] [--keep]
  nine little services write logs with made-up addresses and secrets into a temporary directory; a
  real swab takes them out, ships the lines to a directory, overwrites them where they lay, is killed
  on the way, and everything is counted at the end. It needs no network, no root and no port, and
  takes about half a minute. Exit status 0: all that it says was checked.
`

// demoPatience is how long the demo waits for any one thing to happen.
const demoPatience = time.Minute

// demoCommand is `swab demo`.
func demoCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := flagSet("swab demo")
	seed := fs.Uint64("seed", uint64(time.Now().UnixNano()%1e6), "makes the same lines again, but for their times")
	keep := fs.Bool("keep", false, "leave the directory where it is, to look around in")
	fs.Lookup("seed").DefValue = "0" // not shown: another one each time
	if helped, err := parse(fs, args, demoUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	// SIGPIPE too: a reader that left must not leave the directory behind.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d, err := newDemo(newDemoPrinter(stdout), *seed)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	err = d.play(ctx)
	d.halt()
	if err != nil {
		err = fmt.Errorf("demo: %w", err)
		if ctx.Err() == nil {
			d.lastWords(stderr)
		}
	}
	if *keep {
		d.out.line("kept: %s (log, store, state, and what swab said in %s)", d.dir, childLog)
	} else {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return errors.Join(err, d.out.err)
}

// demo is one run of the demo.
type demo struct {
	out     *demoPrinter
	seed    uint64
	dir     string // the temporary directory
	holes   bool   // its file system gives blocks back, and leases
	writers []*writer
	store   *readBack
	swab    *child // the one that runs, or ran last

	writing sync.WaitGroup
	silence func() // ends the writers
}

func newDemo(out *demoPrinter, seed uint64) (d *demo, err error) {
	dir, err := os.MkdirTemp("", "swab-demo-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	d = &demo{out: out, seed: seed, silence: func() {}}
	if d.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	for i, s := range demoServices() {
		w, err := newWriter(s, d.dir, seed, i)
		if err != nil {
			return nil, err
		}
		d.writers = append(d.writers, w)
	}
	d.store = newReadBack(d.writers)
	d.holes, err = canPunch(d.dir)
	return d, err
}

func (d *demo) storeDir() string { return filepath.Join(d.dir, "store") }
func (d *demo) stateDir() string { return filepath.Join(d.dir, "state") }

// play is the demo from its first to its last line.
func (d *demo) play(ctx context.Context) error {
	began := time.Now()
	d.out.line("swab demo: nine little services write logs with made-up addresses and secrets into %s", d.dir)
	d.out.line("(swab demo --seed %d makes the same lines again)", d.seed)
	for _, act := range []func(context.Context) error{d.show, d.night, d.count, d.proof} {
		if err := act(ctx); err != nil {
			return err
		}
		if d.out.err != nil {
			return nil // whoever reads has left
		}
	}
	d.out.line("\nall of it was checked, in %d s.", int(time.Since(began).Seconds()))
	d.out.line("Now try it on your own logs; this changes nothing:   swab run --dry-run --log web='/var/log/nginx/*.log'")
	return nil
}

// start starts swab on the services' logs.
func (d *demo) start(more ...string) error {
	args := []string{"run", "--to", "file://" + d.storeDir(), "--state", "state", "--listen", "", "--batch-age", "400ms", "--sweep", "250ms"}
	for _, w := range d.writers {
		// Relative to the directory, whose own name may hold a glob's letters.
		args = append(args, "--log", w.class+"=log/"+w.class+"/*.log*")
	}
	c, err := startChild(d.dir, append(args, more...)...)
	if err != nil {
		return err
	}
	d.swab = c
	return nil
}

// wait polls until ok says so. A swab that ends, a service that cannot write,
// and a minute without success are errors.
func (d *demo) wait(ctx context.Context, what string, ok func() (bool, error)) error {
	late := time.NewTimer(demoPatience)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := ok(); done || err != nil {
			return err
		}
		if d.swab.ended() {
			return fmt.Errorf("%s ended by itself (%s) while the demo waited for %s", d.swab, d.swab.fate(), what)
		}
		if _, err := d.written(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			return fmt.Errorf("not within %s: %s", demoPatience, what)
		case <-tick.C:
		}
	}
}

// pause lets some time go by.
func pause(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// written is how many lines each writer has written.
func (d *demo) written() ([]int, error) {
	counts := make([]int, len(d.writers))
	for i, w := range d.writers {
		var err error
		if counts[i], err = w.written(); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// shipped waits until the store has so many lines of each writer.
func (d *demo) shipped(ctx context.Context, what string, counts []int) error {
	return d.wait(ctx, what, func() (bool, error) {
		if err := d.store.update(d.storeDir()); err != nil {
			return false, err
		}
		for i, w := range d.writers {
			for n := range counts[i] {
				if d.store.lines[lineID(w.class, n)] == nil {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// halt ends what the demo started: its writers and its own child.
func (d *demo) halt() {
	d.silence()
	d.writing.Wait()
	if d.swab != nil {
		d.swab.kill()
	}
}

// lastWords prints the end of what swab said, which holds no line of a log.
func (d *demo) lastWords(stderr io.Writer) {
	said, err := os.ReadFile(filepath.Join(d.dir, childLog))
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	fmt.Fprintln(stderr, "what swab said last:")
	for _, l := range lines[max(0, len(lines)-10):] {
		fmt.Fprintln(stderr, "  "+l)
	}
}
