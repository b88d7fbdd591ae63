package swab

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
)

// keyed is a daemon with a clock of its own, over logs of the class api.
type keyed struct {
	*bench
	d *Daemon
	h *hands
}

// atNoon opens a daemon whose clock stands at noon (UTC) of tomorrow, so that no
// midnight falls into a test.
func (b *bench) atNoon(args ...string) *keyed {
	b.t.Helper()
	k := &keyed{bench: b, h: &hands{wall: time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour), boot: time.Hour}}
	k.d = b.open(append(args, "--log", "api="+b.logs+"/*")...)
	k.d.clock = k.h.clock(time.Time{})
	return k
}

// log has the daemon see an empty log, so that what is appended later is known
// to be younger.
func (k *keyed) log(name string) string {
	k.t.Helper()
	path := k.write(name, "")
	if err := k.d.sweep(); err != nil {
		k.t.Fatal(err)
	}
	return path
}

func (k *keyed) pass() {
	k.t.Helper()
	if err := k.d.Once(k.t.Context(), nil); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyed) erase() {
	k.t.Helper()
	if err := k.d.erase(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyed) today() string { return ledger.Day(k.h.wall) }

func (b *bench) reveal(day, pseudonym string, now time.Time) (string, error) {
	b.t.Helper()
	a, err := Reveal(RevealRequest{State: b.state, Pseudonym: netip.MustParseAddr(pseudonym), Day: day, Now: now})
	return a.String(), err
}

// scrubs are what the seals say of their keys.
func (b *bench) scrubs() []string {
	var list []string
	for _, e := range b.events(ledger.KindSeal) {
		mode, _, _ := strings.Cut(e.Seal.Scrub, " ") // without what is blanked
		list = append(list, mode)
	}
	return list
}

// keyEvents are the events of the keys of one use, as "DAY DID".
func (b *bench) keyEvents(use string) []string {
	var list []string
	for _, e := range b.events(ledger.KindKey) {
		if e.Key.Use == use {
			list = append(list, e.Key.Day+" "+e.Key.Did)
		}
	}
	return list
}

func (b *bench) keyFile(day string) string {
	return filepath.Join(keysDir(b.state), ledger.UsePseudonyms+"-"+day)
}

// The life of a pseudonym, end to end: the store has nothing else, the key's
// host can undo it until the limit, and then nobody can.
func TestPseudonymsAreUndoneUntilTheLimitAndNeverAfter(t *testing.T) {
	for _, mode := range []scrub.Mode{scrub.PseudonymPrefix, scrub.PseudonymDeterministic} {
		t.Run(mode.String(), func(t *testing.T) {
			b := newBench(t)
			k := b.atNoon("--class", "api:scrub="+mode.String())
			dryAppend(t, k.log("a.log"), lines(1000, "203.0.113.77 %08d"))
			k.pass()
			day := k.today()

			text := b.shipped()
			pseudonym, _, _ := strings.Cut(text, " ")
			if strings.Count(text, pseudonym+" ") != 1000 || strings.Contains(text, "203.0.113.") {
				t.Fatalf("the store does not hold one pseudonym, 1000 times: %.100q", text)
			}
			if got, want := b.scrubs(), []string{mode.String() + "/" + day}; !slices.Equal(got, want) {
				t.Errorf("the seal says %q, want %q", got, want)
			}
			meta, err := os.ReadFile(filepath.Join(b.out, filepath.Dir(b.objects()[0]), "."+filepath.Base(b.objects()[0])+".meta.json"))
			if err != nil || !strings.Contains(string(meta), mode.String()+"/"+day) {
				t.Errorf("the object's metadata does not name the key: %s (%v)", meta, err)
			}

			// Asked for beside the daemon, which has the ledger.
			if got, err := b.reveal(day, pseudonym, k.h.wall); err != nil || got != "203.0.113.77" {
				t.Fatalf("%s is %s (%v)", pseudonym, got, err)
			}
			if n := len(b.events(ledger.KindReveal)); n != 0 {
				t.Errorf("%d events before the daemon looked", n)
			}
			if err := k.d.sweepOn(); err != nil {
				t.Fatal(err)
			}
			told := b.events(ledger.KindReveal)
			if len(told) != 1 || told[0].Reveal.Day != day || told[0].Reveal.UID != os.Getuid() {
				t.Fatalf("events: %+v", told)
			}
			for _, secret := range []string{"203.0.113.77", pseudonym} {
				if strings.Contains(tree(t, b.state), secret) {
					t.Error("the state directory holds the address or its pseudonym")
				}
			}

			second := filepath.Join(b.dir, "second name of the key")
			if err := os.Link(b.keyFile(day), second); err != nil {
				t.Fatal(err)
			}
			start := k.h.wall.Truncate(24 * time.Hour)
			k.h.pass(start.Add(7*24*time.Hour - time.Second).Sub(k.h.wall))
			k.erase()
			if got, err := b.reveal(day, pseudonym, k.h.wall); err != nil || got != "203.0.113.77" {
				t.Errorf("a second before the limit %s is %s (%v)", pseudonym, got, err)
			}
			k.h.pass(time.Second)
			k.erase()
			if _, err := os.Lstat(b.keyFile(day)); err == nil {
				t.Error("at the limit the key is still there")
			}
			if p, err := os.ReadFile(second); err != nil || len(p) != scrub.KeySize || len(bytes.Trim(p, "\x00")) > 0 {
				t.Errorf("the key was not overwritten (%v)", err)
			}
			if got, want := b.keyEvents(ledger.UsePseudonyms), []string{day + " made", day + " destroyed"}; !slices.Equal(got, want) {
				t.Errorf("events of keys: %q, want %q", got, want)
			}
			k.d.Close()
			want := "the key of " + day + " was destroyed on " + ledger.Day(k.h.wall)
			if got, err := b.reveal(day, pseudonym, k.h.wall); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("after the limit: %s, %v; want %q", got, err, want)
			}
			b.check()
		})
	}
}

