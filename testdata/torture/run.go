package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/testdata/s3test"
)

// Names in the directory of a run.
const (
	logsDir  = "logs" // as the writers see it
	seenLogs = "seen" // the same as swab sees it, where file systems can be mounted
	diskDir  = "disk" // of the store directory, as the harness sees it
	seenDisk = "to"   // the same as swab sees it
	stateDir = "state"
	swabLog  = "swab.log"
	bucket   = "swab-torture"
)

// Sizes in bytes: of the small file systems, the spool's beside its limit, and
// of a batch.
const (
	stateSize   = 2 << 30
	spoolBeside = 64 << 20
	batchSize   = 8 << 20 // of swab run
)

// run is one torture.
type run struct {
	o        options
	dir      string
	binary   string
	seen     string // the logs, as swab sees them
	state    string
	mounts   bool
	mounted  []string
	to       string   // the store, as swab's flag has it
	args     []string // of swab run
	env      []string
	rng      *rand.Rand // of the next act
	turn     uint64     // its number
	events   *os.File
	out      io.Writer
	began    time.Time
	proxy    *proxy
	server   *s3test.Server
	back     backend
	writers  *writersChild
	rotating *rotator
	swab     *process
	active   map[string]bool // acts that last
	pending  []ending
	trouble  time.Time // when the last fault of a disk ended
	sampler  *sampler
	lacking  []string
	// clockLack says why swab's clock cannot be moved, "" if it can.
	clockLack string
	accounts  []account
	f         figures
}

// ending ends an act that lasts.
type ending struct {
	name string
	at   time.Time
	do   func() error
}

// figures are what happened, as the harness counts it.
type figures struct {
	Kills, Terms, Freezes, Seconds, Outages, Fulls, Remounts, Turns, Jumps, Syncs int
	Lives                                                                         []life
	Wrong                                                                         []string // what must not happen
}

// life is one incarnation of swab.
type life struct {
	Peak int64 // KiB
	Took time.Duration
	How  string
}

func newRun(o options, out io.Writer) (*run, error) {
	r := &run{o: o, out: out, dir: o.Dir, mounts: mayMount(), active: map[string]bool{}, began: time.Now()}
	var err error
	if r.dir == "" {
		r.dir, err = os.MkdirTemp("", "swab-torture-")
	} else {
		err = os.MkdirAll(r.dir, 0o755)
	}
	if err != nil {
		return nil, err
	}
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(r.dir); err != nil || len(entries) > 0 {
		return nil, errors.Join(err, fmt.Errorf("--dir %s: must be empty", r.dir))
	}
	r.events, err = os.Create(filepath.Join(r.dir, "events.log"))
	return r, err
}

// note writes a line into events.log.
func (r *run) note(format string, args ...any) {
	fmt.Fprintf(r.events, "%9.3f %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// wrong notes what must not happen.
func (r *run) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.note("WRONG %s", text)
	r.f.Wrong = append(r.f.Wrong, text)
}

// prepare lays out directories and mounts, builds swab and starts the store.
func (r *run) prepare(ctx context.Context) error {
	for _, c := range classes() {
		if err := os.MkdirAll(filepath.Join(r.dir, logsDir, c), 0o755); err != nil {
			return err
		}
	}
	r.state, r.seen = filepath.Join(r.dir, stateDir), filepath.Join(r.dir, logsDir)
	if err := os.Mkdir(filepath.Join(r.dir, diskDir), 0o755); err != nil {
		return err
	}
	if r.mounts {
		if err := r.mountAll(); err != nil {
			r.note("nothing is mounted: %v", err)
			r.unmountAll()
			r.mounts, r.seen = false, filepath.Join(r.dir, logsDir)
		}
	}
	r.binary = r.o.Swab
	if err := r.findBinary(ctx); err != nil {
		return err
	}
	var err error
	if r.to, err = r.openStore(ctx); err != nil {
		return err
	}
	r.args = []string{"run", "--to", r.to, "--state", r.state, "--listen", "", "--batch-age", "200ms", "--sweep", "200ms", "--batch-size", fmt.Sprint(batchSize),
		"--spool-limit", fmt.Sprint(r.o.Spool), "--shutdown-timeout", shutdown.String()}
	for _, c := range classes() {
		r.args = append(r.args, "--log", c+"="+filepath.Join(r.seen, c, "*"))
	}
	r.args = append(r.args, r.o.Flags...)
	r.env = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "SWAB_") || strings.HasPrefix(s, "NOTIFY_SOCKET=")
	}), r.env...)
	return nil
}

