package swab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"swab/ledger"
)

// logrotate is the real one, on the bench's a.log.
type logrotate struct {
	b    *bench
	tool string
	conf string
	runs int
	// bySize: it rotates when the log is large enough, not whenever it is run.
	bySize bool
}

func newLogrotate(b *bench, options ...string) *logrotate {
	b.t.Helper()
	tool, err := exec.LookPath("logrotate")
	if err != nil {
		b.t.Skip("logrotate is not installed")
	}
	l := &logrotate{b: b, tool: tool, conf: filepath.Join(b.dir, "rotate.conf"), bySize: slices.Contains(options, "maxsize 4k")}
	text := filepath.Join(b.logs, "a.log") + " {\n rotate 1000\n missingok\n " + strings.Join(options, "\n ") + "\n}\n"
	if err := os.WriteFile(l.conf, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return l
}

// run rotates once. logrotate does not always end well where swab unlinks a
// file that it is about to rename; what counts is what is in the store.
func (l *logrotate) run() {
	l.b.t.Helper()
	l.runs++
	args := []string{"-s", filepath.Join(l.b.dir, "rotate.status")}
	if !l.bySize {
		args = append(args, "-f")
	}
	// Two dated names within a second are one, and logrotate waits for the next.
	if out, err := exec.Command(l.tool, append(args, l.conf)...).CombinedOutput(); err != nil && !strings.Contains(string(out), "skipping rotation") {
		l.b.t.Logf("logrotate: %v: %s", err, out)
	}
}

// liveWriter appends numbered lines until it is stopped. reopen: after how many
// it opens the log by its name again, as one that is told to does; 0: never.
type liveWriter struct {
	path   string
	reopen int
	stop   chan struct{}
	wg     sync.WaitGroup
	lines  int // written; read it after end
}

func startWriter(t testing.TB, path string, reopen int) *liveWriter {
	w := &liveWriter{path: path, reopen: reopen, stop: make(chan struct{})}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	w.wg.Go(func() {
		defer func() { f.Close() }()
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
			if w.reopen > 0 && w.lines%w.reopen == 0 {
				// Not made anew: logrotate makes it, and renames one that it finds
				// in its place over one that swab may not have read yet.
				if next, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
					f.Close()
					f = next
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
					return
				}
			}
			if _, err := fmt.Fprintf(f, "line %08d from 203.0.113.77 of the writer that goes on\n", w.lines); err != nil {
				t.Error(err)
				return
			}
			w.lines++
		}
	})
	return w
}

// lineBytes is the length of each of its lines.
const lineBytes = len("line 00000000 from 203.0.113.77 of the writer that goes on\n")

func (w *liveWriter) end() int {
	close(w.stop)
	w.wg.Wait()
	return w.lines
}

// numbersIn counts each line of text by its number, and those that are not
// whole: a write over a page's border may be copied, or truncated, by half.
func numbersIn(text string) (seen map[int]int, torn int) {
	seen = map[int]int{}
	for line := range strings.Lines(text) {
		var n int
		if _, err := fmt.Sscanf(line, "line %d from", &n); err != nil || len(line) > lineBytes || len(line) < lineBytes-1 || !strings.HasSuffix(line, "that goes on\n") {
			torn++
			continue
		}
		seen[n]++
	}
	return seen, torn
}

// rotating runs a daemon, a writer and logrotate against each other. It returns
// how many lines were written.
func rotating(b *bench, l *logrotate, class string, reopen int) int {
	b.t.Helper()
	w := startWriter(b.t, filepath.Join(b.logs, "a.log"), reopen)
	old := filepath.Join(b.dir, "old") // an olddir
	if err := os.Mkdir(old, 0o755); err != nil {
		b.t.Fatal(err)
	}
	args := []string{"--log", class + "=" + old + "/*"}
	stop := b.daemonOn(class, append(args, "--batch-age", "30ms", "--sweep", "30ms")...)
	rotations := 12
	if testing.Short() { // each is the same way again
		rotations = 4
	}
	for range rotations {
		before := len(b.objects())
		eventually(b.t, "something to be shipped between two rotations", func() bool { return len(b.objects()) > before })
		l.run()
	}
	n := w.end()
	if said := stop(); strings.Contains(said, "level=ERROR") || strings.Contains(said, "panic") {
		b.t.Errorf("it said:\n%s", said)
	}
	for range 2 {
		b.once(class, args...)
	}
	return n
}

// Invariant 5 under the real logrotate: what is renamed is in the store once,
// every line of it, whatever becomes of the rotated file.
func TestInvariant5UnderLogrotateByRename(t *testing.T) {
	for _, row := range []struct {
		reopen  int // lines: the writer goes on in the rotated file for so long
		options []string
	}{
		{1, []string{"create 0644"}},
		{40, []string{"create 0644"}},
		{1, []string{"create 0644", "dateext", "dateformat -%Y%m%d-%s"}},
		{40, []string{"create 0644", "dateext", "dateformat -%Y%m%d-%s", "extension .log"}},
		{1, []string{"create 0644", "compress"}},
		{1, []string{"create 0644", "compress", "dateext", "dateformat -%Y%m%d-%s", "extension .log"}},
		{1, []string{"create 0644", "compress", "delaycompress"}},
		{1, []string{"create 0644", "maxsize 4k"}},
		{1, []string{"create 0644", "maxsize 4k", "compress"}},
		{40, []string{"create 0644", "olddir ../old"}},
		{1, []string{"create 0644", "olddir ../old", "compress"}},
		{40, []string{"create 0644", "olddir ../old", "dateext", "dateformat -%Y%m%d-%s"}},
	} {
		t.Run(fmt.Sprintf("%s %d", strings.Join(row.options, " "), row.reopen), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			l := newLogrotate(b, row.options...)
			n := rotating(b, l, "api", row.reopen)
			seen, torn := numbersIn(b.shipped())
			for i := range n {
				if seen[i] != 1 || torn > 0 {
					t.Fatalf("of %d lines, line %d is in the store %d times", n, i, seen[i])
				}
			}
			if a := b.check().State.Account("api"); a.Lost > 0 {
				t.Errorf("account %+v", a)
			}
		})
	}
}

