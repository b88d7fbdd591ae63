package tail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

// inherit is the daemon's, without its sums.
func (w *world) inherit() (n int) {
	w.t.Helper()
	for _, c := range w.set.Copies() {
		e := &ledger.Copied{File: c.Num, From: c.Extent.From, To: c.Extent.To, In: c.Of, SumsKey: ledger.Day(w.clock())}
		w.ledger.View(func(s *ledger.State) {
			e.Batch = ledger.BatchID{Class: ledger.CopyClass, Number: s.Copies + 1}
			for _, r := range s.CopyRanges(c.Num, c.Extent, nil) {
				e.Ranges = append(e.Ranges, r.Range)
			}
		})
		last := &e.Ranges[len(e.Ranges)-1]
		for _, x := range ledger.TailSpans(last.From, last.To) {
			p := make([]byte, x.To-x.From)
			if err := c.File.ReadCopy(c.Num, p, x.From); err != nil {
				w.t.Fatal(err)
			}
			last.Tail = append(last.Tail, w.options().Key.Mark(x.From, p))
		}
		w.append(ledger.Event{Copied: e})
		n++
	}
	return n
}

// sweepCopies sweeps as the daemon does.
func (w *world) sweepCopies() {
	w.t.Helper()
	w.sweep()
	for w.inherit() > 0 {
		w.sweep()
	}
}

func TestNamesOfCopies(t *testing.T) {
	for _, tt := range []struct {
		name, of string
		want     bool
	}{
		{"a.log.1", "a.log", true},
		{"a.log-20261123", "a.log", true},
		{"a.log-20261123-1795478474", "a.log", true},
		{"a.log.1.bak", "a.log.1", true},
		{"a-20261123.log", "a.log", true},
		{"a.1.log", "a.log", true},
		{"a.log", "a.log", false},
		{"a.log", "a.log.1", false},
		{"ab.log", "a.log", false},
		{"a-error.log", "a.log", false},
		{"a1.log", "a.log", false},
		{"b.log.1", "a.log", false},
		{"syslog.1", "syslog", true},
		{"anything", "", false},
	} {
		if got := copyName(tt.name, tt.of); got != tt.want {
			t.Errorf("copyName(%q, %q) is %v", tt.name, tt.of, got)
		}
	}
	for name, want := range map[string]string{"a.log.1": "a.log", "a.log-20261123": "a.log", "a-20261123.log": "a.log", "a.log": "a.log", "7": "7"} {
		if got := logName(name); got != want {
			t.Errorf("logName(%q) is %q, want %q", name, got, want)
		}
	}
}

