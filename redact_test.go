package swab

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"swab/config"
	"swab/ledger"
	"swab/ship"
	"swab/status"
)

// What stands in the lines of these tests: parts of a secret, of a cookie, and
// of what tells who someone is.
const (
	aSecret    = "Zq7hunterXK9w"
	aCookie    = "Cc4biscuitVV8"
	anIdentity = "Ii3annikaLL5"
	anAddress  = "203.0.113.77"
	itsNetwork = "203.0.113.0"
	aJWT       = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI" + aSecret + "iJ9." + aSecret + aSecret
	fieldsEnd  = "END" // of each line's number
)

// fieldLines are lines that hold secrets, cookies and identities in all the
// ways in which services write them. Each has its number and an address.
func fieldLines(class string) string {
	secrets := []string{
		`Authorization: Bearer ` + aSecret,
		`user=1 password=` + aSecret + ` rest`,
		`{"user":1,"password":"` + aSecret + `","n":{"apiKey":"` + aSecret + `"}}`,
		`{"msg":"{\"token\":\"` + aSecret + `\"}"}`,
		`"GET /a?token=` + aSecret + `&page=2 HTTP/1.1" 200`,
		`"GET /a?next=%2Fb%3Faccess_token%3D` + aSecret + `%26page%3D2 HTTP/1.1" 200`,
		`a=ice-pwd:` + aSecret,
		`a=ice-ufrag:` + aSecret,
		`sent ` + aJWT + ` to a peer`,
		`{"urls":"turn:turn.example:3478","username":"` + aSecret + `","credential":"` + aSecret + `"}`,
		`X-OPENTOK-AUTH: ` + aSecret,
		`pulled https://build:` + aSecret + `@git.example/a`,
		`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:` + aSecret + aSecret,
		`connectionSecret = "` + aSecret + ` ` + aSecret + `"`,
	}
	cookies := []string{
		`Cookie: sid=` + aCookie + `; theme=` + aCookie,
		`Set-Cookie: sid=` + aCookie + `; Path=/; HttpOnly`,
		`{"cookie":"sid=` + aCookie + `"}`,
		`"GET /a;jsessionid=` + aCookie + ` HTTP/1.1" 200`,
	}
	identities := []string{
		`remote_user=` + anIdentity + ` did it`,
		`mail to ` + anIdentity + `@example.com`,
	}
	var text strings.Builder
	for i, s := range slices.Concat(secrets, cookies, identities) {
		fmt.Fprintf(&text, "%s-%02d%s %s %s\n", class, i, fieldsEnd, anAddress, s)
	}
	return text.String()
}

// spoken is what a daemon has said, to be read while it speaks.
type spoken struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// openSaying is [bench.open] with all that the daemon says.
func (b *bench) openSaying(args ...string) (*Daemon, *spoken) {
	b.t.Helper()
	cfg, err := config.ParseRun(append(args, "--to", "file://"+b.out, "--state", b.state, "--listen", ""), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	said := &spoken{}
	d, err := Open(b.t.Context(), cfg, slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { d.Close() })
	return d, said
}

// spooled is what the bodies in the spool hold, decompressed, by class.
func (b *bench) spooled(d *Daemon) map[string]string {
	b.t.Helper()
	out := map[string]string{}
	d.ledger.View(func(s *ledger.State) {
		for id, batch := range s.Batches {
			f, err := d.spool.Body(ship.ID(id))
			if err != nil {
				b.t.Errorf("body of %s: %v", id, err)
				continue
			}
			r, err := ship.CodecOf(batch.Key).NewReader(f)
			if err != nil {
				b.t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				b.t.Errorf("body of %s: %v", id, err)
			}
			out[id.Class] += string(text)
			r.Close()
			f.Close()
		}
	})
	return out
}

// pages are the metrics, health and status page of a daemon.
func pages(t *testing.T, d *Daemon) string {
	t.Helper()
	h := status.Handler(d, func(err error) { t.Error(err) })
	var all strings.Builder
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		all.WriteString(path + "\n" + w.Body.String())
	}
	return all.String()
}

