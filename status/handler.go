package status

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Handler answers GET and HEAD of /metrics, /healthz, /readyz and the page at
// /. Errors that a reader of the answer cannot see go to log, which must be
// safe for concurrent use.
func Handler(src Source, log func(error)) http.Handler {
	s := site{src, log}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(src, log))
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /{$}", s.page)
	return guarded(mux)
}

type site struct {
	src Source
	log func(error)
}

// guarded sets the headers that every answer has, errors among them.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", policy(""))
		next.ServeHTTP(w, r)
	})
}

// policy is the content security policy (W3C CSP Level 3) of an answer: no
// source for anything but the style element that carries the nonce.
func policy(nonce string) string {
	p := "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if nonce != "" {
		p = strings.Replace(p, ";", "; style-src 'nonce-"+nonce+"';", 1)
	}
	return p
}

// health is green as long as the process serves: it asks nobody, so a daemon
// that waits for a disk is not killed for it.
func (s site) health(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, "ok\n")
}

func (s site) ready(w http.ResponseWriter, _ *http.Request) {
	body, ok := ready(read(s.src))
	if !ok {
		text(w, http.StatusServiceUnavailable, body)
		return
	}
	text(w, http.StatusOK, body)
}

func (s site) page(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	var body bytes.Buffer // whole before the first byte leaves: half a page would look healthy
	if err := writePage(&body, read(s.src), nonce); err != nil {
		s.log(logged("page", err))
		text(w, http.StatusInternalServerError, "the page cannot be shown\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy(nonce))
	_, _ = body.WriteTo(w) // a client that went away is its own affair
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

func logged(what string, err error) error { return fmt.Errorf("status: %s: %w", what, err) }

// scrapeLog takes what promhttp has to say. It speaks of metrics' names and
// labels only.
type scrapeLog func(error)

// Println is a [promhttp.Logger]'s.
func (log scrapeLog) Println(v ...any) {
	log(logged("metrics", fmt.Errorf("%s", strings.TrimSpace(fmt.Sprintln(v...)))))
}
