package swab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"swab/config"
	"swab/ledger"
	"swab/retain"
	"swab/scrub"
	"swab/ship"
	"swab/tail"
)

// Open starts a daemon up to the point where it could read: the flags hold
// against this host, the store was met, the state is open, and what a crash
// left over is swept. At a first start, an error means that nothing was
// changed on this host.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*Daemon, error) {
	return open(ctx, cfg, log, realOutside())
}

func open(ctx context.Context, cfg *config.Config, log *slog.Logger, outside outside) (*Daemon, error) {
	names, err := scrub.New(scrub.Policy{})
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		cfg: cfg, log: log, names: names, drain: make(chan struct{}), sealed: make(chan struct{}, 1),
		streamsDone: make(chan struct{}), started: time.Now(), shippers: map[string]*shipper{}, sums: map[ledger.BatchID]bool{}, keysHeld: map[string]int{},
		sync: retain.Sync, outside: outside,
	}
	first, err := firstStart(cfg.State)
	if err != nil {
		return nil, err
	}
	d.clock = newClock(time.Time{}, moment{}, outside.wall, outside.boot)
	if !first {
		// What the state knows decides about the store: one that is down now
		// is no reason not to hold the limits.
		return d, d.startOn(d.openState, func() error { return d.openStore(ctx, first) }, d.begin)
	}
	return d, d.startOn(d.preflight, d.makeState, func() error { return d.openStore(ctx, first) }, d.openState, d.begin)
}

// startOn takes the steps in order. What fails is undone.
func (d *Daemon) startOn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return d.clean(errors.Join(err, d.closeState()))
		}
	}
	return nil
}

// makeState makes the state directory, and remembers what it made: until a
// ledger lies in it, a start that fails takes it back.
func (d *Daemon) makeState() error {
	var missing []string
	for dir := d.cfg.State; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("--state %s: cannot be made: %w", d.cfg.State, err)
		}
		d.made = append(d.made, dir)
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("--state %s: %w", d.cfg.State, err)
		}
	}
	return nil
}

// syncDir makes the names in a directory durable: all that is synced beneath
// one goes with it, when the power does. A directory that swab may write but not
// read cannot be synced.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// firstStart tells whether the state directory holds no ledger yet, and
// whether it can be written.
func firstStart(state string) (bool, error) {
	info, err := os.Stat(filepath.Join(state, "ledger"))
	if err == nil && !info.IsDir() {
		return false, fmt.Errorf("--state %s: its ledger is not a directory", state)
	}
	if err == nil {
		return false, writableDir(state)
	}
	dir := state
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return true, fmt.Errorf("--state %s: %s is not a directory", state, dir)
		}
		if err == nil {
			return true, writableDir(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return true, fmt.Errorf("--state %s: %w", state, err)
		}
		dir = filepath.Dir(dir)
	}
}

func writableDir(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("--state: %s cannot be written (uid %d): %w. Name a directory that swab's user owns", dir, os.Geteuid(), err)
	}
	return nil
}

// preflight opens the logs once, before anything is changed: what is to be
// erased must be writable.
func (d *Daemon) preflight() error {
	var faults []error
	for _, f := range d.matched() {
		if f.Rule.Erase == "off" {
			continue
		}
		if err := tail.TryWrite(f.Place); err != nil {
			faults = append(faults, unwritable(d.names.String(f.Path), f.Info, err))
		}
	}
	return errors.Join(append(faults, d.checkStreams())...)
}

// unwritable says what is wrong with a log that swab cannot erase, and what to
// do.
func unwritable(name string, info fs.FileInfo, err error) error {
	var why error = err
	var perr *fs.PathError
	if errors.As(err, &perr) {
		why = perr.Err
	}
	return fmt.Errorf("%s: can be read but not written (mode %#o; swab runs as uid %d): %w. %s, or ship only with --erase off", name, info.Mode().Perm(), os.Geteuid(), why, cure(info, err))
}

// openStore opens the store that --to names, and meets it.
func (d *Daemon) openStore(ctx context.Context, first bool) error {
	known := ""
	if !first {
		d.ledger.View(func(s *ledger.State) { known = s.Store })
	}
	var err error
	if d.cfg.To.Kind == config.Dir && known == d.storeURL() {
		d.store = ship.KnownDir(d.cfg.To.Dir) // never made anew: it may not be mounted
	} else if d.store, err = d.outside.store(ctx, d.cfg); err != nil {
		return fmt.Errorf("--to %s: %w", d.cfg.To, err)
	}
	return d.meetStore(ctx, first)
}

// storeURL is --to, fit for the ledger.
func (d *Daemon) storeURL() string { return d.names.String(d.cfg.To.String()) }

