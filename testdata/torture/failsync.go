package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// failSync lets swab's syncs fail for a while: strace(1) stands between swab
// and the kernel and has them answer EIO, without doing anything. fsync is what
// ledger, spool and directories are synced by, fdatasync what logs are.
func failSync(ctx context.Context, r *run) error {
	calls := []string{"fsync", "fdatasync", "fsync,fdatasync"}[r.rng.IntN(3)]
	// The counts are each thread's own: the first call or a later one, and that
	// alone, some of them, or all from there on.
	when := fmt.Sprint(1+r.rng.IntN(8)) + []string{"", "+3", "+"}[r.rng.IntN(3)]
	lasts := 500*time.Millisecond + r.moment(4*time.Second)
	if r.f.Syncs == 0 { // once a run, all of them: swab must end, and say why
		calls, when, lasts = "fsync", "1+", 4*time.Second
	}
	p, err := startProcess("strace", filepath.Join(r.dir, "strace.log"), nil, []string{"-f", "-qqq", "-o", "/dev/null",
		"-p", fmt.Sprint(r.swab.cmd.Process.Pid), "-e", "trace=fsync,fdatasync", "-e", "inject=" + calls + ":error=EIO:when=" + when})
	if err != nil {
		return err
	}
	if p.wait(50*time.Millisecond) && p.err != nil && !r.swab.ended() {
		r.note("failsync: strace may not trace here: %s", p.fate())
		return nil
	}
	r.f.Syncs++
	r.note("failsync: %s, %s", calls, when)
	r.later("failsync", lasts, func() error {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
		if !p.wait(10 * time.Second) {
			p.kill()
		}
		return nil
	})
	return nil
}

func noStrace(*run) string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "wants strace, which is not here"
	}
	return ""
}

// unsaid tells what is wrong with the end of a swab whose syncs alone failed:
// it ends with status 1 and says why.
func (r *run) unsaid() string {
	if !r.active["failsync"] || time.Since(r.trouble) < 10*time.Second {
		return ""
	}
	for _, a := range allActs() {
		if a.disk && r.active[a.name] && a.name != "failsync" {
			return ""
		}
	}
	if said := r.lastWord(); r.swab.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said, syscall.EIO.Error()) {
		return fmt.Sprintf("swab's end after a failed sync: %s: %s", r.swab.fate(), said)
	}
	return ""
}
