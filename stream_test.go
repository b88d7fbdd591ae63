package swab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"swab/ledger"
)

// piped is a swab that reads a pipe, and the pipe's other end.
type piped struct {
	*exec.Cmd
	b    *bench
	said *strings.Builder
	in   *os.File
}

// pipe starts swab run with a pipe for standard input.
func (b *bench) pipe(env string, args ...string) *piped {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd, said := daemon(b.t, b.streamArgs(args...)...)
	cmd.Env = append(cmd.Env, env)
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	r.Close()
	b.t.Cleanup(func() { w.Close(); cmd.Process.Kill(); cmd.Wait() })
	return &piped{cmd, b, said, w}
}

func (b *bench) streamArgs(args ...string) []string {
	return append([]string{"--to", "file://" + b.out, "--state", b.state, "--listen", "", "--log-level", "warn"}, args...)
}

// write writes all of text, or fails the test.
func (p *piped) write(text string) {
	p.b.t.Helper()
	if _, err := p.in.WriteString(text); err != nil {
		p.b.t.Fatalf("%v\n%s", err, p.said)
	}
}

// end closes the pipe and waits for swab to leave with status 0.
func (p *piped) end() {
	p.b.t.Helper()
	p.in.Close()
	if err := p.Wait(); err != nil {
		p.b.t.Fatalf("swab run: %v\n%s", err, p.said)
	}
}

// numbers returns the numbers of the lines in the store, in the order of the
// keys, and fails the test where a line is not as it was written, scrubbed.
func (b *bench) numbers() []int {
	b.t.Helper()
	var list []int
	for line := range strings.Lines(b.shipped()) {
		number, rest, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if err != nil || !strings.HasPrefix(rest, "203.0.113.0 ") || !strings.HasSuffix(line, " end\n") {
			b.t.Fatalf("a line in the store is not what was written, scrubbed: %.80q", line)
		}
		list = append(list, n)
	}
	return list
}

func rawLines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%08d 203.0.113.77 marker-of-a-raw-line end\n", i)
	}
	return b.String()
}

// runOf fails the test unless the list counts from its first number on by ones.
func runOf(t *testing.T, list []int) {
	t.Helper()
	for i, n := range list {
		if n != list[0]+i {
			t.Fatalf("line %d where line %d belongs", n, list[0]+i)
		}
	}
}

// Invariants 5, 6 and 7 for an input that ends: each line is in the store once
// and in order, the accounts hold with nothing ever raw on a disk, and swab
// leaves by itself with status 0.
func TestStandardInputToItsEnd(t *testing.T) {
	for _, how := range [][]string{nil, {"--once"}} {
		t.Run(strings.Join(how, ""), func(t *testing.T) {
			b := newBench(t)
			p := b.pipe("", append([]string{"--log", "api=-", "--batch-size", "256KiB"}, how...)...)
			text := rawLines(0, 40000)
			p.write(text)
			p.write("a line that stays half, from 203.0.113.9")
			p.end()
			shipped := b.shipped()
			if want := strings.ReplaceAll(text, "203.0.113.77", "203.0.113.0") + "a line that stays half, from [ip]\n"; shipped != want {
				t.Errorf("%d bytes are in the store, want %d; the end is %.60q", len(shipped), len(want), shipped[max(0, len(shipped)-60):])
			}
			if n := len(b.objects()); n < 5 {
				t.Errorf("%d objects, want one for each 256 KiB", n)
			}
			r := b.check()
			a := r.State.Account("api")
			n := int64(len(text) + 40)
			if a.Written != n || a.ShippedBytes != n || a.Streamed != n || a.Present+a.Erased+a.Removed+a.Lost != 0 {
				t.Errorf("account: %+v, want %d bytes written, shipped and streamed", a, n)
			}
			if len(r.State.Files) != 0 || len(r.State.Batches) != 0 {
				t.Errorf("%d files and %d batches are left in the ledger's state", len(r.State.Files), len(r.State.Batches))
			}
		})
	}
}

// An input of nothing is no failure, and makes no object.
func TestStandardInputOfNothing(t *testing.T) {
	b := newBench(t)
	b.pipe("", "--log", "api=-").end()
	if n := len(b.objects()); n != 0 {
		t.Errorf("%d objects", n)
	}
	b.check()
}

