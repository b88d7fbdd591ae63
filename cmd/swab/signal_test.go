package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a swab run of its own, with what it says.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	said chan string
	logs string
	out  string
}

// startRun starts swab run over a directory of logs with one line in it. to is
// its store; empty is a directory.
func startRun(t *testing.T, to string, more ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, logs: filepath.Join(dir, "log"), out: filepath.Join(dir, "out"), said: make(chan string, 1000)}
	if to == "" {
		to = "file://" + p.out
	}
	if err := os.Mkdir(p.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	p.write("a.log")
	args := []string{"run", "--log", "api=" + p.logs + "/*", "--to", to, "--state", filepath.Join(dir, "state"), "--listen", ""}
	p.cmd = exec.Command("swab", append(args, more...)...)
	p.begin()
	return p
}

// begin starts the process, and collects what it says.
func (p *process) begin() {
	p.t.Helper()
	p.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.cmd.Process.Kill() })
	go func() {
		defer close(p.said)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.said <- lines.Text()
		}
	}()
}

func (p *process) write(name string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.logs, name), []byte("203.0.113.77 "+name+"\n"), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// says waits until it has said text.
func (p *process) says(text string) {
	p.t.Helper()
	var all []string
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-p.said:
			if !ok {
				p.t.Fatalf("ended without saying %q:\n%s", text, strings.Join(all, "\n"))
			}
			if all = append(all, line); strings.Contains(line, text) {
				return
			}
		case <-late:
			p.t.Fatalf("not within two minutes: %q\n%s", text, strings.Join(all, "\n"))
		}
	}
}

// status waits for the end and returns the exit status.
func (p *process) status() int {
	p.t.Helper()
	for range p.said { // Wait closes the pipe
	}
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState.ExitCode() < 0 {
		p.t.Fatalf("%v", err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// objects counts what the store directory holds.
func (p *process) objects() int {
	list, err := filepath.Glob(p.out + "/class=api/*/*/*")
	if err != nil {
		p.t.Fatal(err)
	}
	return len(list)
}

// deafStore is an S3 endpoint that takes connections and never answers; met
// tells of the first.
func deafStore(t *testing.T) (url string, met <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	first := make(chan struct{})
	go func() {
		for met := false; ; met = true {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !met {
				close(first)
			}
			go io.Copy(io.Discard, c)
		}
	}()
	return "http://" + l.Addr().String(), first
}

func TestSIGTERMAndSIGINTFlushAndLeave(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			p := startRun(t, "", "--batch-age", "1h", "--sweep", "1h")
			p.says("watching")
			p.write("b.log")
			p.signal(s)
			p.says("stopping")
			if status := p.status(); status != exitDone {
				t.Errorf("exit status %d", status)
			}
			if n := p.objects(); n == 0 {
				t.Error("nothing was flushed")
			}
		})
	}
}

func TestSIGHUPChangesNothingAndSaysSo(t *testing.T) {
	p := startRun(t, "", "--batch-age", "10ms", "--sweep", "10ms")
	p.says("watching")
	for range 2 {
		p.signal(syscall.SIGHUP)
		p.says("flags are fixed at start")
	}
	p.signal(syscall.SIGTERM)
	if status := p.status(); status != exitDone || p.objects() == 0 {
		t.Errorf("exit status %d, %d objects", status, p.objects())
	}
}

// A store that never answers keeps a flush no longer than --shutdown-timeout.
func TestShutdownTimeoutEndsTheFlush(t *testing.T) {
	const timeout = 2 * time.Second
	store, _ := deafStore(t)
	p := startRun(t, "s3://bucket/logs", "--endpoint-url", store, "--region", "none", "--path-style",
		"--shutdown-timeout", timeout.String(), "--batch-age", "10ms", "--sweep", "10ms")
	p.says("watching")
	asked := time.Now()
	p.signal(syscall.SIGTERM)
	p.says("the next start ships it")
	if took := time.Since(asked); took < timeout/2 {
		t.Errorf("gave up after %s", took)
	}
	if status := p.status(); status != exitDone {
		t.Errorf("exit status %d", status)
	}
	if took := time.Since(asked); took > timeout+time.Minute { // the machine may be slow
		t.Errorf("took %s", took)
	}
}

func TestASecondSignalLeavesAtOnce(t *testing.T) {
	store, met := deafStore(t)
	p := startRun(t, "s3://bucket/logs", "--endpoint-url", store, "--region", "none", "--path-style",
		"--shutdown-timeout", "1h", "--batch-age", "10ms", "--sweep", "10ms")
	<-met
	p.signal(syscall.SIGTERM) // while the store is being met
	p.says("stopping")
	p.signal(syscall.SIGTERM)
	p.says("second signal")
	if status := p.status(); status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
}