// With no daemon the event is in the ledger before the answer is there, and what
// waits in the inbox gets there with the next start.
func TestRevealWithoutADaemon(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix")
	dryAppend(t, k.log("a.log"), "203.0.113.77 x\n")
	k.pass()
	pseudonym, _, _ := strings.Cut(b.shipped(), " ")
	if _, err := b.reveal(k.today(), pseudonym, k.h.wall); err != nil {
		t.Fatal(err)
	}
	k.d.Close() // with an event in the inbox
	if _, err := b.reveal(k.today(), pseudonym, k.h.wall); err != nil {
		t.Fatal(err)
	}
	if n := len(b.events(ledger.KindReveal)); n != 1 {
		t.Errorf("%d events after the second, want 1", n)
	}
	b.once("api", "--scrub", "pseudonym=prefix")
	if n := len(b.events(ledger.KindReveal)); n != 2 {
		t.Errorf("%d events after a start, want 2", n)
	}
	for day, want := range map[string]string{
		"2099-01-01":                           "2099-01-01 is in the future",
		ledger.Day(k.h.wall.AddDate(0, 0, -1)): "no key of " + ledger.Day(k.h.wall.AddDate(0, 0, -1)) + " was ever made",
		"2020-01-01":                           "no key of 2020-01-01 was ever made",
	} {
		if _, err := b.reveal(day, pseudonym, k.h.wall); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", day, err, want)
		}
	}
	// swab was off past the limit: the key lies there, and is not used.
	if _, err := b.reveal(k.today(), pseudonym, k.h.wall.AddDate(0, 0, 7)); err == nil || !strings.Contains(err.Error(), " ended on ") {
		t.Errorf("past its time the key is used: %v", err)
	}
	if n := len(b.events(ledger.KindReveal)); n != 2 {
		t.Errorf("%d events, want none for what was not revealed", n-2)
	}
	b.check()
}

// A batch's key is that of its oldest byte; bytes of unknown age, or past their
// limit, have one that is never stored, and take it from no other file.
func TestKeyOfABatchIsThatOfItsOldestByte(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix", "--raw-limit", "72h")
	ago := func(days int) time.Time { return k.h.wall.AddDate(0, 0, -days) }
	for name, at := range map[string]time.Time{"0": ago(0), "1": ago(1), "2": ago(2), "4": ago(4)} {
		dryAppend(t, k.log(name), lines(10, at.Format(time.RFC3339)+" 203.0.113.77 "+name+" %d"))
	}
	k.pass()
	want := []string{"pseudonym=prefix/none", "pseudonym=prefix/" + ledger.Day(ago(2)), "pseudonym=prefix/" + ledger.Day(ago(1)), "pseudonym=prefix/" + k.today()}
	if got := b.scrubs(); !slices.Equal(got, want) {
		t.Errorf("keys of the batches: %q, want %q", got, want)
	}
	var seen []string
	for line := range strings.Lines(b.shipped()) {
		if f := strings.Fields(line); !slices.Contains(seen, f[1]) {
			seen = append(seen, f[1])
		}
	}
	if len(seen) != 4 || slices.Contains(seen, "203.0.113.77") {
		t.Errorf("one address has the pseudonyms %q, want four", seen)
	}
	days, err := k.d.pseudonyms.days.Days()
	if err != nil || !slices.Equal(days, []string{ledger.Day(ago(2)), ledger.Day(ago(1)), k.today()}) {
		t.Errorf("keys of %q (%v)", days, err)
	}
	if n := strings.Count(b.shipped(), "\n"); n != 40 {
		t.Errorf("%d lines, want 40", n)
	}
	b.check()
}

