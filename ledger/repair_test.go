package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// longLedger has four segments or more and an open file in each.
func longLedger(t *testing.T) string {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 700})
	add(t, l, life()...)
	add(t, l, shipEvent("api", 2), openEvent(3, "web", 9), openEvent(4, "web", 9), openEvent(5, "web", 9), openEvent(6, "web", 9))
	l.Close()
	if n := clean(t, dir).Segments; n < 4 {
		t.Fatalf("%d segments, want 4", n)
	}
	return dir
}

func lastFile(t *testing.T, dir string) string {
	list := segmentFiles(t, dir)
	return list[len(list)-1]
}

// flip changes one byte of the line with the index line.
func flip(t *testing.T, path string, line int) {
	t.Helper()
	p := read(t, path)
	at := 30
	for range line {
		at += bytes.IndexByte(p[at:], '\n') + 1
	}
	p[at] ^= 1
	write(t, path, p)
}

func repair(t *testing.T, dir string) *RepairReport {
	t.Helper()
	r, err := Repair(dir, begin.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// goesOn proves that the repaired ledger opens, takes events, and says what
// happened to it.
func goesOn(t *testing.T, dir string, notes ...string) *Report {
	t.Helper()
	l := open(t, dir, Options{SegmentSize: 700})
	for range 4 {
		add(t, l, openEvent(l.state.NextFile, "web", 3))
	}
	l.Close()
	r := clean(t, dir)
	got := strings.Join(r.Notes, "\n")
	for _, want := range notes {
		if !strings.Contains(got, want) {
			t.Errorf("notes %q lack %q", r.Notes, want)
		}
	}
	if _, err := Repair(dir, begin); !errors.Is(err, ErrSound) {
		t.Errorf("repaired again: %v", err)
	}
	return r
}

func TestRepairOfTheLastSegmentKeepsTheFoldUpToTheLastGoodEvent(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, life()...)
	good, sum := toJSON(t, l.state.Clone()), l.at
	add(t, l, shipEvent("api", 2), openEvent(3, "web", 9), openEvent(4, "web", 9))
	l.Close()
	path := lastFile(t, dir)
	flip(t, path, 1+len(life()))
	damaged := read(t, path)
	if _, err := Open(dir, Options{}); err == nil {
		t.Fatal("opened")
	}

	r := repair(t, dir)
	if r.Last != sum.n || r.Lost != 3 || r.Segment != 2 || len(r.Moved) != 1 || len(r.Damaged) != 1 {
		t.Errorf("%+v, want last %d", r, sum.n)
	}
	if !bytes.Equal(read(t, r.Moved[0]), damaged) {
		t.Error("the damaged segment was not kept as it was")
	}
	snapshot := snapshotOf(lastFile(t, dir))
	if snapshot.Snapshot.Prev != r.Sum || snapshot.N != r.Last+1 {
		t.Errorf("the new chain quotes %q at %d", snapshot.Snapshot.Prev, snapshot.N)
	}
	if got := toJSON(t, snapshot.Snapshot.State); got != good {
		t.Errorf("state %s\nwant %s", got, good)
	}
	goesOn(t, dir, "segment 1 is missing: left out by a repair", "a new chain begins at event 11 (repair): segment 1 is damaged at byte")
}

func TestRepairOfAnEarlierSegmentKeepsTheRest(t *testing.T) {
	dir := longLedger(t)
	before := clean(t, dir)
	state := toJSON(t, before.State)
	path := segmentFiles(t, dir)[1]
	flip(t, path, 1)
	r := repair(t, dir)
	if r.Lost != 0 || r.Last != before.Events || r.Segment != before.Segments+1 {
		t.Errorf("%+v, want last %d", r, before.Events)
	}
	after := clean(t, dir)
	if toJSON(t, snapshotOf(lastFile(t, dir)).Snapshot.State) != state {
		t.Error("the state is another one")
	}
	if len(after.Notes) != 2 || after.Events >= before.Events {
		t.Errorf("notes %q, %d events", after.Notes, after.Events)
	}
	goesOn(t, dir, "segment 2 is missing: left out by a repair")
}

func TestRepairOfADamagedSnapshotFallsBackASegment(t *testing.T) {
	dir := longLedger(t)
	n := clean(t, dir).Segments
	flip(t, lastFile(t, dir), 0)
	r := repair(t, dir)
	if r.Segment != n+1 || len(r.Moved) != 1 || r.Lost == 0 {
		t.Errorf("%+v", r)
	}
	goesOn(t, dir, "a new chain begins")
}

func TestRepairOfMissingAndShortSegments(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		dir := longLedger(t)
		removeSegment(t, dir, 2)
		repair(t, dir)
		goesOn(t, dir, "segment 2 is missing: left out by a repair", "(repair): segment 2 is missing")
	})
	t.Run("first", func(t *testing.T) {
		dir := longLedger(t)
		removeSegment(t, dir, 1)
		repair(t, dir)
		goesOn(t, dir, "segment 1 is missing: left out by a repair")
	})
	t.Run("short", func(t *testing.T) {
		dir := longLedger(t)
		path := segmentFiles(t, dir)[1]
		p := read(t, path)
		write(t, path, p[:bytes.LastIndexByte(p[:len(p)-1], '\n')+1])
		if len(check(t, dir).Problems) == 0 {
			t.Fatal("a short segment was not found")
		}
		repair(t, dir)
		goesOn(t, dir, "segment 3 does not follow on segment 2")
	})
	t.Run("damaged and torn", func(t *testing.T) {
		dir := longLedger(t)
		flip(t, segmentFiles(t, dir)[0], 1)
		path := lastFile(t, dir)
		write(t, path, append(read(t, path), "half a li"...))
		repair(t, dir)
		goesOn(t, dir, "segment 1 is missing")
		if got := read(t, filepath.Join(dir, tornName)); string(got) != "half a li\n" {
			t.Errorf("%s holds %q", tornName, got)
		}
	})
}