func newStore(ctx context.Context, cfg *config.Config) (ship.Store, error) {
	if cfg.To.Kind == config.Dir {
		return ship.NewDir(cfg.To.Dir)
	}
	return ship.NewS3(ctx, ship.S3Options{
		Bucket: cfg.To.Bucket, Endpoint: cfg.Endpoint, Region: cfg.Region,
		PathStyle: cfg.PathStyle, SSE: cfg.SSE, KMSKey: cfg.KMSKey,
	})
}

// meetStore probes the store. What only an operator can mend (no such bucket,
// no right to put) ends a first start; later, and for a store that is merely
// down, swab goes on and holds the limits.
func (d *Daemon) meetStore(ctx context.Context, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ShutdownTimeout)
	defer cancel()
	_, err := d.uploader(ctx)
	if err == nil {
		return nil
	}
	if first && ship.Permanent(err) {
		return fmt.Errorf("--to %s: %w", d.cfg.To, err)
	}
	d.log.Error("the store was not met; nothing is lost, it is tried again", "store", d.cfg.To.String(), "error", err)
	return nil
}

// uploader returns the way to the store, once the store was met and has shown
// whether it heeds conditions.
func (d *Daemon) uploader(ctx context.Context) (*ship.Uploader, error) {
	d.uploaderMu.Lock()
	defer d.uploaderMu.Unlock()
	if d.upload != nil {
		return d.upload, nil
	}
	probe, err := ship.Probe(ctx, d.store, d.cfg.To.Prefix)
	if err != nil {
		d.storeFailed(err)
		return nil, err
	}
	d.clock.Heard(probe.Date)
	d.contact.up(probe.Conditional)
	verify, err := ship.ParseVerify(string(d.cfg.Verify))
	if err != nil {
		return nil, err
	}
	d.upload = &ship.Uploader{Store: d.store, Verify: verify, Conditional: probe.Conditional}
	if d.cfg.RateLimit > 0 {
		d.upload.Rate = ship.NewRate(d.cfg.RateLimit)
	}
	d.log.Info("store met", "store", d.cfg.To.String(), "conditional_put", probe.Conditional)
	if !probe.Conditional {
		d.log.Warn("the store accepted the same key twice (it ignores If-None-Match); falling back to HEAD before PUT: two swabs with one state directory could overwrite each other")
	}
	return d.upload, nil
}

// openState opens ledger, keys, spool and files, and sweeps what is orphaned.
func (d *Daemon) openState() error {
	var err error
	state := d.cfg.State
	if d.ledger, err = ledger.Open(state, ledger.Options{Now: func() time.Time { return d.clock.Now() }, Daily: true}); err != nil {
		return fmt.Errorf("--state %s: %w", state, err)
	}
	d.startClock()
	if d.keys, err = ledger.OpenKeys(keysDir(state)); err != nil {
		return err
	}
	if err := d.openPseudonyms(keysDir(state)); err != nil {
		return err
	}
	if d.paths, err = ledger.OpenPaths(state); err != nil {
		return err
	}
	if d.spool, err = ship.OpenSpool(spoolDir(state)); err != nil {
		return err
	}
	if err := d.sweepSpool(); err != nil {
		return fmt.Errorf("orphans in the spool: %w", err)
	}
	d.ledger.View(func(s *ledger.State) {
		for id, b := range s.Batches {
			if b.RawLeft() {
				d.sums[id] = true
			}
		}
	})
	d.diskRoom(d.clock.Now()) // the reserve, while there is room for it
	d.files = tail.New(tail.Options{
		Rules: d.rules(), Exclude: d.cfg.Exclude, Follow: d.cfg.Follow, Name: d.names.String, Warn: d.log.Warn, Born: d.outside.born,
	}, d.ledger, d.keys, d.paths)
	return nil
}

func (d *Daemon) closeState() error {
	var errs error
	if d.ledger == nil {
		for _, dir := range slices.Backward(d.made) {
			// What a ledger that could not be begun left stays, for the next start.
			if err := os.Remove(dir); !errors.Is(err, syscall.ENOTEMPTY) {
				errs = errors.Join(errs, err)
			}
		}
	}
	if d.files != nil {
		errs = errors.Join(errs, d.files.Close())
	}
	if d.spool != nil {
		errs = errors.Join(errs, d.spool.Close())
	}
	errs = errors.Join(errs, d.closePseudonyms())
	if d.ledger != nil {
		errs = errors.Join(errs, d.ledger.Close())
	}
	return errs
}

