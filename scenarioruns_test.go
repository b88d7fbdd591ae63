package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"swab/ledger"
)

func threeLogs() []string { return []string{"a", "b", "c"} }

// The writers keep what they had open for a while after each renaming.
func threeLogsRenamedThrice(r *rotated) {
	writers := map[string]*os.File{}
	for _, log := range threeLogs() {
		writers[log] = r.writer(log + ".log")
		r.put(writers[log], r.lines(log, 20))
	}
	r.turn()
	for range 3 {
		for i, log := range threeLogs() {
			r.put(writers[log], r.lines(log, 10))
			r.shift(log+".log", 4)
			if i == 1 {
				r.turn()
			}
			r.put(writers[log], r.lines(log, 10))
			r.fatal(writers[log].Close())
			writers[log] = r.writer(log + ".log")
			r.put(writers[log], r.lines(log, 10))
		}
		r.turn()
	}
	r.exact()
}

// The cranks stop at another place in each rotation.
func threeLogsCopiedAndTruncated(r *rotated) {
	for rotation := range 3 {
		for i, log := range threeLogs() {
			name := log + ".log"
			for part := range 3 {
				r.add(name, log, 10)
				if part == i {
					r.turn()
				}
			}
			r.shiftCopies(name, 4)
			r.copyOf(name, name+".1")
			if i == rotation {
				r.turn()
			}
			r.truncate(name)
		}
		r.turn()
	}
	r.exact()
}

// shiftCopies makes room for the next copy of a log.
func (r *rotated) shiftCopies(log string, keep int) {
	for i := keep; i > 1; i-- {
		from := r.path(fmt.Sprintf("%s.%d", log, i-1))
		if _, err := os.Lstat(from); err == nil {
			r.fatal(os.Rename(from, r.path(fmt.Sprintf("%s.%d", log, i))))
		}
	}
}

// Of what is there for less than a sweep lines may be lost. None is there
// twice, and none in another order.
func backupsRemovedFasterThanSwept(r *rotated) {
	for i := range 20 {
		r.add("a.log", "a", 10)
		if i%3 == 0 {
			r.turn()
		}
		r.shift("a.log", 1)
	}
	r.end()
	got := r.stored("a")
	want := r.written["a"]
	for _, line := range got {
		at := slices.Index(want, line)
		if at < 0 {
			r.t.Fatal("a line is in the store twice, or out of order")
		}
		want = want[at+1:]
	}
	if len(got) < 70 || !slices.Equal(got[len(got)-10:], r.written["a"][190:]) {
		r.t.Errorf("%d lines are in the store: those that a sweep met must be, and the last ones", len(got))
	}
}

func renamedAfterItWasRead(r *rotated) {
	r.add("a.log", "a", 100)
	r.turn()
	r.rename("a.log", "other.log")
	r.turn()
	r.add("other.log", "a", 10)
	r.exact()
}

// Read through what swab has open; nothing of it is known to the next start.
func movedOutOfSightAndWrittenTo(r *rotated) {
	w := r.writer("a.log")
	r.put(w, r.lines("a", 20))
	r.turn()
	away := filepath.Join(r.dir, "elsewhere")
	r.fatal(os.Mkdir(away, 0o755))
	r.fatal(os.Rename(r.path("a.log"), filepath.Join(away, "a.log")))
	r.turn()
	r.put(w, r.lines("a", 20))
	r.turn()
	if left := raw(r.t, filepath.Join(away, "a.log")); left != "" {
		r.t.Errorf("%d raw bytes are left of what was read", len(left))
	}
	r.fatal(w.Close())
	r.exact()
}

func truncatedThenWritten(r *rotated) {
	r.add("a.log", "a", 100)
	r.turn()
	r.truncate("a.log")
	r.add("a.log", "a", 50)
	r.turn()
	r.truncate("a.log")
	r.turn()
	r.add("a.log", "a", 300)
	r.exact()
}

