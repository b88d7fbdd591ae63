// Package swab is the daemon: it takes logs line by line, scrubs them, ships
// them and wipes them.
//
//	files ──tail──▶ chunk ──scrub──▶ lines without IPs ──ship──▶ batch ─seal─▶ spool ──▶ store
//	  ▲                                                             │                     │ verified
//	  └────────────────────── erase ◀── retain ◀────────────── ledger ◀───────────────────┘
//
// [Open] meets the store and the state and finishes what a crash interrupted.
// [Daemon.Run] runs until its context ends; [Daemon.Once] reads to the end,
// ships, erases and returns. Both turn the same four cranks, each a synchronous
// step that a test can call alone:
//
//	sweep   which files are there (tail)
//	collect one class's unread lines into a sealed batch (lane.go)
//	ship    a class's next sealed batch into the store (shipping.go)
//	erase   what the plan says, by way of the ledger (erasing.go)
package swab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
	"swab/ship"
	"swab/tail"
)

// Daemon is one swab with its state directory.
type Daemon struct {
	cfg     *config.Config
	log     *slog.Logger
	outside outside
	clock   *Clock

	ledger *ledger.Ledger
	keys   *ledger.Keys
	// pseudonyms are the keys of another kind in the same directory.
	pseudonyms pseudonymKeys
	paths      *ledger.Paths
	spool      *ship.Spool
	store      ship.Store
	files      *tail.Set
	names      *scrub.Scrubber // for host names and paths

	host, node string
	ahead      string   // a batch in the spool that the ledger cannot have forgotten in a crash
	made       []string // directories that this start made for the state
	started    time.Time
	contact    contact
	lanes      []*lane
	streams    []*stream
	// streamsDone is closed when all streams are.
	streamsDone chan struct{}
	lastStream  sync.Once
	shippers    map[string]*shipper // by class

	// erasing is held while ranges are overwritten or files unlinked.
	erasing sync.Mutex
	// expiring is held while a range is made to expire: all classes draw their
	// numbers from one row.
	expiring sync.Mutex
	// copying is held while a copy inherits: for the same reason, and so that
	// no range of its original joins others meanwhile.
	copying  sync.Mutex
	joinedAt time.Time // when ranges were last looked at to be joined; erasing guards it
	keysMu   sync.Mutex
	keysHeld map[string]int // days whose key a batch under way has
	sumsMu   sync.Mutex
	sums     map[ledger.BatchID]bool // whose sums files are in the spool
	// spaceMu guards the spool's reserve. fullUntil is until when a full disk is
	// not tried for what may wait; noReserve: it gives no room away beforehand.
	spaceMu   sync.Mutex
	fullUntil time.Time
	noReserve bool
	uncovered uncoveredLogs
	// drain: nothing waits for its batch to fill up any more.
	drain  chan struct{}
	once   sync.Once
	sealed chan struct{} // a batch was sealed or shipped
	told   told

	at   func(step)           // tests: called at each step; nil otherwise
	sync func(*os.File) error // of what was overwritten: [retain.Sync], but in tests

	uploaderMu sync.Mutex
	upload     *ship.Uploader // nil until the store was met
}

// Run runs until ctx ends, then flushes for at most the shutdown timeout. The
// error is what ended it, nil after ctx ended and all was flushed.
func (d *Daemon) Run(ctx context.Context) error { return d.clean(d.run(ctx)) }

func (d *Daemon) run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var wg sync.WaitGroup
	start := func(loop func(context.Context) error) {
		wg.Go(func() {
			if err := loop(work); err != nil && work.Err() == nil {
				stop(err)
			}
		})
	}
	if err := d.sweepOn(); err != nil {
		return err
	}
	d.greet()
	defer d.listen(work)()
	start(d.sweepLoop)
	start(d.eraseLoop)
	for _, s := range d.shippers {
		start(func(ctx context.Context) error { return d.shipLoop(ctx, s) })
	}
	for _, s := range d.streams {
		wg.Go(func() { d.readStream(work, s) })
	}
	var reading sync.WaitGroup
	for _, l := range d.lanes {
		reading.Go(func() {
			if err := d.laneLoop(work, l); err != nil && work.Err() == nil {
				stop(err)
			}
		})
	}

	select {
	case <-ctx.Done():
	case <-work.Done():
	case <-d.allRead():
	}
	if err := d.sweepOn(); err != nil { // what was created a moment ago is read, too
		stop(err)
	}
	d.once.Do(func() { close(d.drain) })
	if work.Err() == nil {
		d.flush(work, &reading)
	}
	stop(errStopped)
	reading.Wait()
	wg.Wait()
	ended := d.endOfStreams(ctx)
	if err := context.Cause(work); !errors.Is(err, errStopped) {
		return errors.Join(err, ended, d.endUnsealed(ctx))
	}
	if ended != nil {
		return ended
	}
	return d.ledger.Append(ledger.Event{Stop: &ledger.Stop{Why: "asked to"}})
}

var errStopped = errors.New("stopped")

