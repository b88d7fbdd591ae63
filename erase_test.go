package swab

import (
	"os"
	"strings"
	"testing"

	"swab/ledger"
)

// The README's way in: ship with --erase off, look, and take the flag away.
func TestEraseOffShipsOnlyAndCanBeTakenBack(t *testing.T) {
	b := newBench(t)
	text := lines(3000, "%08d 203.0.113.77")
	path := b.write("a.log", text)
	b.once("api", "--erase", "off")
	if raw(t, path) != text {
		t.Fatal("--erase off changed the log")
	}
	b.once("api")
	if raw(t, path) != "" {
		t.Error("what was shipped under --erase off is still there")
	}
	if n := strings.Count(b.shipped(), "\n"); n != 3000 {
		t.Errorf("%d lines in the store, want 3000", n)
	}
	if len(b.events(ledger.KindPolicy)) != 1 {
		t.Error("the ledger does not tell of the change")
	}
	b.check()
}

// --fill blank leaves spaces and keeps the newlines: a reader of the live file
// meets no NUL, and counts as many lines as before.
func TestFillBlankKeepsTheLines(t *testing.T) {
	b := newBench(t)
	text := lines(3000, "%08d 203.0.113.77")
	path := b.write("a.log", text)
	b.once("api", "--fill", "blank")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(text) || strings.Trim(string(got), " \n") != "" || strings.Count(string(got), "\n") != 3000 {
		t.Errorf("the log has %d bytes and %d lines", len(got), strings.Count(string(got), "\n"))
	}
	b.check()
}

// --erase rotated leaves a live file alone until it is rotated away; erase-after
// leaves it for on-call to read.
func TestEraseWaitsForRotationOrForTheTimeToRead(t *testing.T) {
	t.Run("rotated", func(t *testing.T) {
		b := newBench(t)
		text := lines(3000, "%08d 203.0.113.77")
		path := b.write("a.log", text)
		b.once("api", "--erase", "rotated")
		if raw(t, path) != text {
			t.Fatal("a live file was erased")
		}
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		b.once("api", "--erase", "rotated")
		if raw(t, path+".1") != "" {
			t.Error("a rotated file was not erased")
		}
		b.check()
	})
	t.Run("erase-after", func(t *testing.T) {
		b := newBench(t)
		text := lines(3000, "%08d 203.0.113.77")
		path := b.write("a.log", text)
		b.once("api", "--class", "api:erase-after=1h")
		if raw(t, path) != text {
			t.Fatal("the time to read is not over")
		}
		b.once("api", "--class", "api:erase-after=0s")
		if raw(t, path) != "" {
			t.Error("the time to read is over")
		}
		b.check()
	})
}
