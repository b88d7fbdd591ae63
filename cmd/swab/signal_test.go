package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
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

// spooled waits until the spool holds so many bodies, but for the first batch.
func (p *process) spooled(n int) {
	p.t.Helper()
	for late := time.After(2 * time.Minute); ; {
		list, err := filepath.Glob(filepath.Join(filepath.Dir(p.logs), "state", "spool", "api-00000000000[2-9]"))
		if err != nil {
			p.t.Fatal(err)
		}
		if len(list) >= n {
			return
		}
		select {
		case <-late:
			p.t.Fatalf("%d batches in the spool, want %d", len(list), n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A second signal during the flush, with the store away: what was sealed of
// files and of a named pipe, and what is unread in files, is in the store once
// after the next start.
func TestASecondSignalInTheFlushLosesNothing(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("named pipe %t", stream), func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			more := []string{"--shutdown-timeout", "1h", "--batch-age", "10ms", "--sweep", "10ms"}
			want, sealed, word := map[string]int{"203.0.113.0 a.log\n": 1, "203.0.113.0 b.log\n": 1}, 1, errSecondSignal.Error()
			if stream {
				if err := syscall.Mkfifo(pipe, 0o600); err != nil {
					t.Fatal(err)
				}
				more = append(more, "--log", "api=fifo:"+pipe)
				want["203.0.113.0 1 of a pipe\n"], want["203.0.113.0 2 of a pipe\n"] = 1, 1
				sealed, word = 2, errStreamsCut.Error()
			}
			p := startRun(t, "", more...)
			p.says("watching")
			for tick := time.NewTicker(10 * time.Millisecond); p.objects() == 0; {
				<-tick.C
			}
			away := p.out + ".away"
			if err := os.Rename(p.out, away); err != nil {
				t.Fatal(err)
			}
			p.write("b.log")
			if stream {
				w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				if _, err := w.WriteString("203.0.113.77 1 of a pipe\n203.0.113.77 2 of a pipe\n"); err != nil { // is read as one
					t.Fatal(err)
				}
			}
			p.spooled(sealed)
			p.signal(syscall.SIGTERM)
			p.says("a second signal leaves at once")
			p.signal(syscall.SIGTERM)
			p.says(word)
			if status := p.status(); status != exitFailed {
				t.Errorf("exit status %d, want %d", status, exitFailed)
			}
			if err := os.Rename(away, p.out); err != nil {
				t.Fatal(err)
			}
			p.again("--once")
			got := shippedLines(t, p.out)
			if !maps.Equal(got, want) {
				t.Errorf("the store holds %v, want %v", got, want)
			}
		})
	}
}

// again runs swab to its end with the first run's logs, store and state.
func (p *process) again(more ...string) {
	p.t.Helper()
	args := append([]string{"run", "--log", "api=" + p.logs + "/*", "--to", "file://" + p.out, "--state", filepath.Join(filepath.Dir(p.logs), "state")}, more...)
	if said, err := exec.Command("swab", args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, said)
	}
}

// SIGTERM in the middle of one pass, while its store does not answer: it leaves
// within the timeout and says what stays.
func TestSIGTERMInOnePassSaysWhatStays(t *testing.T) {
	store, met := deafStore(t)
	p := startRun(t, "s3://bucket/logs", "--endpoint-url", store, "--region", "none", "--path-style", "--once", "--shutdown-timeout", "2s")
	<-met
	p.signal(syscall.SIGTERM)
	p.says("stopping")
	p.says("ended before all was done")
	p.says("raw bytes stay")
	if status := p.status(); status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
}

// shippedLines counts each line that a store directory holds of class api.
func shippedLines(t *testing.T, store string) map[string]int {
	t.Helper()
	list, err := filepath.Glob(store + "/class=api/*/*/*.zst")
	if err != nil {
		t.Fatal(err)
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	lines := map[string]int{}
	for _, name := range list {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := dec.DecodeAll(body, nil)
		if err != nil {
			t.Fatalf("%s, %d bytes: %v", filepath.Base(name), len(body), err)
		}
		for line := range bytes.Lines(text) {
			lines[string(line)]++
		}
	}
	return lines
}
