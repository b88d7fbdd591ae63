package swab

import (
	"os"
	"path/filepath"
	"testing"

	"swab/ledger"
)

// A log that others remove while swab has it open: nobody can read it by its
// name any more, but its lines lie on the device until the blocks are used
// again, which no limit bounds. They are overwritten through the descriptor,
// also those of a class that keeps them until its limit.
func TestInvariant4ALogThatOthersRemovedIsOverwritten(t *testing.T) {
	atOnce := []string{"--batch-age", "20ms", "--sweep", "20ms"}
	for _, row := range []struct {
		name, class string
		flags       []string
		down        bool // the store, from before the removal on
	}{
		{"kept until its limit", "web", atOnce, false},
		{"the store is down", "api", append(atOnce, "--shutdown-timeout", "100ms"), true},
		{"not sealed at SIGTERM", "web", []string{"--batch-age", "1h", "--sweep", "50ms"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDevice(t, "ext4", "", 64<<20)
			b := groundBench(t, d.point)
			log := filepath.Join(b.logs, "app.log")
			appendSynced(t, log, marked(mark, 0, 100))
			b.once(row.class)
			if row.down {
				if err := os.Rename(b.out, b.out+".away"); err != nil {
					t.Fatal(err)
				}
			}
			_, stop := b.listening(row.class, row.flags...) // it has the log open then
			appendSynced(t, log, marked(mark, 100, 4000))
			d.sync()
			if n := count(t, d.image, mark); n < 3900 {
				t.Fatalf("%d of 4000 lines are on the device before anyone erased them", n)
			}
			if err := os.Remove(log); err != nil {
				t.Fatal(err)
			}
			if row.name != "not sealed at SIGTERM" {
				eventually(t, "the log is closed", func() bool { return len(b.events(ledger.KindClose)) == 1 })
			}
			stop()
			d.unmount()
			if n := count(t, d.image, mark); n > 0 {
				t.Errorf("%d lines are on the device still", n)
			}
			b.check()
		})
	}
}
