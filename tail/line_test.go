package tail

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestFilesThereAtStartAreReadWhole(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", lines("a", 100))
	w.write("empty.log", "")
	w.sweep()
	w.want(w.sealAll("api"), lines("a", 100))
	w.add("empty.log", "first\n")
	w.sweep()
	w.want(w.sealAll("api"), "first\n")
	w.want(w.sealAll("api"), "")
	w.proven()
}

func TestHalfALineOfALiveFileIsTakenOnceItIsWhole(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "whole\nha")
	w.sweep()
	w.want(w.sealAll("api"), "whole\n")
	for range 3 {
		w.sweep()
		w.want(w.sealAll("api"), "")
		p := w.pending("api")
		if len(p) != 1 || !p[0].Half || p[0].Bytes != int64(len("ha")) {
			t.Fatalf("pending: %+v, want half a line of 2 bytes", p)
		}
	}
	w.add("a.log", "l")
	w.want(w.sealAll("api"), "")
	w.restart()
	w.want(w.sealAll("api"), "")
	w.add("a.log", "f\nnext")
	w.want(w.sealAll("api"), "half\n")
	w.want(w.sealed("api"), "whole\nhalf\n")
}

func TestHalfALineIsTakenWhenAskedForAndItsRestIsMarkedAsResumed(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "whole\n10.0.0")
	w.sweep()
	w.halves = true
	f := w.file("a.log")
	r, err := f.Take(w.options())
	if err != nil || r.Cut() || r.Resumed() {
		t.Fatalf("the whole line: %v, cut %v, resumed %v", err, r.Cut(), r.Resumed())
	}
	p, err := w.readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	w.record("api", f, r, p)
	if r, err = f.Take(w.options()); err != nil || !r.Cut() || r.Resumed() {
		t.Fatalf("the half line: %v, cut %v, resumed %v", err, r.Cut(), r.Resumed())
	}
	if p, err = w.readAll(r); err != nil {
		t.Fatal(err)
	}
	w.want(string(p.text), "10.0.0")
	if n := p.ranges[0].Lines; n != 1 || !p.ranges[0].Cut {
		t.Errorf("%d lines, cut %v; half a line is a line of the object", n, p.ranges[0].Cut)
	}
	w.record("api", f, r, p)
	w.add("a.log", ".1 rest\n")
	w.restart()
	f = w.file("a.log")
	if r, err = f.Take(w.options()); err != nil || r.Cut() || !r.Resumed() {
		t.Fatalf("the rest: %v, cut %v, resumed %v", err, r.Cut(), r.Resumed())
	}
	if p, err = w.readAll(r); err != nil {
		t.Fatal(err)
	}
	w.want(string(p.text), ".1 rest\n")
}

func TestLinesLongerThanBufferAndBudgetComeInOneRange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		ranges int // takes
	}{
		{"one line of 3 MiB", strings.Repeat("x", 3<<20-1) + "\n", 1},
		{"between short ones", "a\n" + strings.Repeat("y", 3<<20) + "\nb\n", 3},
		{"many lines", lines("many", 60000), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("a.log", tt.text)
			w.sweep()
			takes := 0
			for {
				got, ok := w.seal("api")
				if !ok {
					break
				}
				takes++
				if !strings.HasSuffix(got, "\n") {
					t.Errorf("range %d ends in mid-line", takes)
				}
			}
			if w.sealed("api") != tt.text {
				t.Errorf("read %s", short(w.sealed("api")))
			}
			if takes != tt.ranges {
				t.Errorf("%d ranges, want %d", takes, tt.ranges)
			}
		})
	}
}

func TestChunksEndWithLinesWhereTheyCan(t *testing.T) {
	w := newWorld(t)
	w.buf = 100
	w.write("a.log", lines("a", 50)+strings.Repeat("z", 250)+"\n"+lines("b", 3))
	w.sweep()
	r, err := w.file("a.log").Take(w.options())
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, w.buf)
	long := 0
	for {
		c, err := r.Next(buf)
		if err != nil {
			break
		}
		if c.Raw[len(c.Raw)-1] != '\n' {
			long++
			if bytes.ContainsRune(c.Raw, '\n') {
				t.Errorf("chunk at %d could end with a line", c.From)
			}
		}
	}
	if long != 2 {
		t.Errorf("%d chunks within the long line, want 2", long)
	}
}

func TestReadingMovesNothingUntilItIsSealed(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", lines("a", 10))
	w.sweep()
	for range 3 {
		r, err := w.file("a.log").Take(w.options())
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		w.want(string(p.text), lines("a", 10))
	}
	w.restart()
	w.want(w.sealAll("api"), lines("a", 10))
}

func TestALineCompletedAfterATruncationToTheCursorIsFound(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "whole\n"+strings.Repeat("h", 1000))
	w.sweep()
	w.want(w.sealAll("api"), "whole\n")
	// Someone cuts the half line off, and goes on.
	if err := os.Truncate(w.path("a.log"), int64(len("whole\n"))); err != nil {
		t.Fatal(err)
	}
	w.sweep()
	w.add("a.log", "short\nha")
	w.sweep()
	w.want(w.sealAll("api"), "short\n")
}

func TestWholeLinesBeforeAHalfOneAreFoundAtTheLatestWhenItIsTaken(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "whole\n"+strings.Repeat("h", 1000))
	w.sweep()
	w.want(w.sealAll("api"), "whole\n")
	// The same between two looks: nothing tells that the half line is another.
	if err := os.Truncate(w.path("a.log"), int64(len("whole\n"))); err != nil {
		t.Fatal(err)
	}
	w.add("a.log", "short\n"+strings.Repeat("i", 2000))
	w.halves = true
	text, ok := w.seal("api")
	if !ok {
		t.Fatal("nothing sealed")
	}
	w.want(text, "short\n")
}

func TestWaitingCountsFromTheLastSeal(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.pending("api")
	for range 5 {
		w.pass(60 * 1e9)
		r, err := w.file("a.log").Take(w.options())
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.readAll(r)
		if err != nil {
			t.Fatal(err)
		}
		w.add("a.log", "more\n") // a busy writer: there is always something unread
		w.record("api", w.file("a.log"), r, p)
		if got := w.pending("api"); len(got) != 1 || !got[0].Since.Equal(w.clock()) {
			t.Fatalf("pending %+v, want one since %s: else each look of a lane seals a batch", got, w.clock())
		}
	}
}

func TestWhatIsRecordedOfAFileIsACopy(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.sweep()
	w.pass(60 * 1e9)
	w.add("a.log", "2\n")
	w.sweep()
	w.see() // the ledger has points to change in place
	f := w.file("a.log")
	rec, _ := f.record()
	for i := range rec.Points {
		rec.Points[i].At = -1
	}
	if again, _ := f.record(); len(again.Points) == 0 || again.Points[0].At == -1 {
		t.Errorf("points %+v are the ledger's own", again.Points)
	}
}
