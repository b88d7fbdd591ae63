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

// changedWhileErased runs swab over the logs, and calls change when the first
// archive is about to be overwritten.
func (b *bench) changedWhileErased(change func()) {
	b.t.Helper()
	d := b.open("--log", "api="+b.logs+"/*")
	did := false
	d.at = func(s step) {
		if s == stepIntended && !did {
			did = true
			change()
		}
	}
	if err := d.Once(b.t.Context(), func(Progress) {}); err != nil {
		b.t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		b.t.Fatal(err)
	}
	if !did {
		b.t.Fatal("nothing was about to be overwritten")
	}
}

// Invariants 2 and 5 where somebody changes an archive between the intent and
// the overwriting: what was shipped is not shipped again, and nothing that was
// not shipped is overwritten.
func TestInvariant2AnArchiveThatChangesWhileItIsErased(t *testing.T) {
	now := time.Now()
	other := dated("b", 3000, now)
	for _, row := range []struct {
		name   string
		change func(t *testing.T, path string)
		want   map[string]int
	}{
		{"cut off", func(t *testing.T, path string) {
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 3000}},
		{"emptied", func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 3000}},
		{"unlinked", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 3000}},
		{"another one in its place", func(t *testing.T, path string) {
			if err := os.WriteFile(path+".tmp", []byte(pack(t, path, other)), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".tmp", path); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 3000, "b": 3000}},
		{"written over", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(pack(t, path, other)), 0o644); err != nil {
				t.Fatal(err)
			}
		}, map[string]int{"a": 3000, "b": 3000}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := b.packed("a.log.1.gz", dated("a", 3000, now.Add(-time.Hour)), now.Add(-time.Minute))
			b.changedWhileErased(func() { row.change(t, path) })
			b.once("api")
			b.once("api")
			b.wantOnce(row.want)
			if row.name != "cut off" { // half an archive that is nobody's
				gone(t, path)
			}
			if a := b.check().State.Account("api"); a.Unread+a.SealedBytes+a.Lost+a.Expired+a.Present != 0 {
				t.Errorf("account: %+v", a)
			}
		})
	}
}

// Invariant 5 where an archive that was read is unpacked in place, or packed by
// another program: nothing is shipped twice, and none of it stays.
func TestInvariant5AnArchiveIsUnpackedOrPackedAnew(t *testing.T) {
	now := time.Now()
	text := dated("a", 3000, now.Add(-time.Hour))
	for _, row := range []struct{ from, to string }{
		{"a.log.1.gz", "a.log.1"}, {"a.log.1.gz", "a.log.1.zst"}, {"a.log.1.zst", "a.log.1.gz"}, {"a.log.1", "a.log.1.zst"},
	} {
		for _, down := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s to %s, down %v", row.from, row.to, down), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				keep := []string{"--class", "api:erase-after=1h"}
				form := func(name string) string {
					if filepath.Ext(name) == ".1" {
						return text
					}
					return pack(t, name, text)
				}
				old := b.write(row.from, form(row.from))
				var stop func() string
				if down {
					b.once("api", keep...)
				} else {
					stop = b.daemonOn("api", append(keep, "--batch-age", "50ms", "--sweep", "50ms")...)
					eventually(t, "the first to be shipped", func() bool { return len(b.objects()) > 0 })
				}
				path := b.write(row.to, form(row.to)) // the original goes when the other one is whole
				if err := os.Remove(old); err != nil {
					t.Fatal(err)
				}
				if stop != nil {
					eventually(t, "the copy to be known", func() bool { return len(b.events(ledger.KindCopied)) > 0 })
					stop()
				}
				b.once("api", keep...)
				b.wantOnce(map[string]int{"a": 3000})
				b.once("api")
				b.once("api")
				b.wantOnce(map[string]int{"a": 3000})
				gone(t, path)
				b.settled("api")
			})
		}
	}
}

// Invariant 4 for an archive that is sealed while the store is down: all of it
// goes when its oldest line is at the limit, for the reason limit-sealed, not
// before, and is shipped when the store is back.
func TestInvariant4AnArchiveGoesAtItsLimitWithTheStoreDown(t *testing.T) {
	b := newBench(t)
	const limit = 4 * time.Second
	first := b.write("first.log", dated("first", 1, time.Now()))
	stop := b.daemonOn("api", "--raw-limit", limit.String(), "--batch-age", "50ms", "--sweep", "50ms", "--shutdown-timeout", "20s")
	eventually(t, "the first object", func() bool { return len(b.objects()) == 1 && raw(t, first) == "" })
	if err := os.Rename(b.out, b.out+".away"); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Truncate(time.Second)
	path := filepath.Join(b.logs, "a.log.1.gz")
	text := pack(t, path, dated("old", 10, old)+dated("young", 2000, old.Add(2*time.Second)))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the archive to be sealed", func() bool { return sealedLines(b) >= 2011 })
	if sealed, err := os.ReadFile(path); time.Since(old) < limit && string(sealed) != text {
		t.Errorf("it was changed before its limit, with the store down (%v)", err)
	}
	eventually(t, "the archive to go at its limit", func() bool { return raw(t, path) == "" })
	if age := time.Since(old); age < limit || age > 2*limit {
		t.Errorf("the limit of %s was held after %s", limit, age)
	}
	var last ledger.Reason
	for _, e := range b.events(ledger.KindErase) {
		last = e.Erase.Reason
	}
	if last != ledger.ReasonLimitSealed {
		t.Errorf("the reason is %q", last)
	}
	if err := os.Rename(b.out+".away", b.out); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was sealed to be shipped", func() bool {
		return len(b.events(ledger.KindSeal)) == len(b.events(ledger.KindShip))
	})
	stop()
	b.once("api")
	b.wantOnce(map[string]int{"first": 1, "old": 10, "young": 2000})
	b.settled("api")
}

// The dry run looks at each file alone, and says so of an archive that may be a
// known log's.
func TestDryRunSaysThatAnArchiveMayBeKnown(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	text := dated("a", 100, now)
	b.write("a.log", text)
	b.once("web")
	b.packed("a.log.1.gz", text, now)
	f := dryRun(t, now, "--log", "web="+b.logs+"/*", "--state", b.state)
	if got := dryFile(t, f, "a.log.1.gz"); got.Ship != int64(len(text)) || !strings.Contains(got.Reason, "not shipped twice") {
		t.Errorf("%+v", got)
	}
	if got := dryFile(t, f, "a.log"); strings.Contains(got.Reason, "archive") {
		t.Errorf("%+v", got)
	}
}
