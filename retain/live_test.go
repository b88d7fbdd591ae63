package retain

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"swab/ledger"
)

// follower reads behind a live writer, as far as the last whole line, and
// erases what it read.
type follower struct {
	t      *testing.T
	f      *os.File
	seal   sealer
	cursor int64
	number int64 // of the next line
	holes  bool
}

// step takes at most 1 MiB.
func (w *follower) step() {
	p := make([]byte, 1<<20)
	n, _ := w.f.ReadAt(p, w.cursor)
	p = p[:bytes.LastIndexByte(p[:n], '\n')+1]
	if len(p) == 0 {
		runtime.Gosched()
		return
	}
	for line := range bytes.Lines(p) {
		if want := liveLine(w.number); !bytes.Equal(line, want) {
			w.t.Fatalf("line %d is lost or torn", w.number)
		}
		w.number++
	}
	r := ledger.Extent{From: w.cursor, To: w.cursor + int64(len(p))}
	sums := w.seal.sums(w.t, r.From, p)
	var res Result
	if w.holes {
		res = erase(w.t, w.f, r, sums, func(ledger.Extent) bool { return true })
	} else {
		res = mustOverwrite(w.t, w.f, r, sums, FillZero)
	}
	if res.Erased != r.To-r.From || res.Skipped != nil || res.Stretched {
		w.t.Fatalf("range %v: %+v", r, res)
	}
	w.cursor = r.To
}

func liveLine(n int64) []byte {
	return fmt.Appendf(nil, "%d %0*d\n", n, int(n%120)+1, 0)
}

func TestLiveAppendsAreNeitherLostNorTorn(t *testing.T) {
	const total = 100_000
	for _, holes := range []bool{false, true} {
		t.Run(fmt.Sprintf("holes=%v", holes), func(t *testing.T) {
			if holes {
				needPunch(t)
			}
			f := tempFile(t, nil)
			written := make(chan error, 1)
			stop := make(chan struct{})
			defer func() { // no writer outlives the test's directory
				close(stop)
				if err := <-written; err != nil {
					t.Error(err)
				}
			}()
			go func() { written <- appendLines(f.Name(), total, stop) }()
			w := &follower{t: t, f: f, seal: newSealer(t), holes: holes}
			for w.number < total {
				select {
				case err := <-written:
					written <- err
					if err != nil {
						return
					}
				default:
				}
				w.step()
			}
			got := content(t, f)
			if !zeros(got) || int64(len(got)) != w.cursor {
				t.Errorf("%d bytes, %d erased; all zeros: %v", len(got), w.cursor, zeros(got))
			}
		})
	}
}

// appendLines appends total lines, one a write, as an application would.
func appendLines(path string, total int64, stop <-chan struct{}) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for n := range total {
		select {
		case <-stop:
			return nil
		default:
		}
		if _, err := f.Write(liveLine(n)); err != nil {
			return err
		}
	}
	return nil
}

// Between reading a range and erasing it, the application truncated its log
// and wrote on, past the range as often as not: nothing of that is read yet.
func TestLinesOfTheNextGenerationAreNotOverwritten(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	f := tempFile(t, nil)
	seal := newSealer(t)
	for round := range 150 {
		old := lines(1+rnd.IntN(200_000), uint64(2*round))
		next := lines(rnd.IntN(250_000), uint64(2*round+1))
		from := rnd.Int64N(int64(len(old)))
		r := ledger.Extent{From: from, To: from + 1 + rnd.Int64N(int64(len(old))-from)}
		if r.To-r.From < scantBlock {
			continue // a few bytes in the middle of a line may be the same
		}
		sums := seal.sums(t, r.From, old[r.From:r.To])
		for _, p := range [][]byte{old, next} {
			if err := os.WriteFile(f.Name(), p, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		res := mustOverwrite(t, f, r, sums, FillZero)
		if err := Punch(f, r, nil); err != nil {
			t.Logf("no holes here: %v", err)
		}
		if got := content(t, f); !bytes.Equal(got, next) {
			t.Fatalf("round %d: the next generation was changed: %+v", round, res)
		}
		if res.Erased != 0 {
			t.Fatalf("round %d: %d bytes called erased", round, res.Erased)
		}
	}
}