func TestNothingIsReadOfACopyInTheMaking(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	old := lines("old", 300)
	w.write("a.log", old[:len(old)/2])
	w.sweep()
	w.sealAll("api")
	w.add("a.log", old[len(old)/2:])
	f, err := os.Create(w.path("a.log.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []string{"", old[:100], old[100 : len(old)/3], old[len(old)/3 : len(old)-10]} {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
		w.sweepCopies()
		if len(w.set.Files()) != 1 {
			t.Fatalf("a copy of %d bytes is taken", len(part))
		}
	}
	w.write("a.log", lines("new", 5))
	for range 3 { // the end waits for the copy to be whole
		w.sweepCopies()
		if n := w.events(ledger.KindClose); n != 0 || len(w.set.Files()) != 1 {
			t.Fatalf("%d ends, %d files", n, len(w.set.Files()))
		}
		w.want(w.sealAll("api"), "")
	}
	if _, err := f.WriteString(old[len(old)-10:]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.sweepCopies()
	w.sealAll("api")
	w.want(w.sealed("api"), old+lines("new", 5))
	if a := w.account("api"); a.Lost != 0 || w.warned("gone before") != 0 {
		t.Errorf("account %+v, said %q", a, w.said)
	}
	w.proven()
}

// An empty file that nobody writes becomes no copy: what is lost is said, also
// where two such files and two logs that are gone could wait for each other.
func TestAnEmptyFileKeepsNoLogThatIsGoneFromItsEnd(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	for _, name := range []string{"a.log", "a.log.1", "b.log"} {
		w.write(name, lines(name, 10))
	}
	w.sweep()
	w.write("a.log.1", "") // over the log that lies there
	for _, name := range []string{"a.log", "b.log"} {
		if err := os.Remove(w.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.write("b.log.1", "")
	w.restart()
	for range 8 {
		w.sweepCopies()
	}
	if n := w.events(ledger.KindClose); n != 3 || w.set.Missing() {
		t.Errorf("%d of 3 generations have ended", n)
	}
	w.write("b.log.1", "new\n")
	w.sweepCopies()
	w.want(w.sealAll("api"), "new\n")
	w.proven()
}

// A file that begins like a log is waited for as long as someone writes it, but
// not for ever.
func TestACopyInTheMakingIsNotWaitedForForEver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		part   string // of what is held open
		sealed string // of it in the end
	}{
		{"all that was read and more", lines("old", 20), lines("old", 20)[len(lines("old", 10)):]},
		{"less than what was read", lines("old", 5), lines("old", 5)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
			w.write("a.log", lines("old", 10))
			w.sweep()
			w.sealAll("api")
			w.erase("api")
			f, err := os.Create(w.path("a.log.1"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(tt.part); err != nil {
				t.Fatal(err)
			}
			w.write("a.log", "")
			w.sweepCopies()
			w.pass(copyWait - time.Second)
			w.sweepCopies()
			w.want(w.sealAll("api"), "")
			w.pass(2 * time.Second)
			w.sweepCopies()
			w.want(w.sealAll("api"), tt.sealed)
			w.proven()
		})
	}
}

func TestACopyThatGoesOnByItselfIsReadFromWhereItDoes(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	w.write("a.log", lines("old", 10))
	w.sweep()
	w.sealAll("api")
	w.add("a.log", lines("more", 10)+"half")
	w.write("a.log.1", lines("old", 10)+lines("more", 10)+"another half\n"+lines("own", 3))
	w.sweepCopies()
	w.want(w.sealAll("api"), lines("more", 10))
	w.sweepCopies()
	w.want(w.sealAll("api"), "another half\n"+lines("own", 3))
	w.proven()
}

func TestAFileThatWasNeverSeenFullIsKnownToBeTruncated(t *testing.T) {
	for _, down := range []bool{false, true} {
		w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
		w.write("a.log", "")
		w.sweep()
		w.add("a.log", lines("old", 10))
		w.sweep() // seen, and not read
		w.write("a.log.1", lines("old", 10))
		w.sweep()
		if down {
			w.stop()
		}
		w.write("a.log", lines("newer", 30))
		if down {
			w.start()
		}
		w.sweepCopies()
		w.sealAll("api")
		for _, want := range []string{lines("old", 10), lines("newer", 30)} {
			if strings.Count(w.sealed("api"), want) != 1 {
				t.Errorf("down %v: sealed %s", down, short(w.sealed("api")))
			}
		}
		if a := w.account("api"); a.Lost != 0 {
			t.Errorf("account %+v", a)
		}
		w.proven()
	}
}

func TestACopyElsewhereNeedsMoreToAgree(t *testing.T) {
	for _, tt := range []struct {
		lines int
		older bool // than swab's first sight of the log
		again bool
	}{{1, true, true}, {100, true, false}, {1, false, false}} {
		w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log*"})
		w.pass(time.Since(begin) - time.Hour) // the file system has another clock
		if tt.older {
			w.pass(2 * time.Hour)
		}
		if err := os.Mkdir(w.path("old"), 0o755); err != nil {
			t.Fatal(err)
		}
		w.write("a.log", lines("old", tt.lines))
		w.sweep()
		w.sealAll("api")
		w.add("a.log", lines("more", tt.lines))
		w.write("old/a.log.1", lines("old", tt.lines)+lines("more", tt.lines))
		w.sweepCopies()
		w.sealAll("api")
		if again := strings.Count(w.sealed("api"), lines("old", tt.lines)) == 2; again != tt.again {
			t.Errorf("%d lines: read again %v", tt.lines, again)
		}
		w.proven()
	}
}

// With logrotate's copy each copy begins like the one before it.
func TestACopyOfALogIsNoneOfItsLastCopy(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	w.write("a.log", "")
	w.sweep()
	text := ""
	for range 4 {
		more := lines(string(rune('a'+len(text)%26)), 50)
		w.add("a.log", more)
		text += more
		w.write("a.log.new", text)
		w.add("a.log", "between\n")
		text += "between\n"
		w.sealAll("api") // past the end of the copy before that is met
		for i := 4; i > 0; i-- {
			if _, err := os.Stat(w.path("a.log." + string(rune('0'+i)))); err == nil {
				w.rename("a.log."+string(rune('0'+i)), "a.log."+string(rune('1'+i)))
			}
		}
		w.rename("a.log.new", "a.log.1")
		w.stop()
		w.start() // the marks of earlier cursors are forgotten
		w.sweepCopies()
		w.sealAll("api")
	}
	w.want(w.sealed("api"), text)
	w.proven()
}

// An --exclude holds for copies that no glob leads to, too.
func TestAnExcludedCopyIsNotTaken(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.opts.Exclude = []string{filepath.Join(w.logs, "*.1")}
	w.start()
	w.write("a.log", lines("old", 10))
	w.sweep()
	w.sealAll("api")
	w.add("a.log", lines("more", 10))
	w.sweep()
	w.write("a.log.1", lines("old", 10)+lines("more", 10))
	w.write("a.log", "")
	w.sweepCopies()
	w.want(w.sealAll("api"), "")
	if n := len(w.set.Files()); n != 1 {
		t.Errorf("%d files", n)
	}
	if a := w.account("api"); a.Lost != int64(len(lines("more", 10))) || w.warned("gone before") != 1 {
		t.Errorf("account %+v, said %q", a, w.said)
	}
	w.proven()
}

// A copy was made in the middle of erasing: raw head, zeros, raw tail.
func TestACopyMadeDuringErasingIsRecognised(t *testing.T) {
	for _, state := range eraseStates {
		t.Run(state.String(), func(t *testing.T) {
			w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
			w.write("a.log", lines("old", 400))
			w.sweep()
			w.sealAll("api")
			state.to(w, "a.log")
			w.add("a.log", lines("more", 10))
			text, err := os.ReadFile(w.path("a.log"))
			if err != nil {
				t.Fatal(err)
			}
			for i := range ledger.BlockSize { // whoever copies may be behind the eraser
				text[ledger.BlockSize+i] = 0
			}
			if state == raw || state == intended {
				copy(text[ledger.BlockSize:], lines("old", 400)[ledger.BlockSize:2*ledger.BlockSize])
			}
			w.write("a.log.1", string(text))
			w.write("a.log", "")
			w.sweepCopies()
			w.want(w.sealAll("api"), lines("more", 10))
			w.proven()
		})
	}
}

// logrotate copies while swab overwrites: the copy holds what was raw then. It
// gives what was not read, and nothing twice; and a copy of before, which begins
// with zeros as well, is not taken for its log.
func TestACopyMadeWhileItsLogWasOverwrittenIsItsCopy(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	want := ""
	for k := range 3 {
		read, rest := lines(fmt.Sprint("read", k), 3000), lines(fmt.Sprint("rest", k), 500)
		want += read + rest
		w.add("a.log", read)
		w.sweepCopies()
		w.sealAll("api")
		w.ship("api")
		w.erase("api")
		w.add("a.log", rest)
		raced := strings.Repeat("\x00", 8192) + read[8192:20480] + strings.Repeat("\x00", len(read)-20480) + rest
		if k > 0 {
			w.rename("a.log.1", fmt.Sprintf("a.log.%d", k+1))
		}
		w.write("a.log.1", raced)
		w.write("a.log", "")
		for range 3 {
			w.sweepCopies()
		}
		w.sealAll("api")
	}
	w.want(w.sealed("api"), want)
	if a := w.account("api"); a.Lost != 0 {
		t.Errorf("account %+v", a)
	}
	w.proven()
}

// A log that is read and overwritten while another file is compared with it
// proves nothing: the file is compared again, with the marks of what was read.
func TestAFileComparedWhileALogIsOverwrittenIsNotItsCopy(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	w.write("a.log", "")
	w.sweep() // without a mark of its head
	w.add("a.log", lines("log", 100))
	w.write("a.log.1", lines("other", 120))
	fd, err := os.Open(w.path("a.log.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	f := &File{set: w.set, desc: descriptor{f: fd}, place: ledger.Place{Root: w.logs, Name: "a.log.1"}}
	size := int64(len(lines("other", 120)))
	stale := w.set.originals(f.place, 0)
	w.sealAll("api")
	w.ship("api")
	w.erase("api")
	if len(stale) != 1 {
		t.Fatalf("%d originals", len(stale))
	}
	fresh := w.set.originals(f.place, 0)
	if l, n, _, err := w.set.compare(f, size, stale[0], w.clock()); l == alike || !errors.Is(err, errMovedOn) {
		t.Errorf("likeness %d up to %d (%v)", l, n, err)
	}
	if l, _, _, err := w.set.compare(f, size, fresh[0], w.clock()); l != unlike || err != nil {
		t.Errorf("compared again: likeness %d (%v)", l, err)
	}
	w.sweepCopies()
	w.sealAll("api")
	w.want(w.sealed("api"), lines("log", 100)+lines("other", 120))
	w.proven()
}
