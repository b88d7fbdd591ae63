package swab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"swab/ledger"
	"swab/ship"
	"swab/testdata/s3test"
	"swab/verify"
)

// closeSegment ends the segment that is being written, as a day's end does.
func (b *bench) closeSegment() {
	b.t.Helper()
	l, err := ledger.Open(b.state, ledger.Options{SegmentSize: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	defer l.Close()
	if err := l.Append(ledger.Event{Refused: &ledger.Refused{Name: "x", Why: "test"}}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) segmentObjects() (keys []string) {
	for _, key := range b.allObjects() {
		if strings.HasPrefix(key, "class=ledger/") {
			keys = append(keys, key)
		}
	}
	return keys
}

// wantSegments fails the test unless exactly the segments 1 to n are in the
// store, once each and byte for byte, and all that reads the store is content.
func (b *bench) wantSegments(n int) {
	b.t.Helper()
	keys := b.segmentObjects()
	if len(keys) != n {
		b.t.Errorf("%d segments in the store, want %d: %q", len(keys), n, keys)
		return
	}
	for i, key := range keys {
		local, err := os.ReadFile(filepath.Join(b.state, "ledger", fmt.Sprintf("%06d.jsonl", i+1)))
		if err != nil {
			b.t.Fatal(err)
		}
		if k, err := ship.ParseKey(key); err != nil || k.Number != uint64(i+1) {
			b.t.Errorf("%s is no segment %d", key, i+1)
		}
		if b.body(key) != string(local) {
			b.t.Errorf("%s is not the segment", key)
		}
	}
	if have := len(b.events(ledger.KindAnchor)); have != n {
		b.t.Errorf("%d anchors in the ledger, want %d", have, n)
	}
	b.check()
	b.wantSound(ship.KnownDir(b.out), "")
}

func (b *bench) wantSound(st interface {
	verify.Store
	verify.Header
}, prefix string) {
	b.t.Helper()
	o := verify.Options{State: b.state, Prefix: prefix, Sample: 1}
	for name, run := range map[string]func() (*verify.Report, error){
		"verify":  func() (*verify.Report, error) { return verify.Run(b.t.Context(), st, o) },
		"anchors": func() (*verify.Report, error) { return verify.Anchors(b.t.Context(), st, o) },
	} {
		r, err := run()
		if err != nil {
			b.t.Fatal(err)
		}
		if r.Wrong > 0 || len(r.Notes) > 0 {
			b.t.Errorf("%s: %v %q", name, r.Findings, r.Notes)
		}
	}
}

// Invariant 5 for the ledger itself: a crash at each boundary leaves every closed
// segment once in the store.
func TestInvariant5ACrashAtEachStepShipsEachSegmentOnce(t *testing.T) {
	for _, at := range segmentSteps {
		t.Run(string(at), func(t *testing.T) {
			b := newBench(t)
			b.write("203.0.113.77.log", lines(100, "%08d 203.0.113.77"))
			b.once("api")
			b.wantSegments(0)
			b.closeSegment()
			b.write("b.log", lines(100, "%08d 203.0.113.77"))
			cmd, said := daemon(t, b.args("api", "--once")...)
			cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
			if err := cmd.Run(); err == nil {
				t.Fatalf("it did not crash:\n%s", said)
			}
			b.wantSoundAfterCrash()
			b.once("api")
			b.wantSegments(1)
			b.closeSegment()
			b.closeSegment()
			b.once("api")
			b.wantSegments(3)

			// Invariant 1: what goes to the store has no address, of no path either.
			address := regexp.MustCompile(`203\.0\.113\.[1-9]`)
			for _, key := range b.segmentObjects() {
				if at := address.FindString(b.body(key)); at != "" {
					t.Errorf("%s has an address", key)
				}
			}
		})
	}
}

// wantSoundAfterCrash: an object whose anchor is still to come is no finding.
func (b *bench) wantSoundAfterCrash() {
	b.t.Helper()
	r, err := verify.Anchors(b.t.Context(), ship.KnownDir(b.out), verify.Options{State: b.state})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range r.Findings {
		if strings.Contains(f.Where, "class=ledger/") {
			b.t.Error(f)
		}
	}
}

func TestSegmentsInTheStoreAnchorWhatCameAfterTheLastSeal(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(100, "%08d 203.0.113.77"))
	b.once("api")
	anchored := func() verify.Anchored {
		r, err := verify.Anchors(t.Context(), ship.KnownDir(b.out), verify.Options{State: b.state})
		if err != nil || r.Wrong > 0 {
			t.Fatal(err, r)
		}
		return r.Anchored
	}
	before := anchored()
	b.closeSegment()
	b.once("api")
	after := anchored()
	stop := b.events(ledger.KindStop)[0].N
	if before.Event >= stop || after.Event <= stop {
		t.Errorf("the stop is event %d; anchored up to %d before its segment was in the store, %d after", stop, before.Event, after.Event)
	}

	// Another segment in the place of the one in the store.
	path := filepath.Join(b.out, b.segmentObjects()[0])
	text := b.body(b.segmentObjects()[0])
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "api", "apo", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := verify.Anchors(t.Context(), ship.KnownDir(b.out), verify.Options{State: b.state})
	if err != nil || r.Wrong == 0 || r.Findings[0].Kind != verify.KindSum {
		t.Errorf("a changed segment: %v %v", r.Findings, err)
	}
}

// A damaged segment stays out of the store, and keeps those behind it out, until
// a repair has left it out of the chain.
func TestSegmentsBehindADamagedOneShipAfterTheRepair(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(10, "%08d 203.0.113.77"))
	b.once("api")
	for range 3 {
		b.closeSegment()
	}
	path := filepath.Join(b.state, "ledger", "000002.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, said := daemon(t, b.args("api", "--once", "--shutdown-timeout", "10ms")...)
	if err := cmd.Run(); err == nil || !strings.Contains(said.String(), "swab ledger repair") {
		t.Errorf("with a damaged segment: %v\n%s", err, said)
	}
	if keys := b.segmentObjects(); len(keys) != 1 {
		t.Errorf("in the store beside a damaged segment: %q", keys)
	}
	if _, err := ledger.Repair(b.state, time.Now()); err != nil {
		t.Fatal(err)
	}
	b.once("api")
	for {
		after := 0
		for _, e := range b.events(ledger.KindAnchor) {
			after = max(after, e.Anchor.Segment)
		}
		if _, more, err := ledger.NextClosed(b.state, after); err != nil || !more {
			if err != nil || after < 3 {
				t.Errorf("anchored up to segment %d, %v", after, err)
			}
			break
		}
		b.once("api")
	}
	o := verify.Options{State: b.state, Sample: 1}
	r, err := verify.Run(t.Context(), ship.KnownDir(b.out), o)
	if err != nil || r.Wrong > 0 {
		t.Errorf("verify: %v %v", err, r.Findings)
	}
	if !strings.Contains(strings.Join(r.Notes, "\n"), "left out of the ledger by a repair") {
		t.Errorf("notes %q", r.Notes)
	}
	if r, err := verify.Anchors(t.Context(), ship.KnownDir(b.out), o); err != nil || r.Wrong > 0 {
		t.Errorf("anchors: %v %v", err, r.Findings)
	}
	// Whoever has no ledger at hand sees the gap.
	if r, err := verify.Run(t.Context(), ship.KnownDir(b.out), verify.Options{Sample: 1}); err != nil || r.Wrong == 0 || r.Findings[0].Kind != verify.KindGap {
		t.Errorf("without the ledger: %v %v", err, r.Findings)
	}
}

// A daemon ships what was closed before its start, and what it closes itself.
func TestSegmentsShipWhileSwabRuns(t *testing.T) {
	b := newBench(t)
	b.write("a.log", lines(10, "%08d 203.0.113.77"))
	b.once("api")
	b.closeSegment()
	stop := b.daemonOn("api", "--batch-age", "50ms", "--sweep", "50ms")
	eventually(t, "the segment to be in the store", func() bool { return len(b.segmentObjects()) == 1 })
	stop()
	b.wantSegments(1)
}

// On a real S3 server, too.
func TestSegmentsShipToS3(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	server.Bucket(t, "segments")
	b := newBench(t)
	b.write("a.log", lines(10, "%08d 203.0.113.77"))
	run := func() {
		cmd, said := daemon(t, b.s3Args(server, "segments", "--once")...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	run()
	b.closeSegment()
	run()
	if a := b.events(ledger.KindAnchor); len(a) != 1 || a[0].Anchor.How != "stored" || a[0].Anchor.Verified != "checksum" {
		t.Fatalf("anchors %+v", a)
	}
	st, err := ship.NewS3(t.Context(), ship.S3Options{Bucket: "segments", Endpoint: server.Endpoint, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	key := b.events(ledger.KindAnchor)[0].Anchor.Key
	b.wantSound(st, key[:max(strings.Index(key, "/class="), 0)])
}