// A crash between the new segment and the moving is finished by the next
// repair, with no second chain.
func TestRepairInterruptedIsFinished(t *testing.T) {
	dir := longLedger(t)
	path := segmentFiles(t, dir)[1]
	flip(t, path, 1)
	damaged := read(t, path)
	first := repair(t, dir)
	if err := os.Rename(first.Moved[0], path); err != nil {
		t.Fatal(err)
	}
	if len(check(t, dir).Problems) == 0 {
		t.Fatal("half a repair was not found")
	}
	second := repair(t, dir)
	if second.Segment != 0 || len(second.Moved) != 1 || !bytes.Equal(read(t, second.Moved[0]), damaged) {
		t.Errorf("%+v", second)
	}
	goesOn(t, dir, "a new chain begins")
}

func TestRepairTwiceStillExplainsTheFirst(t *testing.T) {
	dir := longLedger(t)
	flip(t, segmentFiles(t, dir)[1], 1)
	repair(t, dir)
	flip(t, lastFile(t, dir), 0) // the first repair's own segment
	repair(t, dir)
	goesOn(t, dir, "segment 2 is missing: left out by a repair")
}

func TestRepairOfASoundLedgerChangesNothing(t *testing.T) {
	for name, tail := range map[string]string{"sound": "", "torn": "half a li"} {
		t.Run(name, func(t *testing.T) {
			dir := longLedger(t)
			path := lastFile(t, dir)
			want := append(read(t, path), tail...)
			write(t, path, want)
			if _, err := Repair(dir, begin); !errors.Is(err, ErrSound) {
				t.Errorf("error %v, want ErrSound", err)
			}
			if !bytes.Equal(read(t, path), want) {
				t.Error("the last segment was changed")
			}
		})
	}
}

func TestRepairRefuses(t *testing.T) {
	t.Run("a ledger in use", func(t *testing.T) {
		dir := longLedger(t)
		open(t, dir, Options{})
		if _, err := Repair(dir, begin); !errors.Is(err, ErrLocked) {
			t.Errorf("error %v, want ErrLocked", err)
		}
	})
	t.Run("a ledger without a good snapshot", func(t *testing.T) {
		dir := longLedger(t)
		for _, path := range segmentFiles(t, dir) {
			flip(t, path, 0)
		}
		if _, err := Repair(dir, begin); err == nil {
			t.Error("repaired from nothing")
		}
		if _, err := os.Stat(filepath.Join(dir, damagedName)); err == nil {
			t.Error("segments were moved")
		}
	})
	t.Run("no ledger", func(t *testing.T) {
		dir := t.TempDir()
		if _, err := Repair(dir, begin); err == nil {
			t.Error("no error")
		}
		if list, _ := os.ReadDir(dir); len(list) > 0 {
			t.Errorf("made %v", list)
		}
	})
}
