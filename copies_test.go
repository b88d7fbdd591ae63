package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ledger"
)

// copied is a log under a daemon whose cranks the test turns, and its copies.
type copied struct {
	*bench
	d    *Daemon
	args []string
	log  string
	next int // lines written
}

func newCopied(t testing.TB, class string, more ...string) *copied {
	b := newBench(t)
	c := &copied{bench: b, log: filepath.Join(b.logs, "a.log")}
	c.args = append([]string{"--log", class + "=" + b.logs + "/*", "--first-grace", "0s"}, more...)
	c.write("a.log", "")
	c.d = c.open(c.args...)
	c.sweep()
	return c
}

func (c *copied) restart() {
	c.t.Helper()
	if err := c.d.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.d = c.open(c.args...)
}

// add appends n numbered lines to a file.
func (c *copied) add(path string, n int) {
	c.t.Helper()
	var text strings.Builder
	for range n {
		fmt.Fprintf(&text, "%08d 203.0.113.77 some words to fill the line\n", c.next)
		c.next++
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text.String()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) sweep() {
	c.t.Helper()
	if err := c.d.sweep(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) read() {
	c.t.Helper()
	for _, l := range c.d.lanes {
		if err := c.d.readAll(c.t.Context(), l, nil); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *copied) ship() {
	c.t.Helper()
	if err := c.d.shipAll(c.t.Context(), nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *copied) erase() {
	c.t.Helper()
	if err := c.d.erase(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// copy does what logrotate's copy does.
func (c *copied) copy(name string) string {
	c.t.Helper()
	p, err := os.ReadFile(c.log)
	if err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.logs, name)
	if err := os.WriteFile(path, p, 0o644); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *copied) truncate() {
	c.t.Helper()
	if err := os.Truncate(c.log, 0); err != nil {
		c.t.Fatal(err)
	}
}

// finish reads, ships and erases all there is, and fails the test unless each
// line is in the store once, nothing raw is left, and nothing counts as lost.
func (c *copied) finish(paths ...string) {
	c.t.Helper()
	for range 3 {
		for c.sweep(); c.d.files.Missing(); c.sweep() {
		}
		c.read()
		c.ship()
		c.erase()
	}
	c.once4all()
	for _, p := range append(paths, c.log) {
		if left := strings.TrimLeft(raw(c.t, p), " \n"); left != "" {
			c.t.Errorf("%s: %d raw bytes are left", filepath.Base(p), len(left))
		}
	}
	if err := c.d.Close(); err != nil {
		c.t.Error(err)
	}
	for name, class := range c.check().State.Classes {
		if a := class.Account; a.Lost != 0 || a.Expired != 0 || a.Unread != 0 {
			c.t.Errorf("account of %s: %+v", name, a)
		}
	}
}

// once4all fails unless each line is in the store once.
func (c *copied) once4all() {
	c.t.Helper()
	seen := map[int]int{}
	for line := range strings.Lines(c.shipped()) {
		var n int
		if _, err := fmt.Sscanf(line, "%d 203.0.113.0 some words", &n); err != nil {
			c.t.Fatalf("a line in the store is not what was written: %v", err)
		}
		seen[n]++
	}
	lost, twice := 0, 0
	for n := range c.next {
		switch seen[n] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	if lost+twice > 0 {
		c.t.Errorf("of %d lines %d are lost and %d are in the store twice", c.next, lost, twice)
	}
}

// Copytruncate, stopped at each interleaving: what the original had not given
// is read from the copy, nothing is read twice, and what was shipped is erased
// in both.
func TestInvariant5ACopyIsReadFromWhereItsOriginalStopped(t *testing.T) {
	type steps func(c *copied) (path string)
	for _, tt := range []struct {
		name string
		do   steps
	}{
		{"copied before anything is read", func(c *copied) string {
			c.add(c.log, 500)
			c.sweep()
			p := c.copy("a.log.1")
			c.sweep()
			c.truncate()
			return p
		}},
		{"copied and truncated before anything is read", func(c *copied) string {
			c.add(c.log, 500)
			p := c.copy("a.log.1")
			c.truncate()
			return p
		}},
		{"copied between read and erase", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			p := c.copy("a.log.1")
			c.sweep()
			c.ship()
			c.erase()
			c.truncate()
			return p
		}},
		{"copied after erase", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.ship()
			c.erase()
			p := c.copy("a.log.1")
			c.sweep()
			c.truncate()
			return p
		}},
		{"truncated before the copy is seen", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 300)
			p := c.copy("a.log.1")
			c.truncate()
			c.add(c.log, 20)
			return p
		}},
		{"erased, and an unread tail in the copy alone", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.ship()
			c.erase()
			c.add(c.log, 300)
			p := c.copy("a.log.1")
			c.truncate()
			c.add(c.log, 20)
			return p
		}},
		{"an unread tail in both", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 300)
			p := c.copy("a.log.1")
			c.sweep()
			c.add(c.log, 30)
			c.read()
			c.truncate()
			c.add(c.log, 20)
			return p
		}},
		{"the original is read past the copy", func(c *copied) string {
			c.add(c.log, 500)
			p := c.copy("a.log.1")
			c.add(c.log, 300)
			c.read()
			c.ship()
			c.erase()
			c.sweep()
			c.truncate()
			return p
		}},
		{"the original goes on for ever (copy)", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 300)
			p := c.copy("a.log.1")
			c.sweep()
			c.add(c.log, 30)
			return p
		}},
		{"written on in both", func(c *copied) string { // rot-07
			c.add(c.log, 1)
			c.read()
			c.add(c.log, 1)
			p := c.copy("a.log.1")
			c.truncate()
			c.add(p, 1)
			c.add(c.log, 1)
			return p
		}},
		{"a dated name", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 10)
			p := c.copy("a-20261123.log")
			c.truncate()
			return p
		}},
		{"over the copy of before", func(c *copied) string { // cp a.log a.log.1
			c.add(c.log, 500)
			c.read()
			c.copy("a.log.1")
			c.truncate()
			c.sweep()
			c.add(c.log, 600)
			c.read()
			c.add(c.log, 5)
			p := c.copy("a.log.1")
			c.truncate()
			return p
		}},
		{"removed and made anew by the writer", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 5)
			p := c.copy("a.log.1")
			if err := os.Remove(c.log); err != nil {
				c.t.Fatal(err)
			}
			c.add(c.log, 7)
			return p
		}},
		{"the copy is unlinked before it is read, as by gzip", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 5)
			p := c.copy("a.log.1")
			c.sweep()
			if err := os.Remove(p); err != nil {
				c.t.Fatal(err)
			}
			c.truncate()
			c.add(c.log, 7)
			c.sweep()
			c.read()
			return p
		}},
		{"two copies of one log", func(c *copied) string {
			c.add(c.log, 500)
			c.read()
			c.add(c.log, 5)
			c.copy("a.log.2")
			c.add(c.log, 6)
			p := c.copy("a.log.1")
			c.truncate()
			return p
		}},
	} {
		for _, fill := range []string{"zero", "blank"} {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, down %t", tt.name, fill, down), func(t *testing.T) {
					c := newCopied(t, "api", "--fill", fill)
					path := tt.do(c)
					if down {
						c.restart()
					}
					c.finish(path)
				})
			}
		}
	}
}