// What begins like no text is refused, and swab says so by its status.
func TestStandardInputThatIsNoTextIsRefused(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-")
	p.write("\x1f\x8b\x08 a gzip archive")
	p.in.Close()
	if err := p.Wait(); err == nil || !strings.Contains(p.said.String(), "a gzip archive") {
		t.Errorf("it ended with %v and said:\n%s", err, p.said)
	}
	if n := len(b.objects()); n != 0 {
		t.Errorf("%d objects", n)
	}
	b.check()
}

// watchState looks for a text in the state directory until stop is called, as
// often as it can.
func watchState(t *testing.T, dir, text string) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	looks := 0
	wg.Go(func() {
		for {
			filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
				if err == nil && e.Type().IsRegular() {
					if p, _ := os.ReadFile(path); bytes.Contains(p, []byte(text)) {
						t.Errorf("a raw byte is in %s", e.Name())
					}
				}
				return nil
			})
			looks++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		if looks < 2 {
			t.Errorf("the state was looked at %d times", looks)
		}
	}
}

// Invariant 1, at all times: a line is in the store within --batch-age while
// the input goes on, and nothing raw is in the state directory meanwhile. The
// spool's codec is one that leaves short texts readable.
func TestNothingRawOfAStreamIsEverOnDisk(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-", "--batch-age", "100ms", "--codec", "gzip:1", "--scrub", "mask", "--redact", "note")
	stop := watchState(t, b.state, "203.0.113.77")
	stop2 := watchState(t, b.state, "raw-secret")
	for i := range 5 {
		p.write(fmt.Sprintf("%d 203.0.113.77 note=raw-secret\n", i))
		eventually(t, "the line in the store", func() bool { return strings.Count(b.shipped(), "\n") == i+1 })
	}
	stop()
	stop2()
	p.end()
	if text := b.shipped(); strings.Contains(text, "203.0.113.77") || strings.Contains(text, "raw-secret") {
		t.Errorf("the store holds raw bytes:\n%s", text)
	}
}

// SIGTERM, and a writer that is told to stop as well: it closes its end, and
// every line is in the store once.
func TestSIGTERMReadsStandardInputToItsEnd(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-")
	p.write(rawLines(0, 1000))
	eventually(t, "swab to run", func() bool { return len(b.tryEvents(ledger.KindOpen)) > 0 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.write(rawLines(1000, 3000))
	p.end()
	list := b.numbers()
	runOf(t, list)
	if len(list) != 3000 {
		t.Errorf("%d lines in the store, want 3000", len(list))
	}
	b.check()
}

// tryEvents is events while the daemon is on its way.
func (b *bench) tryEvents(kind ledger.Kind) []ledger.Event {
	if _, err := os.Stat(filepath.Join(b.state, "ledger", "000001.jsonl")); err != nil {
		return nil
	}
	return b.events(kind)
}

// SIGTERM, and a writer that never ends: swab takes what it can seal in time
// and leaves; the writer gets EPIPE. What swab read is in the store once and in
// order; what is missing never left the pipe.
func TestSIGTERMWithAWriterThatGoesOn(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-", "--shutdown-timeout", "8s")
	var accepted atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i += 100 {
			n, err := p.in.WriteString(rawLines(i, i+100))
			accepted.Add(int64(n))
			if err != nil {
				if !errors.Is(err, syscall.EPIPE) {
					t.Errorf("the writer got %v, want EPIPE", err)
				}
				return
			}
		}
	})
	eventually(t, "a batch", func() bool { return len(b.tryEvents(ledger.KindSeal)) > 0 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := p.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, p.said)
	}
	// The line that was cut off by swab's end has its newline and no address.
	text := strings.TrimSuffix(b.shipped(), "\n")
	whole, last := text[:strings.LastIndexByte(text, '\n')+1], text[strings.LastIndexByte(text, '\n')+1:]
	n := strings.Count(whole, "\n")
	if want := strings.ReplaceAll(rawLines(0, n), "203.0.113.77", "203.0.113.0"); whole != want {
		t.Errorf("the store does not hold the first %d lines as they were written, scrubbed", n)
	}
	if strings.Contains(last, "203.0.113.7") {
		t.Errorf("the last line shows an address: %q", last)
	}
	a := b.check().State.Account("api")
	if left := accepted.Load() - a.ShippedBytes; left < 0 || left > 64<<10 {
		t.Errorf("%d bytes were written and not shipped, want at most what the pipe holds", left)
	}
	if a.Lost != 0 {
		t.Errorf("%d bytes are lost", a.Lost)
	}
}