// A long log of several days, copied here, gets each part under the key of its
// own oldest line, and each line once.
func TestACopiedLogOfSeveralDaysKeepsEveryLine(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix", "--batch-size", "16KiB")
	path := k.log("a.log")
	var text strings.Builder
	for hour := 120; hour >= 0; hour-- {
		at := k.h.wall.Add(-time.Duration(hour) * time.Hour).Format(time.RFC3339)
		text.WriteString(lines(50, at+" 203.0.113.77 %d"))
	}
	dryAppend(t, path, text.String())
	k.pass()
	if n := strings.Count(b.shipped(), "\n"); n != 121*50 {
		t.Errorf("%d lines, want %d", n, 121*50)
	}
	for _, e := range b.events(ledger.KindSeal) {
		_, day, _ := strings.Cut(e.Seal.Scrub, "/")
		day, _, _ = strings.Cut(day, " ")
		for _, r := range e.Seal.Ranges {
			if of := ledger.Day(time.Unix(r.Oldest, 0)); of < day {
				t.Errorf("bytes of %s under the key of %s", of, day)
			}
		}
	}
	if strings.Contains(b.shipped(), "203.0.113.") {
		t.Error("an address was shipped")
	}
	b.check()
}

// When no class writes pseudonyms any more, keys of days that are over go with
// the next start, today's with its day.
func TestAClassWithoutPseudonymsKeepsNoKeyAlive(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix")
	for name, at := range map[string]time.Time{"old": k.h.wall.AddDate(0, 0, -2), "new": k.h.wall} {
		dryAppend(t, k.log(name), at.Format(time.RFC3339)+" 203.0.113.77\n")
	}
	k.pass()
	old, today := ledger.Day(k.h.wall.AddDate(0, 0, -2)), k.today()
	k.d.Close()
	b.once("api")
	if _, err := os.Lstat(b.keyFile(old)); err == nil {
		t.Error("the key of a day that is over is still there")
	}
	if _, err := os.Lstat(b.keyFile(today)); err != nil {
		t.Errorf("today's key went before its day is over: %v", err)
	}
	if !slices.Contains(b.keyEvents(ledger.UsePseudonyms), old+" destroyed") {
		t.Errorf("events of keys: %q", b.keyEvents(ledger.UsePseudonyms))
	}
	b.check()
}

// A crash right after a key is made, and then one run: the key is in the ledger
// once, and every line once in the store under it.
func TestACrashAfterAKeyIsMade(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix") // its ledger's time is the next run's
	path := k.log("a.log")
	dryAppend(t, path, lines(3000, "203.0.113.77 %08d"))
	day := k.today()
	k.pass0()
	cmd, said := daemon(t, b.args("api", "--once", "--scrub", "pseudonym=prefix")...)
	cmd.Env = append(cmd.Env, crashEnv+"="+string(stepKeyMade))
	if err := cmd.Run(); err == nil {
		t.Fatalf("it did not crash:\n%s", said)
	}
	if _, err := os.Lstat(b.keyFile(day)); err != nil || len(b.keyEvents(ledger.UsePseudonyms)) != 0 {
		t.Fatalf("it did not crash between key and event: %v", err)
	}
	b.once("api", "--scrub", "pseudonym=prefix")
	b.once("api", "--scrub", "pseudonym=prefix")
	if got := b.keyEvents(ledger.UsePseudonyms); !slices.Equal(got, []string{day + " made"}) {
		t.Errorf("events of keys: %q", got)
	}
	pseudonym, _, _ := strings.Cut(b.shipped(), " ")
	if n := strings.Count(b.shipped(), pseudonym+" "); n != 3000 {
		t.Errorf("%d lines under one pseudonym, want 3000", n)
	}
	if got, err := b.reveal(day, pseudonym, k.h.wall); err != nil || got != "203.0.113.77" {
		t.Errorf("%s is %s (%v)", pseudonym, got, err)
	}
	if left := raw(t, path); left != "" {
		t.Errorf("%d raw bytes are left", len(left))
	}
	b.check()
}