// begin writes the start event with the settings in force, and a policy event
// for each class whose settings changed, and makes the lanes and shippers.
func (d *Daemon) begin() error {
	d.takeReveals()
	var old map[string]ledger.Retention
	d.ledger.View(func(s *ledger.State) {
		old = maps.Clone(s.Policies)
		for name := range s.Classes {
			d.addShipper(name, s.Policies[name].RawSpool)
		}
	})
	d.addShipper(ledger.LedgerClass, false)
	events, is, err := d.identify()
	if err != nil {
		return err
	}
	policies := map[string]ledger.Retention{}
	for name, c := range d.cfg.Classes {
		policies[name] = retention(c)
		d.addShipper(name, policies[name].RawSpool)
	}
	sure, up := d.clock.lastSure().kept()
	events = append(events, ledger.Event{Start: &ledger.Start{
		Version: Version(), Machine: is.machine, Home: is.home, Boot: d.outside.bootID(), Sure: sure, Up: up,
		Host: d.host, Node: d.node, Store: d.storeURL(), Policies: policies, Devices: d.firstDevices(),
	}})
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		before, known := old[name]
		now := policies[name]
		if known && before != now {
			events = append(events, ledger.Event{Policy: &ledger.Policy{Class: name, Old: &before, New: &now}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, still := policies[name]; !still {
			before := old[name]
			events = append(events, ledger.Event{Policy: &ledger.Policy{Class: name, Old: &before}})
		}
	}
	if err := d.ledger.Append(events...); err != nil {
		return err
	}
	d.settle()
	if err := d.beginPseudonyms(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Classes)) {
		l, err := newLane(d.cfg.Classes[name], d.cfg.Codec, d.cfg.BatchSize)
		if err != nil {
			return fmt.Errorf("class %s: %w", name, err)
		}
		d.lanes = append(d.lanes, l)
	}
	if err := d.adoptClasses(old); err != nil {
		return err
	}
	d.beginSmall()
	return d.openStreams()
}

// adoptClasses makes lanes for the classes that the ledger knows and no --log
// names any more: their files are held to their limit all the same. Lines that
// have to leave then are truncated and blanked, whatever the class said before:
// no flag is there to say that addresses may stay in.
func (d *Daemon) adoptClasses(policies map[string]ledger.Retention) error {
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		if _, named := d.cfg.Classes[name]; named || policies[name].Scrub == "none" {
			continue
		}
		l, err := newLane(config.Class{
			Name: name, RawLimit: policies[name].RawLimit.Duration(), OnLimit: config.OnLimitSeal, Scrub: orphanPolicy(policies[name].Scrub),
		}, d.cfg.Codec, d.cfg.BatchSize)
		if err != nil {
			return fmt.Errorf("class %s: %w", name, err)
		}
		l.orphan = true
		d.lanes = append(d.lanes, l)
	}
	return nil
}

// dirRetry is how long a store directory that is away is left alone at the
// most: asking the own host costs nobody anything.
const dirRetry = 3 * time.Second

func (d *Daemon) addShipper(class string, raw bool) {
	s := &shipper{class: class, rawBody: raw, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), backoff: ship.Backoff{Rand: mathrand.Int64N}}
	if d.cfg.To.Kind == config.Dir {
		s.backoff.Cap = dirRetry
	}
	d.shippers[class] = s
}

// matched lists what the globs lead to now. What they cannot read, the sweep tells.
func (d *Daemon) matched() []tail.Found {
	return tail.Expand(tail.Options{Rules: d.rules(), Exclude: d.cfg.Exclude, Follow: d.cfg.Follow}, func(string, error) {})
}

// rules are the globs, as tail wants them.
func (d *Daemon) rules() []tail.Rule {
	var rules []tail.Rule
	for _, l := range d.cfg.Logs {
		c := d.cfg.Classes[l.Class]
		rules = append(rules, tail.Rule{
			Class: l.Class, Pattern: l.Pattern, Root: l.Root, Limit: c.RawLimit, Opaque: c.Opaque, Erase: string(l.Erase), Blank: l.Fill == config.FillBlank,
		})
	}
	return rules
}

// retention is what a class's settings mean for its raw bytes.
func retention(c config.Class) ledger.Retention {
	r := ledger.Retention{
		RawLimit: seconds(c.RawLimit), EraseAfter: seconds(c.EraseAfter), AtLimit: c.EraseAtLimit,
		Erase: string(c.Erase), Fill: string(c.Fill), OnLimit: string(c.OnLimit), Scrub: c.Scrub.String(),
		Keep: seconds(c.Keep), RawSpool: c.Opaque || c.Scrub.Mode == scrub.Keep || len(c.Scrub.KeepNets) > 0, Pseudonyms: c.Pseudonyms(),
	}
	if c.Opaque {
		r.Scrub = "none"
	}
	if r.Fill == "" {
		r.Fill = retain.FillZero.String()
	}
	return r
}

// seconds rounds down: a limit is never lengthened.
func seconds(t time.Duration) ledger.Seconds { return ledger.Seconds(t / time.Second) }
