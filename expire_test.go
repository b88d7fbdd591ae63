package swab

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

// Invariant 4, the last resort: the store is down and the spool is full, and
// bytes at their limit go unsealed. It is an event and an error with counts,
// and never comes before the limit.
func TestInvariant4ExpireIsTheLastResort(t *testing.T) {
	b := newBench(t)
	path := b.write("a.log", "first 203.0.113.7\n")
	const limit = 3 * time.Second
	stop := b.daemonOn("api", "--raw-limit", limit.String(), "--batch-age", "50ms", "--sweep", "50ms", "--batch-size", "4KiB", "--spool-limit", "8KiB", "--shutdown-timeout", "20s")
	eventually(t, "the first object", func() bool { return len(b.objects()) == 1 })
	if err := os.Rename(b.out, b.out+".away"); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written := 0
	begun := time.Now()
	eventually(t, "bytes to expire", func() bool {
		if len(b.events(ledger.KindExpire)) > 0 {
			return true
		}
		for range 20 {
			fmt.Fprintf(f, "outage %08d %016x 203.0.113.77\n", written, rand.Uint64())
			written++
		}
		return false
	})
	if age := time.Since(begun); age < limit-time.Second { // ages count whole seconds, rounded up
		t.Errorf("bytes expired after %s, before their limit of %s", age, limit)
	}
	eventually(t, "the rest to go at its limit", func() bool { return raw(t, path) == "" })
	if err := os.Rename(b.out+".away", b.out); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was sealed to be shipped", func() bool {
		seals, ships := b.events(ledger.KindSeal), b.events(ledger.KindShip)
		return len(seals) == len(ships)
	})
	said := stop()

	var expired int64
	for _, e := range b.events(ledger.KindExpire) {
		expired += e.Expire.Range.Lines
	}
	text := b.shipped()
	if shipped := int64(strings.Count(text, "outage ")); shipped+expired != int64(written) {
		t.Errorf("%d lines written, %d shipped, %d expired", written, shipped, expired)
	}
	if strings.Contains(text, "203.0.113.77") {
		t.Error("the store holds an address")
	}
	if !strings.Contains(said, "could not be sealed; they are lost") {
		t.Errorf("a loss was not told:\n%s", said)
	}
	a := b.check().State.Account("api")
	if a.Expired == 0 || a.Present != 0 {
		t.Errorf("account: %+v", a)
	}
}

// The safe first start: nothing was ever shipped, so nothing is destroyed
// unsealed, however old it is.
func TestFirstStartDestroysNothingUnsealed(t *testing.T) {
	b := newBench(t)
	old := time.Now().Add(-30 * 24 * time.Hour).UTC().Format(time.RFC3339)
	var text strings.Builder // more than the spool takes
	for i := range 2000 {
		fmt.Fprintf(&text, "%s %08d %016x%016x 203.0.113.77\n", old, i, rand.Uint64(), rand.Uint64())
	}
	path := b.write("a.log", text.String())
	stop := func() func() string {
		cmd, said := daemon(t, "--log", "api="+b.logs+"/*", "--to", "s3://bucket/p", "--endpoint-url", "http://127.0.0.1:1", "--path-style",
			"--state", b.state, "--listen", "", "--spool-limit", "8KiB", "--batch-size", "4KiB", "--sweep", "50ms", "--shutdown-timeout", "1s")
		cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=wrong", "AWS_SECRET_ACCESS_KEY=wrong")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() string {
			cmd.Process.Signal(os.Interrupt)
			cmd.Wait()
			return said.String()
		}
	}()
	last := 0
	eventually(t, "the spool to be full", func() bool {
		if _, err := os.Stat(b.state + "/ledger/000001.jsonl"); err != nil {
			return false
		}
		seals := len(b.events(ledger.KindSeal))
		settled := seals > 0 && seals == last
		last = seals
		<-time.After(time.Second) // a round of the eraser and four of the lane
		return settled && len(b.events(ledger.KindErased)) > 0
	})
	said := stop()
	if n := len(b.events(ledger.KindExpire)); n > 0 {
		t.Errorf("%d ranges expired unsealed\n%s", n, said)
	}
	var sealed int64
	for _, e := range b.events(ledger.KindSeal) {
		sealed += e.Seal.Raw
	}
	if left := int64(len(raw(t, path))); left != int64(text.Len())-sealed || left == 0 {
		t.Errorf("%d raw bytes left, want the %d that are not sealed", left, int64(text.Len())-sealed)
	}
	b.check()
}

// Invariant 4, for a class that no flag names any more: what was sealed and
// what was never read are both gone at the limit that was in force.
func TestInvariant4HoldsForAClassThatIsNotConfiguredAnyMore(t *testing.T) {
	b := newBench(t)
	old := b.write("old.log", lines(100, "%08d 203.0.113.77"))
	other := b.dir + "/other"
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	b.once("server", "--raw-limit", "4s", "--class", "server:redact=otp")
	f, err := os.OpenFile(old, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, lines(50, "unread %08d 203.0.113.77 otp=Oo7number token=Tt5token"))
	f.Close()
	if raw(t, old) == "" {
		t.Fatal("erased before its limit")
	}
	cmd, said := daemon(t, "--log", "api="+other+"/*", "--to", "file://"+b.out, "--state", b.state, "--listen", "", "--sweep", "50ms")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the raw bytes to be gone", func() bool { return raw(t, old) == "" })
	eventually(t, "all to be shipped", func() bool { return strings.Count(b.shipped(), "203.0.113.0") == 150 })
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	for _, value := range []string{"203.0.113.77", "Oo7number", "Tt5token"} {
		if strings.Contains(b.shipped(), value) {
			t.Errorf("%s was shipped\n%s", value, said)
		}
	}
	b.check()
}

// A backlog past its limit that is larger than the spool: as long as the store
// takes batches, it is sealed and shipped, none of it expires.
func TestABacklogLargerThanTheSpoolIsShippedBeforeItExpires(t *testing.T) {
	b := newBench(t)
	b.write("first.log", "first 203.0.113.77\n")
	b.once("api") // what follows may expire, were there need
	old := time.Now().Add(-8 * 24 * time.Hour).UTC().Format(time.RFC3339)
	var text strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&text, "%s %08d %016x 203.0.113.77\n", old, i, rand.Uint64())
	}
	path := b.write("a.log", text.String())
	stop := b.daemonOn("api", "--batch-size", "4KiB", "--spool-limit", "8KiB", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "all of it to be erased", func() bool { return raw(t, path) == "" })
	stop()
	if n := len(b.events(ledger.KindExpire)); n > 0 {
		t.Errorf("%d ranges expired with the store up", n)
	}
	if n := strings.Count(b.shipped(), old); n != 4000 {
		t.Errorf("%d lines in the store, want 4000", n)
	}
	b.check()
}