// pass0 brings the ledger to the daemon's time and closes it, without a pass.
func (k *keyed) pass0() {
	k.t.Helper()
	if err := k.d.ledger.Append(ledger.Event{Stop: &ledger.Stop{Why: "a test says so"}}); err != nil {
		k.t.Fatal(err)
	}
	k.d.Close()
}

// A crash right after a key is destroyed: the next start enters what is gone,
// once.
func TestACrashAfterAKeyIsDestroyed(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix", "--raw-limit", "48h")
	dryAppend(t, k.log("a.log"), "203.0.113.77\n")
	k.pass()
	day := k.today()
	after := *b
	after.state = filepath.Join(b.dir, "state after the crash")
	k.d.at = func(s step) {
		if s == stepKeyDestroyed { // what the disk holds in this moment
			if err := os.CopyFS(after.state, os.DirFS(b.state)); err != nil {
				t.Error(err)
			}
			if err := os.Chmod(after.state, 0o700); err != nil {
				t.Error(err)
			}
		}
	}
	k.h.pass(48 * time.Hour)
	k.erase()
	if _, err := os.Lstat(after.keyFile(day)); err == nil || len(after.keyEvents(ledger.UsePseudonyms)) != 1 {
		t.Fatalf("it was not between key and event: %q", after.keyEvents(ledger.UsePseudonyms))
	}
	d := after.open("--log", "api="+b.logs+"/*", "--scrub", "pseudonym=prefix", "--raw-limit", "48h")
	d.clock = k.d.clock
	for range 2 {
		if err := d.erase(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := after.keyEvents(ledger.UsePseudonyms), []string{day + " made", day + " destroyed"}; !slices.Equal(got, want) {
		t.Errorf("events of keys: %q, want %q", got, want)
	}
	if key, _, err := d.pseudonymKey(day); key != nil || err != nil {
		t.Errorf("a destroyed key was made again (%v)", err)
	}
	d.Close()
	after.check()
}

// openBeside opens a daemon with a clock, whose messages are kept.
func (b *bench) openBeside(said *strings.Builder, args ...string) (*Daemon, error) {
	cfg, err := config.ParseRun(append(args, "--log", "api="+b.logs+"/*", "--to", "file://"+b.out, "--state", b.state, "--listen", ""), nil)
	if err != nil {
		return nil, err
	}
	d, err := Open(b.t.Context(), cfg, slog.New(slog.NewTextHandler(said, nil)))
	if err == nil {
		b.t.Cleanup(func() { d.Close() })
	}
	return d, err
}

// Two hosts with one secret write one pseudonym a day, whenever they were
// seeded; and a day that is destroyed is nowhere in the state any more.
func TestAFleetAgreesAndForgets(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("the secret of a fleet, of 32 bytes at least"), 0o400); err != nil {
		t.Fatal(err)
	}
	args := []string{"--scrub", "pseudonym=prefix", "--raw-limit", "48h", "--key-secret", secret}
	host := func() *keyed { return newBench(t).atNoon(args...) }
	text := func(k *keyed, name string) string {
		dryAppend(t, k.log(name), "203.0.113.77 2001:db8::77\n")
		k.pass()
		keys := k.objects()
		return k.body(keys[len(keys)-1])
	}
	one := host()
	first := text(one, "a")
	one.h.pass(24 * time.Hour)
	one.erase()
	two := host()
	two.h.pass(24 * time.Hour)
	two.erase()
	a, b := text(one, "b"), text(two, "b")
	if a != b || a == first || strings.Contains(a, "203.0.113") {
		t.Errorf("two hosts write %q and %q; the day before it was %q", a, b, first)
	}

	day := ledger.Day(one.h.wall)
	key, err := ledger.ReadPseudonymKey(keysDir(one.state), day)
	if err != nil {
		t.Fatal(err)
	}
	one.h.pass(48 * time.Hour)
	one.erase()
	if strings.Contains(tree(t, one.state), string(key)) {
		t.Error("the state directory holds a destroyed key")
	}
	if r := one.d.pseudonyms.ratchet; r.Day() <= day {
		t.Errorf("the ratchet still holds the state of %s", r.Day())
	}
	if key, _, err := one.d.pseudonymKey(day); key != nil || err != nil {
		t.Errorf("the key of a destroyed day was made again (%v)", err)
	}
	one.check()
}

// The secret's file may go once it was read; another one is told and begins
// today; without the flag the ratchet is destroyed.
func TestKeySecretIsReadOnce(t *testing.T) {
	b := newBench(t)
	secret := filepath.Join(b.dir, "secret")
	put := func(text string) {
		t.Helper()
		os.Remove(secret)
		if err := os.WriteFile(secret, []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	start := func(args ...string) *Daemon {
		t.Helper()
		d, err := b.openBeside(&said, args...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	flags := []string{"--scrub", "pseudonym=prefix", "--raw-limit", "72h", "--key-secret", secret}
	put(strings.Repeat("one secret ", 4))
	d := start(flags...)
	ratchet := filepath.Join(keysDir(b.state), "ratchet")
	if days, err := d.pseudonyms.days.Days(); err != nil || len(days) != 3 {
		t.Errorf("keys of %q, want the 3 days within the limit (%v)", days, err)
	}
	d.Close()
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	start(flags...).Close()
	if got := b.keyEvents(ledger.UseRatchet); len(got) != 1 || !strings.HasSuffix(got[0], " seeded") {
		t.Errorf("events of the ratchet: %q", got)
	}
	before, err := os.ReadFile(ratchet)
	if err != nil {
		t.Fatal(err)
	}
	put(strings.Repeat("another one ", 4))
	start(flags...).Close()
	start(flags...).Close()
	if got := b.keyEvents(ledger.UseRatchet); len(got) != 2 || !strings.HasSuffix(got[1], " seeded anew") || strings.Count(said.String(), "another secret") != 1 {
		t.Errorf("events of the ratchet: %q\n%s", got, said.String())
	}
	if after, err := os.ReadFile(ratchet); err != nil || bytes.Equal(before, after) {
		t.Errorf("the ratchet is that of the first secret (%v)", err)
	}
	start("--scrub", "pseudonym=prefix").Close()
	start("--scrub", "pseudonym=prefix").Close()
	if _, err := os.Lstat(ratchet); err == nil {
		t.Error("without the flag the ratchet is still there")
	}
	if got := b.keyEvents(ledger.UseRatchet); len(got) != 3 || !strings.HasSuffix(got[2], " destroyed") {
		t.Errorf("events of the ratchet: %q", got)
	}
	if strings.Contains(said.String(), "one secret") || strings.Contains(tree(t, b.state), "one secret") {
		t.Error("the secret stands in a message or in the state directory")
	}
	b.check()
}

// What is missing from STATE/keys is not made anew: another key under the same
// day's name would answer with wrong addresses.
func TestAMissingKeyIsNotMadeAnew(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix")
	path := k.log("a.log")
	dryAppend(t, path, "203.0.113.77\n")
	k.pass()
	if err := k.d.pseudonyms.days.Destroy(k.today()); err != nil {
		t.Fatal(err)
	}
	k.d.lanes[0].key = textKey{} // as after a restart
	dryAppend(t, path, "203.0.113.77\n")
	k.pass()
	want := []string{"pseudonym=prefix/" + k.today(), "pseudonym=prefix/none"}
	if got := b.scrubs(); !slices.Equal(got, want) {
		t.Errorf("keys of the batches: %q, want %q", got, want)
	}
	if _, err := b.reveal(k.today(), "198.51.100.7", k.h.wall); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("revealing: %v", err)
	}
	b.check()
}

// The scrubber of a class without lines does not keep a key past its time.
func TestAnIdleLaneForgetsItsKey(t *testing.T) {
	b := newBench(t)
	k := b.atNoon("--scrub", "pseudonym=prefix", "--raw-limit", "1h")
	dryAppend(t, k.log("a.log"), "203.0.113.77\n")
	k.pass()
	l := k.d.lanes[0]
	if l.key.day != k.today() {
		t.Fatalf("the lane has the key of %q", l.key.day)
	}
	k.h.pass(24 * time.Hour)
	if _, err := k.d.collect(t.Context(), l, false); err != nil {
		t.Fatal(err)
	}
	if l.key.day != "" {
		t.Errorf("the lane still has the key of %q", l.key.day)
	}
}

// Foreign entries of the inbox are told, and end nothing.
func TestForeignRevealsAreTold(t *testing.T) {
	b := newBench(t)
	var said strings.Builder
	d, err := b.openBeside(&said)
	if err != nil {
		t.Fatal(err)
	}
	inbox := filepath.Join(b.state, "reveals")
	if err := os.Mkdir(inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(inbox, fmt.Sprintf("203.0.113.%d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := d.sweepOn(); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(said.String(), "none of swab's"); n != 1 || strings.Contains(said.String(), "203.0.113.1") {
		t.Errorf("told %d times:\n%s", n, said.String())
	}
}
