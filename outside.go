package swab

import (
	"context"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/ship"
)

// outside is what a daemon asks of its machine and of the way to its store, in
// one place for the tests that turn it by hand.
type outside struct {
	wall func() time.Time
	boot func() time.Duration // since boot, suspends included
	// bootID tells one boot of the kernel from another; empty is not known.
	bootID func() string
	// born is a file's birth as swab is to see it (ns since 1970), of what the
	// file system says; nil is that.
	born  func(ns int64) int64
	store func(context.Context, *config.Config) (ship.Store, error)
}

func realOutside() outside {
	return outside{
		wall: time.Now, boot: bootTime, store: newStore,
		bootID: func() string { return firstLine("/proc/sys/kernel/random/boot_id") },
	}
}

// startClock begins the clock anew, now that the ledger tells how far the last
// run came.
func (d *Daemon) startClock() {
	var last time.Time
	var sure moment
	id := d.outside.bootID()
	d.ledger.View(func(s *ledger.State) {
		last = s.LastAt
		if id != "" && s.Boot == id && s.Sure > 0 {
			sure = moment{time.Unix(s.Sure, 0), s.Up.Duration()}
		}
	})
	d.clock = newClock(last, sure, d.outside.wall, d.outside.boot)
}
