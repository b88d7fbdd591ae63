package evidence

import (
	"strings"
	"testing"
	"time"

	"swab/ledger"
	"swab/testdata/golden"
)

// last is the second week, read while swab runs.
func last(t testing.TB) *Report {
	p := fortnight(t)
	return p.report(Options{From: begin.AddDate(0, 0, 6), To: begin.AddDate(0, 0, 14), Now: p.now.Add(2 * time.Hour), Live: true})
}

func TestReportIsAsGolden(t *testing.T) {
	r := last(t)
	var text, page strings.Builder
	if err := Text(&text, r); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	golden.Is(t, "report.golden.txt", text.String())
	golden.Is(t, "report.golden.html", page.String())
}

// A file's name is a text, whatever stands in it.
func TestNamesStayTexts(t *testing.T) {
	p := newPen(t)
	p.start()
	p.add(ledger.Event{Refused: &ledger.Refused{Name: "/log/<script>alert(1)</script>\"'&\x1b[2J\u202e", Why: "</svg><img src=x onerror=alert(1)>"}})
	r := p.report(days(0, 1))
	var text, page strings.Builder
	if err := Text(&text, r); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("%s became a part of the page", bad)
		}
	}
	if !strings.Contains(page.String(), "&lt;script&gt;alert(1)") {
		t.Error("the name is not on the page")
	}
	if strings.ContainsAny(text.String(), "\x1b\u202e") {
		t.Error("a terminal would obey the text")
	}
	if strings.ContainsAny(page.String(), "\x1b\u202e") {
		t.Error("a browser would obey the name")
	}
}