// Invariant 5 under the real logrotate, copying. What the writer appends
// between its copying and its truncating is in neither file: these lines are
// counted on the disk, where class web keeps every raw byte for a week.
func TestInvariant5UnderLogrotateByCopy(t *testing.T) {
	for _, options := range [][]string{
		{"copytruncate"},
		{"copytruncate", "dateext", "dateformat -%Y%m%d-%s", "extension .log"},
		{"copytruncate", "maxsize 4k"},
		{"copytruncate", "compress"},
		{"copytruncate", "compress", "delaycompress"},
		{"copytruncate", "olddir ../old"},
		{"copy"},
		{"copy", "dateext", "dateformat -%Y%m%d-%s"},
	} {
		for _, class := range []string{"web", "api"} {
			t.Run(strings.Join(options, " ")+" "+class, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				l := newLogrotate(b, options...)
				n := rotating(b, l, class, 0)
				seen, torn := numbersIn(b.shipped())
				lost := missing(seen, n)
				for i, times := range seen {
					if times != 1 {
						t.Fatalf("of %d lines, line %d is in the store %d times", n, i, times)
					}
				}
				if class == "web" {
					there := onDisk(t, b.logs)
					maps.Copy(there, onDisk(t, filepath.Join(b.dir, "old")))
					for _, i := range lost { // the window's lines, but for those that swab was in time for
						if there[i] > 0 {
							t.Fatalf("line %d is on the disk and not in the store", i)
						}
					}
				} else if left := allRaw(t, b.logs) + allRaw(t, filepath.Join(b.dir, "old")); left != 0 {
					t.Errorf("%d raw bytes are left", left)
				}
				if options[0] == "copy" && len(lost)+torn > 0 {
					t.Errorf("%d lines are lost, %d not whole", len(lost), torn)
				}
				if torn > 2*l.runs {
					t.Errorf("%d lines are not whole after %d truncations", torn, l.runs)
				}
				if gaps := gapsIn(lost); gaps > l.runs {
					t.Errorf("lines are lost in %d places, after %d truncations", gaps, l.runs)
				}
				a := b.check().State.Account(class)
				// A copy elsewhere may turn up with nothing left that proves it: what it
				// still has is shipped by itself, and counts as lost of its log.
				alone := int64(0)
				if strings.HasPrefix(options[len(options)-1], "olddir") {
					alone = shippedAlone(b)
				}
				if a.Lost > int64(len(lost)*lineBytes)+alone || a.Copied == 0 {
					t.Errorf("%d lines are lost, %d bytes were shipped by themselves; account %+v", len(lost), alone, a)
				}
				t.Logf("%d lines written, %d lost between logrotate's copy and its truncation, %d rotations; %d bytes count as lost, %d were shipped by themselves",
					n, len(lost), l.runs, a.Lost, alone)
			})
		}
	}
}

// shippedAlone is how many bytes were sealed out of files that are not a.log
// itself, beyond what the ledger moved to them as its copies.
func shippedAlone(b *bench) (n int64) {
	b.t.Helper()
	info, err := os.Stat(filepath.Join(b.logs, "a.log"))
	if err != nil {
		b.t.Fatal(err)
	}
	other := map[uint64]bool{} // by number; a copying logrotate leaves a.log its inode
	for _, e := range b.events(ledger.KindOpen) {
		other[e.Open.File] = e.Open.ID.Ino != info.Sys().(*syscall.Stat_t).Ino
	}
	for _, e := range b.events(ledger.KindSeal) {
		for _, r := range e.Seal.Ranges {
			if other[r.File] {
				n += r.Len()
			}
		}
	}
	for _, e := range b.events(ledger.KindCopied) {
		if c := e.Copied; other[c.In] && !other[c.File] {
			n -= c.To - c.From
		}
	}
	return n
}

func missing(seen map[int]int, n int) []int {
	var list []int
	for i := range n {
		if seen[i] == 0 {
			list = append(list, i)
		}
	}
	return list
}

// gapsIn counts the runs of neighbours.
func gapsIn(list []int) int {
	gaps := 0
	for i, n := range list {
		if i == 0 || list[i-1] != n-1 {
			gaps++
		}
	}
	return gaps
}

// onDisk is every line of every log in dir.
func onDisk(t testing.TB, dir string) map[int]int {
	t.Helper()
	all := map[int]int{}
	for _, e := range entries(t, dir) {
		p, err := os.ReadFile(filepath.Join(dir, e))
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(e) == ".gz" {
			r, err := gzip.NewReader(bytes.NewReader(p))
			if err != nil {
				t.Fatal(err)
			}
			if p, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		seen, _ := numbersIn(string(p))
		maps.Copy(all, seen)
	}
	return all
}

func allRaw(t testing.TB, dir string) (left int) {
	for _, e := range entries(t, dir) {
		left += len(raw(t, filepath.Join(dir, e)))
	}
	return left
}

func entries(t testing.TB, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
