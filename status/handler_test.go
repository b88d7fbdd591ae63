package status

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func httptestGet(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, http.NoBody))
	return w
}

var paths = []string{"/", "/metrics", "/healthz", "/readyz"}

func TestOnlyGetAndHeadAreAnswered(t *testing.T) {
	for _, path := range paths {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			w := ask(t, healthy(), method, path)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
		for _, method := range []string{"GET", "HEAD"} {
			if w := ask(t, healthy(), method, path); w.Code != http.StatusOK {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	for _, path := range []string{"/x", "/metrics/", "/debug/pprof/", "/healthz/x", "/favicon.ico"} {
		if w := ask(t, healthy(), "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestEveryAnswerForbidsStoringAndGuessing(t *testing.T) {
	for _, path := range append(paths, "/x") {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			h := ask(t, badNight(), method, path).Header()
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			} {
				if h.Get(name) != want {
					t.Errorf("%s %s: %s %q, want %q", method, path, name, h.Get(name), want)
				}
			}
			csp := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none';") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s %s: policy %q", method, path, csp)
			}
		}
	}
}

// silent is a Source that must not be asked.
type silent struct{ t *testing.T }

func (s silent) Snapshot() Snapshot {
	s.t.Error("a snapshot was taken")
	return Snapshot{}
}

// TestHealthAsksNobody: a daemon that waits for its disk with a lock held is
// alive all the same.
func TestHealthAsksNobody(t *testing.T) {
	if w := httptestGet(Handler(silent{t}, noErrors(t)), "/healthz"); w.Code != http.StatusOK || w.Body.String() != "ok\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestServerLogKeepsClientsAndStacksOut(t *testing.T) {
	for line, want := range map[string]string{
		"http: Accept error: accept tcp: too many open files; retrying in 5ms\n":              "status: listener: Accept error: accept tcp: too many open files; retrying in 5ms",
		"http: panic serving 203.0.113.7:4711: runtime error: x\ngoroutine 7 [running]:\n...": "status: page: a request ended in a panic",
		"http: TLS handshake error from 203.0.113.7:4711: EOF\n":                              "",
	} {
		var said errorLog
		if n, err := serverLog(said.log).Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		var got string
		if err := errors.Join(said.all()...); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q is logged as %q, want %q", line, got, want)
		}
	}
}