func copiedWithAnUnreadTail(r *rotated) {
	r.add("a.log", "a", 50)
	r.turn()
	r.add("a.log", "a", 50)
	r.copyOf("a.log", "a.log.1")
	r.truncate("a.log")
	r.add("a.log.1", "a", 5)
	r.add("a.log", "b", 5)
	r.exact()
}

func renamedWhileDown(r *rotated) {
	for range 20 { // of which some are sealed and not shipped, some only seen
		r.put(r.writer("a.log"), r.line("a", strings.Repeat("x", 20_000)))
	}
	r.sweep()
	r.read()
	r.add("a.log", "a", 10)
	r.sweep()
	r.stop()
	r.add("a.log", "a", 10)
	r.rename("a.log", "a.log.1")
	r.add("a.log", "a", 10)
	r.start()
	r.exact()
}

// A ledger of a version that knew xfs by the number of its device: what it has
// recorded stays valid, under whatever number the device is today.
func cursorsOfAnEarlierFormat(r *rotated) {
	r.add("a.log", "a", 100)
	r.turn()
	r.add("a.log", "a", 10)
	r.add("b.log", "b", 10)
	r.sweep()
	r.read() // sealed, not shipped
	r.add("a.log", "a", 10)
	r.stop()
	r.rewriteLedger(func(e *ledger.Event) {
		if e.Open != nil {
			e.Open.ID.FS = "0000fd0700000000"
		}
	})
	r.rename("b.log", "b.log.1")
	r.start()
	r.exact()
}

// rewriteLedger writes the events anew, as change leaves them.
func (r *rotated) rewriteLedger(change func(*ledger.Event)) {
	r.t.Helper()
	var at time.Time
	dir := filepath.Join(r.dir, "rewritten")
	led, err := ledger.Open(dir, ledger.Options{Now: func() time.Time { return at }})
	r.fatal(err)
	r.fatal(ledger.Walk(r.state, func(e *ledger.Event, _ string) error {
		if e.Kind == ledger.KindSnapshot {
			return nil
		}
		change(e)
		at = e.At
		return led.Append(*e)
	}))
	r.fatal(led.Close())
	old := filepath.Join(r.state, "ledger")
	r.fatal(os.RemoveAll(old))
	r.fatal(os.Rename(filepath.Join(dir, "ledger"), old))
}

func removedFilesAreForgotten(r *rotated) {
	for i := range 10 {
		r.add(fmt.Sprintf("%d.log", i), "a", 10)
		r.turn()
	}
	w := r.writer("stays.log")
	r.put(w, r.lines("b", 10))
	r.turn()
	for i := range 5 {
		r.fatal(os.Remove(r.path(fmt.Sprintf("%d.log", i))))
	}
	r.turn()
	r.stop()
	for i := range 5 { // as many, while it is down
		r.fatal(os.Remove(r.path(fmt.Sprintf("%d.log", i+5))))
	}
	r.start()
	r.exact()
	report := r.check()
	paths, err := ledger.OpenPaths(r.state)
	r.fatal(err)
	if n, m := len(report.State.Files), len(paths.All()); n != 1 || m != 1 {
		r.t.Errorf("the ledger knows %d files, and places of %d, want the one that is there", n, m)
	}
}

// Some of the lines are shipped at the restart, some sealed, some unread, some
// not written yet.
func restartedAndRotated(r *rotated) {
	r.add("a.log", "a", 10)
	r.turn()
	for range 3 {
		r.add("a.log", "a", 10)
		r.sweep()
		r.read()
		r.add("a.log", "a", 10)
		r.stop()
		r.shift("a.log", 5)
		r.add("a.log", "a", 10)
		r.start()
		r.sweep()
		r.shift("a.log", 5)
		r.add("a.log", "a", 10)
	}
	r.exact()
}

func restartedWithNothingNew(r *rotated) {
	r.add("a.log", "a", 100)
	r.turn()
	objects := len(r.objects())
	for range 3 {
		r.stop()
		r.start()
		r.turn()
	}
	if n := len(r.objects()); n != objects {
		r.t.Errorf("%d objects after three restarts, want %d", n, objects)
	}
	r.exact()
}

