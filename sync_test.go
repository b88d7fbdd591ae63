package swab

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"swab/ledger"
	"swab/retain"
	"swab/ship"
)

// A failed sync of what was overwritten: nothing is punched or recorded, and
// the next pass writes it again before it syncs again. The pages that the
// kernel dropped are played by raw bytes that come back from the device.
func TestAFailedSyncOfZerosIsWrittenAndSyncedAgain(t *testing.T) {
	for _, fill := range []string{"zero", "blank"} {
		t.Run(fill, func(t *testing.T) {
			b := newBench(t)
			text := lines(3000, "%08d 203.0.113.77")
			path := b.write("a.log", text)
			d := b.open("--log", "api="+b.logs+"/*", "--fill", fill)
			failures, syncs := 3, 0
			d.sync = func(f *os.File) error {
				syncs++
				if failures == 0 {
					return retain.Sync(f)
				}
				failures--
				if got := strings.Trim(raw(t, path), " \n"); got != "" {
					t.Errorf("sync %d comes before the overwriting: %d bytes are raw", syncs, len(got))
				}
				if _, err := f.WriteAt([]byte(text[:8*ledger.BlockSize]), 0); err != nil { // whole pages
					t.Error(err)
				}
				return &retain.SyncError{Path: f.Name(), Err: syscall.EIO}
			}
			if err := d.Once(t.Context(), nil); !errors.Is(err, syscall.EIO) {
				t.Fatalf("%v, want what the sync said", err)
			}
			for failures > 0 {
				if err := d.erase(t.Context()); !errors.Is(err, syscall.EIO) {
					t.Fatalf("%v, want what the sync said", err)
				}
				info, err := os.Stat(path)
				if err != nil || info.Sys().(*syscall.Stat_t).Blocks*512 < info.Size() {
					t.Errorf("punched before the sync held: %+v (%v)", info, err)
				}
				if n := len(b.events(ledger.KindErased)); n != 0 {
					t.Errorf("%d erased events before the sync held", n)
				}
			}
			if err := d.erase(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Trim(raw(t, path), " \n"); got != "" || syncs != 4 {
				t.Errorf("%d raw bytes are left after %d syncs", len(got), syncs)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			if a := b.check().State.Account("api"); a.Erased != a.Written || a.Removed != 0 {
				t.Errorf("account %+v", a)
			}
		})
	}
}

// A failed sync of ledger or spool ends the process: what is on the disk is not
// known any more. A full disk does not.
func TestAFailedSyncEndsTheProcess(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(100, "%08d 203.0.113.77"))
	d := b.open("--log", "api="+b.logs+"/*", "--batch-age", "10ms", "--sweep", "10ms")
	spool := &ship.SyncError{Path: "spool/api-1", Err: syscall.EIO}
	for err, ends := range map[error]bool{spool: true, errors.Join(errors.New("put"), spool): true, syscall.ENOSPC: false} {
		if got := d.fatal(err); (got != nil) != ends {
			t.Errorf("shipping: %v ends it: %v", err, got)
		}
		if got := d.sealTrouble(d.lanes[0], err); (got != nil) != ends {
			t.Errorf("sealing: %v ends it: %v", err, got)
		}
	}
	d.at = func(s step) {
		if s == stepSpooled {
			d.ledger.Close() // its next write fails, and so does taking it back
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(context.Background()) }()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "ledger") || d.ledger.Broken() == nil {
		t.Errorf("the run ended with %v", err)
	}
}