// flush waits until all is read, shipped and erased, or the time is up.
// Nothing is lost either way: the next start goes on.
func (d *Daemon) flush(work context.Context, reading *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(work, d.cfg.ShutdownTimeout)
	defer cancel()
	defer d.eraseLast(work)
	read := make(chan struct{})
	go func() { reading.Wait(); close(read) }()
	select {
	case <-read:
	case <-ctx.Done():
		return
	}
	for d.unshipped() > 0 {
		select {
		case <-d.sealed:
		case <-ctx.Done():
			d.log.Warn("stopped before all was shipped; the next start ships it", "batches", d.unshipped())
			return
		}
	}
}

// eraseLast erases what may be erased, with the store down, too: of a log that
// others removed, the descriptor that is about to be closed is all there is.
func (d *Daemon) eraseLast(ctx context.Context) {
	if err := d.erase(ctx); err != nil {
		d.log.Error("erasing", "error", d.clean(err))
	}
}

// sweepLoop looks at the directories, in the rhythm of --sweep and when one of
// them changes.
func (d *Daemon) sweepLoop(ctx context.Context) error {
	watch := tail.NewWatch(d.roots())
	defer watch.Close()
	tick := time.NewTicker(d.cfg.Sweep)
	defer tick.Stop()
	seen := d.clock.Now()
	limited := d.watchOn(watch, false)
	for {
		if err := d.sweepOn(); err != nil {
			return err
		}
		if now := d.clock.Now(); now.Sub(seen) >= seenEvery {
			if err := d.noteGrowth(); err != nil {
				return err
			}
			seen = now
		}
		if d.files.Measuring() && ctx.Err() == nil {
			continue
		}
		if err := d.noteUncovered(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			limited = d.watchOn(watch, limited)
		case <-watch.Changed():
		}
	}
}

// watchOn says once when new files are not all notified of, tries to watch those
// directories again, and says when that is over. It tells whether it is so now.
func (d *Daemon) watchOn(watch *tail.Watch, limited bool) bool {
	err := watch.Err()
	if err != nil && limited {
		watch.Retry()
		err = watch.Err()
	}
	switch {
	case err != nil && !limited:
		d.log.Warn("no notifications of some new files; they are found by sweeping", "error", d.clean(err), "every", d.cfg.Sweep)
	case err == nil && limited:
		d.log.Info("new files are notified of again")
	}
	return err != nil
}

// seenEvery is how often the ledger hears of the sizes of unsealed bytes.
const seenEvery = time.Minute

// sweep looks at the directories, and lets copies inherit. A generation that
// ended waits for that; then one more look begins the next one.
func (d *Daemon) sweep() error {
	for {
		if err := d.sweepSome(); err != nil || !d.files.Measuring() {
			return err
		}
	}
}

// sweepSome is a sweep that leaves archives for the next one which it would
// take long to measure.
func (d *Daemon) sweepSome() error {
	for {
		if err := d.files.Sweep(d.clock.Now()); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		inherited, err := d.inherit()
		if err != nil {
			return fmt.Errorf("copies: %w", err)
		}
		if !inherited || !d.files.Ending() {
			return nil
		}
	}
}

// sweepOn sweeps, and tells what was in the way: a full disk that takes no new
// place of a file ends nothing, since the next sweep tries it again. A broken
// ledger does.
func (d *Daemon) sweepOn() error {
	d.takeReveals()
	err := d.sweepSome()
	if err == nil || d.ledger.Broken() != nil {
		d.told.over("sweep")
		return err
	}
	d.told.say(d.log.Error, "sweep", "not all logs could be looked for; it is tried again", "error", d.clean(err))
	return nil
}

func (d *Daemon) noteGrowth() error {
	grown := append(d.files.Growth(), d.streamGrowth()...)
	// Where swab's time is not the wall clock's, the next start goes on from the
	// ledger's last event.
	if len(grown) == 0 && !d.clock.Astray() || d.ledger.Cramped() {
		return nil // on a full disk its reserve is for what must not wait; bytes count as older then
	}
	if err := d.ledger.Append(ledger.Event{Seen: &ledger.Seen{Files: grown}}); d.ledger.Broken() != nil {
		return err
	}
	return nil // else a file ended meanwhile; the next one lists the others
}

func (d *Daemon) roots() []string {
	roots := map[string]bool{}
	for _, l := range d.cfg.Logs {
		roots[l.Root] = true
	}
	return slices.Sorted(maps.Keys(roots))
}

// unshipped counts the sealed batches that the store does not have.
func (d *Daemon) unshipped() int {
	n := 0
	d.ledger.View(func(s *ledger.State) {
		for _, c := range s.Classes {
			n += int(c.Sealed - c.Shipped)
		}
	})
	return n
}

// wake tells the shippers, the eraser and a flush that something moved.
func (d *Daemon) wake() {
	select {
	case d.sealed <- struct{}{}:
	default:
	}
	for _, s := range d.shippers {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// draining tells whether nothing waits any more.
func (d *Daemon) draining() bool {
	select {
	case <-d.drain:
		return true
	default:
		return false
	}
}

// Close gives files and state back. It writes nothing.
func (d *Daemon) Close() error {
	d.freeStreams()
	return errors.Join(d.files.Close(), d.spool.Close(), d.closePseudonyms(), d.ledger.Close())
}

func spoolDir(state string) string { return filepath.Join(state, "spool") }
func keysDir(state string) string  { return filepath.Join(state, "keys") }
