package evidence

import (
	"strings"
	"testing"
	"time"
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
	isGolden(t, "report.golden.txt", text.String())
	isGolden(t, "report.golden.html", page.String())
	if strings.Contains(page.String(), "<script") {
		t.Error("a file's name became a part of the page")
	}
}
