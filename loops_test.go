package swab

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Invariant 4, of the loops themselves: they run as the daemon starts them, with
// their own tickers, for the hours of a shorter limit; the store is down all the
// while. Every ten minutes a line is written, and what is at its limit is gone
// when the next one is.
func TestInvariant4TheLoopsHoldTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := newTurned(t.Fatalf)
		s.clocks = func() (time.Time, time.Duration) { return time.Now(), time.Since(begun) + time.Hour }
		s.store.at = time.Now
		path := s.add("a.log", "")
		for ns := range s.births {
			s.births[ns] = begun.UnixNano()
		}
		const limit, every = time.Hour, 10*time.Minute + 5*time.Second // at no look is a line just at its limit
		s.start("--log", "api="+s.logs+"/*", "--raw-limit", limit.String(), "--sweep", "10s")
		s.store.away.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		run := func(loop func(context.Context) error) {
			loops.Go(func() {
				if err := loop(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		run(s.sweepTicks)
		run(s.d.eraseLoop)
		for _, sh := range s.d.shippers {
			run(func(ctx context.Context) error { return s.d.shipLoop(ctx, sh) })
		}
		for _, l := range s.d.lanes {
			run(func(ctx context.Context) error { return s.d.laneLoop(ctx, l) })
		}
		<-time.After(time.Second)
		const lines = 18
		for i := range lines {
			s.add("a.log", noise("A", i))
			<-time.After(every)
			if left, want := strings.Count(s.raw(path), "\n"), min(i+1, int(limit/every)); left != want {
				t.Errorf("after %s %d lines are raw, want %d", time.Since(begun), left, want)
			}
		}
		s.store.away.Store(false)
		<-time.After(2 * limit)
		stop()
		loops.Wait()
		if n := words(s.shipped()); len(n) != lines || s.raw(path) != "" {
			t.Errorf("%d lines in the store, want %d; %d raw bytes are left", len(n), lines, len(s.raw(path)))
		}
		s.hold()
		s.check()
		if err := os.RemoveAll(s.dir); err != nil {
			t.Error(err)
		}
	})
}

// sweepTicks is the daemon's sweeping without the kernel's notifications, which
// no simulated time waits for.
func (s *turned) sweepTicks(ctx context.Context) error {
	tick := time.NewTicker(s.d.cfg.Sweep)
	defer tick.Stop()
	for {
		if err := s.d.sweepOn(); err != nil {
			return err
		}
		if err := s.d.noteGrowth(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
