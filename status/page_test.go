package status

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"swab/testdata/golden"
)

func TestPageIsAsGolden(t *testing.T) {
	for file, s := range map[string]Snapshot{"page.golden.html": healthy(), "page-bad.golden.html": badNight()} {
		var b strings.Builder
		if err := writePage(&b, read(fixed(s)), "NONCE"); err != nil {
			t.Fatal(err)
		}
		golden.Is(t, file, b.String())
	}
}

// hostile is a snapshot in which every text tries to get out.
func hostile(text string) Snapshot {
	s := badNight()
	s.Version, s.Host, s.Node, s.Store, s.StoreError = text, text, text, text, text
	s.StoreMet = false
	for i := range s.Classes {
		s.Classes[i].Name, s.Classes[i].State = text+fmt.Sprint(i), text
	}
	for i := range s.Problems {
		s.Problems[i].What, s.Problems[i].Do = text, text
	}
	for i := range s.Devices {
		s.Devices[i].FS, s.Devices[i].Note = text, text
	}
	return s
}

var tag = regexp.MustCompile(`<[^>]*>`)

func TestHostileNamesStayText(t *testing.T) {
	for _, text := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style><b>`, `{{.Nonce}}`, `' style='x`, `<!--`,
		`javascript:alert(1)`, "a\nb\rc", "\x1b[2J\x1b[31m", "\x00\x7f", "gpj\u202e.exe\u2066", "\xff\xfe\xc3", strings.Repeat("x", 1<<16),
	} {
		// The tags of a page do not depend on what its texts are.
		plain, got := ask(t, hostile("x"), "GET", "/"), ask(t, hostile(text), "GET", "/")
		nonce := regexp.MustCompile(`nonce="[^"]*"`)
		tags := func(body string) string {
			return strings.Join(tag.FindAllString(nonce.ReplaceAllString(body, ""), -1), "\n")
		}
		if a, b := tags(plain.Body.String()), tags(got.Body.String()); a != b {
			t.Errorf("%.40q changes the tags of the page:\n%.3000s", text, b)
		}
		body := got.Body.String() + ask(t, hostile(text), "GET", "/readyz").Body.String() + ask(t, hostile(text), "GET", "/metrics").Body.String()
		if strings.ContainsAny(body, "\r\x00\x1b\x7f\u202e\u2066") || strings.ToValidUTF8(body, "") != body {
			t.Errorf("%.40q reaches an answer as it is", text)
		}
		lines := strings.Count(ask(t, hostile("x"), "GET", "/readyz").Body.String(), "\n")
		if n := strings.Count(ask(t, hostile(text), "GET", "/readyz").Body.String(), "\n"); n != lines {
			t.Errorf("%.40q: %d lines of /readyz, want %d", text, n, lines)
		}
	}
}

func TestPageLoadsNothingAndRunsNothing(t *testing.T) {
	w := ask(t, badNight(), "GET", "/")
	body := strings.ToLower(w.Body.String())
	for _, bad := range []string{"<script", "src=", "href=", "url(", "@import", "http:", "https:", " style=", " on"} {
		for _, element := range tag.FindAllString(body, -1) {
			if strings.Contains(element, bad) {
				t.Errorf("%q in %s", bad, element)
			}
		}
	}
	style := body[strings.Index(body, "<style"):strings.Index(body, "</style>")]
	for _, bad := range []string{"url(", "@import", "http"} {
		if strings.Contains(style, bad) {
			t.Errorf("the style has %q", bad)
		}
	}
}

func TestPageNonceIsThePolicysAndNew(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		w := ask(t, healthy(), "GET", "/")
		m := regexp.MustCompile(`^default-src 'none'; style-src 'nonce-([A-Z2-7]{26,})'; `).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
		if m == nil {
			t.Fatalf("policy %q", w.Header().Get("Content-Security-Policy"))
		}
		if !strings.Contains(w.Body.String(), `<style nonce="`+m[1]+`">`) {
			t.Errorf("no style with the nonce %s", m[1])
		}
		if seen[m[1]] {
			t.Errorf("nonce %s came twice", m[1])
		}
		seen[m[1]] = true
	}
}

func TestProblemsStandOnTopRedOnesFirst(t *testing.T) {
	body := ask(t, badNight(), "GET", "/").Body.String()
	at := -1
	for _, want := range []string{"What is wrong", "api: the oldest raw byte is 7 d 2 h old", "Mend the clock.", "2 files refused", "Free 12 GB", "<table>"} {
		i := strings.Index(body, want)
		if i <= at {
			t.Errorf("%q is at %d, after %d", want, i, at)
		}
		at = i
	}
	if strings.Contains(ask(t, healthy(), "GET", "/").Body.String(), "What is wrong") {
		t.Error("a healthy page has problems")
	}
}

func TestStoreStateSaysWhichAndSince(t *testing.T) {
	tests := map[string]struct {
		change func(*Snapshot)
		want   string
	}{
		"up":        {func(*Snapshot) {}, "up"},
		"never met": {func(s *Snapshot) { s.StoreMet = false }, "not met yet"},
		"one try":   {func(s *Snapshot) { s.StoreMet, s.StoreTries, s.StoreError = false, 1, "no route" }, "not met yet, 1 try: no route"},
		"down": {func(s *Snapshot) { s.StoreDownSince, s.StoreTries, s.StoreError = now.Add(-90*time.Second), 4, "503" },
			"down since 2026-11-23 18:02:32 UTC (1 m 30 s), 4 tries: 503"},
	}
	for name, tt := range tests {
		s := healthy()
		tt.change(&s)
		if got := s.storeState(); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestBarsNeverOverflow(t *testing.T) {
	for _, tt := range []struct{ value, limit, want int64 }{{0, 10, 0}, {-3, 10, 0}, {4, 10, 4}, {10, 10, 10}, {11, 10, 10}} {
		if b := newBar(tt.value, tt.limit); b.Value != tt.want || b.Max != tt.limit {
			t.Errorf("newBar(%d, %d) = %+v", tt.value, tt.limit, b)
		}
	}
	if b := newBar(5, 0); b != nil {
		t.Errorf("a bar without a limit: %+v", b)
	}
}

func TestEmptySnapshotHasAPage(t *testing.T) {
	if w := ask(t, Snapshot{}, "GET", "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No class has files.") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

func TestAgoOfNeverAndOfAFuture(t *testing.T) {
	for want, at := range map[string]time.Time{
		"never": {}, "now": now, "3 s ago": now.Add(-3 * time.Second), "2 h 3 m ago": now.Add(-123 * time.Minute),
	} {
		if got := ago(now, at); got != want {
			t.Errorf("ago(%v) = %q, want %q", at, got, want)
		}
	}
	if got := ago(now, now.Add(time.Hour)); got != "now" {
		t.Errorf("of a future: %q", got)
	}
}
