package swab

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// numbered writes lines W N with addresses to a file, whole lines at a time,
// and rotates it by rename and create now and then.
type numbered struct {
	dir, name string
	id        int
	next      int
	rotations int
	f         *os.File
	rng       *rand.Rand
}

func (w *numbered) open() error {
	f, err := os.OpenFile(filepath.Join(w.dir, w.name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	w.f = f
	return err
}

func (w *numbered) step() error {
	var text strings.Builder
	for range 1 + w.rng.IntN(40) {
		fmt.Fprintf(&text, "W%d %d %08d 203.0.113.%d [2001:db8:1:2::%x]:443 GET /v2/session %d\n",
			w.id, w.rotations, w.next, 1+w.rng.IntN(254), 1+w.rng.IntN(65535), w.rng.IntN(1e6))
		w.next++
	}
	if _, err := w.f.WriteString(text.String()); err != nil {
		return err
	}
	if w.rng.IntN(60) > 0 {
		return nil
	}
	w.rotations++
	old := filepath.Join(w.dir, w.name)
	if err := os.Rename(old, fmt.Sprintf("%s.%06d", old, w.rotations)); err != nil {
		return err
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	return w.open()
}

// Invariant 5. Fifty kills at random moments of a daemon whose writers go on
// and rotate; then every line is in the store once, in order, without an
// address, and nothing raw is left.
func TestInvariant5ExactlyOnceThroughFiftyKills(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 10
	}
	b := newBench(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))

	stop := make(chan struct{})
	var wg sync.WaitGroup
	writers := make([]*numbered, 4)
	for i := range writers {
		w := &numbered{dir: b.logs, name: fmt.Sprintf("app%d.log", i), id: i, rng: rand.New(rand.NewPCG(seed, uint64(i+2)))}
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		writers[i] = w
		wg.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				if err := w.step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}

	flags := []string{"--batch-age", "60ms", "--sweep", "50ms", "--batch-size", "64KiB"}
	for range kills {
		cmd, said := daemon(t, b.args("api", flags...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Duration(20+rng.IntN(280)) * time.Millisecond)
		<-timer.C
		cmd.Process.Kill()
		cmd.Wait()
		if text := said.String(); strings.Contains(text, "panic") || strings.Contains(text, "ledger") {
			t.Fatalf("a start after a kill said:\n%s", text)
		}
	}
	close(stop)
	wg.Wait()
	for _, w := range writers {
		w.f.Close()
	}
	b.once("api")
	b.once("api") // what was renamed away during the first is finished by the second

	b.verifyNumbered(writers)
	b.check()
}

// verifyNumbered reads the store back.
func (b *bench) verifyNumbered(writers []*numbered) {
	b.t.Helper()
	seen := make([]map[int]int, len(writers)) // line → how often
	type file struct{ id, rotation int }
	last := map[file]int{}
	for i := range seen {
		seen[i] = map[int]int{}
	}
	for line := range strings.Lines(b.shipped()) {
		var f file
		var n int
		if _, err := fmt.Sscanf(line, "W%d %d %d ", &f.id, &f.rotation, &n); err != nil {
			b.t.Fatalf("a line in the store is not what was written: %v", err)
		}
		if before, ok := last[f]; ok && n != before+1 {
			b.t.Errorf("writer %d file %d: line %d after line %d", f.id, f.rotation, n, before)
		}
		last[f] = n
		seen[f.id][n]++
		id := f.id
		if !strings.Contains(line, " 203.0.113.0 [2001:db8:1::]:443 GET ") {
			b.t.Fatalf("writer %d line %d left with an address, or with more than addresses changed", id, n)
		}
	}
	for id, w := range writers {
		lost, twice := 0, 0
		for n := range w.next {
			switch seen[id][n] {
			case 0:
				lost++
			case 1:
			default:
				twice++
			}
		}
		if lost+twice > 0 || len(seen[id]) != w.next {
			b.t.Errorf("writer %d: %d lines written, %d in the store, %d lost, %d twice", id, w.next, len(seen[id]), lost, twice)
		}
		b.t.Logf("writer %d: %d lines, %d rotations", id, w.next, w.rotations)
	}
	entries, err := os.ReadDir(b.logs)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if left := raw(b.t, filepath.Join(b.logs, e.Name())); left != "" {
			b.t.Errorf("%s: %d raw bytes are left", e.Name(), len(left))
		}
	}
}