// No line is too long; it is neither dropped nor cut.
func aLineLongerThanEverything(r *rotated) {
	r.stop()
	r.args = append(r.args, "--batch-size", "64KiB")
	r.start()
	w := r.writer("a.log")
	r.put(w, r.lines("a", 2))
	long := r.line("a", strings.Repeat("long ", 600_000))
	r.put(w, long[:len(long)/2])
	r.turn()
	r.put(w, long[len(long)/2:]+r.lines("a", 2))
	r.exact()
}

// The rest comes after the log was read, after a renaming, and after a restart.
func halfALineThenItsRest(r *rotated) {
	halves := func(between func()) {
		w := r.writer("a.log")
		line := r.line("a", "in two writes")
		r.put(w, line[:17]) // in the middle of the address
		between()
		r.put(w, line[17:])
		r.fatal(w.Close())
	}
	halves(r.turn)
	r.turn()
	halves(func() {
		r.turn()
		r.rename("a.log", "a.log.1")
		r.turn()
	})
	r.turn()
	halves(func() {
		r.turn()
		r.stop()
		r.start()
		r.turn()
	})
	r.turn()
	r.truncate("a.log") // and a line of another life
	halves(r.turn)
	r.exact()
}

func linesOfManyPages(r *rotated) {
	w := r.writer("a.log")
	for _, n := range []int{4000, 4095, 4096, 4097, 8192, 65_535, 65_536, 70_000, 1 << 20} {
		r.put(w, r.line("a", strings.Repeat("x", n)))
		if n == 8192 {
			r.turn()
		}
	}
	r.exact()
}

// Also where the directory is not there yet, and what it holds is made by
// moving.
func madeLaterByMoving(r *rotated) {
	r.stop()
	r.args = append(r.args, "--log", "api="+r.path("later/x.log"))
	r.start()
	r.turn()
	made := filepath.Join(r.dir, "made")
	r.fatal(os.WriteFile(made, []byte(r.lines("a", 10)), 0o644))
	r.fatal(os.Rename(made, r.path("a.log")))
	r.turn()
	r.fatal(os.Mkdir(made, 0o755))
	r.fatal(os.WriteFile(filepath.Join(made, "x.log"), []byte(r.lines("b", 10)), 0o644))
	r.fatal(os.Rename(made, r.path("later")))
	r.turn()
	r.add("later/x.log", "b", 10)
	r.end()
	for log, want := range r.written {
		if got := r.stored(log); !slices.Equal(got, want) {
			r.t.Errorf("%s: %d lines are in the store, want %d", log, len(got), len(want))
		}
	}
}

// A short soak: it is stopped again and again under a writer that goes on and
// rotates, and each time the store holds a beginning of what was written.
func stoppedAgainAndAgain(r *rotated) {
	var writing sync.WaitGroup
	stop := make(chan struct{})
	text := make([]string, 0, 400)
	for range cap(text) {
		text = append(text, r.line("a", "of a log that is rotated"))
	}
	n := 0
	writing.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n < len(text) {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			f, err := os.OpenFile(r.path("a.log"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
			if err == nil {
				_, err = f.WriteString(text[n])
				f.Close()
			}
			if err != nil {
				r.t.Error(err)
				return
			}
			if n++; n%50 == 0 {
				if err := os.Rename(r.path("a.log"), fmt.Sprintf("%s.%d", r.path("a.log"), n/50)); err != nil {
					r.t.Error(err)
					return
				}
			}
		}
	})
	rounds := 0
	for len(r.stored("a")) < len(text) && !r.t.Failed() {
		rounds++
		r.turn()
		r.sweep()
		r.read()
		r.stop()
		r.check()
		if got := r.stored("a"); len(got) > len(text) || !slices.Equal(got, r.written["a"][:len(got)]) {
			r.t.Errorf("after %d rounds the store does not hold what was written first", rounds)
		}
		r.start()
	}
	close(stop)
	writing.Wait()
	r.exact()
}
