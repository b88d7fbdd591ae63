package swab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"swab/ledger"
)

// saidOnce runs one pass over all logs as one class, and returns what it said.
func (b *bench) saidOnce(fails bool, class string, more ...string) string {
	b.t.Helper()
	cmd, said := daemon(b.t, append(b.args(class, more...), "--once", "--log-level", "info")...)
	if err := cmd.Run(); (err != nil) != fails {
		b.t.Fatalf("swab run --once: %v\n%s", err, said)
	}
	return said.String()
}

// says fails the test unless a line of said holds all of words.
func says(t *testing.T, said string, words ...string) {
	t.Helper()
	for line := range strings.Lines(said) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(strings.TrimSuffix(line, "\n")+" ", w+" ")
		}
		if has {
			return
		}
	}
	t.Errorf("no line says %q:\n%s", words, said)
}

func TestOnceSaysWhatStaysRawAndWhy(t *testing.T) {
	const text = "203.0.113.77 a line of a log\n" // 29 bytes
	half := text[:10]
	noneLeft := "msg=\"read to the end\" read_bytes=290 shipped_bytes=290 shipped_lines=10 overwritten_bytes=290 unshipped_batches=0 raw_bytes_left=0"
	tests := []struct {
		name, class, text string
		flags             []string
		summary           string
		reason            []string
	}{
		{"nothing", "api", strings.Repeat(text, 10), nil, noneLeft, nil},
		{
			"half a line", "api", strings.Repeat(text, 10) + half, nil,
			"overwritten_bytes=290 unshipped_batches=0 raw_bytes_left=10",
			[]string{"level=WARN", `msg="raw bytes stay" why="the last line is not whole" class=api files=1`, "a.log bytes=10"},
		},
		{
			"until the limit", "web", strings.Repeat(text, 10), nil,
			"shipped_lines=10 overwritten_bytes=0 unshipped_batches=0 raw_bytes_left=290",
			[]string{"level=INFO", `msg="raw bytes stay" why="kept until its limit" class=web files=1`, "bytes=290"},
		},
		{
			"until it is rotated", "api", strings.Repeat(text, 10), []string{"--erase", "rotated"}, "raw_bytes_left=290",
			[]string{"level=INFO", `why="erased when the file is rotated away" class=api files=1`, "bytes=290"},
		},
		{
			"erasing is off", "api", strings.Repeat(text, 10), []string{"--erase", "off"}, "raw_bytes_left=290",
			[]string{"level=INFO", `why="erasing is off" class=api files=1`, "bytes=290"},
		},
		{
			"refused", "api", "SQLite format 3\x00" + strings.Repeat("\x00", 84), nil, "read_bytes=0 shipped_bytes=0 shipped_lines=0 overwritten_bytes=0 unshipped_batches=0 raw_bytes_left=100",
			[]string{"level=WARN", `msg="raw bytes stay" why="not taken: an SQLite database" files=1`, "bytes=100"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.write("a.log", tt.text)
			said := b.saidOnce(false, tt.class, tt.flags...)
			says(t, said, tt.summary)
			if tt.reason != nil {
				says(t, said, tt.reason...)
			}
			if n, want := strings.Count(said, "raw bytes stay"), min(len(tt.reason), 1); n != want {
				t.Errorf("%d reasons, want %d:\n%s", n, want, said)
			}
			b.check()
		})
	}
}

// Many files for one reason are one line; what cannot be sent or be overwritten
// is told, with the status that says so.
func TestOnceSaysWhatItCouldNotDo(t *testing.T) {
	const text = "203.0.113.77 a line of a log\n"
	t.Run("the store is down", func(t *testing.T) {
		b := newBench(t)
		for i := range 20 {
			b.write(fmt.Sprintf("%02d.log", i), text)
		}
		b.saidOnce(false, "api")
		for i := range 20 {
			b.write(fmt.Sprintf("new-%02d.log", i), text)
		}
		if err := os.Rename(b.out, b.out+".away"); err != nil {
			t.Fatal(err)
		}
		said := b.saidOnce(true, "api", "--shutdown-timeout", "10ms")
		says(t, said, "read_bytes=580 shipped_bytes=0", "overwritten_bytes=0", "raw_bytes_left=580")
		says(t, said, "level=WARN", `why="sealed and not shipped; the store is down" class=api files=20 bytes=580`)
	})
	t.Run("not writable", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("an immutable log needs root")
		}
		b := newBench(t)
		b.write("a.log", text)
		b.saidOnce(false, "api") // the first start refuses such a log
		path := b.write("b.log", text)
		if out, err := exec.Command("chattr", "+i", path).CombinedOutput(); err != nil {
			t.Skipf("no immutable files here: %v: %s", err, out)
		}
		defer exec.Command("chattr", "-i", path).Run()
		said := b.saidOnce(true, "api")
		says(t, said, "shipped_bytes=29", "overwritten_bytes=0", "raw_bytes_left=29")
		says(t, said, "level=WARN", `why="due, and cannot be overwritten. It is immutable or append-only: chattr -i -a" class=api files=1`, "bytes=29")
	})
}

// A log that loses its name in the middle of one pass is read and overwritten,
// also when the pass is asked to stop then: its descriptor is all there is.
func TestInvariant4OnePassOverwritesWhatLosesItsName(t *testing.T) {
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut short %t", cut), func(t *testing.T) {
			b := newBench(t)
			path := b.write("a.log", lines(1000, "%08d 203.0.113.77"))
			b.write("b.log", lines(1000, "%08d 203.0.113.78"))
			held, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			d := b.open("--log", "web="+b.logs+"/*", "--batch-size", "4KiB")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			removed := false
			d.at = func(s step) {
				if s != stepSealed || removed {
					return
				}
				removed = true
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
				if cut {
					cancel()
				}
			}
			if err := d.Once(ctx, nil); errors.Is(err, ErrCutShort) != cut || !cut && err != nil {
				t.Errorf("it ended with %v", err)
			}
			left, err := io.ReadAll(held)
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.Trim(string(left), "\x00"); text != "" {
				t.Errorf("%d raw bytes of the removed log are left", len(text))
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			b.once("web")
			if n := strings.Count(b.shipped(), "\n"); n != 2000 {
				t.Errorf("%d lines in the store, want 2000", n)
			}
			if n := len(b.events(ledger.KindStop)); n != 2 {
				t.Errorf("%d stops in the ledger, want 2", n)
			}
			b.check()
		})
	}
}