// findBinary builds swab, unless a flag names one: where its clock is to jump,
// so that it can be moved.
func (r *run) findBinary(ctx context.Context) error {
	if r.binary = r.o.Swab; r.binary != "" {
		r.clockLack = "wants a swab that it builds itself"
		return nil
	}
	r.binary = filepath.Join(r.dir, "swab")
	if !slices.Contains(r.o.Acts, "clock") || noClock(r) != "" {
		return r.build(ctx)
	}
	err := r.buildMoved(ctx)
	if errors.Is(err, errClock) {
		r.clockLack = err.Error()
		return r.build(ctx)
	}
	return err
}

// build builds swab, with more flags of go build.
func (r *run) build(ctx context.Context, flags ...string) error {
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, flags, []string{"-o", r.binary, "swab/cmd/swab"})...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build of swab: %w\n%s", err, out)
	}
	return nil
}

// classes are those that writers write: all of them are erased once shipped.
func classes() []string { return []string{"api", "media", "messaging"} }

// mountAll mounts the small file systems, and what swab sees otherwise than
// the harness.
func (r *run) mountAll() error {
	for _, m := range []struct{ from, to string }{{logsDir, seenLogs}, {diskDir, seenDisk}} {
		to := filepath.Join(r.dir, m.to)
		if err := bindMount(filepath.Join(r.dir, m.from), to); err != nil {
			return fmt.Errorf("bind mount: %w", err)
		}
		r.mounted = append(r.mounted, to)
	}
	r.seen = filepath.Join(r.dir, seenLogs)
	for _, m := range []struct {
		dir  string
		size int64
	}{{r.state, stateSize}, {filepath.Join(r.state, "spool"), r.o.Spool + spoolBeside}} {
		kind, err := mountSmall(m.dir, filepath.Join(r.dir, filepath.Base(m.dir)+".img"), m.size)
		if err != nil {
			return fmt.Errorf("mount: %w", err)
		}
		r.mounted = append(r.mounted, m.dir)
		r.note("%s is %s of %d MiB", filepath.Base(m.dir), kind, m.size>>20)
	}
	return nil
}

func (r *run) unmountAll() {
	for _, dir := range slices.Backward(r.mounted) {
		unmount(dir)
	}
	r.mounted = nil
}

// storeDir is the store directory, as the harness sees it.
func (r *run) storeDir() string { return filepath.Join(r.dir, diskDir, "store") }

// openStore starts what swab ships to, and returns its --to.
func (r *run) openStore(ctx context.Context) (string, error) {
	if r.o.Store == storeDir {
		r.back = dirStore(r.storeDir())
		seen := diskDir
		if r.mounts {
			seen = seenDisk
		}
		return "file://" + filepath.Join(r.dir, seen, "store"), nil
	}
	s, err := newS3Store(ctx, filepath.Join(r.dir, "s3"), bucket)
	if err != nil {
		return "", err
	}
	r.server, r.back, r.env = s.server, s, append(r.env, s.server.Env()...)
	var faults []string
	for _, name := range requestFaults() {
		if slices.Contains(r.o.Acts, name) {
			faults = append(faults, name)
		}
	}
	hang := min(40*time.Second, r.o.For/20)
	if r.proxy, err = newProxy(s.server.Endpoint, r.o.Seed, r.o.Share, faults, hang); err != nil {
		return "", err
	}
	endpoint, err := r.proxy.listen(ctx)
	r.o.Flags = append(r.o.Flags, "--endpoint-url", endpoint, "--path-style")
	return "s3://" + bucket, err
}

// start starts swab.
func (r *run) start() error {
	p, err := startProcess(r.binary, filepath.Join(r.dir, swabLog), r.env, r.args)
	if err != nil {
		return err
	}
	r.swab = p
	return nil
}

// end kills swab and notes its life.
func (r *run) end() {
	r.swab.kill()
	r.ended("kill")
}

// ended notes the life of a swab that is gone.
func (r *run) ended(how string) {
	r.f.Lives = append(r.f.Lives, life{Peak: r.swab.peak.Load(), Took: time.Since(r.swab.begun), How: how})
}

// later ends an act after d.
func (r *run) later(name string, d time.Duration, do func() error) {
	r.active[name] = true
	r.pending = append(r.pending, ending{name, time.Now().Add(d), do})
	slices.SortFunc(r.pending, func(a, b ending) int { return a.at.Compare(b.at) })
}

// troubled tells whether swab may end by itself: a disk fails it, or did so a
// moment ago.
func (r *run) troubled() bool {
	for _, a := range allActs() {
		if a.disk && r.active[a.name] {
			return true
		}
	}
	return time.Since(r.trouble) < 10*time.Second
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
