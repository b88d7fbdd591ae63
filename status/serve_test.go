package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serving starts a real listener and stops it with the test.
func serving(t *testing.T, ctx context.Context, addr string, src Source) (string, func() error) {
	t.Helper()
	return servingFor(t, ctx, addr, src, time.Minute) // long, for slow machines
}

func servingFor(t *testing.T, ctx context.Context, addr string, src Source, patience time.Duration) (string, func() error) {
	t.Helper()
	at, stop, err := serve(ctx, addr, src, noErrors(t), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	return at.String(), stop
}

// get asks for a path under a Host of its own, on a connection of its own.
func get(t *testing.T, at, path, host string) (int, string, http.Header) {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func TestServeAnswersOnARealListener(t *testing.T) {
	at, stop := serving(t, t.Context(), "127.0.0.1:0", fixed(badNight()))
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 503, "/metrics": 200, "/x": 404} {
		if code, body, h := get(t, at, path, at); code != want || body == "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, code, h)
		}
	}
	for range 2 {
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if conn, err := net.Dial("tcp", at); err == nil {
		conn.Close()
		t.Error("it listens still")
	}
}

func TestLoopbackAnswersToItsOwnNamesOnly(t *testing.T) {
	at, _ := serving(t, t.Context(), "127.0.0.1:0", fixed(healthy()))
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:9472": 200, "localhost:1": 200, "127.0.0.1": 200, "127.0.0.1:80": 200, "[::1]": 200, "[::1]:9472": 200,
		"127.0.0.2:9472": 200,
		"evil.example":   421, "evil.example:9472": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example:9472": 421, "xlocalhost": 421,
		"192.0.2.1:9472": 421, "[2001:db8::1]:9472": 421, "0.0.0.0:9472": 421, "": 421, "[::1": 421, "127.1": 421,
	} {
		for _, path := range paths {
			code, body, h := get(t, at, path, host)
			if code != want {
				t.Errorf("Host %q %s: %d, want %d", host, path, code, want)
			}
			if code == 421 && (strings.Contains(body, "swab_") || h.Get("Cache-Control") != "no-store") {
				t.Errorf("Host %q %s: told too much: %v %q", host, path, h, body)
			}
		}
	}
}

// TestAnyHostIsAnsweredElsewhere: a probe names the pod's address.
func TestAnyHostIsAnsweredElsewhere(t *testing.T) {
	at, _ := serving(t, t.Context(), "0.0.0.0:0", fixed(healthy()))
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, _ := get(t, "127.0.0.1:"+port, "/readyz", "10.0.0.7:9472"); code != 200 {
		t.Errorf("status %d", code)
	}
}

func TestFailedBindIsAnError(t *testing.T) {
	at, _ := serving(t, t.Context(), "127.0.0.1:0", fixed(healthy()))
	_, stop, err := Serve(t.Context(), at, fixed(healthy()), noErrors(t))
	if !errors.Is(err, syscall.EADDRINUSE) || stop != nil {
		t.Errorf("a second listener on one port: %v", err)
	}
}

// waitFor returns when the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

// goroutines counts those that run this package's code or a server's.
func goroutines() int {
	buf := make([]byte, 1<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	return strings.Count(stacks, "created by swab/status.") + strings.Count(stacks, "created by net/http.(*Server)")
}

func TestStopLeavesNoGoroutine(t *testing.T) {
	waitFor(t, "a quiet start", func() bool { return goroutines() == 0 })
	for name, end := range map[string]func(cancel, stop func()){
		"stop":            func(_, stop func()) { stop() },
		"context":         func(cancel, _ func()) { cancel() },
		"both":            func(cancel, stop func()) { cancel(); stop() },
		"both, stop last": func(cancel, stop func()) { stop(); cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		at, stop := serving(t, ctx, "127.0.0.1:0", fixed(healthy()))
		idle, err := net.Dial("tcp", at) // kept open after its answer
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(idle, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
			t.Fatal(err)
		}
		if goroutines() == 0 {
			t.Fatal("a server without a goroutine: the count is wrong")
		}
		end(cancel, func() {
			if err := stop(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		waitFor(t, name+": all goroutines gone", func() bool { return goroutines() == 0 })
		idle.Close()
		cancel()
	}
}

// blocked is a Source that waits until it is let go.
type blocked struct{ asked, free chan struct{} }

func (b blocked) Snapshot() Snapshot {
	b.asked <- struct{}{}
	<-b.free
	return healthy()
}

func TestStopLetsARequestEnd(t *testing.T) {
	src := blocked{make(chan struct{}), make(chan struct{})}
	at, stop := serving(t, t.Context(), "127.0.0.1:0", src)
	code := make(chan int)
	go func() {
		resp, err := http.Get("http://" + at + "/readyz")
		if err != nil {
			code <- 0
			return
		}
		resp.Body.Close()
		code <- resp.StatusCode
	}()
	<-src.asked
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	waitFor(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(src.free)
	if got := <-code; got != 200 {
		t.Errorf("status %d", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestStopDoesNotWaitForARequestThatHangs(t *testing.T) {
	src := blocked{make(chan struct{}), make(chan struct{})}
	at, stop := servingFor(t, t.Context(), "127.0.0.1:0", src, time.Millisecond)
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-src.asked
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("the hung request was answered: %q", got)
	}
	close(src.free)
}
