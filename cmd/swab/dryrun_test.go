package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab"
	"swab/config"
	"swab/testdata/golden"
)

// forecastNow is before any test can run, so that files' births say nothing.
var forecastNow = time.Date(2025, 11, 23, 18, 4, 0, 0, time.UTC)

// forecastOf is a dry run over a few logs, made the same on every host: paths
// lie below /logs, all belongs to app, and nothing is said of this machine.
func forecastOf(t *testing.T, logs map[string]string, args ...string) *swab.Forecast {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range logs {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "→"); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	all := []string{"--dry-run", "--state", dir + "/state", "--ephemeral-state"}
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "/logs", dir))
	}
	cfg, err := config.ParseRun(all, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := swab.DryRun(t.Context(), cfg, forecastNow)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var same swab.Forecast
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), dir, "/logs")), &same); err != nil {
		t.Fatal(err)
	}
	for i := range same.List {
		same.List[i].Owner, same.List[i].FileSystem = "app", "ext4"
	}
	same.Devices = []swab.ForecastDevice{{FileSystem: "ext4", Reaches: true, Files: len(same.List) - 1}, {FileSystem: "btrfs", Note: "copy on write", Files: 1}}
	if len(same.List) == 0 {
		same.Devices = nil
	}
	same.Version, same.Unseen = "(devel)", 0
	same.Flags = []swab.ForecastConfig{
		{Flag: "--log", Value: "web=/logs/web/*", Source: "command line"}, {Flag: "--raw-limit", Value: "168h", Source: "default"},
		{Flag: "--to", Value: "s3://bucket/prefix", Source: "SWAB_TO"}, {Flag: "--erase", Value: "live", Source: "default"},
	}
	for i := range 10 {
		same.Flags = append(same.Flags, swab.ForecastConfig{Flag: fmt.Sprintf("--flag-%d", i), Value: "value", Source: "default"})
	}
	return &same
}

func forecastLines(age time.Duration, n int) string {
	return strings.Repeat(forecastNow.Add(-age).Format(time.RFC3339)+" 203.0.113.77 GET /\n", n)
}

func someLogs() map[string]string {
	const day = 24 * time.Hour
	return map[string]string{
		"web/access.log":      forecastLines(6*day+2*time.Hour, 2000),
		"web/access.log.1":    forecastLines(9*day+time.Hour, 30000),
		"web/error.txt":       "text\n",
		"web/error.log":       forecastLines(time.Minute, 3),
		"web/access.log.2.gz": "\x1f\x8b\x08\x00",
		"web/access.log.x":    "→/etc/passwd",
		"api/api.log":         forecastLines(4*time.Second, 12),
		"api/half.log":        "203.0.113.77 GET",
		"api/empty.log":       "",
	}
}

func someForecast(t *testing.T) *swab.Forecast {
	t.Helper()
	f := forecastOf(t, someLogs(), "--log", "web=/logs/web/access.log*", "--log", "api=/logs/api/*.log", "--log", "server=/logs/aip/*.log")
	for i := range f.List {
		switch filepath.Base(f.List[i].Path) {
		case "api.log":
			f.List[i].OpenBy = []swab.ForecastProcess{{PID: 812, Name: "fail2ban"}, {PID: 811, Name: "app\x1b[2J", Writes: true}}
		case "access.log":
			f.List[i].OpenBy = []swab.ForecastProcess{{PID: 812, Name: "fail2ban"}}
		}
	}
	return f
}

