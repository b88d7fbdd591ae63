package tail

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"swab/ledger"
)

var begin = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)

const week = ledger.Seconds(7 * 24 * 3600)

// world is what the daemon has around a Set: a state directory with a real
// ledger, and a directory of logs.
type world struct {
	t     testing.TB
	state string
	logs  string
	opts  Options

	mu   sync.Mutex
	now  time.Time
	said []string // warnings

	ledger *ledger.Ledger
	keys   *ledger.Keys
	paths  *ledger.Paths
	set    *Set

	buf    int // bytes a read
	budget int64
	sums   map[ledger.BatchID][]byte
	text   map[string]*strings.Builder // what was sealed, by class
	halves bool                        // take halves of lines, too
	whole  func([]byte) int
}

// newWorld makes a world with the rule api=*.log, unless rules say otherwise;
// their patterns and roots are beneath the directory of logs.
func newWorld(t testing.TB, rules ...Rule) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		t: t, state: filepath.Join(dir, "state"), logs: filepath.Join(dir, "logs"), now: begin,
		buf: 64 << 10, budget: 1 << 20, sums: map[ledger.BatchID][]byte{}, text: map[string]*strings.Builder{},
	}
	if err := os.Mkdir(w.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	if rules == nil {
		rules = []Rule{{Class: "api", Pattern: "*.log"}}
	}
	for i := range rules {
		rules[i].Pattern = filepath.Join(w.logs, rules[i].Pattern)
		rules[i].Root = filepath.Join(w.logs, rules[i].Root)
		if rules[i].Erase == "" {
			rules[i].Erase = "live"
		}
		if rules[i].Limit == 0 {
			rules[i].Limit = ledger.Seconds(week).Duration()
		}
	}
	w.opts = Options{Rules: rules, Name: filepath.Base, Warn: w.warn}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) warn(msg string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintln(append([]any{msg}, args...)...))
}

// warned counts the warnings with part in them.
func (w *world) warned(part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.said {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.ledger, err = ledger.Open(w.state, ledger.Options{Now: w.clock}); err != nil {
		w.t.Fatal(err)
	}
	if w.keys, err = ledger.OpenKeys(filepath.Join(w.state, "keys")); err != nil {
		w.t.Fatal(err)
	}
	if w.paths, err = ledger.OpenPaths(w.state); err != nil {
		w.t.Fatal(err)
	}
	policy := ledger.Retention{RawLimit: week, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "none"}
	policies := map[string]ledger.Retention{"api": policy, "web": policy, "rec": policy}
	w.append(ledger.Event{Start: &ledger.Start{Version: "test", Host: "host", Node: "node", Policies: policies}})
	w.set = New(w.opts, w.ledger, w.keys, w.paths)
}

func (w *world) stop() {
	if err := errors.Join(w.set.Close(), w.ledger.Close()); err != nil {
		w.t.Error(err)
	}
}

// restart is what a kill and a new start come to.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
	w.sweep()
}

func (w *world) append(events ...ledger.Event) {
	w.t.Helper()
	if err := w.ledger.Append(events...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sweep() {
	w.t.Helper()
	if err := w.set.Sweep(w.clock()); err != nil {
		w.t.Fatal(err)
	}
}

// settle sweeps until it is known what became of every file.
func (w *world) settle() {
	w.t.Helper()
	for w.sweep(); w.set.Missing(); w.sweep() {
	}
}

func (w *world) pending(class string) []Waiting {
	w.t.Helper()
	list, err := w.set.Pending(class, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) options() TakeOptions {
	w.t.Helper()
	key, _, err := w.keys.Make(ledger.Day(w.clock()))
	if err != nil {
		w.t.Fatal(err)
	}
	return TakeOptions{Budget: w.budget, Half: w.halves, Now: w.clock(), Key: key, Location: time.UTC, Whole: w.whole}
}

func (w *world) path(name string) string { return filepath.Join(w.logs, name) }

// write makes or truncates a file in the directory of logs.
func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// add appends to a file, as a logger with O_APPEND does.
func (w *world) add(name, text string) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rename(from, to string) {
	w.t.Helper()
	if err := os.Rename(w.path(from), w.path(to)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := os.Remove(w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

// file is the open file that lies at name, or nil.
func (w *world) file(name string) *File {
	for _, f := range w.set.Files() {
		if f.Place().Path() == w.path(name) {
			return f
		}
	}
	return nil
}

// record of a file in the ledger.
func (w *world) rec(num uint64) (rec ledger.File, ok bool) {
	w.ledger.View(func(s *ledger.State) {
		if f := s.Clone().Files[num]; f != nil {
			rec, ok = *f, true
		}
	})
	return rec, ok
}

func (w *world) account(class string) (a ledger.Account) {
	w.ledger.View(func(s *ledger.State) { a = s.Account(class) })
	return a
}

// proven fails unless both accounts hold.
func (w *world) proven() {
	w.t.Helper()
	w.ledger.View(func(s *ledger.State) {
		for name, c := range s.Classes {
			if a := c.Account; a.Content() != a.Written || a.Raw() != a.Written {
				w.t.Errorf("class %s: %+v", name, a)
			}
		}
	})
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got %s, want %s", short(got), short(want))
	}
}

func short(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%q…%q (%d bytes)", s[:150], s[len(s)-150:], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// lines makes n lines that differ.
func lines(tag string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s line %06d of some length\n", tag, i)
	}
	return b.String()
}

// events of one kind, from the ledger's segments.
func (w *world) events(kind ledger.Kind) (n int) {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.state, "ledger", "*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			w.t.Fatal(err)
		}
		n += bytes.Count(text, fmt.Appendf(nil, `"ev":%q`, kind))
	}
	return n
}

// numbers of the open files.
func (w *world) numbers() []uint64 {
	var list []uint64
	for _, f := range w.set.Files() {
		list = append(list, f.Num())
	}
	slices.Sort(list)
	return list
}