// sealAll reads all that waits, class by class, into the spool.
func sealAll(t *testing.T, d *Daemon) {
	t.Helper()
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	for _, l := range d.lanes {
		for {
			sealed, err := d.collect(t.Context(), l, true)
			if err != nil {
				t.Fatal(err)
			}
			if !sealed {
				break
			}
		}
	}
}

// Invariant 1, for what the classes blank: neither spool nor store, nor ledger,
// message, metric or page holds a byte of it, and what a class does not blank
// is there.
func TestInvariant1WhatAClassBlanksLeavesNowhere(t *testing.T) {
	for name, more := range map[string][]string{
		"presets": nil, "identifiers": {"--redact", "identifiers"}, "keep": {"--scrub", "keep"}, "mask": {"--scrub", "mask", "--redact", "cookies"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			args := append([]string{"--codec", "gzip:1", "--log-level", "debug"}, more...)
			for _, c := range config.Presets() {
				if c.Opaque {
					continue
				}
				if err := os.Mkdir(filepath.Join(b.logs, c.Name), 0o755); err != nil {
					t.Fatal(err)
				}
				b.write(c.Name+"/a.log", fieldLines(c.Name))
				args = append(args, "--log", c.Name+"="+b.logs+"/"+c.Name+"/*")
			}
			d, said := b.openSaying(args...)
			d.greet()
			away := b.out + ".away"
			if err := os.Rename(b.out, away); err != nil {
				t.Fatal(err)
			}
			sealAll(t, d)
			if _, err := d.shipNext(t.Context(), d.shippers["web"]); err == nil {
				t.Fatal("shipped with the store away")
			}
			spooled := b.spooled(d)
			for name, c := range d.cfg.Classes {
				checkBlanked(t, "the spool", c, spooled[name])
			}
			checkSilent(t, d, b, said)
			if err := os.Rename(away, b.out); err != nil {
				t.Fatal(err)
			}
			if err := d.Once(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for name, c := range d.cfg.Classes {
				var text strings.Builder
				for _, key := range b.objects() {
					if strings.Contains(key, "class="+name+"/") {
						text.WriteString(b.body(key))
					}
				}
				checkBlanked(t, "the store", c, text.String())
			}
			checkSilent(t, d, b, said)
			b.check()
		})
	}
}

// checkBlanked fails unless text is the class's lines without what it blanks.
func checkBlanked(t *testing.T, where string, c config.Class, text string) {
	t.Helper()
	if n := strings.Count(text, fieldsEnd); n != strings.Count(fieldLines(c.Name), "\n") || strings.Count(text, "\n") != n {
		t.Errorf("%s of %s: %d lines, with %d ends", where, c.Name, n, strings.Count(text, "\n"))
	}
	for preset, value := range map[string]string{"secrets": aSecret, "cookies": aCookie, "identifiers": anIdentity} {
		blanked := slices.Contains(c.Scrub.Redact, preset)
		if got := strings.Contains(text, value); got == blanked {
			t.Errorf("%s of %s: blanks %v, and %s are there: %v\n%s", where, c.Name, c.Scrub.Redact, preset, got, text)
		}
		// A few bytes of a value are one too many.
		if parts := value[:4] + " " + value[len(value)-4:]; blanked {
			for part := range strings.FieldsSeq(parts) {
				if strings.Contains(text, part) {
					t.Errorf("%s of %s: a part of one of its %s is there", where, c.Name, preset)
				}
			}
		}
	}
	keeps := c.Scrub.Mode.String() == "keep"
	if strings.Contains(text, anAddress) != keeps {
		t.Errorf("%s of %s: scrubs by %s, and its addresses are there: %v", where, c.Name, c.Scrub, !keeps)
	}
	if c.Scrub.Mode.String() == "truncate" && strings.Count(text, itsNetwork) != strings.Count(text, "\n") {
		t.Errorf("%s of %s: %d networks", where, c.Name, strings.Count(text, itsNetwork))
	}
}

