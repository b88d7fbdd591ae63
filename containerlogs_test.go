package swab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// criLines and dockerLines are what container runtimes write of n lines.
func criLines(first, n int) string {
	var text strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&text, "2026-11-23T18:04:02.%09dZ %s %s 203.0.113.77 line %d%s\n", i,
			[]string{"stdout", "stderr"}[i%2], []string{"F", "F", "P"}[i%3], i, strings.Repeat("x", i%90))
	}
	return text.String()
}

func dockerLines(first, n int) string {
	var text strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&text, `{"log":"203.0.113.77 line %d%s\n","stream":"stdout","time":"2026-11-23T18:04:02.%09dZ"}`+"\n", i, strings.Repeat("x", i%90), i)
	}
	return text.String()
}

// kubectlLogs reads as the kubelet does (ReadLogs): the last n lines, all if it
// is negative. The first line decides about the format; what does not parse
// after it is left out.
func kubectlLogs(p []byte, n int) (lines []string, err error) {
	all := bytes.SplitAfter(p, []byte("\n"))
	all = all[:len(all)-1] // behind the last newline
	if n >= 0 {
		all = all[max(0, len(all)-n):]
	}
	for i, line := range all {
		parts := bytes.SplitN(line, []byte(" "), 4)
		if len(parts) == 4 {
			if _, err = time.Parse(time.RFC3339Nano, string(parts[0])); err == nil && string(parts[1]) != "stdout" && string(parts[1]) != "stderr" {
				err = errors.New("unexpected stream")
			}
		}
		if len(parts) < 4 || err != nil {
			if i == 0 {
				return nil, fmt.Errorf("unsupported log format (%d lines): %w", len(all), err)
			}
			continue
		}
		lines = append(lines, string(bytes.TrimSpace(parts[3])))
	}
	return lines, nil
}

// dockerLogs reads as docker does: JSON value by JSON value.
func dockerLogs(p []byte, n int) (lines []string, err error) {
	if n >= 0 {
		all := bytes.SplitAfter(p, []byte("\n"))
		all = all[:len(all)-1]
		p = bytes.Join(all[max(0, len(all)-n):], nil)
	}
	for d := json.NewDecoder(bytes.NewReader(p)); ; {
		var line struct{ Log string }
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return lines, nil
		} else if err != nil {
			return nil, err
		}
		lines = append(lines, strings.TrimSpace(line.Log))
	}
}

// A container's live log is overwritten at its limit, by what is the default
// there: its other readers go on, wherever they begin, and find what is new.
func TestContainerLogsStayReadableAtTheirLimit(t *testing.T) {
	for name, format := range map[string]struct {
		lines func(first, n int) string
		read  func(p []byte, n int) ([]string, error)
	}{
		"CRI": {criLines, kubectlLogs}, "docker json-file": {dockerLines, dockerLogs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			const n = 600
			log := b.write("0.log", format.lines(0, n/2))
			appendTo(t, log, format.lines(n/2, n/2))
			stop := b.daemonOn("api", "--erase", "rotated", "--fill", "blank", "--class", "api:raw-limit=2s", "--batch-age", "20ms", "--sweep", "50ms", "--batch-size", "16KiB")
			eventually(t, "its lines are in the store", func() bool { return strings.Count(b.shipped(), "line ") == n })
			eventually(t, "it is overwritten at its limit", func() bool { return !strings.Contains(raw(t, log), "line ") })
			stop()
			appendTo(t, log, format.lines(n, 1))
			p, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.IndexByte(p, 0) >= 0 || bytes.Count(p, []byte("\n")) != n+1 || strings.Count(string(p), "203.0.113.77") != 1 {
				t.Errorf("%d lines, %d of them raw; NULs: %v", bytes.Count(p, []byte("\n")), strings.Count(string(p), "203.0.113.77"), bytes.IndexByte(p, 0) >= 0)
			}
			for tail := -1; tail <= n+1; tail++ {
				got, err := format.read(p, tail)
				if err != nil {
					t.Errorf("a reader of the last %d lines: %v", tail, err)
				}
				if tail != 0 && (len(got) == 0 || !strings.Contains(got[len(got)-1], fmt.Sprint("line ", n))) {
					t.Errorf("a reader of the last %d lines does not find the new one", tail)
				}
			}
			b.once("api", "--erase", "rotated", "--fill", "blank") // goes on behind it
			if got := strings.Count(b.shipped(), "line "); got != n+1 {
				t.Errorf("%d lines in the store, want %d", got, n+1)
			}
			b.check()
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteString(text); errors.Join(err, f.Close()) != nil {
		t.Fatal(err)
	}
}
