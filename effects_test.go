package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"swab/ledger"
	"swab/testdata/crashtest"
)

// scenario is a run of swab whose effects are gone through one by one.
type scenario struct {
	name string
	// prepare makes what the run finds, and returns its flags.
	prepare func(b *bench) []string
	want    map[string]int // lines of each log, by the word that they begin with
	modes   []crashtest.Mode
}

// webLimit is when lines of the class web are at their limit, and a bit.
const webLimit = 1100 * time.Millisecond

// waitUntil waits for a limit, which only time brings near.
func waitUntil(at time.Time) { <-time.After(time.Until(at)) }

// scenarioArgs are the flags of all scenarios' runs.
func scenarioArgs(b *bench, more ...string) []string {
	return append([]string{
		"--log", "api=" + b.logs + "/api*", "--log", "web=" + b.logs + "/web*", "--class", "web:raw-limit=1s",
		"--class", "api:scrub=pseudonym=prefix", "--to", "file://" + b.out, "--state", b.state, "--listen", "",
		"--log-level", "warn", "--shutdown-timeout", "1s", "--once",
	}, more...)
}

// numberedLines are n lines of a log, word NUMBER ADDRESS, from first on.
func numberedLines(word string, first, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%s %06d 203.0.113.77\n", word, first+i)
	}
	return text.String()
}

// firstRun meets logs, and has no state yet: it makes one.
func firstRun(b *bench) []string {
	b.write("api-a.log", numberedLines("a", 0, 700))
	b.write("api-b.log", numberedLines("b", 0, 20))
	return scenarioArgs(b)
}

