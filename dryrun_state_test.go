package swab

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/config"
	"swab/ledger"
)

// dryOnce runs the real thing to its end and returns what its ledger comes to.
func dryOnce(t *testing.T, args ...string) ledger.Account {
	t.Helper()
	cfg, err := config.ParseRun(append([]string{"--once", "--ephemeral-state"}, args...), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var sum ledger.Account
	d.ledger.View(func(s *ledger.State) {
		for _, c := range s.Classes {
			sum.LinesShipped += c.Account.LinesShipped
			sum.ShippedBytes += c.Account.ShippedBytes
			sum.Erased += c.Account.Erased
		}
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return sum
}

func dryAppend(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRunDoesWhatTheDryRunForecast(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	dir := dryDir(t)
	logs := filepath.Join(dir, "logs")
	server := dryWrite(t, filepath.Join(logs, "server.log"),
		dryLines(now.Add(-8*day), 3000)+dryLines(now.Add(-6*day), 3000)+dryLine)
	api := dryWrite(t, filepath.Join(logs, "api.log"), dryLines(now, 5000))
	state := filepath.Join(dir, "state")
	args := []string{
		"--log", "server=" + logs + "/server*", "--log", "api=" + logs + "/api*",
		"--state", state, "--to", "file://" + filepath.Join(dir, "out"),
	}
	var before ledger.Account
	check := func(step string, wantLines, wantFiles int64) {
		t.Helper()
		f := dryRun(t, time.Now(), args...)
		after := dryOnce(t, args...)
		lines, ship, erase := after.LinesShipped-before.LinesShipped, after.ShippedBytes-before.ShippedBytes, after.Erased-before.Erased
		if f.Lines != lines || f.Ship != ship || f.Erase != erase {
			t.Errorf("%s: forecast %d lines and %d bytes to ship, %d to overwrite; done: %d, %d, %d", step, f.Lines, f.Ship, f.Erase, lines, ship, erase)
		}
		if f.Lines != wantLines || int64(f.Files) != wantFiles {
			t.Errorf("%s: %d lines, %d files to overwrite, want %d and %d", step, f.Lines, f.Files, wantLines, wantFiles)
		}
		before = after
	}
	check("first start", 11000, 2)
	check("nothing new", 0, 0)

	dryAppend(t, api, dryLines(now, 7))
	dryAppend(t, server, "\n")
	check("appended", 8, 1)

	// Written anew to beyond the cursor: the next generation, read from 0.
	if err := os.WriteFile(api, []byte(dryLines(now, 6000)), 0o644); err != nil {
		t.Fatal(err)
	}
	check("rewritten", 6000, 1)
}

func TestDryRunUsesWhatTheLedgerKnows(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	dir := dryDir(t)
	logs, state := filepath.Join(dir, "logs"), filepath.Join(dir, "state")
	dryWrite(t, filepath.Join(logs, "a.log"), dryLines(now.Add(-6*day), 10))
	args := []string{"--log", "server=" + logs + "/*.log", "--state", state, "--ephemeral-state"}
	dryOnce(t, append(args, "--to", "file://"+filepath.Join(dir, "out"))...)

	for _, tt := range []struct {
		name, log, action string
		now               time.Time
		erases            bool
	}{
		{"shipped and young", "server=" + logs + "/*.log", "keep", now, false},
		{"shipped and old", "server=" + logs + "/*.log", "overwrite now", now.Add(2 * day), true},
		{"no glob leads to it", "server=" + logs + "/b*.log", "overwrite now", now.Add(2 * day), true},
		{"no --log names its class", "api=" + logs + "/b*.log", "overwrite now", now.Add(2 * day), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := dryRun(t, tt.now, "--log", tt.log, "--state", state, "--ephemeral-state")
			got := dryFile(t, f, "a.log")
			if !f.State.Used || got.Class != "server" || got.Unread != 0 || got.Known != "seen" || got.Action != tt.action {
				t.Errorf("%+v, want %s", got, tt.action)
			}
			if got.Erase > 0 != tt.erases || got.Unshipped != 0 || f.Lines != 0 {
				t.Errorf("%d bytes to overwrite, %d never shipped, %d lines to ship", got.Erase, got.Unshipped, f.Lines)
			}
		})
	}
}

func TestDryRunSaysWhatIsWrongWithTheState(t *testing.T) {
	dir := dryDir(t)
	logs, state := filepath.Join(dir, "logs"), filepath.Join(dir, "state")
	dryWrite(t, filepath.Join(logs, "a.log"), dryLines(time.Now(), 10))
	args := []string{"--log", "api=" + logs + "/*.log", "--state", state, "--ephemeral-state"}
	if f := dryRun(t, time.Now(), args...); f.State.Used || !strings.Contains(f.State.Notes, "first start") {
		t.Errorf("without a state: %+v", f.State)
	}
	dryOnce(t, append(args, "--to", "file://"+filepath.Join(dir, "out"))...)
	segment := filepath.Join(state, "ledger", "000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(segment, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := dryRun(t, time.Now(), args...); !strings.Contains(f.State.Notes, "fault") && !strings.Contains(f.State.Notes, "cannot be read") {
		t.Errorf("with a damaged ledger: %+v", f.State)
	}
}
