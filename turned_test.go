package swab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"swab/config"
	"swab/ledger"
	"swab/ship"
	"swab/tail"
)

// turned is a daemon whose clocks, births, store and cranks a test turns by
// hand: months pass while the test does not wait. The files are real.
type turned struct {
	hands
	fail             func(format string, args ...any)
	dir, logs, state string
	boots            int
	// births are what the file system would say were its clock turned too: its
	// real times (ns), and the wall clock then.
	births map[int64]int64
	store  *moody
	// clocks are used instead of the hands, where they are set.
	clocks func() (wall time.Time, boot time.Duration)
	said   strings.Builder
	d      *Daemon
}

// shm is a file system in memory, where a sync is cheap; "" where there is none.
func shm() string {
	const dir = "/dev/shm" // Linux alone has it
	if unix.Access(dir, unix.W_OK) == nil {
		return dir
	}
	return ""
}

func newTurned(fail func(format string, args ...any)) *turned {
	dir, err := os.MkdirTemp(shm(), "swab-turned-")
	if err != nil {
		fail("%v", err)
	}
	s := &turned{
		hands: hands{wall: noon, boot: 1000 * time.Hour}, fail: fail, births: map[int64]int64{},
		dir: dir, logs: filepath.Join(dir, "log"), state: filepath.Join(dir, "state"),
	}
	s.store = &moody{Mem: ship.NewMem(), at: func() time.Time { return noon.Add(s.boot - 1000*time.Hour) }}
	s.must(os.Mkdir(s.logs, 0o755))
	return s
}

func turnedFor(t *testing.T) *turned {
	t.Helper()
	s := newTurned(t.Fatalf)
	t.Cleanup(s.end)
	return s
}

func (s *turned) end() {
	if s.d != nil {
		s.d.Close()
	}
	os.RemoveAll(s.dir)
}

func (s *turned) must(err error) {
	if err != nil {
		s.fail("%v", err)
	}
}

// moody is a store in memory that is down when it is told to be, and whose
// answers get lost. Its clock is right.
type moody struct {
	*ship.Mem
	at   func() time.Time
	down bool
	away atomic.Bool // the same, for loops of their own
	mute bool        // it stores, and its answer is lost
	dumb bool        // it tells no Date
	err  error       // what it says while it is down; nil: nothing at all
}

func (m *moody) Put(ctx context.Context, o ship.Object) (ship.Receipt, error) {
	silence := &ship.Error{Op: "put", Key: o.Key, Code: ship.CodeUnreachable, Err: errors.New("no answer")}
	if m.down || m.away.Load() {
		return ship.Receipt{}, cmp.Or(m.err, error(silence))
	}
	r, err := m.Mem.Put(ctx, o)
	if err == nil && m.mute {
		m.mute = false
		return ship.Receipt{}, silence
	}
	if r.Date = m.at(); m.dumb {
		r.Date = time.Time{}
	}
	return r, err
}

// try starts the daemon on the state that is there.
func (s *turned) try(args ...string) error {
	cfg, err := config.ParseRun(append(args, "--to", "s3://bucket/p", "--state", s.state, "--listen", "", "--allow-wide-glob", "--ephemeral-state"), nil)
	s.must(err)
	wall, boot := func() time.Time { return s.wall }, func() time.Duration { return s.boot }
	if s.clocks != nil {
		wall = func() time.Time { at, _ := s.clocks(); return at }
		boot = func() time.Duration { _, d := s.clocks(); return d }
	}
	s.d, err = open(context.Background(), cfg, slog.New(slog.NewTextHandler(&s.said, nil)), outside{
		wall: wall, boot: boot,
		bootID: func() string { return fmt.Sprint("boot ", s.boots) },
		born:   s.born,
		store:  func(context.Context, *config.Config) (ship.Store, error) { return s.store, nil },
	})
	if err != nil {
		s.d = nil
	}
	return err
}

func (s *turned) start(args ...string) { s.must(s.try(args...)) }

func (s *turned) born(ns int64) int64 {
	if at, ok := s.births[ns]; ok {
		return at
	}
	return ns
}

// stop ends the daemon as a crash does: what is in memory is gone.
func (s *turned) stop() {
	s.must(s.d.Close())
	s.d = nil
}

// reboot has the kernel count from the beginning.
func (s *turned) reboot() {
	at := s.store.at
	was := s.boot
	s.boots++
	s.boot = time.Minute
	s.store.at = func() time.Time { return at().Add(was - time.Minute) }
}