// laterRun meets, beside lines that were read and are at their limit now, logs
// that were renamed, and copied and truncated, and keys whose time is over.
func laterRun(b *bench) []string {
	a := b.write("api-a.log", numberedLines("a", 0, 300))
	c := b.write("api-c.log", numberedLines("c", 0, 300))
	b.write("web.log", numberedLines("w", 0, 50))
	args := scenarioArgs(b)
	cmd, said := daemon(b.t, append(args, "--class", "api:erase-after=1h")...)
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%v\n%s", err, said)
	}
	old, err := os.ReadFile(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("api-c.log.1", string(old)+numberedLines("c", 300, 100))
	b.write("api-c.log", numberedLines("d", 0, 10))
	if err := os.Rename(a, a+".1"); err != nil {
		b.t.Fatal(err)
	}
	b.append("api-a.log.1", numberedLines("a", 300, 400))
	b.write("api-a.log", numberedLines("b", 0, 20))
	for _, use := range []string{ledger.UseSums, ledger.UsePseudonyms} {
		path := filepath.Join(keysDir(b.state), use+"-2026-01-02")
		if err := os.WriteFile(path, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	return args
}

// packedRun meets archives: of a log that was read in part and is raw, of one
// that was read and is at its limit now, and one that nobody knows.
func packedRun(b *bench) []string {
	logs := []string{b.write("api-a.log", numberedLines("a", 0, 300)), b.write("web.log", numberedLines("w", 0, 50))}
	args := scenarioArgs(b)
	cmd, said := daemon(b.t, append(args, "--class", "api:erase-after=1h")...)
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%v\n%s", err, said)
	}
	b.write("api-a.log.1.gz", pack(b.t, "a.gz", numberedLines("a", 0, 400)))
	b.write("web.log.1.gz", pack(b.t, "w.gz", numberedLines("w", 0, 50)))
	b.write("api-b.log.1.zst", pack(b.t, "b.zst", numberedLines("b", 0, 20)))
	for _, path := range logs {
		if err := os.Remove(path); err != nil {
			b.t.Fatal(err)
		}
	}
	return args
}

// runAfterACrash meets what a killed run left: a batch that no seal speaks of,
// and half an event at the ledger's end.
func runAfterACrash(b *bench) []string {
	args := firstRun(b)
	cmd, said := daemon(b.t, args...)
	cmd.Env = append(cmd.Env, crashEnv+"="+string(stepSpooled))
	if err := cmd.Run(); err == nil {
		b.t.Fatalf("it did not crash:\n%s", said)
	}
	f, err := os.OpenFile(filepath.Join(b.state, "ledger", "000001.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(`{"n":9,"gro`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return args
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(filepath.Join(b.logs, name), os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// allModes are what becomes of an effect; after an error, a run may go on or
// end with a message.
var allModes = []crashtest.Mode{crashtest.Kill, crashtest.Tear, crashtest.Fail, crashtest.Ruin}

var scenarios = []scenario{
	{"first run", firstRun, map[string]int{"a": 700, "b": 20}, allModes},
	{"later run", laterRun, map[string]int{"a": 700, "b": 20, "c": 400, "d": 10, "w": 50}, allModes},
	{"archives", packedRun, map[string]int{"a": 400, "b": 20, "w": 50}, allModes[:3]},
	{"run after a crash", runAfterACrash, map[string]int{"a": 700, "b": 20}, allModes[:1]},
}

// memoryBench is a bench in memory.
func memoryBench(t *testing.T) *bench {
	t.Helper()
	return benchIn(t, crashtest.Dir(t))
}

// benchIn is a bench in a directory.
func benchIn(t testing.TB, dir string) *bench {
	t.Helper()
	b := &bench{t: t, dir: dir, logs: filepath.Join(dir, "log"), out: filepath.Join(dir, "out"), state: filepath.Join(dir, "state")}
	if err := os.Mkdir(b.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// traced runs swab and does to one of its effects what mode says.
func (b *bench) traced(mode crashtest.Mode, at int, args []string) (crashtest.Result, string) {
	b.t.Helper()
	cmd, said := daemon(b.t, args...)
	r, err := crashtest.Run(cmd, crashtest.Plan{Dir: b.dir, Mode: mode, At: at, Paged: "log/"})
	if errors.Is(err, crashtest.ErrUnsupported) {
		b.t.Skip(err)
	}
	if err != nil {
		b.t.Fatalf("%v\n%s", err, said)
	}
	return r, said.String()
}

// recovered runs swab until all is finished, and fails the test unless every
// line is in the store once and in order, nothing is raw, and nothing is left
// over.
func (s scenario) recovered(b *bench, args []string) {
	b.t.Helper()
	for range 3 {
		cmd, said := daemon(b.t, args...)
		if err := cmd.Run(); err != nil {
			b.t.Fatalf("recovery: %v\n%s", err, said)
		}
	}
	b.wantLines(s.want)
	b.nothingLeft()
	for name, c := range b.check().State.Classes {
		a := c.Account
		if a.Lost+a.Expired+a.Unread+a.Present != 0 || a.Erased+a.Removed != a.Written {
			b.t.Errorf("account of %s: %+v", name, a)
		}
	}
}

// wantLines reads the store back: so many lines of each word, each once, in
// the order of their numbers, and without an address.
func (b *bench) wantLines(want map[string]int) {
	b.t.Helper()
	text := b.shipped()
	if strings.Contains(text, "203.0.113.77") {
		b.t.Error("an address is in the store")
	}
	next := map[string]int{}
	for line := range strings.Lines(text) {
		var word string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d ", &word, &n); err != nil {
			b.t.Fatalf("a line in the store is not what was written: %v", err)
		}
		if n != next[word] {
			b.t.Errorf("log %s: line %d stands where line %d belongs", word, n, next[word])
		}
		next[word] = n + 1
	}
	for word, n := range want {
		if next[word] != n {
			b.t.Errorf("log %s: %d lines in the store, want %d", word, next[word], n)
		}
	}
}

// nothingLeft fails the test if a log holds raw bytes, or the state directory a
// file that belongs to nothing.
func (b *bench) nothingLeft() {
	b.t.Helper()
	entries, err := os.ReadDir(b.logs)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if left := raw(b.t, filepath.Join(b.logs, e.Name())); left != "" {
			b.t.Errorf("%s: %d raw bytes are left", e.Name(), len(left))
		}
	}
	err = filepath.WalkDir(b.state, func(path string, e fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, b.state+"/")
		dir, file := filepath.Split(name)
		switch {
		case err != nil || e.IsDir():
		case dir == "spool/", dir == "keys/" && strings.HasSuffix(file, "-2026-01-02"), strings.HasSuffix(file, ".tmp"):
			b.t.Errorf("%s is left over", name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// effectsTime is how long the effects of all scenarios may take: a sample of
// them, another one each time; effectsEnv=all takes all, some three minutes.
const (
	effectsTime = 30 * time.Second
	effectsEnv  = "TEST_EFFECTS"
)

// Invariant 5 at every boundary between two effects: a run of swab is killed
// before each system call that changes a file, and in the middle of each write,
// or gets an error from it, once and from there on; then runs without a fault
// leave every line once in the store, nothing raw, and nothing left over. -v
// lists the boundaries.
func TestInvariant5HoldsAtEveryEffect(t *testing.T) {
	budget := effectsTime
	switch {
	case os.Getenv(effectsEnv) == "all":
		budget = 24 * time.Hour
	case testing.Short():
		budget /= 2
	}
	end := time.Now().Add(budget)
	effects := map[string][]crashtest.Effect{}
	groups := 0
	for _, s := range scenarios {
		effects[s.name] = s.effects(t)
		groups += len(s.modes)
	}
	for _, mode := range allModes { // kills first: what they leave of their time is the others'
		for _, s := range scenarios {
			if !slices.Contains(s.modes, mode) {
				continue
			}
			share := time.Until(end) / time.Duration(groups)
			if mode == crashtest.Kill {
				share *= 2
			}
			groups--
			t.Run(s.name+"/"+string(mode), func(t *testing.T) { s.faults(t, mode, effects[s.name], share) })
		}
	}
}

// faults goes through the effects in a random order, for as long as it may.
func (s scenario) faults(t *testing.T, mode crashtest.Mode, effects []crashtest.Effect, share time.Duration) {
	began := time.Now()
	var tried atomic.Int64
	all := 0
	t.Cleanup(func() { t.Logf("%s, %s: %d of %d effects tried", s.name, mode, tried.Load(), all) })
	for _, n := range rand.Perm(len(effects)) {
		if mode == crashtest.Tear && effects[n].Bytes == 0 {
			continue // a kill is the same
		}
		all++
		few := all <= 4
		if !few && time.Since(began) > share/3 {
			continue
		}
		b := memoryBench(t)
		args, limit := s.prepare(b), time.Now().Add(webLimit)
		t.Run(fmt.Sprintf("%03d", n+1), func(t *testing.T) {
			t.Parallel()
			if !few && time.Since(began) > share {
				return // not tried
			}
			tried.Add(1)
			b.t = t
			waitUntil(limit)
			s.faultAt(b, mode, n+1, args)
		})
	}
}

// A power cut may take back a directory whose parent was not synced, with all
// that was synced beneath it: none stands so when the first line is sealed.
func TestDirectoriesAreSyncedBeforeTheFirstSeal(t *testing.T) {
	b := memoryBench(t)
	b.out = filepath.Join(crashtest.Dir(t), "out") // or its parent, which is the state's, too, would be synced for it
	r, _ := b.traced(crashtest.Watch, 0, firstRun(b))
	open := map[string]bool{}
	for _, e := range r.Effects {
		switch {
		case e.Call == "mkdir" && strings.HasPrefix(e.Path, "state"):
			open[e.Path] = true
		case e.Call == "fsync":
			for dir := range open {
				if filepath.Dir(dir) == e.Path {
					delete(open, dir)
				}
			}
		case e.Call == "rename" && strings.HasPrefix(e.To, "state/spool/"):
			if len(open) > 0 {
				t.Errorf("a batch is about to be sealed, and these may go with the power: %v", open)
			}
			return
		}
	}
	t.Error("no batch was sealed")
}

// effects are those of the run when nothing is in its way.
func (s scenario) effects(t *testing.T) []crashtest.Effect {
	t.Helper()
	b := memoryBench(t)
	args := s.prepare(b)
	waitUntil(time.Now().Add(webLimit))
	r, said := b.traced(crashtest.Watch, 0, args)
	if r.Status != 0 {
		t.Fatalf("%s: without a fault it exits with %d:\n%s", s.name, r.Status, said)
	}
	return r.Effects
}

// faultAt has one fault in one run, and then runs that mend what it left.
func (s scenario) faultAt(b *bench, mode crashtest.Mode, at int, args []string) {
	b.t.Helper()
	r, said := b.traced(mode, at, args)
	what := "it ended before"
	if r.Reached {
		what = named(r.Effects[at-1])
	}
	dead := r.Signal != ""
	if wanted := r.Reached && (mode == crashtest.Kill || mode == crashtest.Tear); dead != wanted || !dead && r.Status != 0 && (r.Status != 1 || said == "") {
		b.t.Errorf("%s: status %d, signal %q, and it said:\n%s", what, r.Status, r.Signal, said)
	}
	if strings.Contains(said, "203.0.113.77") || strings.Contains(said, "panic") {
		b.t.Errorf("it said:\n%s", said)
	}
	s.recovered(b, args)
	if b.t.Failed() {
		b.t.Logf("%s %d: %s; it said:\n%s", mode, at, what, said)
		return
	}
	b.t.Logf("%s %s: status %d, nothing lost, nothing doubled", mode, what, r.Status)
}

// named is an effect without what differs from one run to the next.
func named(e crashtest.Effect) string {
	text := randomNames.ReplaceAllString(e.String(), "$1-*")
	return objectNames.ReplaceAllString(text, "$1…")
}

var (
	randomNames = regexp.MustCompile(`\b(put|meta)-[A-Z2-7]{26}`)
	objectNames = regexp.MustCompile(`(out/class=[a-z]+/)\S+`)
)