// kill -9, again and again: nothing is in the store twice, what is missing is
// the end of what one swab had read, and no more of it than was read since its
// last batch; the ledger says where it was cut off.
func TestKilledWhileItReadsStandardInput(t *testing.T) {
	b := newBench(t)
	const rounds, each = 4, 3000
	for round := range rounds {
		p := b.pipe("", "--log", "api=-", "--batch-age", "50ms")
		from := round * each
		p.write(rawLines(from, from+each/2))
		last := func() int {
			list := b.numbers()
			if len(list) == 0 {
				return -1
			}
			return list[len(list)-1]
		}
		eventually(t, "the first half in the store", func() bool { return last() == from+each/2-1 })
		p.write(rawLines(from+each/2, from+each))
		if round == rounds-1 {
			p.end()
			break
		}
		p.Process.Kill()
		p.Wait()
	}
	seen := map[int]bool{}
	for i, n := range b.numbers() {
		if seen[n] {
			t.Fatalf("line %d is in the store twice", n)
		}
		if i > 0 && n%each != 0 && !seen[n-1] {
			t.Errorf("line %d is in the store, and the one before it is not", n)
		}
		seen[n] = true
	}
	for round := range rounds {
		for n := round * each; n < round*each+each/2; n++ {
			if !seen[n] {
				t.Fatalf("line %d was sealed and is not in the store", n)
			}
		}
	}
	var why []string
	for _, e := range b.events(ledger.KindClose) {
		why = append(why, e.Close.Why)
	}
	if want := "cut off cut off cut off ended"; strings.Join(why, " ") != want {
		t.Errorf("streams ended: %v, want %s", why, want)
	}
	b.check()
}

// Crashes between two effects: before the ledger's event the batch is lost,
// which is what was said; from it on each line is in the store once.
func TestCrashesWhileAStreamIsSealed(t *testing.T) {
	for at, kept := range map[step]bool{stepSpooled: false, stepSealed: true, stepPut: true, stepShipped: true} {
		t.Run(string(at), func(t *testing.T) {
			b := newBench(t)
			p := b.pipe(crashEnv+"="+string(at), "--log", "api=-")
			p.write(rawLines(0, 500))
			p.in.Close()
			if err := p.Wait(); err == nil {
				t.Fatal("it did not crash")
			}
			b.pipe("", "--log", "api=-").end()
			want := 0
			if kept {
				want = 500
			}
			list := b.numbers()
			runOf(t, list)
			if len(list) != want {
				t.Errorf("%d lines in the store, want %d", len(list), want)
			}
			b.check()
		})
	}
}

// A value that begins in one read and ends in another is blanked whole.
func TestAValueOverTwoReadsOfAStreamIsBlanked(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "web=-")
	want := 0
	for shift := range 40 {
		p.write(strings.Repeat("x", streamRead-shift) + " password=" + aSecret + " behind it\n")
		want++
	}
	p.end()
	text := b.shipped()
	if strings.Contains(text, aSecret[:4]) || strings.Contains(text, aSecret[len(aSecret)-4:]) {
		t.Error("a part of a value is in the store")
	}
	if n := strings.Count(text, " behind it\n"); n != want {
		t.Errorf("%d lines end as they did, want %d", n, want)
	}
}

// Pseudonyms of a stream have the day's key, and the record names it.
func TestAStreamHasTheDaysPseudonyms(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-", "--scrub", "pseudonym=prefix")
	p.write(strings.Repeat("from 203.0.113.77 to it\n", 3))
	p.end()
	text := b.shipped()
	if line, rest, _ := strings.Cut(text, "\n"); strings.Contains(text, "203.0.113.77") || rest != strings.Repeat(line+"\n", 2) {
		t.Errorf("shipped:\n%s", text)
	}
	day := ledger.Day(time.Now())
	if e := b.events(ledger.KindSeal); len(e) != 1 || !strings.HasPrefix(e[0].Seal.Scrub, "pseudonym=prefix/2") {
		t.Errorf("seals: %+v, want the key of %s", e, day)
	}
}
