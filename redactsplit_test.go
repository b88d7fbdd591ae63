package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

// A value that begins in one read and ends in another is blanked whole, and so
// is one that is longer than what is read at once.
func TestAValueOverTwoChunksIsBlanked(t *testing.T) {
	b := newBench(t)
	const rest = " behind it"
	want := 0
	for shift := range 40 {
		field := "password=" + aSecret
		head := strings.Repeat("x", laneBuffer-shift-6) + " a "
		b.write(fmt.Sprintf("%02d.log", shift), head+field+rest+"\n")
		want++
	}
	b.write("long.log", `{"token":"`+strings.Repeat(aSecret, 2*laneBuffer/len(aSecret))+`"}`+rest+"\n"+
		"Cookie: "+strings.Repeat(aCookie+"=1; ", 2*laneBuffer/len(aCookie))+"\n"+"next"+rest+"\n")
	b.once("web", "--batch-size", "64KiB")
	text := b.shipped()
	for _, value := range []string{aSecret[:4], aSecret[len(aSecret)-4:], aCookie[:4], aCookie[len(aCookie)-4:]} {
		if strings.Contains(text, value) {
			t.Errorf("a part of a value is in the store: %s", value)
		}
	}
	if n := strings.Count(text, rest+"\n"); n != want+2 {
		t.Errorf("%d lines end as they did, want %d", n, want+2)
	}
	b.check()
}

// A line that reaches its limit unfinished leaves in two batches: what of an
// open value stands in the first is blanked, and all of the second's rest of
// the line, of which nobody knows what it goes on with.
func TestAValueOverTwoBatchesIsBlanked(t *testing.T) {
	const first, second = "Qq1firstQQ2", "Ww3secondWW4"
	for name, open := range map[string]string{
		"a password":       "password=" + first,
		"in JSON":          `{"a":1,"token":"` + first,
		"a header":         "Authorization: Bearer " + first,
		"a cookie":         "Cookie: a=1; b=" + first,
		"a JWT's begin":    "sent eyJ" + first,
		"a URL's":          "from https://ann:" + first,
		"a query's":        "GET /a?page=1&access_token=" + first,
		"a name, no value": "password=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := b.write("a.log", "a line before\nit begins "+open)
			d := b.open("--log", "web="+b.logs+"/*")
			h := &hands{wall: time.Now(), boot: time.Hour}
			d.clock = h.clock(time.Time{})
			pass := func() {
				t.Helper()
				if err := d.Once(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			pass()
			h.pass(8 * 24 * time.Hour)
			pass()
			if !strings.Contains(b.shipped(), "it begins ") {
				t.Fatalf("the half line was not taken at its limit:\n%s", b.shipped())
			}
			dryAppend(t, path, fmt.Sprintf("%s; rest of %s\na line behind\n", second, second))
			pass()
			text := b.shipped()
			for _, value := range []string{first[:4], first[len(first)-4:], second[:4], second[len(second)-4:]} {
				if strings.Contains(text, value) {
					t.Errorf("a part of the value is in the store:\n%s", text)
				}
			}
			if !strings.Contains(text, "a line before\n") || !strings.Contains(text, "\na line behind\n") {
				t.Errorf("the lines around it are not there:\n%s", text)
			}
			b.check()
		})
	}
}

// What a class blanked while flags named it, it blanks to the end, and cookies
// and secrets whatever was said.
func TestAClassThatNoFlagNamesAnyMoreIsBlankedToo(t *testing.T) {
	for _, c := range []struct{ recorded, want string }{
		{"truncate/24/48", "truncate/24/48 redact=cookies,secrets"},
		{"keep redact=secrets", "truncate/24/48 redact=cookies,secrets"},
		{"mask keep-nets=2 redact=X-Customer,identifiers,secrets", "truncate/24/48 redact=X-Customer,cookies,identifiers,secrets"},
		{"mask redact=secrets ip-fields=src,dst", "truncate/24/48 redact=cookies,secrets ip-fields=dst,src"},
		{"keep redact=,a b,(,otp", "truncate/24/48 redact=a,cookies,secrets"},
		{"", "truncate/24/48 redact=cookies,secrets"},
	} {
		p := orphanPolicy(c.recorded)
		if got := p.String(); got != c.want || p.Validate() != nil {
			t.Errorf("of %q: %q, want %q", c.recorded, got, c.want)
		}
	}
}

// Flags for what else is an address reach every class that scrubs, whatever
// stands where a read or the line ends.
func TestFlagsOfTheScrubberReachTheLines(t *testing.T) {
	const number, network = "3405803783", "3405803776" // 203.0.113.7 and its /24
	b := newBench(t)
	for _, class := range []string{"api", "dashboard"} {
		if err := os.Mkdir(filepath.Join(b.logs, class), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "agent Chrome/120.1.2.3 and 10.1.2.3 from 203.0.113.77 src=" + number + " dst=" + number + "\n"
		b.write(class+"/a.log", text)
		b.write(class+"/long.log", strings.Repeat("x", laneBuffer-10)+" src="+number+"\n")
		b.write(class+"/half.log", "half a line src="+number[:6])
	}
	d := b.open("--log", "api="+b.logs+"/api/*", "--log", "dashboard="+b.logs+"/dashboard/*",
		"--versions", "scrub", "--keep-net", "10.0.0.0/8", "--keep-net", "192.0.2.0/24", "--ip-field", "src", "--ip-field", "peer")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	for range 2 {
		if err := d.Once(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		h.pass(8 * 24 * time.Hour)
	}
	text := map[string]string{}
	for _, key := range b.objects() {
		class, _, _ := strings.Cut(strings.TrimPrefix(key, "class="), "/")
		text[class] += b.body(key)
	}
	api, kept := text["api"], text["dashboard"]
	if want := "agent Chrome/120.1.2.0 and 10.1.2.3 from 203.0.113.0 src=" + network + " dst=" + number + "\n"; !strings.Contains(api, want) {
		t.Errorf("api has %s, want %s", strings.ReplaceAll(api, "x", ""), want)
	}
	if !strings.Contains(api, "x src="+network+"\n") || strings.Contains(api, "src="+number[:6]+"\n") || !strings.Contains(api, "half a line src=") {
		t.Errorf("api has %s", strings.ReplaceAll(api, "x", ""))
	}
	if strings.Count(kept, "src="+number+"\n") != 1 || !strings.Contains(kept, "src="+number+" dst="+number+"\n") {
		t.Errorf("dashboard has %s", strings.ReplaceAll(kept, "x", ""))
	}
	for _, e := range b.events(ledger.KindSeal) {
		want := "truncate/24/48 keep-nets=2 versions=scrub redact=secrets ip-fields=peer,src"
		if e.Seal.Batch.Class == "dashboard" {
			want = "keep redact=secrets"
		}
		if e.Seal.Scrub != want {
			t.Errorf("the ledger says %q of %s", e.Seal.Scrub, e.Seal.Batch.Class)
		}
	}
	b.check()
}
