package swab

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

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

// Invariant 4: what is written into a log that was just found finished, and is
// read before the log is unlinked, is raw: the log stays until it is erased.
func TestInvariant4ALogThatIsReadOnBeforeItIsUnlinkedStays(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", lines(100, "%08d 203.0.113.77"))
	d := b.open("--log", "api="+b.logs+"/*")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	if err := d.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	path += ".1"
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	text := lines(15, "late %08d 203.0.113.77")
	// It is asked for the time once a log is found finished: what happens then is
	// between that and the unlinking.
	armed := false
	asked := newClock(time.Time{}, moment{}, func() time.Time {
		if armed {
			armed, d.clock = false, h.clock(time.Time{})
			dryAppend(t, path, text)
			if err := d.sweep(); err != nil {
				t.Error(err)
			}
			if sealed, err := d.collect(t.Context(), d.lanes[0], true); err != nil || !sealed {
				t.Errorf("sealed: %t (%v)", sealed, err)
			}
		}
		return h.wall
	}, func() time.Duration { return h.boot })
	armed, d.clock = true, asked
	if err := d.finishFiles(); err != nil {
		t.Error(err)
	}
	if armed || raw(t, path) != text {
		t.Errorf("%d raw bytes are left, want the %d that are not erased", len(raw(t, path)), len(text))
	}
	if err := d.Once(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is not unlinked when it is erased: %v", err)
	}
	if n := strings.Count(b.shipped(), "late "); n != 15 {
		t.Errorf("%d late lines in the store, want 15", n)
	}
	d.Close()
	b.check()
}