// A copy that no glob leads to is found where its original lies, once that was
// truncated.
func TestACopyOutOfTheGlobIsFoundBesideItsOriginal(t *testing.T) {
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down %t", down), func(t *testing.T) {
			b := newBench(t)
			c := &copied{bench: b, log: b.write("a.log", ""), args: []string{"--log", "api=" + b.logs + "/*.log"}}
			c.d = c.open(c.args...)
			c.sweep()
			c.add(c.log, 100)
			c.read()
			c.add(c.log, 100)
			other := b.write("a.log.old", "what someone put there\n")
			path := c.copy("a.log.1")
			c.truncate()
			if down {
				c.restart()
			}
			c.finish(path)
			if raw(t, other) != "what someone put there\n" {
				t.Error("a file that no --log names and that is no copy was changed")
			}
		})
	}
}

// A copy has its original's limit: bytes that wait for it there go at the same
// time in the copy, whenever that was made.
func TestInvariant4ACopyHasTheAgeOfItsOriginal(t *testing.T) {
	c := newCopied(t, "web", "--raw-limit", "24h") // web keeps raw bytes until the limit
	c.add(c.log, 500)
	c.read()
	c.ship()
	c.erase()
	path := c.copy("a.log.1")
	c.sweep()
	c.erase()
	if n := strings.Count(raw(t, path), "\n"); n != 500 {
		t.Fatalf("%d lines are left of the copy before its limit, want 500", n)
	}
	c.truncate()
	c.sweep()
	var oldest []int64
	c.d.ledger.View(func(s *ledger.State) {
		for id, b := range s.Batches {
			if id.Class == ledger.CopyClass {
				for _, r := range b.Ranges {
					oldest = append(oldest, r.Oldest)
				}
			}
		}
	})
	if len(oldest) != 1 || oldest[0] == 0 {
		t.Fatalf("ages of the copy's ranges: %v", oldest)
	}
}

