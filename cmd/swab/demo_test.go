package main

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"swab/ledger"
	"swab/scrub"
	"swab/ship"
)

// demoProcess is `swab demo` as a process of its own, with a directory for its
// temporary one.
func demoProcess(t *testing.T, args ...string) (cmd *exec.Cmd, tmp string) {
	t.Helper()
	tmp = t.TempDir()
	cmd = exec.CommandContext(t.Context(), "swab", append([]string{"demo"}, args...)...)
	// A flag that would break every run, were it passed on.
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "COLUMNS=", "SWAB_RAW_LIMIT=nonsense")
	return cmd, tmp
}

func demoLeft(t *testing.T, tmp string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestDemoShowsEachTextClassAndLosesNothing(t *testing.T) {
	t.Parallel()
	cmd, tmp := demoProcess(t)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	p, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, p, stderr.String())
	}
	text := string(p)
	checkDemoClasses(t, text)
	count := regexp.MustCompile(`(?m)^ +([0-9,]+) lines written · ([0-9,]+) shipped · 0 twice · 0 lost · 0 addresses left · 0 secrets left$`).FindStringSubmatch(text)
	if count == nil || count[1] != count[2] || len(count[1]) < len("1,000") {
		t.Errorf("counted: %q", count)
	}
	if n := strings.Count(text, "kill -9"); n != 2 {
		t.Errorf("killed %d times, want 2", n)
	}
	for _, want := range []string{
		"store unplugged", "api/access.log rotated", "rotated again", "both accounts of 9 classes balance", "swab ledger trace api/access.log\n    bytes 0–",
		"swab run --dry-run --log web='/var/log/nginx/*.log'\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing is said of %q", want)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("colour without a terminal")
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(line) - 1; strings.HasPrefix(line, "  ") && n > plainWidth {
			t.Errorf("a line of %d characters, longer than %d", n, plainWidth)
		}
	}
	if left := demoLeft(t, tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// checkDemoClasses looks at the rows of each class.
func checkDemoClasses(t *testing.T, text string) {
	t.Helper()
	for _, s := range demoServices() {
		_, rows, ok := strings.Cut(text, "\n  "+pad(s.class, 11)+" wrote ")
		if !ok {
			t.Errorf("%s is not shown", s.class)
			continue
		}
		rows, _, _ = strings.Cut(rows, "\n\n")
		raw, rows, _ := strings.Cut(rows, "\n")
		rows = "\n" + rows
		shipped := regexp.MustCompile(`\n +shipped +(.*)`).FindStringSubmatch(rows)
		if shipped == nil || strings.TrimSpace(raw) == shipped[1] || strings.Contains(shipped[1], scrub.Redacted) != (s.class != "server") {
			t.Errorf("%s: wrote %q, shipped %q", s.class, raw, shipped)
		}
		zeros, kept := strings.Count(rows, "on disk   zeros, "), strings.Count(rows, "on disk   kept, 7 days to go\n")
		if zeros != 1 || kept == 1 != s.stays || strings.Contains(rows, "8 d ago") != s.stays {
			t.Errorf("%s: %d times zeros, %d times kept:%s", s.class, zeros, kept, rows)
		}
		if runtime.GOOS == "linux" && !strings.Contains(rows, "zeros, 0 of ") {
			t.Errorf("%s: blocks were not given back:%s", s.class, rows)
		}
	}
}

func TestDemoKeepsItsDirectoryWhenTold(t *testing.T) {
	t.Parallel()
	cmd, tmp := demoProcess(t, "--keep", "--seed", "7")
	p, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	left := demoLeft(t, tmp)
	if len(left) != 1 || !strings.Contains(string(p), "kept: "+left[0]) || !strings.Contains(string(p), "--seed 7 ") {
		t.Fatalf("left: %v\n%s", left, p)
	}
	r, err := ledger.Check(filepath.Join(left[0], "state"))
	if err != nil || len(r.Problems) > 0 || r.Live {
		t.Errorf("its ledger: %+v, %v", r, err)
	}
	starts := 0
	err = ledger.Walk(filepath.Join(left[0], "state"), func(e *ledger.Event, _ string) error {
		if e.Start != nil {
			starts++
		}
		return nil
	})
	if err != nil || starts != 4 {
		t.Errorf("%d starts in its ledger (%v), want 4: one, two after a kill, one --once", starts, err)
	}
}

// However the demo is ended, its directory and its child go with it.
func TestDemoCleansUpWhenItIsStopped(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, p *os.Process, out io.Closer){
		"Ctrl-C":  func(t *testing.T, p *os.Process, _ io.Closer) { check(t, p.Signal(os.Interrupt)) },
		"SIGTERM": func(t *testing.T, p *os.Process, _ io.Closer) { check(t, p.Signal(syscall.SIGTERM)) },
		"a reader that left": func(t *testing.T, _ *os.Process, out io.Closer) {
			check(t, out.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, tmp := demoProcess(t)
			out, err := cmd.StdoutPipe()
			check(t, err)
			check(t, cmd.Start())
			lines := bufio.NewScanner(out)
			for lines.Scan() && !strings.Contains(lines.Text(), "on disk") {
			}
			lock := lockOf(t, demoLeft(t, tmp))
			defer lock.Close()
			end(t, cmd.Process, out)
			go io.Copy(io.Discard, out) // fails where the pipe was closed
			err = cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
				t.Errorf("ended with %v, want status %d", err, exitFailed)
			}
			if left := demoLeft(t, tmp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if held, err := ledgerHeld(lock); held {
				t.Errorf("its swab still has the ledger (%v)", err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockOf opens the lock of the demo's state directory, which only a living
// swab holds.
func lockOf(t *testing.T, left []string) *os.File {
	t.Helper()
	if len(left) != 1 {
		t.Fatalf("the demo has no directory: %v", left)
	}
	f, err := os.Open(filepath.Join(left[0], "state", "lock"))
	check(t, err)
	return f
}

func ledgerHeld(lock *os.File) (bool, error) {
	err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), err
}

func TestDemoSeedMakesTheSameLinesAgain(t *testing.T) {
	at := time.Unix(1795456800, 0)
	for _, s := range demoServices() {
		texts := func(seed uint64) (lines []string) {
			k := &maker{rand.New(rand.NewPCG(seed, 1))}
			for i := range 50 {
				lines = append(lines, s.line(k, lineID(s.class, i), at).raw)
			}
			return lines
		}
		if !slices.Equal(texts(7), texts(7)) || slices.Equal(texts(7), texts(8)) {
			t.Errorf("%s: the seed does not decide the lines", s.class)
		}
	}
}

func TestDemoLinesHoldOnlyMadeUpAddressesAndSecrets(t *testing.T) {
	var nets []netip.Prefix
	for _, n := range []string{"203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32", "192.168.0.0/16"} {
		nets = append(nets, netip.MustParsePrefix(n))
	}
	k := &maker{rand.New(rand.NewPCG(1, 1))}
	for _, s := range demoServices() {
		for i := range 500 {
			m := s.line(k, lineID(s.class, i), time.Now())
			if len(m.addrs) == 0 || !strings.Contains(m.raw, lineID(s.class, i)) {
				t.Fatalf("%s: a line without an address or its number: %s", s.class, m.raw)
			}
			for _, ip := range m.addrs {
				if !slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(ip) }) {
					t.Errorf("%s: %s is someone's address", s.class, ip)
				}
				if !strings.Contains(m.raw, ip.String()) || strings.Contains(m.clean, ip.String()) || !strings.Contains(m.blanked, ip.String()) {
					t.Errorf("%s: %s becomes %s or %s", s.class, m.raw, m.clean, m.blanked)
				}
			}
			for _, secret := range m.secrets {
				if !strings.Contains(m.raw, secret) || strings.Contains(m.clean+m.blanked, secret) || len(secret) < len(scrub.Redacted) {
					t.Errorf("%s: %s becomes %s or %s", s.class, m.raw, m.clean, m.blanked)
				}
			}
		}
	}
}

// The demo's counting finds what can be wrong with a store.
func TestDemoCountsWhatIsWrong(t *testing.T) {
	var web service
	for _, s := range demoServices() {
		if s.class == "web" {
			web = s
		}
	}
	w := &writer{service: web, maker: &maker{rand.New(rand.NewPCG(1, 1))}}
	for i := range 20 {
		w.lines = append(w.lines, web.line(w.maker, lineID("web", i), time.Now()))
	}
	var good []string
	for _, m := range w.lines {
		good = append(good, m.clean)
	}
	for name, c := range map[string]struct {
		change func(lines []string) []string
		class  string
		want   tally
	}{
		"nothing":    {func(l []string) []string { return l }, "web", tally{shipped: 20}},
		"lost":       {func(l []string) []string { return l[1:] }, "web", tally{shipped: 19, lost: 1}},
		"twice":      {func(l []string) []string { return append(l, l[3]) }, "web", tally{shipped: 21, twice: 1}},
		"a raw line": {func(l []string) []string { l[4] = w.lines[4].raw; return l }, "web", tally{shipped: 20, left: 1, open: 2, changed: 1}},
		"an address": {func(l []string) []string { l[4] = w.lines[4].blanked; return l }, "web", tally{shipped: 20, left: 1, changed: 1}},
		"a secret": {func(l []string) []string {
			l[4] = strings.Replace(l[4], scrub.Redacted, w.lines[4].secrets[0], 1)
			return l
		}, "web", tally{shipped: 20, open: 1, changed: 1}},
		"a byte":       {func(l []string) []string { l[5] = l[5] + "x"; return l }, "web", tally{shipped: 20, changed: 1}},
		"a stranger":   {func(l []string) []string { return append(l, "hello", "web-999999") }, "web", tally{shipped: 20, strange: 2}},
		"other class":  {func(l []string) []string { return l }, "api", tally{shipped: 20, changed: 20}},
		"a torn line":  {func(l []string) []string { l[6] = l[6][:10] + "\n" + l[6][10:]; return l }, "web", tally{shipped: 20, changed: 1, strange: 1}},
		"empty object": {func([]string) []string { return nil }, "web", tally{lost: 20}},
	} {
		dir := t.TempDir()
		putObject(t, dir, c.class, c.change(slices.Clone(good)))
		back := newReadBack([]*writer{w})
		check(t, back.update(dir))
		check(t, back.update(dir)) // reads nothing twice
		c.want.written, c.want.addrs, c.want.secrets = 20, 20, 40
		got := back.tally([]*writer{w})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if bad := got.fault() != nil; bad == (name == "nothing") {
			t.Errorf("%s: fault %v", name, got.fault())
		}
	}
}

func putObject(t *testing.T, dir, class string, lines []string) {
	t.Helper()
	text := ""
	for _, l := range lines {
		text += l + "\n"
	}
	path := filepath.Join(dir, ship.Key("", class, time.Now(), "host", "n0de", 1, [32]byte{}, ".log"))
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestDemoExcerptFitsAndShowsTheAddress(t *testing.T) {
	ip := netip.MustParseAddr("203.0.113.77")
	for before := range 200 {
		line := strings.Repeat("x", before) + ip.String() + strings.Repeat("y", 150)
		for _, width := range []int{leastWidth - rowIndent, plainWidth - rowIndent} {
			got := excerpt(line, excerptStart(line, []string{ip.String()}, width), width)
			if n := utf8.RuneCountInString(got); n > width || !strings.Contains(got, ip.String()) {
				t.Fatalf("%d before, width %d: %q (%d)", before, width, got, n)
			}
		}
	}
}

// Of two marks both are shown where they fit, and else the first.
func TestDemoExcerptShowsAllThatIsMarkedIfItFits(t *testing.T) {
	const first, second = "203.0.113.77", "s3cr3tT0ken"
	for before := range 150 {
		for between := range 150 {
			line := strings.Repeat("x", before) + first + strings.Repeat("-", between) + second + strings.Repeat("y", 50)
			for _, width := range []int{leastWidth - rowIndent, plainWidth - rowIndent} {
				got := excerpt(line, excerptStart(line, []string{first, second}, width), width)
				fits := len(first)+between+len(second)+2 < width
				if n := utf8.RuneCountInString(got); n > width || !strings.Contains(got, first) || fits && !strings.Contains(got, second) {
					t.Fatalf("%d before, %d between, width %d: %q (%d)", before, between, width, got, n)
				}
			}
		}
	}
}

func TestDemoFindsRawBytes(t *testing.T) {
	w := &writer{service: demoServices()[2], dir: t.TempDir(), maker: &maker{rand.New(rand.NewPCG(1, 1))}}
	check(t, os.WriteFile(w.path(), make([]byte, 5000), 0o644))
	check(t, w.checkErased())
	check(t, os.WriteFile(w.path()+".1", append(make([]byte, 5000), '\n'), 0o644))
	if err := w.checkErased(); err == nil || !strings.Contains(err.Error(), "1 B") {
		t.Errorf("one raw byte in a rotated log: %v", err)
	}
	check(t, w.burst(w.path()+".kept", 3, time.Now()))
	check(t, os.Rename(w.path()+".kept", w.path()))
	check(t, w.checkKept(0))
	p, err := os.ReadFile(w.path())
	check(t, err)
	p[7] ^= 1
	check(t, os.WriteFile(w.path(), p, 0o644))
	if w.checkKept(0) == nil {
		t.Error("a changed byte in a log that is kept was not found")
	}
}
