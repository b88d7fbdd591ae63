package swab

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/config"
)

// dryNow is long before any test can run, so that every file is born after
// it and its lines' own times are what is known.
var dryNow = time.Date(2025, 11, 23, 18, 4, 0, 0, time.UTC)

// dryLine is in every line of these tests, and may be in no forecast.
const dryLine = "203.0.113.77 GET /secret"

// dryLines are n lines that say they were written at t.
func dryLines(t time.Time, n int) string {
	return strings.Repeat(t.Format(time.RFC3339)+" "+dryLine+"\n", n)
}

func dryWrite(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func dryDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func dryConfig(t *testing.T, args ...string) *config.Config {
	t.Helper()
	cfg, err := config.ParseRun(append([]string{"--dry-run"}, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// dryRun forecasts, with a state directory that is not there unless args name
// one, and holds every forecast to what holds for all of them.
func dryRun(t *testing.T, now time.Time, args ...string) *Forecast {
	t.Helper()
	if !slices.Contains(args, "--state") {
		args = append(args, "--state", filepath.Join(dryDir(t), "none"), "--ephemeral-state")
	}
	f, err := DryRun(t.Context(), dryConfig(t, args...), now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "203.0.113") || strings.Contains(string(text), "/secret") {
		t.Errorf("the forecast quotes a line:\n%s", text)
	}
	return f
}

func dryFile(t *testing.T, f *Forecast, name string) FileForecast {
	t.Helper()
	for _, file := range f.List {
		if filepath.Base(file.Path) == name {
			return file
		}
	}
	t.Fatalf("no %s in the forecast; not taken: %v", name, f.Refused)
	return FileForecast{}
}

func TestDryRunForecastsWhatTheClassSays(t *testing.T) {
	const day = 24 * time.Hour
	old, young := dryLines(dryNow.Add(-8*day), 4), dryLines(dryNow.Add(-6*day), 4)
	long := dryLines(dryNow.Add(-8*day), 2000) + dryLines(dryNow.Add(-6*day), 2000)
	line := int64(len(old) / 4)
	for _, tt := range []struct {
		name, class, text string
		args              []string
		action, known     string
		lines, erase      int64 // erase -1: some, but not all
		next              time.Time
	}{
		{"8 days", "server", old, nil, "ship, then overwrite now", "line time", 4, 4 * line, time.Time{}},
		{"6 days", "server", young, nil, "ship, keep", "line time", 4, 0, dryNow.Add(day)},
		{"8 and 6 days", "server", long, nil, "ship, overwrite a part now", "line time", 4000, -1, dryNow.Add(day)},
		{"a shorter limit", "server", young, []string{"--raw-limit", "1h"}, "ship, then overwrite now", "line time", 4, 4 * line, time.Time{}},
		{"after shipping", "api", young, nil, "ship, overwrite", "line time", 4, 4 * line, time.Time{}},
		{"time to read", "api", young, []string{"--class", "api:erase-after=2h"}, "ship, keep", "line time", 4, 0, dryNow.Add(2 * time.Hour)},
		{"rotated", "api", young, []string{"--erase", "rotated"}, "ship, keep", "line time", 4, 0, dryNow.Add(day)},
		{"rotated, 8 days", "api", old, []string{"--erase", "rotated"}, "ship, then overwrite now", "line time", 4, 4 * line, time.Time{}},
		{"off", "server", old, []string{"--erase", "off"}, "ship", "line time", 4, 0, time.Time{}},
		{"no time", "api", dryLine + "\n", nil, "ship, overwrite", "unknown", 1, int64(len(dryLine)) + 1, time.Time{}},
		{"half a line", "api", young + dryLine, nil, "ship, overwrite", "unknown", 4, 4 * line, time.Time{}},
		{"only half a line", "api", dryLine, nil, "wait", "unknown", 0, 0, time.Time{}},
		{"leading zeros", "api", strings.Repeat("\x00", 9000) + young, nil, "ship, overwrite", "line time", 4, 9000 + 4*line, time.Time{}},
		{"empty", "api", "", nil, "nothing", "", 0, 0, time.Time{}},
		{"whole file", "recording", "\x1a\x45\xdf\xa3", nil, "ship, overwrite", "modified", 0, 4, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := dryDir(t)
			path := dryWrite(t, filepath.Join(dir, "a.log"), tt.text)
			if err := os.Chtimes(path, dryNow, dryNow); err != nil {
				t.Fatal(err)
			}
			f := dryRun(t, dryNow, append(tt.args, "--log", tt.class+"="+dir+"/*.log")...)
			got := dryFile(t, f, "a.log")
			if got.Action != tt.action || got.Known != tt.known || got.Lines != tt.lines || !got.Next.Equal(tt.next) {
				t.Errorf("%s (%s), known by %q, %d lines, next %v; want %s, %q, %d, %v",
					got.Action, got.Reason, got.Known, got.Lines, got.Next, tt.action, tt.known, tt.lines, tt.next)
			}
			if tt.erase >= 0 && got.Erase != tt.erase || tt.erase < 0 && (got.Erase <= 0 || got.Erase >= got.Size) {
				t.Errorf("%d of %d bytes to overwrite, want %d", got.Erase, got.Size, tt.erase)
			}
			if got.Unshipped != got.Erase || got.Unread != got.Size {
				t.Errorf("%d bytes never shipped, %d unread; want %d and %d", got.Unshipped, got.Unread, got.Erase, got.Size)
			}
			if f.Lines != got.Lines || f.Erase != got.Erase || f.Unshipped != got.Unshipped || f.Files != min(1, int(got.Erase)) {
				t.Errorf("the headline does not fit its only file: %+v", f)
			}
		})
	}
}

func TestDryRunTellsWhatWouldGoUnshipped(t *testing.T) {
	for _, tt := range []struct {
		grace, action string
		lines         int64
	}{
		{"0s", "overwrite unshipped", 0},
		{"24h", "ship, then overwrite now", 1}, // the safe first start
	} {
		dir := dryDir(t)
		dryWrite(t, filepath.Join(dir, "a.log"), dryLine+"\n")
		f := dryRun(t, time.Now().Add(time.Hour), "--log", "server="+dir+"/*.log",
			"--class", "server:on-limit=expire,raw-limit=1m", "--first-grace", tt.grace)
		got := dryFile(t, f, "a.log")
		if got.Action != tt.action || got.Lines != tt.lines || got.Erase != got.Size || got.Unshipped != got.Size {
			t.Errorf("grace %s: %+v; want %s", tt.grace, got, tt.action)
		}
	}
}

func TestDryRunEndsWithItsContext(t *testing.T) {
	dir := dryDir(t)
	dryWrite(t, filepath.Join(dir, "a.log"), dryLine+"\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DryRun(ctx, dryConfig(t, "--log", "api="+dir+"/*.log"), dryNow); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestDryRunSaysWhatIsNotTaken(t *testing.T) {
	dir := dryDir(t)
	logs := filepath.Join(dir, "logs")
	dryWrite(t, filepath.Join(logs, "good.log"), dryLines(dryNow, 1))
	target := dryWrite(t, filepath.Join(dir, "passwd"), dryLine)
	if err := os.Symlink(target, filepath.Join(logs, "link.log")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(target, filepath.Join(logs, "hard.log")); err != nil {
		t.Fatal(err)
	}
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	fmt.Fprintln(z, dryLine)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dryWrite(t, filepath.Join(logs, "packed.log"), packed.String())
	dryWrite(t, filepath.Join(logs, "good.log.1"), dryLine)
	dryWrite(t, filepath.Join(logs, "left.bak"), dryLine)
	dryWrite(t, filepath.Join(logs, "void"), "")

	f := dryRun(t, dryNow, "--log", "api="+logs+"/*.log", "--exclude", "*.bak")
	want := map[string]string{"link.log": "symbolic link", "hard.log": "2 hard links", "packed.log": "gzip"}
	for _, r := range f.Refused {
		name := filepath.Base(r.Path)
		if w := want[name]; w == "" || !strings.Contains(r.Why, w) {
			t.Errorf("%s is not taken: %s", name, r.Why)
		}
		if name == "link.log" && r.Target != target {
			t.Errorf("the link leads to %q, want %q", r.Target, target)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	if len(f.List) != 1 || len(f.Uncovered) != 1 || f.Uncovered[0].Path != filepath.Join(logs, "good.log.1") {
		t.Errorf("files %v, not covered %v; want good.log and good.log.1", f.List, f.Uncovered)
	}
}

func TestDryRunSaysWhyAGlobHasNoFiles(t *testing.T) {
	dir := dryDir(t)
	dryWrite(t, filepath.Join(dir, "nginx", "access.log"), dryLines(dryNow, 1))
	if err := os.Mkdir(filepath.Join(dir, "bare"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, glob, want string
		args             []string
	}{
		{"directory missing", "/ngnix/*.log", "Did you mean " + dir + "/nginx?", nil},
		{"directories missing", "/a/b/*.log", "there is no directory " + dir + "/a", nil},
		{"directory empty", "/bare/*.log", "is empty", nil},
		{"other names", "/nginx/*.txt", "nothing in " + dir + "/nginx matches (1 entries)", nil},
		{"root is a file", "/nginx/access.log/*", "is not a directory", nil},
		{"excluded", "/nginx/*.log", "--exclude leaves out all it matches (1)", []string{"--exclude", "access*"}},
		{"taken by another", "/nginx/*.log", "another --log", []string{"--log", "api=" + dir + "/nginx/acc*", "--class", "api:raw-limit=1h"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := dryRun(t, dryNow, append(tt.args, "--log", "web="+dir+tt.glob)...)
			if len(f.Unmatched) != 1 || !strings.Contains(f.Unmatched[0].Why, tt.want) {
				t.Errorf("%v, want %q", f.Unmatched, tt.want)
			}
		})
	}
}

func TestDryRunNamesFlagsWithTheirSource(t *testing.T) {
	dir := dryDir(t)
	f := dryRun(t, dryNow, "--log", "web="+dir+"/*.log")
	want := []ForecastConfig{{"--log", "web=" + dir + "/*.log", "command line"}, {"--raw-limit", "168h", "default"}}
	for _, w := range want {
		if !slices.Contains(f.Flags, w) {
			t.Errorf("no %v among %v", w, f.Flags)
		}
	}
}