// Invariant 2: what was put into a copy after it was recognised is not what
// swab read, and stays.
func TestInvariant2BytesPutIntoACopyAreNotErased(t *testing.T) {
	c := newCopied(t, "api", "--class", "api:erase-after=1h")
	c.add(c.log, 500)
	c.read()
	c.ship()
	path := c.copy("a.log.1")
	c.sweep()
	mine := strings.Repeat("mine ", 2000)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(mine), 4096); err != nil {
		t.Fatal(err)
	}
	f.Close()
	h := &hands{wall: c.d.clock.Now(), boot: 0}
	c.d.clock = h.clock(c.d.clock.Now())
	h.pass(2 * 3600e9)
	c.d.at = func(s step) {
		if s == stepPunched && !strings.Contains(raw(t, path), mine) {
			t.Error("bytes that swab never read were overwritten")
		}
	}
	c.erase()
	if n := len(c.events(ledger.KindErased)); n != 2 {
		t.Errorf("%d times something was erased, want the log and its copy", n)
	}
}

// A file that begins like another one and goes on otherwise is read by itself.
func TestAFileThatOnlyBeginsLikeAnotherIsNoCopy(t *testing.T) {
	banner := strings.Repeat("the same banner in each of the files, without a time\n", 3)
	for _, erased := range []bool{false, true} {
		t.Run(fmt.Sprintf("erased %t", erased), func(t *testing.T) {
			c := newCopied(t, "api")
			dryAppend(t, c.log, banner)
			c.sweep()
			c.read()
			for i := range 300 {
				dryAppend(t, c.log, fmt.Sprintf("one %d\n", i))
			}
			c.read()
			if erased {
				c.ship()
				c.erase()
			}
			c.bench.write("a.log.err", banner+strings.Repeat("another one\n", 500))
			c.sweep()
			c.read()
			c.ship()
			if n := strings.Count(c.shipped(), "another one\n"); n != 500 {
				t.Errorf("%d lines of the other file are in the store, want 500", n)
			}
			if n := strings.Count(c.shipped(), banner); n != 2 {
				t.Errorf("the banner is in the store %d times, want 2", n)
			}
		})
	}
}

// Two logs that begin with one banner are two logs, though the name of the
// younger is made of the older one's, which is overwritten already: there is
// nothing left that could prove a copy, and what is in doubt is shipped.
func TestInvariant5ABannerMakesNoCopy(t *testing.T) {
	t.Parallel()
	c := newCopied(t, "api")
	banner := strings.Repeat("=", 70) + " started\n"
	c.write("a.log", banner)
	c.add(c.log, 40)
	for range 2 {
		c.sweep()
		c.read()
		c.ship()
		c.erase()
	}
	other := filepath.Join(c.logs, "a.log.errors")
	c.write("a.log.errors", banner)
	c.add(other, 10)
	for range 2 {
		c.sweep()
		c.read()
		c.ship()
		c.erase()
	}
	if n := strings.Count(c.shipped(), "started"); n != 2 {
		t.Errorf("%d of 2 banners are in the store", n)
	}
	if n := strings.Count(c.shipped(), "some words"); n != 50 {
		t.Errorf("%d of 50 lines are in the store", n)
	}
}
