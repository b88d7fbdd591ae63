package ledger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestConcurrentAppendsShareSyncsAndLeaveNoGap(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 16 << 10})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	const callers, each = 16, 20

	// All callers queue while the ledger is held, so that the first to get it
	// must take the others along.
	l.mu.Lock()
	var done sync.WaitGroup
	for c := range callers {
		done.Go(func() {
			for i := range each {
				size := int64(c*each + i + 1)
				if err := l.Append(seenEvent(1, size, 0), Event{Refused: &Refused{Name: fmt.Sprint(c, i), Why: "test"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for queued := 0; queued < callers; {
		l.queueMu.Lock()
		queued = len(l.queue)
		l.queueMu.Unlock()
	}
	l.mu.Unlock()
	done.Wait()
	l.Close()

	clean(t, dir)
	var n, first, groups uint64
	seen := map[string]bool{}
	inGroup := map[uint64]int{}
	if err := Walk(dir, func(e *Event, _ string) error {
		if n++; e.N != n {
			return fmt.Errorf("event %d in place %d", e.N, n)
		}
		if e.Refused != nil {
			seen[e.Refused.Name] = true
			if first == 0 {
				first = e.Group
			}
		}
		if e.End {
			groups++
		}
		inGroup[e.Group]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != callers*each {
		t.Errorf("%d events, want %d", len(seen), callers*each)
	}
	if inGroup[first] != 2*callers {
		t.Errorf("the first group has %d events, want %d", inGroup[first], 2*callers)
	}
	if uint64(len(inGroup)) != groups {
		t.Errorf("%d groups, %d ends", len(inGroup), groups)
	}
}

func TestRefusedEventLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 100))
	before := toJSON(t, l.state)
	text := read(t, segmentFiles(t, dir)[0])
	for name, events := range map[string][]Event{
		"alone":            {shipEvent("api", 1)},
		"unknown class":    {shipEvent("new", 1)},
		"after a good one": {seenEvent(1, 500, 0), sealEvent("api", 1, lines(1, 7, 9))},
		"no content":       {{}},
		"two contents":     {{Stop: &Stop{}, Cut: &Cut{}}},
	} {
		if err := l.Append(events...); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if after := toJSON(t, l.state); after != before {
			t.Errorf("%s: the state changed:\n%s\n%s", name, before, after)
		}
		if string(read(t, segmentFiles(t, dir)[0])) != string(text) {
			t.Errorf("%s: the segment changed", name)
		}
	}
	add(t, l, sealEvent("api", 1, lines(1, 0, 100)))
	l.Close()
	clean(t, dir)
}

func TestRefusedEventDoesNotTakeItsNeighboursAlong(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	groups := []*group{
		{events: []Event{seenEvent(1, 10, 0)}},
		{events: []Event{seenEvent(1, 20, 0), shipEvent("api", 1)}},
		{events: []Event{seenEvent(1, 30, 0)}},
		{events: []Event{seenEvent(9, 10, 0)}},
		{events: []Event{openEvent(2, "web", 5)}},
	}
	l.mu.Lock()
	l.commit(groups)
	l.mu.Unlock()
	for i, g := range groups {
		if refused := i == 1 || i == 3; (g.err != nil) != refused || !g.done {
			t.Errorf("group %d: done %t, error %v", i, g.done, g.err)
		}
	}
	l.View(func(s *State) {
		if s.Files[1].Size != 30 || s.Files[2] == nil || s.Account("web").Written != 5 {
			t.Errorf("state %s", toJSON(t, s))
		}
	})
	l.Close()
	clean(t, dir)
}

func TestSecondOpenIsLockedOut(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("error %v, want ErrLocked", err)
	}
	if !check(t, dir).Live {
		t.Error("check does not see that the ledger is in use")
	}
	l.Close()
	if check(t, dir).Live {
		t.Error("check says in use after the end")
	}
	open(t, dir, Options{})
}

// Looking must not keep a daemon from starting, and must leave no lock behind.
func TestCheckAndOpenAtTheSameTime(t *testing.T) {
	dir := smallLedger(t)
	if err := os.Remove(dir + "/" + lockName); err != nil {
		t.Fatal(err)
	}
	check(t, dir)
	if _, err := os.Lstat(dir + "/" + lockName); err == nil {
		t.Fatal("check made a lock")
	}
	stop := make(chan struct{})
	var checking sync.WaitGroup
	checking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				isLocked(dir + "/" + lockName)
			}
		}
	})
	for range 200 {
		l, err := Open(dir, Options{})
		if err != nil {
			t.Error(err)
			break
		}
		l.Close()
	}
	close(stop)
	checking.Wait()
}

func TestTimeOfEventsNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	now := begin
	l := open(t, dir, Options{Now: func() time.Time { return now }})
	add(t, l, startEvent())
	now = now.Add(-time.Hour)
	add(t, l, openEvent(1, "api", 0))
	l.Close()
	l = open(t, dir, Options{Now: func() time.Time { return now }})
	add(t, l, openEvent(2, "api", 0))
	l.Close()
	if got := clean(t, dir).State.LastAt; !got.Equal(begin) {
		t.Errorf("last event at %s, want %s", got, begin)
	}
}

func TestFailedWriteLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent())
	before := toJSON(t, l.state)
	l.file.Close() // every write fails from here on
	if err := l.Append(openEvent(1, "api", 0)); err == nil {
		t.Fatal("no error")
	}
	if l.Broken() == nil {
		t.Error("the ledger goes on though its write could not be taken back")
	}
	if after := toJSON(t, l.state); after != before {
		t.Errorf("the state changed:\n%s\n%s", before, after)
	}
	if err := l.Append(openEvent(1, "api", 0)); err == nil || !strings.Contains(err.Error(), "ledger") {
		t.Errorf("a broken ledger answers %v", err)
	}
	l.Close()
	clean(t, dir)
}
