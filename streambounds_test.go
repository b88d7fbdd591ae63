package swab

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"swab/ledger"
)

// The store is away and the spool full: the writer blocks, memory stays what
// it is, and when the store is back all arrives, once and in order.
func TestAFullSpoolHoldsTheWriterUp(t *testing.T) {
	b := newBench(t)
	p := b.pipe(peakEnv+"=1", "--log", "api=-", "--batch-age", "50ms", "--batch-size", "1MiB", "--spool-limit", "1MiB")
	line := func(i int) string { // does not compress
		return fmt.Sprintf("%08d 203.0.113.77 %016x%016x%016x%016x end\n", i, rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
	}
	p.write(line(0))
	eventually(t, "the first object", func() bool { return len(b.objects()) == 1 })
	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	lines := 600_000 // some 57 MB
	if raceOn && testing.Short() {
		lines = 300_000 // more than it may take with the store away; memory is not bounded here
	}
	var written atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		w := bufio.NewWriterSize(p.in, 4096)
		for i := 1; i < lines; i++ {
			n, err := w.WriteString(line(i))
			if written.Add(int64(n)); err != nil {
				t.Errorf("line %d: %v", i, err)
				return
			}
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	})
	// It blocks: the same count for as long as many batches would have taken.
	last, same := int64(-1), 0
	eventually(t, "the writer to be held up", func() bool {
		n := written.Load()
		if same++; n != last {
			last, same = n, 0
		}
		return n > streamBuffer/2 && same > 200
	})
	if most := int64(streamBuffer + 8<<20); last > most {
		t.Errorf("%d bytes were taken with the store away, want at most %d", last, most)
	}
	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	p.end()
	list := b.numbers()
	runOf(t, list)
	if len(list) != lines {
		t.Errorf("%d lines in the store, want %d", len(list), lines)
	}
	p.peak(80)
	b.check()
}

// SIGTERM with the store away and the spool full: what cannot be sealed in time
// is lost, which the status and the ledger say; what is sealed is shipped by
// the next start.
func TestSIGTERMWithAFullSpoolSaysWhatIsLost(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-", "--batch-age", "50ms", "--batch-size", "4KiB", "--spool-limit", "4KiB", "--shutdown-timeout", "1s")
	p.write(rawLines(0, 1))
	eventually(t, "the first object", func() bool { return len(b.objects()) == 1 })
	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	const lines = 20000
	p.write(rawLines(1, lines))
	eventually(t, "a full spool", func() bool { return dirSize(t, filepath.Join(b.state, "spool")) >= 4<<10 })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := p.Wait()
	if err == nil || !strings.Contains(p.said.String(), "could not be sealed in time; they are lost") {
		t.Errorf("it ended with %v and said:\n%s", err, p.said)
	}
	a := b.check().State.Account("api")
	if a.Lost == 0 || a.Lost+a.SealedBytes+a.ShippedBytes != a.Written {
		t.Errorf("account: %+v, want bytes lost, and all others sealed", a)
	}
	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	b.pipe("", "--log", "api=-").end()
	list := b.numbers()
	runOf(t, list)
	if n := int64(len(list)) * int64(len(rawLines(0, 1))); n != a.SealedBytes+a.ShippedBytes {
		t.Errorf("%d bytes of lines are in the store, want %d", n, a.SealedBytes+a.ShippedBytes)
	}
}

// dirSize is the size of the files in a directory, as far as they stay.
func dirSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// peak fails the test where swab's resident memory was more than so many MiB.
func (p *piped) peak(most int64) {
	p.b.t.Helper()
	var kib int64
	_, peak, _ := strings.Cut(p.said.String(), "VmHWM:")
	if _, err := fmt.Sscanf(strings.TrimSpace(peak), "%d kB", &kib); err != nil {
		p.b.t.Logf("peak memory is not to be had here: %s", p.said)
		return
	}
	p.b.t.Logf("resident at most: %d MiB", kib>>10)
	if kib>>10 > most && !raceOn {
		p.b.t.Errorf("resident at most %d MiB, want at most %d", kib>>10, most)
	}
}

// A line longer than the buffer goes through in pieces, memory stays what it
// is, and where fields are blanked, nothing behind a piece's edge shows.
func TestALineLongerThanTheBufferGoesInPieces(t *testing.T) {
	b := newBench(t)
	p := b.pipe(peakEnv+"=1", "--log", "api=-")
	p.write("first 203.0.113.77 line\n")
	p.write("a=1 password=")
	piece := strings.Repeat("Qq1secretQQ2", 1<<14)
	for n := 0; n < 3*streamBuffer; n += len(piece) {
		p.write(piece)
	}
	p.write(" 203.0.113.77\nlast 203.0.113.77 line\n")
	p.end()
	text := b.shipped()
	if strings.Contains(text, "Qq1") || strings.Contains(text, "QQ2") || strings.Contains(text, "203.0.113.7") {
		t.Errorf("raw bytes are in the store: %.200q", text)
	}
	if !strings.HasPrefix(text, "first 203.0.113.0 line\na=1 password=") || !strings.HasSuffix(text, "\nlast 203.0.113.0 line\n") {
		t.Errorf("the lines around it are not what they were: %.200q", text)
	}
	p.peak(80)
	b.check()
}

// The input's end with the store away: swab does not say that all is done, and
// the next start ships what was sealed.
func TestStandardInputsEndWithTheStoreAway(t *testing.T) {
	b := newBench(t)
	p := b.pipe("", "--log", "api=-", "--batch-age", "50ms", "--shutdown-timeout", "1s")
	p.write(rawLines(0, 1))
	eventually(t, "the first object", func() bool { return len(b.objects()) == 1 })
	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	p.write(rawLines(1, 100))
	p.in.Close()
	if err := p.Wait(); err == nil || !strings.Contains(p.said.String(), "batches are sealed and not shipped; nothing is lost") {
		t.Errorf("it ended with %v and said:\n%s", err, p.said)
	}
	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	b.pipe("", "--log", "api=-").end()
	list := b.numbers()
	runOf(t, list)
	if len(list) != 100 {
		t.Errorf("%d lines in the store, want 100", len(list))
	}
	b.check()
}

// Files of the same class are followed beside a stream that never rests, and on
// when it has ended.
func TestFilesAreFollowedBesideAStream(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", "1 in a file 203.0.113.77\n")
	p := b.pipe("", "--log", "api=-", "--log", "api="+b.logs+"/*", "--batch-age", "50ms", "--batch-size", "64KiB", "--sweep", "100ms")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i += 100 {
			if _, err := p.in.WriteString(rawLines(i, i+100)); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	eventually(t, "the file's line", func() bool { return raw(t, path) == "" })
	close(stop)
	wg.Wait()
	p.in.Close()
	eventually(t, "the stream's end", func() bool { return len(b.events(ledger.KindClose)) == 1 })
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "2 in a file 203.0.113.77")
	eventually(t, "the file's next line", func() bool { return raw(t, path) == "" })
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.end()
	if n := strings.Count(b.shipped(), " in a file 203.0.113.0\n"); n != 2 {
		t.Errorf("%d lines of the file are in the store, want 2", n)
	}
	b.check()
}
