package swab

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"swab/ledger"
)

// Invariant 5 with a copied and truncated log: a crash at each step, and then
// two runs, leave every line once in the store and nothing raw.
func TestInvariant5ACrashAtEachStepOfACopyLosesAndRepeatsNothing(t *testing.T) {
	for _, at := range append(copySteps[:], steps[:]...) {
		t.Run(string(at), func(t *testing.T) {
			b := newBench(t)
			path := b.write("a.log", lines(1000, "a %08d 203.0.113.77"))
			b.once("api", "--class", "api:erase-after=1h") // sealed, shipped, raw
			dryAppend(t, path, lines(1000, "b %08d 203.0.113.77"))
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			old := b.write("a.log.1", string(text))
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			dryAppend(t, path, lines(10, "c %08d 203.0.113.77"))

			cmd, said := daemon(t, b.args("api", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
			if err := cmd.Run(); err == nil {
				t.Fatalf("it did not crash:\n%s", said)
			}
			b.once("api")
			b.once("api")

			got := b.shipped()
			for tag, n := range map[string]int{"a": 1000, "b": 1000, "c": 10} {
				for line := range strings.Lines(lines(n, tag+" %08d 203.0.113.0")) {
					if c := strings.Count(got, line); c != 1 {
						t.Fatalf("a line of %q is in the store %d times", tag, c)
					}
				}
			}
			if left := raw(t, old) + raw(t, path); left != "" {
				t.Errorf("%d raw bytes are left", len(left))
			}
			spool, err := os.ReadDir(filepath.Join(b.state, "spool"))
			if err != nil || len(spool) > 0 {
				t.Errorf("the spool still holds %d files (%v)", len(spool), err)
			}
			a := b.check().State.Account("api")
			if a.Unread+a.Lost+a.Expired+a.Present != 0 || a.Copied == 0 {
				t.Errorf("account: %+v", a)
			}
		})
	}
}

// copying writes numbered lines to a log and now and then copies and truncates
// it, as logrotate does, but for the window in which that loses lines.
type copying struct {
	numbered
	made int
}

func (w *copying) turn() error {
	before := w.rotations
	if err := w.numbered.step(); err != nil {
		return err
	}
	if w.rotations == before { // no rename this time
		if w.rng.IntN(60) > 0 {
			return nil
		}
		return w.copyTruncate()
	}
	return nil
}

func (w *copying) copyTruncate() error {
	w.made++
	src, err := os.Open(filepath.Join(w.dir, w.name))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(filepath.Join(w.dir, fmt.Sprintf("%s-%06d", w.name, w.made)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	buf := make([]byte, 1000+w.rng.IntN(20000)) // pieces, so that copies are met half made
	for err == nil {
		var n int
		if n, err = src.Read(buf); n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return werr
			}
		}
	}
	if err != io.EOF {
		return err
	}
	if err := w.f.Truncate(0); err != nil {
		return err
	}
	return dst.Close()
}

// Invariant 5. Kills at random moments of a daemon whose writers go on, and
// whose logs are renamed, and copied and truncated.
func TestInvariant5ExactlyOnceThroughKillsAndCopies(t *testing.T) {
	kills := 25
	if testing.Short() {
		kills = 5
	}
	b := newBench(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	writers := make([]*copying, 3)
	for i := range writers {
		w := &copying{numbered: numbered{dir: b.logs, name: fmt.Sprintf("app%d.log", i), id: i, rng: rand.New(rand.NewPCG(seed, uint64(i+2)))}}
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
				if err := w.turn(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range kills {
		cmd, said := daemon(t, b.args("api", "--batch-age", "60ms", "--sweep", "50ms", "--batch-size", "64KiB")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Duration(20+rng.IntN(400)) * time.Millisecond)
		<-timer.C
		cmd.Process.Kill()
		cmd.Wait()
		if text := said.String(); strings.Contains(text, "panic") || strings.Contains(text, "ledger") || strings.Contains(text, "level=ERROR") {
			t.Fatalf("a start after a kill said:\n%s", text)
		}
	}
	close(stop)
	wg.Wait()
	var all []*numbered
	for _, w := range writers {
		w.f.Close()
		t.Logf("writer %d: %d copies", w.id, w.made)
		all = append(all, &w.numbered)
	}
	for range 3 { // what is finished by one run is unlinked by the next
		b.once("api")
	}
	b.verifyCopied(all)
	for name, c := range b.check().State.Classes {
		if c.Account.Lost > 0 {
			t.Errorf("class %s: %d bytes count as lost", name, c.Account.Lost)
		}
	}
	if len(b.events(ledger.KindCopied)) == 0 {
		t.Error("no copy was recognised")
	}
}

// verifyCopied reads the store back: each line once. Their order holds within
// a file, and a copy is another one.
func (b *bench) verifyCopied(writers []*numbered) {
	b.t.Helper()
	seen := make([]map[int]int, len(writers))
	for i := range seen {
		seen[i] = map[int]int{}
	}
	for line := range strings.Lines(b.shipped()) {
		var id, rotation, n int
		if _, err := fmt.Sscanf(line, "W%d %d %d ", &id, &rotation, &n); err != nil || !strings.Contains(line, " 203.0.113.0 [2001:db8:1::]:443 GET ") {
			b.t.Fatalf("a line in the store is not what was written (%v)", err)
		}
		seen[id][n]++
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
		b.t.Logf("writer %d: %d lines, %d renames", id, w.next, w.rotations)
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
