package tail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
)

// perFile is what a file may cost in memory, bytes (invariant 8).
const perFile = 2 << 10

func TestAFileCostsNoMoreThan2KiBOfMemory(t *testing.T) {
	const files = 10000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < files+200 {
		t.Skipf("%d files cannot be open at once here (%+v, %v)", files, limit, err)
	}
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	for i := range 100 {
		w.must(os.Mkdir(w.path(fmt.Sprintf("dir-%02d", i)), 0o755))
	}
	name := func(i int) string { return fmt.Sprintf("dir-%02d/application-%05d.log", i%100, i) }
	for i := range files {
		w.write(name(i), "")
	}
	before := heap()
	w.sweep()
	if n := len(w.set.Files()); n != files {
		t.Fatalf("%d files open", n)
	}
	fresh := heap() - before
	// A hard day: every tenth file has grown at each look, and nothing is sealed.
	for i := range 60 {
		w.pass(time.Minute)
		for j := 0; j < files; j += 10 {
			w.add(name(j), "x")
		}
		w.pending("api")
		if i%3 == 2 {
			w.see()
		}
	}
	w.pending("api")
	used := heap() - before
	t.Logf("%d bytes a file when new, %d on average when every tenth has been busy", fresh/files, used/files)
	// The busy ones would have to pay for all that the idle ones did not need.
	busy := (used - fresh) / (files / 10)
	t.Logf("%d bytes more for a busy one", busy)
	if fresh/files+busy > perFile {
		t.Errorf("%d bytes for a busy file, want at most %d", fresh/files+busy, perFile)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestNewFilesShareTheSyncsOfTheLedger(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.write(fmt.Sprintf("%03d.log", i), "1\n")
		w.write(fmt.Sprintf("%03d-binary.log", i), gzip)
	}
	var from, to uint64
	w.ledger.View(func(s *ledger.State) { from = s.NextFile })
	w.sweep()
	w.ledger.View(func(s *ledger.State) { to = s.NextFile })
	if to-from != 300 || w.events(ledger.KindRefused) != 300 {
		t.Errorf("%d files, %d refused", to-from, w.events(ledger.KindRefused))
	}
	text, err := os.ReadFile(w.path("../state/ledger/000001.jsonl"))
	w.must(err)
	if n := strings.Count(string(text), `"end":true`); n > 10 {
		t.Errorf("%d groups, each with a sync", n)
	}
}

// TestTheFilesCanBeAskedForInsideAView holds the ledger's state while a sweep
// waits to append to it: the eraser's plan asks for the files there.
func TestTheFilesCanBeAskedForInsideAView(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	f := w.file("a.log")
	w.write("b.log", "2\n")
	swept, asked := make(chan error, 1), make(chan struct{})
	w.ledger.View(func(*ledger.State) {
		go func() { swept <- w.set.Sweep(w.clock()) }()
		for w.set.changing.TryLock() { // until the sweep is under way
			w.set.changing.Unlock()
			runtime.Gosched()
		}
		// The file's own lock is held by whoever waits for the ledger with it.
		f.mu.Lock()
		go func() {
			w.set.File(f.num)
			w.set.Files()
			w.set.Refused()
			f.Away()
			f.EraseMode()
			f.Class()
			close(asked)
		}()
		select {
		case <-asked:
		case <-time.After(30 * time.Second):
			t.Error("they wait for each other")
		}
		f.mu.Unlock()
	})
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	<-asked
}

// laneStep seals what is pending; seals guards w's own books.
func (w *world) laneStep(seals *sync.Mutex) error {
	list, err := w.set.Pending("api", w.clock())
	if err != nil {
		return err
	}
	for _, p := range list {
		r, err := p.File.Take(w.options())
		if errors.Is(err, ErrRewritten) || err == nil && r == nil {
			continue
		}
		if err != nil {
			return err
		}
		got, err := w.readAll(r)
		if errors.Is(err, ErrRewritten) { // parked, and renamed
			continue
		}
		if err != nil {
			return err
		}
		func() {
			seals.Lock()
			defer seals.Unlock() // what fails ends the goroutine
			w.record("api", p.File, r, got)
		}()
	}
	return nil
}

// eraseStep ships and overwrites what is sealed.
func (w *world) eraseStep(seals *sync.Mutex) error {
	seals.Lock()
	defer seals.Unlock()
	w.ship("api")
	refs, ranges := w.shipped("api")
	if len(refs) == 0 {
		return nil
	}
	w.append(ledger.Event{Erase: &ledger.Erase{Reason: ledger.ReasonShipped, Refs: refs}})
	for _, r := range ranges {
		err := ErrOtherGeneration
		for n := 0; errors.Is(err, ErrOtherGeneration); n++ { // it was parked, and renamed: a sweep finds it
			if n > 0 {
				if err := w.set.Sweep(w.clock()); err != nil {
					return err
				}
			}
			err = w.set.File(r.File).Erase(r.File, func(wr *os.File, lock sync.Locker) error {
				lock.Lock()
				defer lock.Unlock()
				_, err := wr.WriteAt(make([]byte, r.Len()), r.From)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	w.append(ledger.Event{Erased: &ledger.Erased{Refs: refs}})
	return nil
}

// TestEverythingAtOnce has a sweeper, a lane, an eraser, a reporter and two
// writers at work, as the daemon has, and then compares what was read with what
// was written.
func TestEverythingAtOnce(t *testing.T) {
	t.Run("open", func(t *testing.T) { everythingAtOnce(t, newWorld(t, Rule{Class: "api", Pattern: "*.log*"})) })
	t.Run("parked", func(t *testing.T) { everythingAtOnce(t, few(t, 1, Rule{Class: "api", Pattern: "*.log*"})) })
}

func everythingAtOnce(t *testing.T, w *world) {
	w.budget = 10 << 10
	w.buf = 1 << 10
	const rounds = 400
	written := make([]strings.Builder, 2)
	for i := range written {
		w.write(fmt.Sprintf("%d.log", i), "")
	}
	w.sweep()
	done := make(chan struct{})
	var writers, workers sync.WaitGroup
	for i := range written {
		writers.Go(func() {
			name := fmt.Sprintf("%d.log", i)
			for n := range rounds {
				text := lines(fmt.Sprintf("writer-%d-%d", i, n), 5)
				w.add(name, text)
				written[i].WriteString(text)
				if n%40 == 39 {
					if err := os.Rename(w.path(name), w.path(fmt.Sprintf("%s.%d", name, n))); err != nil {
						t.Error(err)
					}
				}
				runtime.Gosched()
			}
		})
	}
	loop := func(step func() error) {
		workers.Go(func() {
			for {
				if err := step(); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	var seals sync.Mutex // w's own books
	loop(func() error { w.pass(time.Second); return w.set.Sweep(w.clock()) })
	loop(func() error { return w.laneStep(&seals) })
	loop(func() error { return w.eraseStep(&seals) })
	loop(func() error {
		for _, f := range w.set.Files() {
			f.Idle()
			f.Place()
			if err := f.SyncData(); err != nil && !errors.Is(err, ErrRewritten) {
				return err
			}
		}
		if grown := w.set.Growth(); len(grown) > 0 {
			return w.ledger.Append(ledger.Event{Seen: &ledger.Seen{Files: grown}})
		}
		return nil
	})
	writers.Wait()
	close(done)
	workers.Wait()
	w.sweep()
	w.sealAll("api")
	for i := range written {
		// Of one log's generations the order is not told; every line is once.
		for line := range strings.Lines(written[i].String()) {
			if n := strings.Count(w.sealed("api"), line); n != 1 {
				t.Fatalf("%q is there %d times", line, n)
			}
		}
	}
	w.proven()
}

func BenchmarkSweep1000Files(b *testing.B) {
	w := newWorld(b)
	for i := range 1000 {
		w.write(fmt.Sprintf("%04d.log", i), lines("x", 10))
	}
	w.sweep()
	w.budget = 1 << 10
	for _, p := range w.pending("api") {
		r, err := p.File.Take(w.options())
		if err != nil {
			b.Fatal(err)
		}
		got, err := w.readAll(r)
		if err != nil {
			b.Fatal(err)
		}
		w.record("api", p.File, r, got)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.sweep()
	}
}

func BenchmarkPending1000Files(b *testing.B) {
	w := newWorld(b)
	for i := range 1000 {
		w.write(fmt.Sprintf("%04d.log", i), lines("x", 10))
	}
	w.sweep()
	b.ReportAllocs()
	for b.Loop() {
		w.pending("api")
	}
}

func BenchmarkRead(b *testing.B) {
	w := newWorld(b)
	text := lines("x", 1<<20)
	w.write("a.log", text)
	w.sweep()
	w.budget = 1 << 40
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := w.file("a.log").Take(w.options())
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Next(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
