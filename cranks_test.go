package swab

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"swab/config"
	"swab/ledger"
)

// open makes a daemon of flags in this process, for tests that turn its cranks
// themselves, and closes it at cleanup.
func (b *bench) open(args ...string) *Daemon {
	b.t.Helper()
	cfg, err := config.ParseRun(append(args, "--to", "file://"+b.out, "--state", b.state, "--listen", ""), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := Open(b.t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { d.Close() })
	return d
}

// A class was shipped with --erase off, and no flag names it any more: its
// files are never erased, and that keeps no other from being erased.
func TestEraseGoesOnBesideAClassThatWasNeverErased(t *testing.T) {
	b := newBench(t)
	kept := b.write("kept.log", lines(100, "%08d 203.0.113.77"))
	b.once("api", "--erase", "off")
	gone := b.write("gone.log", lines(100, "%08d 203.0.113.77"))
	b.once("messaging")
	if raw(t, gone) != "" {
		t.Error("what was shipped is not erased")
	}
	if n := strings.Count(raw(t, kept), "\n"); n != 100 {
		t.Errorf("%d lines are left of a file that is not erased, want 100", n)
	}
	b.check()
}

// Invariant 4, when bytes of several classes reach their limit at once, as
// they do after a long outage with a full spool: each range keeps its own
// sums, without which it could never be erased.
func TestInvariant4ClassesThatExpireAtOnceAreAllErased(t *testing.T) {
	b := newBench(t)
	var args []string
	var paths []string
	for i := range 8 {
		class := fmt.Sprintf("own%d", i)
		paths = append(paths, b.write(class+".log", lines(1000, "%08d 203.0.113.77")))
		args = append(args, "--class", class+":like=api", "--log", class+"="+b.logs+"/"+class+".log")
	}
	d := b.open(append(args, "--first-grace", "0s", "--raw-limit", "1h")...)
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	h.pass(2 * time.Hour)
	var expiring sync.WaitGroup
	for _, l := range d.lanes {
		expiring.Go(func() {
			now := d.clock.Now()
			waiting, err := d.files.Pending(l.class.Name, now)
			if err == nil {
				err = d.expire(l, waiting, now, "a test says so")
			}
			if err != nil {
				t.Errorf("%s: %v", l.class.Name, err)
			}
		})
	}
	expiring.Wait()
	if err := d.erase(t.Context()); err != nil {
		t.Error(err)
	}
	for _, path := range paths {
		if raw(t, path) != "" {
			t.Errorf("%s is not erased", path)
		}
	}
	d.ledger.View(func(s *ledger.State) {
		for name, c := range s.Classes {
			if c.Account.Removed != 0 {
				t.Errorf("%s: %d bytes are booked as removed by someone else", name, c.Account.Removed)
			}
		}
	})
}

// Sums stay as long as the raw bytes of their batch do, a week where the class
// says so. They do not wait for the store, and reading does not stop for them.
func TestKeptRawBytesDoNotFillTheSpool(t *testing.T) {
	b := memoryBench(t) // hundreds of batches, each with its syncs
	const rounds, perRound = 6, 8000
	for i := range rounds { // 8 MB each, which have 16 KB of sums
		text := strings.Repeat(strings.Repeat("x", 999)+"\n", perRound)
		b.write(fmt.Sprintf("%d.log", i), text)
		b.once("web", "--batch-size", "64KiB", "--spool-limit", "64KiB")
	}
	if n := strings.Count(b.shipped(), "\n"); n != rounds*perRound {
		t.Errorf("%d lines shipped with the store up, want %d", n, rounds*perRound)
	}
}

// One pass reads to the end, however often the spool is full on the way: what
// the store takes makes room.
func TestOnceReadsOnWhenTheStoreHasMadeRoom(t *testing.T) {
	b := newBench(t)
	var text strings.Builder
	for range 20_000 {
		fmt.Fprintf(&text, "%016x %016x\n", rand.Uint64(), rand.Uint64())
	}
	b.write("a.log", text.String())
	b.once("api", "--batch-size", "16KiB", "--spool-limit", "64KiB")
	if n := strings.Count(b.shipped(), "\n"); n != 20_000 {
		t.Errorf("%d lines shipped with the store up, want 20000", n)
	}
}

// A batch that is begun before midnight and sealed after it has its sums under
// the day's key that it began with: the key stays until it is sealed.
func TestMidnightLeavesABatchUnderWayItsKey(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", lines(100, "%08d 203.0.113.77"))
	d := b.open("--log", "api="+b.logs+"/*")
	h := &hands{wall: noon.AddDate(1, 0, 0), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	if err := d.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	h.pass(24 * time.Hour)
	dryAppend(t, path, lines(100, "%08d 203.0.113.77"))
	d.at = func(s step) {
		if s == stepSpooled {
			h.pass(24 * time.Hour)
			if err := d.erase(t.Context()); err != nil { // as the eraser does every second
				t.Error(err)
			}
		}
	}
	if err := d.Once(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if raw(t, path) != "" {
		t.Error("the batch was shipped and cannot be erased")
	}
	h.pass(24 * time.Hour)
	if err := d.erase(t.Context()); err != nil {
		t.Error(err)
	}
	if days, err := d.keys.Days(); len(days) != 0 || err != nil {
		t.Errorf("keys of %q stay (%v)", days, err)
	}
}

// A ledger that breaks while it takes a seal may hold it all the same, or may
// not: only the next start can tell. Until then the batch stays in the spool.
func TestASealThatBreaksTheLedgerLeavesItsBatch(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(100, "%08d 203.0.113.77"))
	d := b.open("--log", "api="+b.logs+"/*")
	d.at = func(s step) {
		if s == stepSpooled {
			d.ledger.Close() // its next write fails, and so does taking it back
		}
	}
	if err := d.Once(t.Context(), nil); err == nil || d.ledger.Broken() == nil {
		t.Fatalf("the ledger is not broken: %v", err)
	}
	left, err := os.ReadDir(spoolDir(b.state))
	if err != nil || len(left) != 2 {
		t.Errorf("%d files are left in the spool, want body and sums (%v)", len(left), err)
	}
	d.Close()
	b.once("api")
	if n := strings.Count(b.shipped(), "\n"); n != 100 {
		t.Errorf("%d lines shipped, want 100", n)
	}
	b.check()
}

// Invariant 4: a range that cannot be compared, and so not erased, keeps no
// other range of its file from being erased.
func TestInvariant4OneRangeWithoutSumsKeepsNoOther(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", "")
	want := ""
	for i := range 3 {
		text := lines(200, fmt.Sprintf("%d %%08d 203.0.113.77", i))
		dryAppend(t, path, text)
		if b.once("api", "--class", "api:erase-after=1h"); i == 1 {
			want = text
		}
	}
	if err := os.Remove(spoolDir(b.state) + "/api-000000000002.sums"); err != nil {
		t.Fatal(err)
	}
	d := b.open("--log", "api="+b.logs+"/*")
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.erase(t.Context()); err == nil {
			t.Error("a range without sums is no error")
		}
		if raw(t, path) != want {
			t.Errorf("%d raw bytes are left, want the %d without sums", len(raw(t, path)), len(want))
		}
	}
	d.Close()
	b.check()
}

// What keeps the sweep from writing its files down, as a full disk does, does
// not end the daemon: it goes on with what it has, and sweeps again.
func TestASweepThatFailsIsTriedAgain(t *testing.T) {
	b := newBench(t)
	first := b.write("a.log", lines(100, "%08d 203.0.113.77"))
	stop := b.daemonOn("api", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "the first object", func() bool { return raw(t, first) == "" })
	block := b.state + "/paths.tmp"
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	second := b.write("b.log", lines(100, "%08d 203.0.113.77"))
	eventually(t, "the second file to be erased", func() bool { return raw(t, second) == "" })
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if said := stop(); !strings.Contains(said, "not all logs could be looked for") {
		t.Errorf("the trouble is not told:\n%s", said)
	}
	if n := strings.Count(b.shipped(), "\n"); n != 200 {
		t.Errorf("%d lines shipped, want 200", n)
	}
	b.check()
}

// One file that cannot be read, or that is rewritten as it is read, keeps no
// other of its class from being sealed.
func TestOneFileKeepsNoOtherFromBeingSealed(t *testing.T) {
	t.Run("rewritten", func(t *testing.T) {
		b := newBench(t)
		b.write("a.log", lines(100, "%08d 203.0.113.77"))
		b.write("b.log", lines(100, "%08d 203.0.113.77"))
		d := b.open("--log", "api="+b.logs+"/*")
		if err := d.sweep(); err != nil {
			t.Fatal(err)
		}
		now := d.clock.Now()
		waiting, err := d.files.Pending("api", now)
		if err != nil || len(waiting) != 2 {
			t.Fatalf("%d files wait (%v)", len(waiting), err)
		}
		b.write("b.log", lines(90, "other %08d 203.0.113.77"))
		if sealed, rewritten, err := d.seal(t.Context(), d.lanes[0], waiting, now); !sealed || !rewritten || err != nil {
			t.Errorf("sealed: %t, rewritten: %t (%v)", sealed, rewritten, err)
		}
		if err := d.Once(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if n := strings.Count(b.shipped(), "\n"); n != 190 {
			t.Errorf("%d lines shipped, want 190", n)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		const bad = "/sys/devices/virtual/net/lo/speed" // regular, of 4096 bytes, and EINVAL to read
		if p, err := os.ReadFile(bad); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Skipf("no such file here: %q", p)
		}
		b := newBench(t)
		b.write("a.log", lines(100, "%08d 203.0.113.77"))
		d := b.open("--log", "api="+b.logs+"/*", "--log", "api="+bad, "--erase", "off", "--allow-wide-glob")
		if err := d.Once(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("one pass that could not read a file ends with %v", err)
		}
		if n := strings.Count(b.shipped(), "\n"); n != 100 {
			t.Errorf("%d lines shipped, want 100", n)
		}
	})
}

// What expires is at its limit: bytes behind it that are known to be younger
// may still be sealed in time.
func TestExpireLeavesYoungerBytes(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", lines(100, "old %08d 203.0.113.77"))
	d := b.open("--log", "api="+b.logs+"/*", "--first-grace", "0s", "--raw-limit", "1h")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	look := func() {
		if err := d.sweep(); err != nil {
			t.Fatal(err)
		}
	}
	look()
	h.pass(50 * time.Minute)
	look()
	young := lines(100, "young %08d 203.0.113.77")
	dryAppend(t, path, young)
	look()
	h.pass(20 * time.Minute)
	now := d.clock.Now()
	waiting, err := d.files.Pending("api", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.expire(d.lanes[0], waiting, now, "a test says so"); err != nil {
		t.Error(err)
	}
	if err := d.erase(t.Context()); err != nil {
		t.Error(err)
	}
	if raw(t, path) != young {
		t.Errorf("%d raw bytes are left, want the %d of twenty minutes ago", len(raw(t, path)), len(young))
	}
	if err := d.Once(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if n := strings.Count(b.shipped(), "young"); n != 100 {
		t.Errorf("%d lines shipped, want 100", n)
	}
	d.Close()
	b.check()
}