// checkSilent fails if state directory, messages, pages or the store's own
// files hold what was blanked or not.
func checkSilent(t *testing.T, d *Daemon, b *bench, said *spoken) {
	t.Helper()
	store := ""
	if _, err := os.Stat(b.out); err == nil {
		store = tree(t, b.out)
	}
	for where, text := range map[string]string{
		"the state directory": tree(t, b.state), "a message": said.String(), "a page": pages(t, d), "the store, as it lies": store,
	} {
		for _, value := range []string{aSecret, aCookie, anIdentity, anAddress} {
			if strings.Contains(text, value) {
				t.Errorf("%s holds %q", where, value)
			}
		}
	}
}

// The policy's text names what is blanked: in the seals, in the start event,
// in the objects' metadata, and in what is said at start.
func TestWhatIsBlankedIsOnTheRecord(t *testing.T) {
	b := newBench(t)
	b.write("a.log", fieldLines("web"))
	d, said := b.openSaying("--log", "web="+b.logs+"/*", "--redact", "kundengröße")
	d.greet()
	if err := d.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	const want = "truncate/24/48 redact=cookies,kundengröße,secrets"
	for _, e := range b.events(ledger.KindSeal) {
		if e.Seal.Scrub != want {
			t.Errorf("a seal has %q", e.Seal.Scrub)
		}
	}
	for _, e := range b.events(ledger.KindStart) {
		if got := e.Start.Policies["web"].Scrub; got != want {
			t.Errorf("the start event has %q", got)
		}
	}
	if text := tree(t, b.out); !strings.Contains(text, `"truncate/24/48 redact=cookies,kundengr%C3%B6%C3%9Fe,secrets"`) {
		t.Errorf("the objects' metadata does not have the policy")
	}
	if !strings.Contains(said.String(), "web: 1 files, addresses cut to /24 and /48, cookies, secrets and kundengröße blanked, raw bytes gone within 7 d") {
		t.Errorf("said at start:\n%s", said)
	}
}

func TestAPolicysTextFitsIntoMetadata(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"truncate/24/48 redact=a,b", "truncate/24/48 redact=a,b"},
		{"keep redact=größe", "keep redact=gr%C3%B6%C3%9Fe"},
		{strings.Repeat("x", maxMetadataText), strings.Repeat("x", maxMetadataText-4) + ",..."},
		{strings.Repeat("x", maxMetadataText-5) + "ö", strings.Repeat("x", maxMetadataText-5) + ",..."},
	} {
		if got := metadataText(c.text); got != c.want {
			t.Errorf("%q becomes %q", c.text, got)
		}
	}
	// A store takes it, however many names there are.
	b := newBench(t)
	b.write("a.log", fieldLines("api"))
	var flags []string
	for i := range 300 {
		flags = append(flags, "--redact", fmt.Sprintf("a-rather-long-name-of-a-field-%d", i))
	}
	b.once("api", flags...)
	if len(b.objects()) != 1 {
		t.Error("nothing was shipped")
	}
}

// The dry run says what the lines of each class leave with, and quotes none.
func TestADryRunSaysWhatIsBlanked(t *testing.T) {
	dir := dryDir(t)
	dryWrite(t, filepath.Join(dir, "a.log"), fieldLines("web"))
	f := dryRun(t, dryNow, "--log", "web="+dir+"/*.log", "--log", "dashboard="+dir+"/none/*", "--log", "recording="+dir+"/*.mkv", "--redact", "identifiers")
	want := []ForecastClass{
		{"dashboard", "addresses stay, secrets blanked", "keep redact=secrets"},
		{"recording", "opaque bytes, nothing scrubbed", "none"},
		{"web", "addresses cut to /24 and /48, cookies, secrets and identifiers blanked", "truncate/24/48 redact=cookies,identifiers,secrets"},
	}
	slices.SortFunc(f.Classes, func(a, b ForecastClass) int { return cmp.Compare(a.Name, b.Name) })
	if !slices.Equal(f.Classes, want) {
		t.Errorf("%+v", f.Classes)
	}
}