func TestForecastIsPrintedForPeople(t *testing.T) {
	f := someForecast(t)
	unwritable := *f
	unwritable.Unseen = 3
	unwritable.List = append([]swab.FileForecast(nil), f.List...)
	for i := range unwritable.List {
		if file := &unwritable.List[i]; filepath.Base(file.Path) == "api.log" {
			unwritable.Erase -= file.Erase
			unwritable.Unshipped -= file.Unshipped
			unwritable.Files--
			file.Erase, file.Action, file.Reason = 0, "ship, cannot overwrite", "it cannot be written"
			file.Writable, file.WriteError = "no", "can be read but not written (mode 0644; swab runs as uid 65532): permission denied. Run as the log's owner (app)"
			file.Unread = 5
		}
	}
	for _, tt := range []struct {
		name     string
		f        *swab.Forecast
		terminal bool
	}{
		{"plain", f, false},
		{"terminal", f, true},
		{"unwritable", &unwritable, false},
		{"nothing", forecastOf(t, nil, "--log", "web=/logs/*.log"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := printForecast(&b, tt.f, false, tt.terminal); err != nil {
				t.Fatal(err)
			}
			golden.Is(t, filepath.Join("dryrun", tt.name+".golden"), b.String())
		})
	}
}

func TestForecastIsTheSameAsJSON(t *testing.T) {
	f := someForecast(t)
	var b bytes.Buffer
	if err := printForecast(&b, f, true, true); err != nil {
		t.Fatal(err)
	}
	var back swab.Forecast
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&back); err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(f)
	got, _ := json.Marshal(&back)
	if !bytes.Equal(got, want) {
		t.Errorf("read back:\n%s\nwant:\n%s", got, want)
	}
	if back.Lines != 32012 || back.Files != 2 {
		t.Errorf("%d lines to ship, %d files to overwrite; want 32012 and 2", back.Lines, back.Files)
	}
}

func TestForecastOfManyFilesShowsTheLargest(t *testing.T) {
	f := &swab.Forecast{Time: forecastNow}
	for i := range 2000 {
		f.List = append(f.List, swab.FileForecast{Path: fmt.Sprintf("/logs/%04d.log", i), Size: int64(i), Action: "nothing"})
	}
	var b bytes.Buffer
	if err := printForecast(&b, f, false, false); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "/logs/"); n != forecastRows {
		t.Errorf("%d files are shown, want %d", n, forecastRows)
	}
	if !strings.Contains(text, "/logs/1999.log") || strings.Contains(text, "/logs/1949.log") || !strings.Contains(text, "1950 more files") {
		t.Errorf("not the largest, or not how many more:\n%s", text)
	}
	if f.List[0].Size != 0 {
		t.Error("printing changed the order of the data")
	}
}

func TestNamesOfFilesCannotSteerTheTerminal(t *testing.T) {
	evil := "/logs/a\x1b]0;x\x07\n.log"
	f := &swab.Forecast{
		List:      []swab.FileForecast{{Path: evil, Owner: evil, Action: "ship", OpenBy: []swab.ForecastProcess{{Name: evil}}, WriteError: "no"}},
		Refused:   []swab.ForecastRefusal{{Path: evil, Target: evil, Why: evil}},
		Uncovered: []swab.ForecastUncovered{{Path: evil}},
		Unmatched: []swab.ForecastGlob{{Pattern: evil, Why: evil}},
		Flags:     []swab.ForecastConfig{{Flag: "--log", Value: evil, Source: evil}, {Flag: "--x", Value: evil, Source: "default"}},
		State:     swab.ForecastState{Path: evil, Notes: evil},
		Devices:   []swab.ForecastDevice{{Note: evil}},
	}
	var b bytes.Buffer
	if err := printForecast(&b, f, false, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07") || strings.Contains(b.String(), "\n.log") {
		t.Errorf("%q", b.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestForecastThatCannotBeWrittenIsAnError(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		if err := printForecast(fullDisk{}, &swab.Forecast{}, asJSON, false); err == nil {
			t.Errorf("json %t: no error", asJSON)
		}
	}
}

func TestUnitsAreWhatPeopleSay(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{saidLines(1), "1 line"}, {saidLines(999), "999 lines"}, {saidLines(12000), "12,000 lines"}, {saidLines(18_240_000), "18.2 M lines"},
		{saidDate(forecastNow, forecastNow), "23 Nov 18:04"}, {saidDate(forecastNow.AddDate(0, 2, 0), forecastNow), "23 Jan 2026 18:04"},
		{counted(1, "file"), "1 file"}, {counted(2, "process"), "2 processes"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
