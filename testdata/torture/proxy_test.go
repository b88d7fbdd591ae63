package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// upstream is a store of one object that heeds nothing.
type upstream struct {
	mu                  sync.Mutex
	requests            int
	body, last          []byte // stored, and what arrived of the last request
	readErr             error
	host, expect, agent string
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, err := io.ReadAll(r.Body)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests++
	u.last, u.readErr, u.host, u.expect, u.agent = p, err, r.Host, r.Header.Get("Expect"), r.Header.Get("X-Own")
	if err != nil {
		return
	}
	if r.Method == http.MethodPut {
		u.body = p
	}
	w.Header().Set(sumHeader, "the sum")
	w.Header().Set("X-Path", r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	io.WriteString(w, "the answer")
}

// put sends body through a proxy that has the one fault.
func put(t *testing.T, p *proxy, body []byte) (*http.Response, string, error) {
	t.Helper()
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/b/a%2Fb%20c?x=1", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "bucket.example"
	req.Header.Set("X-Own", "kept")
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

func faulty(t *testing.T, faults ...string) (*proxy, *upstream) {
	t.Helper()
	u := &upstream{}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	p, err := newProxy(server.URL, 1, 1, faults, 30*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.transport.CloseIdleConnections)
	return p, u
}

func TestProxyPassesWhatItDoesNotBreak(t *testing.T) {
	p, u := faulty(t)
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	answer, text, err := put(t, p, body)
	if err != nil || answer.StatusCode != 200 || text != "the answer" || answer.Header.Get(sumHeader) != "the sum" {
		t.Fatalf("%v, %v, %q", answer, err, text)
	}
	if got := answer.Header.Get("X-Path"); got != "/b/a%2Fb%20c?x=1" {
		t.Errorf("path %q", got)
	}
	if !bytes.Equal(u.body, body) || u.host != "bucket.example" || u.agent != "kept" {
		t.Errorf("%d bytes arrived, host %q, header %q", len(u.body), u.host, u.agent)
	}
	if passed, faults := p.counts(); passed != 1 || len(faults) > 0 {
		t.Errorf("%d passed, faults %v", passed, faults)
	}
}

// Each fault does what it says: what the client sees, and what reached the
// store.
func TestProxyFaults(t *testing.T) {
	// Small enough to be sent before an early answer closes the connection,
	// else the client may see the reset and not the answer.
	body := bytes.Repeat([]byte("0123456789"), 2_000)
	for fault, c := range map[string]struct {
		status     int // 0: no answer
		retryAfter string
		sum        string
		arrived    func(u *upstream) bool
	}{
		faultInternal: {status: 500, arrived: untouched},
		faultSlowDown: {status: 503, retryAfter: "1", arrived: untouched},
		faultTimeout:  {arrived: untouched},
		faultOutage:   {arrived: untouched},
		faultCut: {arrived: func(u *upstream) bool {
			return u.requests == 1 && u.readErr != nil && u.body == nil && len(u.last) > 0 && len(u.last) < len(body)
		}},
		faultLost:     {arrived: func(u *upstream) bool { return bytes.Equal(u.body, body) }},
		faultWrongSum: {status: 200, sum: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", arrived: func(u *upstream) bool { return bytes.Equal(u.body, body) }},
		faultCorrupt:  {status: 200, sum: "the sum", arrived: func(u *upstream) bool { return oneBitOff(u.body, body) }},
	} {
		t.Run(fault, func(t *testing.T) {
			p, u := faulty(t, fault)
			p.outage(fault == faultOutage)
			began := time.Now()
			answer, text, err := put(t, p, body)
			if c.status == 0 && err == nil || c.status > 0 && (err != nil || answer.StatusCode != c.status) {
				t.Fatalf("%v, %v, %q", answer, err, text)
			}
			if fault == faultTimeout && time.Since(began) < p.hang {
				t.Error("it did not wait")
			}
			if answer != nil && (answer.Header.Get("Retry-After") != c.retryAfter || answer.Header.Get(sumHeader) != c.sum) {
				t.Errorf("header %v", answer.Header)
			}
			waitFor(t, "the request at the store", func() bool { u.mu.Lock(); defer u.mu.Unlock(); return c.arrived(u) })
			if _, faults := p.counts(); faults[fault] != 1 || len(faults) != 1 {
				t.Errorf("counted %v", faults)
			}
		})
	}
}

func untouched(u *upstream) bool { return u.requests == 0 }

func oneBitOff(a, b []byte) bool {
	differ := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			differ++
		}
	}
	return len(a) == len(b) && differ == 1
}

// waitFor polls for an effect on the other side of a connection.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		<-tick.C
	}
}

// A fault without a body to break, or without an answer to change, is none.
func TestProxyCountsOnlyWhatHappened(t *testing.T) {
	for _, fault := range []string{faultCut, faultCorrupt} {
		p, _ := faulty(t, fault)
		if answer, _, err := put(t, p, nil); err != nil || answer.StatusCode != 200 {
			t.Fatalf("%s of nothing: %v, %v", fault, answer, err)
		}
		if passed, faults := p.counts(); passed != 1 || len(faults) > 0 {
			t.Errorf("%s of nothing: %d passed, %v", fault, passed, faults)
		}
	}
}

func TestProxyHeals(t *testing.T) {
	p, _ := faulty(t, requestFaults()...)
	p.outage(true)
	if _, _, err := put(t, p, []byte("x")); err == nil {
		t.Fatal("an outage answers")
	}
	p.heal()
	for range 20 {
		if answer, _, err := put(t, p, []byte("x")); err != nil || answer.StatusCode != 200 {
			t.Fatalf("healed: %v, %v", answer, err)
		}
	}
}
