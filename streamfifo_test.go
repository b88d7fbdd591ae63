package swab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
)

// fifo makes a named pipe beside the logs.
func (b *bench) fifo() string {
	b.t.Helper()
	path := filepath.Join(b.dir, "198.51.100.7.fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// feed opens a FIFO as a writer does, once there is a reader, and writes.
func feed(t *testing.T, path, text string) *os.File {
	t.Helper()
	var f *os.File
	eventually(t, "a reader of the FIFO", func() bool {
		var err error
		f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil && !errors.Is(err, syscall.ENXIO) {
			t.Fatal(err)
		}
		return err == nil
	})
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

// A FIFO outlives its writers: they come and go, the half line that one leaves
// stands alone, and SIGTERM takes what is in the pipe while a writer has it
// open, and leaves.
func TestFIFOSurvivesItsWriters(t *testing.T) {
	b := newBench(t)
	path := b.fifo()
	cmd, said := daemon(t, b.streamArgs("--log", "api=fifo:"+path, "--batch-age", "1h")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	feed(t, path, "1 from 203.0.113.77\n2 half of 203.0.113.77").Close()
	eventually(t, "the half line, at its writer's end", func() bool { return strings.Contains(b.shipped(), "2 half") })
	feed(t, path, "3 from 203.0.113.77\n").Close()
	for i := 4; i < 8; i++ {
		feed(t, path, fmt.Sprintf("%d from 203.0.113.77\n", i)).Close()
	}
	last := feed(t, path, "8 from 203.0.113.77\n")
	defer last.Close()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := "1 from 203.0.113.0\n2 half of [ip]\n"
	for i := 3; i < 9; i++ {
		want += fmt.Sprintf("%d from 203.0.113.0\n", i)
	}
	if got := b.shipped(); got != want {
		t.Errorf("shipped:\n%swant:\n%s", got, want)
	}
	if strings.Contains(said.String(), "198.51.100.7") {
		t.Errorf("a message names the path with its address:\n%s", said)
	}
	if paths := tree(t, b.state); strings.Contains(paths, "198.51.100.7") {
		t.Error("the path stays in the state after its stream's end")
	}
	// What was written while nobody read is the next run's.
	if _, err := last.WriteString("9 from 203.0.113.77\n"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a write without a reader: %v, want EPIPE", err)
	}
	b.check()
}

// A FIFO that is made anew is read on, and one that is missing at a later start
// is waited for: neither keeps the files from their limit.
func TestFIFOMadeAnew(t *testing.T) {
	b := newBench(t)
	path := b.fifo()
	args := b.streamArgs("--log", "api=fifo:"+path, "--batch-age", "50ms")
	start := func() (stop func()) {
		cmd, said := daemon(t, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return func() {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
		}
	}
	shipped := func(line string) {
		t.Helper()
		eventually(t, line, func() bool { return strings.Contains(b.shipped(), line) })
	}
	stop := start()
	feed(t, path, "1 of the first\n").Close()
	shipped("1 of the first\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.fifo()
	feed(t, path, "2 of the second\n").Close()
	shipped("2 of the second\n")
	stop()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stop = start()
	eventually(t, "the second start", func() bool { return len(b.events(ledger.KindStart)) == 2 })
	b.fifo()
	feed(t, path, "3 of the third\n").Close()
	shipped("3 of the third\n")
	stop()
	b.check()
}

// One pass over a FIFO ends when nobody writes it, or at once where nobody did,
// and goes over the files as well.
func TestFIFOWithOnce(t *testing.T) {
	b := newBench(t)
	path := b.fifo()
	log := b.write("a.log", lines(10, "%d from a file 203.0.113.77"))
	args := b.streamArgs("--once", "--log", "api=fifo:"+path, "--log", "api="+b.logs+"/*")
	cmd, said := daemon(t, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("with nobody writing: %v\n%s", err, said)
	}
	if n := strings.Count(b.shipped(), " from a file 203.0.113.0\n"); n != 10 || raw(t, log) != "" {
		t.Errorf("%d lines of the file are in the store, want 10; %d raw bytes are left", n, len(raw(t, log)))
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0) // holds it open, so that the pipe keeps the lines
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(lines(10, "%d from a pipe 203.0.113.77")); err != nil {
		t.Fatal(err)
	}
	cmd, said = daemon(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	eventually(t, "the second run's stream", func() bool { // which is open before the ledger says so
		n := 0
		for _, e := range b.events(ledger.KindOpen) {
			if e.Open.Stream != "" {
				n++
			}
		}
		return n == 2
	})
	w.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("with a writer: %v\n%s", err, said)
	}
	if n := strings.Count(b.shipped(), " from a pipe 203.0.113.0\n"); n != 10 {
		t.Errorf("%d lines of the pipe are in the store, want 10", n)
	}
	b.check()
}

// What is no FIFO is refused before anything is changed.
func TestWhatIsNoFIFOIsRefused(t *testing.T) {
	b := newBench(t)
	fifo := b.fifo()
	link := filepath.Join(b.dir, "link")
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a file": b.write("a.log", "text\n"), "a link": link, "a directory": b.logs, "nothing": filepath.Join(b.dir, "none"),
	} {
		t.Run(name, func(t *testing.T) {
			cmd, said := daemon(t, b.streamArgs("--log", "api=fifo:"+path)...)
			if err := cmd.Run(); err == nil {
				t.Error("it ended well")
			}
			if n := strings.Count(strings.TrimSpace(said.String()), "\n") + 1; n != 1 || !strings.Contains(said.String(), "--log api=fifo:") {
				t.Errorf("it said, in %d lines:\n%s", n, said)
			}
			if _, err := os.Stat(b.state); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state directory: %v, want none", err)
			}
		})
	}
}

// What waits in memory shows as backlog, once, whatever the ledger knows of it.
func TestAStreamsBacklogShows(t *testing.T) {
	b := newBench(t)
	d := b.open("--log", "api=fifo:"+b.fifo())
	s := d.streams[0]
	now := d.clock.Now()
	if err := s.take([]byte("half a line"), now, d.cfg.BatchSize); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c := d.Snapshot().Classes[0]; c.Backlog != 11 || c.Files != 1 || c.OldestRaw == 0 {
			t.Errorf("%+v, want a backlog of 11 bytes of 1 file", c)
		}
		if err := d.noteGrowth(); err != nil { // now the ledger counts it as unread
			t.Fatal(err)
		}
	}
	s.release(11, false)
}

// Invariant 4: what waits in memory with the store away and the spool full is
// wiped at its limit, and booked as lost; before it is not.
func TestAStreamsBytesAreWipedAtTheirLimit(t *testing.T) {
	b := newBench(t)
	d := b.open("--log", "api=fifo:"+b.fifo(), "--raw-limit", "1h")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	d.cfg.SpoolLimit, d.cfg.FirstGrace = 0, 0
	d.contact.failed(d.clock.Now(), "away")
	s, l := d.streams[0], d.lanes[0]
	if err := s.take([]byte("a line 203.0.113.77\n"), d.clock.Now(), d.cfg.BatchSize); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pass time.Duration
		held int
	}{{59 * time.Minute, 20}, {2 * time.Minute, 0}} {
		h.pass(c.pass)
		if sealed, err := d.collect(t.Context(), l, true); sealed || err != nil {
			t.Fatalf("sealed %t, %v", sealed, err)
		}
		if s.buf.held != c.held {
			t.Errorf("%d bytes are in memory, want %d", s.buf.held, c.held)
		}
	}
	if a := b.account(d, "api"); a.Lost != 20 || a.Written != 20 || a.Streamed != 20 {
		t.Errorf("account: %+v, want 20 bytes lost", a)
	}
}

// account is a class's, of a daemon that is open.
func (b *bench) account(d *Daemon, class string) (a ledger.Account) {
	d.ledger.View(func(s *ledger.State) { a = s.Account(class) })
	return a
}
