package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Faults that the proxy can do to a request.
const (
	faultInternal = "500"      // 500 InternalError, nothing reaches the store
	faultSlowDown = "slowdown" // 503 SlowDown with Retry-After, nothing reaches the store
	faultTimeout  = "timeout"  // no answer for a while, then the connection is closed
	faultCut      = "cut"      // the connection breaks in the middle of the body, on both sides
	faultLost     = "lost"     // the store has the object, the answer never arrives
	faultWrongSum = "wrongsum" // the store has the object, the answer names another checksum
	faultCorrupt  = "corrupt"  // a bit of the body turns over on its way to the store
	faultOutage   = "outage"   // every connection is closed, for as long as it lasts
)

// requestFaults are those that strike a single request.
func requestFaults() []string {
	return []string{faultInternal, faultSlowDown, faultTimeout, faultCut, faultLost, faultWrongSum, faultCorrupt}
}

// proxy stands between swab and the store and breaks some requests. It passes
// everything else through to the byte, the Host header too, since requests are
// signed with it.
type proxy struct {
	upstream  *url.URL
	transport *http.Transport
	hang      time.Duration // how long faultTimeout holds a request

	mu     sync.Mutex
	rng    *rand.Rand
	share  float64  // of the requests that meet a fault
	faults []string // to choose from
	down   bool
	done   map[string]int // faults that happened, by kind
	passed int
}

func newProxy(upstream string, seed uint64, share float64, faults []string, hang time.Duration) (*proxy, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	return &proxy{
		upstream: u, hang: hang, share: share, faults: faults, done: map[string]int{}, rng: rand.New(rand.NewPCG(seed, 2)),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second},
	}, nil
}

// listen serves on a free port of 127.0.0.1 and returns its URL.
func (p *proxy) listen(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go server.Serve(l)
	context.AfterFunc(ctx, func() { server.Close() })
	return "http://" + l.Addr().String(), nil
}

// outage begins or ends a stretch in which nothing is answered.
func (p *proxy) outage(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// heal ends all faults.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down, p.share = false, 0
}

// counts returns how many requests passed, and the faults by kind.
func (p *proxy) counts() (passed int, faults map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed, maps.Clone(p.done)
}

// choose draws the fault of a request, "" for none.
func (p *proxy) choose() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return faultOutage
	}
	if len(p.faults) == 0 || p.rng.Float64() >= p.share {
		return ""
	}
	return p.faults[p.rng.IntN(len(p.faults))]
}

func (p *proxy) count(fault string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fault == "" {
		p.passed++
		return
	}
	p.done[fault]++
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch fault := p.choose(); fault {
	case faultOutage:
		p.count(fault)
		reset(w)
	case faultInternal:
		p.count(fault)
		refuse(w, http.StatusInternalServerError, "InternalError")
	case faultSlowDown:
		p.count(fault)
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	case faultTimeout:
		p.count(fault)
		select {
		case <-time.After(p.hang):
		case <-r.Context().Done():
		}
		reset(w)
	default:
		p.forward(w, r, fault)
	}
}

// forward passes a request on, with what fault does to body or answer. A fault
// that finds nothing to break (no body, a refusal instead of an answer) is not
// counted as one.
func (p *proxy) forward(w http.ResponseWriter, r *http.Request, fault string) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.Host, out.RequestURI = r.Host, ""
	for _, name := range []string{"Connection", "Expect", "Keep-Alive", "Te", "Upgrade"} {
		out.Header.Del(name)
	}
	hit := false
	switch {
	case r.ContentLength > 1 && fault == faultCut:
		hit, out.Body = true, &cutBody{ReadCloser: r.Body, left: r.ContentLength / 2}
	case r.ContentLength > 0 && fault == faultCorrupt:
		hit, out.Body = true, &flippedBody{ReadCloser: r.Body, at: r.ContentLength / 2}
	case r.ContentLength == 0:
		out.Body = http.NoBody
	}
	answer, err := p.transport.RoundTrip(out)
	if err != nil {
		if hit {
			p.count(fault)
		} else {
			p.count("broken")
		}
		reset(w)
		return
	}
	defer answer.Body.Close()
	stored := r.Method == http.MethodPut && answer.StatusCode == http.StatusOK
	switch {
	case fault == faultLost && stored:
		p.count(fault)
		reset(w)
		return
	case fault == faultWrongSum && stored && answer.Header.Get(sumHeader) != "":
		hit = true
		answer.Header.Set(sumHeader, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	}
	if !hit {
		fault = ""
	}
	p.count(fault)
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body) // a client that left has its own reasons
}

// sumHeader is where a store tells what it computed (Amazon S3 API, PutObject).
const sumHeader = "X-Amz-Checksum-Sha256"

// refuse answers as S3 does, and reads nothing of the body.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as asked for</Message></Error>", code)
}

// reset ends the connection without an answer: the client's kernel sees a
// reset, not an end.
func reset(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := h.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) // else the rest of what it sent would be read politely
	}
	conn.Close()
}

var errCut = errors.New("the connection was cut")

// cutBody fails after left bytes.
type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errCut
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// flippedBody turns a bit of the byte at offset at.
type flippedBody struct {
	io.ReadCloser
	at int64
}

func (b *flippedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if 0 <= b.at && b.at < int64(n) {
		p[b.at] ^= 1
	}
	b.at -= int64(n)
	return n, err
}
