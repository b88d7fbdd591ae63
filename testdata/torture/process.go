package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one life of swab.
type process struct {
	cmd      *exec.Cmd
	begun    time.Time
	done     chan struct{} // closed when it has ended
	err      error         // how it ended; after done
	peak     atomic.Int64  // peak resident memory (VmHWM of proc(5)), KiB
	resident atomic.Int64  // KiB now
	asked    atomic.Bool   // its end is the harness's doing
}

// startProcess runs binary with args, its messages appended to the file at log.
func startProcess(binary, log string, env, args []string) (*process, error) {
	said, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	p := &process{cmd: exec.Command(binary, args...), begun: time.Now(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env, p.cmd.SysProcAttr = said, said, env, diesWithParent()
	if err := p.launch(); err != nil {
		return nil, fmt.Errorf("start of swab: %w", err)
	}
	go p.watch()
	return p, nil
}

// launch starts the process from a thread that stays until it has ended: the
// kernel ends it with the thread that started it (prctl(2), PR_SET_PDEATHSIG).
func (p *process) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return <-started
}

// watch follows the peak of resident memory until the process ends.
func (p *process) watch() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		p.look()
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
	}
}

func (p *process) look() {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return // no such file system here, or the process is gone
	}
	if n, ok := statusKiB(string(text), "VmHWM:"); ok && n > p.peak.Load() {
		p.peak.Store(n)
	}
	if n, ok := statusKiB(string(text), "VmRSS:"); ok {
		p.resident.Store(n)
	}
}

// statusKiB reads what field says (VmHWM: the most that was resident, VmRSS:
// what is) from the text of /proc/PID/status.
func statusKiB(text, field string) (int64, bool) {
	_, rest, ok := strings.Cut(text, field)
	if !ok {
		return 0, false
	}
	words := strings.Fields(rest)
	if len(words) < 2 || words[1] != "kB" {
		return 0, false
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	return n, err == nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	p.look()
	p.asked.Store(true)
	p.cmd.Process.Kill() // fails only when it has ended already
	<-p.done
}

func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// wait returns whether the process ended within d.
func (p *process) wait(d time.Duration) bool {
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-p.done:
		return true
	case <-late.C:
		return false
	}
}

// fate says how the process ended.
func (p *process) fate() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}
