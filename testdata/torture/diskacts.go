package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ballastName is the file that takes what is free of a file system.
const ballastName = "ballast"

func fullSpool(_ context.Context, r *run) error {
	return r.full("fullspool", filepath.Join(r.state, "spool"))
}
func fullState(_ context.Context, r *run) error { return r.full("fullstate", r.state) }

func (r *run) full(name, dir string) error {
	ballast, err := fill(dir)
	if err != nil {
		return err
	}
	r.f.Fulls++
	r.later(name, time.Second+r.moment(8*time.Second), func() error { return os.Remove(ballast) })
	return nil
}

// readOnlyState starts swab on a state that it cannot write. Nothing may come
// of that but a refusal.
func readOnlyState(ctx context.Context, r *run) error {
	if r.active["fullstate"] {
		return nil // its ballast could not be removed
	}
	r.end()
	r.f.Kills++
	if err := kept(ctx, r.state, false); err != nil {
		r.note("rostate: %v", err)
		return r.start()
	}
	r.f.Remounts++
	if err := r.start(); err != nil {
		return err
	}
	r.swab.asked.Store(true)
	if !r.swab.wait(20*time.Second) || r.swab.err == nil {
		r.wrong("rostate: swab runs on a state that it cannot write")
	}
	r.end()
	if err := readOnly(r.state, false, false); err != nil {
		return err
	}
	return r.start()
}

// readOnlyLogs lets swab see the logs through a mount that refuses writes,
// while the writers, who have another, go on.
func readOnlyLogs(ctx context.Context, r *run) error {
	r.end()
	r.f.Kills++
	if err := kept(ctx, r.seen, true); err != nil {
		r.note("rologs: %v", err)
		return r.start()
	}
	r.f.Remounts++
	r.later("rologs", time.Second+r.moment(8*time.Second), func() error { return readOnly(r.seen, true, false) })
	return r.start()
}

// copyState copies a state directory with its modes, into to.
func copyState(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if err := emptyDir(to); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy of the state directory: %w: %s", err, out)
	}
	return nil
}

// beside runs another swab on the logs for a while, with another state.
func (r *run) beside(ctx context.Context, state string) error {
	args := append([]string(nil), r.args...)
	for i := range args {
		if args[i] == r.state {
			args[i] = state
		}
	}
	p, err := startProcess(r.binary, filepath.Join(r.dir, "beside.log"), r.env, args)
	if err != nil {
		return err
	}
	r.note("beside: runs on %s", filepath.Base(state))
	p.wait(time.Second + r.moment(3*time.Second))
	if p.ended() {
		r.note("beside: refused, %s", p.fate())
	}
	p.kill()
	return nil
}

func clone(ctx context.Context, r *run) error {
	r.end()
	copied := filepath.Join(r.dir, "state.clone")
	if err := copyState(r.state, copied); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	return r.beside(ctx, copied)
}

func others(ctx context.Context, r *run) error {
	return r.beside(ctx, filepath.Join(r.dir, "state.other"))
}

// rollback gives swab the state directory of some seconds before, as a backup
// or a snapshot of the machine does.
func rollback(ctx context.Context, r *run) error {
	r.end()
	copied := filepath.Join(r.dir, "state.before")
	if err := copyState(r.state, copied); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	pause(ctx, time.Second+r.moment(3*time.Second))
	r.end()
	if err := copyState(copied, r.state); err != nil {
		return err
	}
	r.note("rollback: the state is that of before")
	return r.start()
}

// emptyDir removes all files beneath dir; directories stay, since one of them
// may be a mount point.
func emptyDir(dir string) error {
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}