// add appends to a log, and makes it where there is none.
func (s *turned) add(name, text string) string {
	path := filepath.Join(s.logs, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	s.must(err)
	defer f.Close()
	id, err := tail.Identify(f)
	s.must(err)
	if s.births[id.Born] == 0 {
		s.births[id.Born] = s.wall.UnixNano()
	}
	_, err = f.WriteString(text)
	s.must(err)
	return path
}

// turn turns all cranks until nothing moves any more.
func (s *turned) turn() {
	s.crank()
	for range 50 {
		if !s.crank() {
			return
		}
	}
	s.fail("the cranks move on and on")
}

func (s *turned) crank() (moved bool) {
	d, ctx := s.d, context.Background()
	before := s.counts()
	s.must(d.sweep())
	s.must(d.noteGrowth())
	for _, l := range d.lanes {
		for sealed := true; sealed; {
			var err error
			if sealed, err = d.collect(ctx, l, false); err != nil {
				s.must(d.sealTrouble(l, err))
			}
		}
	}
	for _, class := range slices.Sorted(maps.Keys(d.shippers)) {
		sh := d.shippers[class]
		for shipped := true; shipped; {
			var err error
			if shipped, err = d.shipNext(ctx, sh); err != nil {
				s.must(d.fatal(err))
				d.storeDown(sh, err)
			}
		}
	}
	if err := d.erase(ctx); err != nil {
		s.fail("erase: %v", err)
	}
	return s.counts() != before
}

// counts are what moves.
func (s *turned) counts() (a ledger.Account) {
	s.d.ledger.View(func(st *ledger.State) {
		for _, c := range st.Classes {
			b := c.Account
			a.Written += b.Written
			a.Unread += b.Unread
			a.SealedBytes += b.SealedBytes
			a.ShippedBytes += b.ShippedBytes
			a.Expired += b.Expired
			a.Lost += b.Lost
			a.Copied += b.Copied
			a.Present += b.Present
			a.Erased += b.Erased
			a.Removed += b.Removed
			a.Lines += b.Lines
		}
	})
	return a
}

// hold fails the test unless both accounts of each class balance.
func (s *turned) hold() {
	s.d.ledger.View(func(st *ledger.State) {
		for name, c := range st.Classes {
			if a := c.Account; a.Content() != a.Written || a.Raw() != a.Written {
				s.fail("class %s: the accounts do not balance: %+v", name, a)
			}
		}
	})
}

// check ends the daemon and proves its ledger from the disk.
func (s *turned) check() {
	s.stop()
	r, err := ledger.Check(s.state)
	s.must(err)
	if len(r.Problems) > 0 {
		s.fail("ledger check: %s", strings.Join(r.Problems, "\n"))
	}
}

// raw is what is left of a log besides zeros.
func (s *turned) raw(path string) string {
	p, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	s.must(err)
	return withoutZeros(p)
}

// shipped is all lines in the store.
func (s *turned) shipped() string {
	var text strings.Builder
	for _, key := range s.store.Keys() {
		if strings.Contains(key, "_swab") {
			continue
		}
		body, err := s.store.Open(context.Background(), key)
		s.must(err)
		r, err := ship.CodecOf(key).NewReader(body)
		s.must(err)
		p, err := io.ReadAll(r)
		s.must(err)
		r.Close()
		text.Write(p)
	}
	return text.String()
}

// reasons are those for which raw bytes were overwritten, and how many bytes
// expired.
func (s *turned) reasons() (why []string, expired int64) {
	seen := map[string]bool{}
	s.must(ledger.Walk(s.state, func(e *ledger.Event, _ string) error {
		switch {
		case e.Erase != nil:
			seen[string(e.Erase.Reason)] = true
		case e.Expire != nil:
			seen["expire"] = true
			expired += e.Expire.Range.Len()
		}
		return nil
	}))
	return slices.Sorted(maps.Keys(seen)), expired
}

// noise is a line that does not compress.
func noise(word string, n int) string {
	var b strings.Builder
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	for range 12 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%016x", x)
	}
	return fmt.Sprintf("%s%06d 203.0.113.77 %s\n", word, n, b.String())
}

func noises(word string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(noise(word, i))
	}
	return b.String()
}

var wordPattern = regexp.MustCompile(`\b[A-Z][0-9]{6}\b`)

// words counts how often each line's word is in the text.
func words(text string) map[string]int {
	n := map[string]int{}
	for _, w := range wordPattern.FindAllString(text, -1) {
		n[w]++
	}
	return n
}
