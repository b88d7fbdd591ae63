package evidence

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// complaints are what a page throws or writes to the console.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		c.list = append(c.list, string(e.Type))
	}
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list
}

// browser is a tab of Debian's chromium, with what its page complains of.
func browser(t *testing.T) (context.Context, *complaints) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here: the page is not looked at in a browser")
	}
	heard := &complaints{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(heard.hear), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.WindowSize(1280, 900),
	))
	t.Cleanup(func() { // the browser is gone before its directory is
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log(err)
		}
		cancel()
	})
	return ctx, heard
}

// looked is what a page looks like to the browser.
type looked struct {
	Pictures, Tables int
	Drawn            []float64 // widths and heights of the pictures' curves
	Roles, Names     []string  // of the pictures
	Wide             int       // by how much the page is wider than its window
	Paper, Ink       string
	Fetched          int // what the page loaded beside itself
}

const look = `(() => {
  const curves = [...document.querySelectorAll("path.curve")].map(c => c.getBoundingClientRect());
  const svg = [...document.querySelectorAll("svg")];
  const body = getComputedStyle(document.body);
  return {
    Pictures: svg.length,
    Tables: [...document.querySelectorAll("main > section table")].filter(t => t.getBoundingClientRect().height > 40).length,
    Drawn: curves.flatMap(r => [r.width, r.height]),
    Roles: svg.map(s => s.getAttribute("role")),
    Names: svg.map(s => s.getAttribute("aria-labelledby").split(" ").map(id => document.getElementById(id).textContent).join(": ")),
    Wide: document.documentElement.scrollWidth - innerWidth,
    Paper: body.backgroundColor, Ink: body.color,
    Fetched: performance.getEntriesByType("resource").length,
  };
})()`

// TestPageInABrowser opens the report where an auditor does. TEST_SCREENSHOT names
// a file that gets a picture of it.
func TestPageInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes some seconds")
	}
	ctx, heard := browser(t)
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := HTML(f, last(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path),
		chromedp.WaitVisible("#picture-web"), chromedp.WaitVisible("path.curve")); err != nil {
		t.Fatal(err)
	}
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err != nil {
		t.Fatal(err)
	}
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[looked](look))
	if err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if to := os.Getenv("TEST_SCREENSHOT"); to != "" {
		if err := os.WriteFile(to, shot, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if title != "Raw log bytes on media1, 2026-11-22 to 2026-11-29" {
		t.Errorf("title %q", title)
	}
	if seen.Pictures != 2 || len(seen.Drawn) != 4 || seen.Tables < 10 {
		t.Errorf("%+v", seen)
	}
	for i, n := range seen.Drawn {
		if least := []float64{300, 5}[i%2]; n < least {
			t.Errorf("a curve is drawn %v by %v", seen.Drawn[i/2*2], seen.Drawn[i/2*2+1])
		}
	}
	for i, name := range seen.Names {
		if seen.Roles[i] != "img" || !strings.Contains(name, "age of the oldest raw byte") || !strings.Contains(name, "At most") {
			t.Errorf("picture %d is %q, and says %q", i, seen.Roles[i], name)
		}
	}
	if seen.Wide > 0 {
		t.Errorf("the page is %d pixels wider than its window", seen.Wide)
	}
	if seen.Paper == seen.Ink || seen.Paper != "rgb(255, 255, 255)" {
		t.Errorf("%s on %s", seen.Ink, seen.Paper)
	}
	if len(heard.all()) > 0 || seen.Fetched > 0 {
		t.Errorf("the page complains %q, and fetched %d things", heard.all(), seen.Fetched)
	}
}
