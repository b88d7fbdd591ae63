package tail

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// second is another swab on the same logs, with a state directory of its own.
func (w *world) second() *world {
	w.t.Helper()
	o := &world{
		t: w.t, state: filepath.Join(filepath.Dir(w.logs), "state2"), logs: w.logs, now: w.now,
		buf: w.buf, budget: w.budget, sums: w.sums, text: w.text, opts: w.opts,
	}
	o.opts.Warn = o.warn
	o.start()
	w.t.Cleanup(o.stop)
	return o
}

func TestASecondSwabIsKeptOffTheLogsOfTheFirst(t *testing.T) {
	first := newWorld(t)
	first.write("a.log", "1\n")
	first.sweep()
	second := first.second()
	second.write("b.log", "2\n") // which the first has not seen yet
	for range 3 {
		second.sweep()
	}
	if second.file("a.log") != nil || second.file("b.log") == nil {
		t.Errorf("the second has %v", second.numbers())
	}
	if why := second.set.Refused()[second.path("a.log")]; why != reason(errHeld) {
		t.Errorf("refused: %q", why)
	}
	if second.warned("another swab has it") != 1 || second.warned("raw_bytes_since 20") != 1 || second.events(ledger.KindRefused) != 1 {
		t.Errorf("said %q", second.said)
	}
	first.sweep()
	if first.file("b.log") != nil || first.file("a.log") == nil {
		t.Errorf("the first has %v", first.numbers())
	}
	// The lock goes with the one who has it.
	first.want(first.sealAll("api"), "1\n")
	first.stop()
	second.sweep()
	if second.file("a.log") == nil {
		t.Errorf("the lock is free, and a.log refused: %v", second.set.Refused())
	}
	first.start()
	first.sweep()
	if len(first.set.Files()) != 0 || first.warned("another swab has it") != 3 { // b.log before
		t.Errorf("both have it: %v, said %q", first.numbers(), first.said)
	}
	if _, ok := first.rec(1); !ok {
		t.Error("the log that another swab has is given up as gone")
	}
}

func TestALockEndsWithItsFile(t *testing.T) {
	first := newWorld(t)
	for _, name := range []string{"removed.log", "renamed.log"} {
		first.write(name, "1\n")
	}
	first.sweep()
	first.sealAll("api")
	first.erase("api")
	info, err := os.Stat(first.path("removed.log"))
	first.must(err)
	ino := inodeOf(info).ino
	first.remove("removed.log")
	first.rename("renamed.log", "renamed.log.1")
	for range goneAfter {
		first.sweep()
	}
	var other locks
	defer other.close()
	at := ledger.Place{Root: first.logs, Name: "x.log"}
	lock, err := other.take(at, ino)
	if err != nil {
		t.Fatalf("the lock of a removed log: %v", err)
	}
	other.drop(lock)
	if _, err := other.take(at, first.file("renamed.log.1").id.Ino); !errors.Is(err, errHeld) {
		t.Errorf("a renamed log lost its lock: %v", err)
	}
	first.set.Close()
	if len(first.set.locks.dirs)+len(first.set.held) != 0 {
		t.Error("a closed set holds directories")
	}
}

// A log that was moved to another directory beneath its glob is locked there.
func TestALockFollowsItsFile(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	w.must(os.Mkdir(w.path("old"), 0o755))
	w.write("a.log", "1\n")
	w.sweep()
	w.rename("a.log", "old/a.log")
	w.sweep()
	var other locks
	defer other.close()
	ino := w.file("old/a.log").id.Ino
	if _, err := other.take(ledger.Place{Root: w.logs, Name: "old/a.log"}, ino); !errors.Is(err, errHeld) {
		t.Errorf("where it lies now: %v", err)
	}
	if _, err := other.take(ledger.Place{Root: w.logs, Name: "a.log"}, ino); err != nil {
		t.Errorf("where it lay: %v", err)
	}
}

func TestOfTwoThatLockAtOnceOneGetsIt(t *testing.T) {
	dir := t.TempDir()
	for round := range 200 {
		var sets [4]locks
		got := make([]fileLock, len(sets))
		var wg sync.WaitGroup
		for i := range sets {
			wg.Go(func() {
				lock, err := sets[i].take(ledger.Place{Root: dir, Name: "x.log"}, uint64(round))
				if err != nil && !errors.Is(err, errHeld) {
					t.Error(err)
				}
				got[i] = lock
			})
		}
		wg.Wait()
		n := 0
		for i := range sets {
			if got[i].ok {
				n++
			}
			sets[i].close()
		}
		if n > 1 {
			t.Fatalf("round %d: %d have it", round, n)
		}
	}
}

// Past a number of logs in one directory the rest is not locked, and is taken.
func TestACrowdedDirectoryIsLockedInPart(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	at := ledger.Place{Root: w.logs, Name: "x.log"}
	var many locks
	defer many.close()
	for i := range uint64(maxLocks) {
		if _, err := many.take(at, 1<<62+i); err != nil {
			t.Fatalf("lock %d: %v", i, err)
		}
	}
	if _, err := many.take(at, 7); !errors.Is(err, errCrowded) {
		t.Errorf("one more: %v", err)
	}
	w.set.locks.close()
	w.set.locks = many
	w.sweep()
	if w.file("a.log") == nil || w.warned("no lock keeps a second swab off") != 1 {
		t.Errorf("open %v, said %q", w.numbers(), w.said)
	}
}

// Loggers that lock their own file from end to end, as Java's FileChannel.lock
// does, are not held up, and the leases on it are granted as before.
func TestALockIsInNobodysWay(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	app, err := os.OpenFile(w.path("a.log"), os.O_WRONLY|os.O_APPEND, 0)
	w.must(err)
	all := unix.Flock_t{Type: unix.F_WRLCK} // length 0: to infinity
	for _, cmd := range []int{unix.F_SETLK, unix.F_OFD_SETLK} {
		if err := unix.FcntlFlock(app.Fd(), cmd, &all); err != nil {
			t.Errorf("the application cannot lock its log: %v", err)
		}
		all.Type = unix.F_UNLCK
		w.must(unix.FcntlFlock(app.Fd(), cmd, &all))
		all.Type = unix.F_WRLCK
	}
	w.must(unix.Flock(int(app.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	w.add("a.log", "2\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n2\n")
	w.must(app.Close())
	f := w.file("a.log")
	if is, ok := f.Idle(); ok && !is {
		t.Error("no read lease")
	}
	alone := false
	w.must(f.Alone(f.Num(), func(*os.File) error { alone = true; return nil }))
	if _, ok := f.Idle(); ok && !alone {
		t.Error("no write lease")
	}
	var other locks
	defer other.close()
	if _, err := other.take(f.Place(), f.id.Ino); !errors.Is(err, errHeld) {
		t.Errorf("after it was alone the lock is gone: %v", err)
	}
}
