package ledger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"swab/testdata/crashtest"
)

// childVar names the state directory in which the test binary, started again,
// plays a daemon that is going to be killed.
const childVar = "SWAB_LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if status, done := crashtest.Main(); done {
		os.Exit(status)
	}
	if dir := os.Getenv(effectsVar); dir != "" {
		appendSome(dir)
		os.Exit(0)
	}
	if dir := os.Getenv(childVar); dir != "" {
		appendForEver(dir)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var begin = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)

// ticker is a clock that moves a second at each look.
type ticker struct {
	mu sync.Mutex
	at time.Time
}

func newTicker() *ticker { return &ticker{at: begin} }

func (c *ticker) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Second)
	return c.at
}

func (c *ticker) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

const week = Seconds(7 * 24 * 3600)

// policies are those of the test classes: api goes when shipped, web at its
// limit, off never.
func policies() map[string]Retention {
	return map[string]Retention{
		"api": {RawLimit: week, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"},
		"web": {RawLimit: week, AtLimit: true, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"},
		"off": {RawLimit: week, Erase: "off", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"},
	}
}

func startEvent() Event {
	return Event{Start: &Start{Version: "test", Machine: "m", Boot: "b", Host: "host", Node: "node", Policies: policies()}}
}

func openEvent(file uint64, class string, size int64) Event {
	return Event{Open: &FileOpen{File: file, Class: class, ID: FileID{FS: "2a", Ino: file}, Size: size}}
}

func sealEvent(class string, number uint64, ranges ...Range) Event {
	s := &Seal{Batch: BatchID{class, number}, Key: fmt.Sprintf("class=%s/%d", class, number), SHA256: "00", Size: 10, SumsKey: "2026-11-23", Ranges: ranges}
	for _, r := range ranges {
		s.Raw += r.Len()
		s.Lines += r.Lines
	}
	return Event{Seal: s}
}

func shipEvent(class string, number uint64) Event {
	return Event{Ship: &Ship{Batch: BatchID{class, number}, How: "stored", Verified: "checksum"}}
}

func eraseEvent(why Reason, class string, number uint64, only ...int) Event {
	return Event{Erase: &Erase{Reason: why, Refs: []Ref{{Batch: BatchID{class, number}, Only: only}}}}
}

func erasedEvent(class string, number uint64, only ...int) Event {
	return Event{Erased: &Erased{Refs: []Ref{{Batch: BatchID{class, number}, Only: only}}}}
}

func seenEvent(file uint64, size, quiet int64) Event {
	return Event{Seen: &Seen{Files: []Growth{{File: file, Size: size, Quiet: quiet}}}}
}

func lines(file uint64, from, to int64) Range {
	return Range{File: file, From: from, To: to, Oldest: begin.Unix(), Newest: begin.Unix(), Lines: 1}
}

// open opens the ledger in dir and closes it when the test ends.
func open(t testing.TB, dir string, opts Options) *Ledger {
	t.Helper()
	if opts.Now == nil {
		opts.Now = newTicker().Now
	}
	l, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// add appends each event as a group of its own.
func add(t testing.TB, l *Ledger, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

// life is one file from first sight to the end, with another left half done.
func life() []Event {
	return []Event{
		startEvent(),
		openEvent(1, "api", 100),
		sealEvent("api", 1, lines(1, 0, 60)),
		openEvent(2, "web", 0),
		shipEvent("api", 1),
		eraseEvent(ReasonShipped, "api", 1),
		erasedEvent("api", 1),
		seenEvent(2, 50, begin.Unix()),
		sealEvent("api", 2, lines(1, 60, 100)),
	}
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, dirName, "*"+segmentExt))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, path string, p []byte) {
	t.Helper()
	// Not cut to nothing first: ext4 brings to the device at once what replaces a file so.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(p, 0)
	if err := errors.Join(err, f.Truncate(int64(len(p))), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	p, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// check is Check, which must not fail.
func check(t testing.TB, dir string) *Report {
	t.Helper()
	r, err := Check(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func clean(t testing.TB, dir string) *Report {
	t.Helper()
	r := check(t, dir)
	if len(r.Problems) > 0 {
		t.Fatalf("problems: %q", r.Problems)
	}
	return r
}

// rechain writes the segments of dir again with all sums in order after
// change had its way with each event: what someone who knows the format could
// do.
func rechain(t testing.TB, dir string, change func(e *Event)) {
	t.Helper()
	var sum chainSum
	for _, path := range segmentFiles(t, dir) {
		var out []byte
		for line := range bytes.Lines(read(t, path)) {
			_, _, e, err := parseLine(line)
			if err != nil {
				t.Fatal(err)
			}
			if e.Snapshot != nil && e.Snapshot.Prev != "" {
				e.Snapshot.Prev = hex.EncodeToString(sum[:])
			}
			change(e)
			if out, sum, err = appendLine(out, sum, e); err != nil {
				t.Fatal(err)
			}
		}
		write(t, path, out)
	}
}
