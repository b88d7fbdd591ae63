package status

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestReadyIsRedForWhatBreaksThePromise(t *testing.T) {
	tests := map[string]struct {
		change func(*Snapshot)
		red    []string // a part of each line
	}{
		"all is well":        {func(*Snapshot) {}, nil},
		"no classes":         {func(s *Snapshot) { s.Classes = nil }, nil},
		"a red problem":      {func(s *Snapshot) { s.Problems = []Problem{{"What.", "Do.", true}} }, []string{"What. Do."}},
		"a problem":          {func(s *Snapshot) { s.Problems = []Problem{{"What", "Do", false}} }, nil},
		"refused files":      {func(s *Snapshot) { s.Refused = 3 }, nil},
		"uncovered files":    {func(s *Snapshot) { s.Uncovered = 3 }, nil},
		"store down":         {func(s *Snapshot) { s.StoreDownSince, s.StoreTries = now, 3 }, nil},
		"store never met":    {func(s *Snapshot) { s.StoreMet, s.StoreError = false, "no route" }, []string{"The store was not met since swab started: no route. Check"}},
		"erase off":          {func(s *Snapshot) { s.Classes[0].LimitHeld = false }, []string{"api: the limit of 7 d is not held"}},
		"erase off and past": {func(s *Snapshot) { s.Classes[0].LimitHeld, s.Classes[0].OldestRaw = false, 9*day }, []string{"api: the limit of 7 d is not held, nothing is erased (oldest raw byte: 9 d)"}},
		"at the limit":       {func(s *Snapshot) { s.Classes[1].OldestRaw = 7 * day }, nil},
		"past the limit":     {func(s *Snapshot) { s.Classes[1].OldestRaw = 7*day + time.Minute }, []string{"server: the oldest raw byte is 7 d old, past the limit of 7 d"}},
		"unknown age":        {func(s *Snapshot) { s.Classes[1].OldestUnknown = true }, []string{"server: the age of some raw bytes is not known"}},
		"cannot be erased":   {func(s *Snapshot) { s.Classes[2].Unerasable = 2 }, []string{"audit: 2 files can be read but not erased"}},
		"much at once": {func(s *Snapshot) { *s = badNight() }, []string{
			"api: the oldest raw byte", "api: 1 file can be read", "server: the limit", "audit: the age", "the clock",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			tt.change(&s)
			w := ask(t, s, "GET", "/readyz")
			if len(tt.red) == 0 {
				if w.Code != http.StatusOK || w.Body.String() != "ok\n" {
					t.Errorf("%d %q", w.Code, w.Body)
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
			if w.Code != http.StatusServiceUnavailable || len(lines) != len(tt.red) {
				t.Fatalf("%d, %q; want %q", w.Code, lines, tt.red)
			}
			for i, want := range tt.red {
				if !strings.Contains(lines[i], want) {
					t.Errorf("line %q, want %q", lines[i], want)
				}
			}
		})
	}
}

func TestNoRowIsOkUnderARedProblem(t *testing.T) {
	for name, change := range map[string]func(*Class){
		"past":       func(c *Class) { c.OldestRaw = 8 * day },
		"not held":   func(c *Class) { c.LimitHeld = false },
		"unknown":    func(c *Class) { c.OldestUnknown = true },
		"unerasable": func(c *Class) { c.Unerasable = 1 },
	} {
		c := healthy().Classes[0]
		if got := c.state(); got != "ok" {
			t.Fatalf("healthy: %q", got)
		}
		change(&c)
		if got := c.state(); got == "ok" || strings.HasPrefix(got, "ok;") {
			t.Errorf("%s: %q", name, got)
		}
		c.State = "store down"
		if got := c.state(); !strings.HasPrefix(got, "store down; ") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestGivenSlicesAreLeftAlone: a Source may hand out its own slice.
func TestGivenSlicesAreLeftAlone(t *testing.T) {
	s := badNight()
	s.Problems = append(s.Problems, Problem{What: "a\nb"})
	s.Classes[0].Name = "a\x00b"
	_ = ask(t, s, "GET", "/readyz")
	_ = ask(t, s, "GET", "/")
	if s.Problems[1].What != badNight().Problems[1].What || s.Problems[2].What != "a\nb" || s.Classes[0].Name != "a\x00b" {
		t.Errorf("changed: %+v", s)
	}
}
