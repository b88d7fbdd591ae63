package retain

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

// week is a fold under a daemon that seals a batch a minute of many files whose
// raw bytes are kept until they are seven days old.
type week struct {
	t     *testing.T
	state *ledger.State
	disk  string // where the ranges of joined batches are
	now   time.Time
	size  int64 // of each file
}

const weekFiles = 300

var weekBegin = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)

func mark(off int64, n int, i int) ledger.Mark {
	return ledger.Mark{Off: off, Len: n, Day: "2026-11-23", Sum: fmt.Sprintf("%032x", i)}
}

func newWeek(t *testing.T) *week {
	w := &week{t: t, state: ledger.NewState(), disk: t.TempDir(), now: weekBegin}
	w.apply(ledger.Event{Start: &ledger.Start{Version: "test", Host: "host", Node: "node", Policies: map[string]ledger.Retention{
		"web": {RawLimit: 7 * 24 * 3600, AtLimit: true, Erase: "live", Fill: "zero", OnLimit: "seal", Scrub: "truncate/24/48"},
	}}})
	for i := range weekFiles {
		head := mark(0, 64, i)
		w.apply(ledger.Event{Open: &ledger.FileOpen{File: uint64(i + 1), Class: "web", Head: &head, ID: ledger.FileID{FS: fmt.Sprintf("%016x", 7), Ino: uint64(i), Gen: 1, Born: weekBegin.UnixNano()}}})
	}
	return w
}

func (w *week) apply(e ledger.Event) {
	if err := w.state.Apply(e, w.now); err != nil {
		w.t.Fatal(err)
	}
}

// summed gives a batch the chain's sum that it has in a ledger.
func (w *week) summed(id ledger.BatchID) {
	w.state.Batches[id].SealSum = strings.Repeat("a", 64)
}

// heap is what is in use, bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// minute seals and ships a batch with a hundred bytes of each file.
func (w *week) minute(number uint64) {
	w.now = w.now.Add(time.Minute)
	const n = 100
	s := &ledger.Seal{Batch: ledger.BatchID{Class: "web", Number: number}, Key: strings.Repeat("k", 100), SHA256: strings.Repeat("b", 64), Sums: strings.Repeat("c", 64), SumsKey: ledger.Day(w.now), Raw: n * weekFiles, Lines: weekFiles}
	for i := range weekFiles {
		r := ledger.Range{File: uint64(i + 1), From: w.size, To: w.size + n, Oldest: w.now.Unix() - 60, Newest: w.now.Unix(), Lines: 1}
		for _, e := range ledger.TailSpans(r.From, r.To) {
			r.Tail = append(r.Tail, mark(e.From, int(e.To-e.From), i))
		}
		s.Ranges = append(s.Ranges, r)
	}
	w.size += n
	w.apply(ledger.Event{Seal: s})
	w.summed(s.Batch)
	w.apply(ledger.Event{Ship: &ledger.Ship{Batch: s.Batch, How: "stored", Verified: "checksum"}})
}

func (w *week) path(id ledger.BatchID) string { return filepath.Join(w.disk, fmt.Sprint(id.Number)) }

func (w *week) recall(id ledger.BatchID) {
	p, err := os.ReadFile(w.path(id))
	if err != nil {
		w.t.Fatal(err)
	}
	var ranges []ledger.Range
	if err := json.Unmarshal(p, &ranges); err != nil {
		w.t.Fatal(err)
	}
	w.apply(ledger.Event{Recalled: &ledger.Recalled{Batch: id, Ranges: ranges}})
	os.Remove(w.path(id))
}

func (w *week) joinAll() {
	for _, refs := range Join(w.state, w.now, Hints{}) {
		id := ledger.BatchID{Class: ledger.JoinedClass, Number: w.state.Joins + 1}
		var parts []ledger.Range
		day := ""
		for _, ref := range refs {
			b := w.state.Batches[ref.Batch]
			day = b.SumsKey
			for _, i := range ref.Only {
				parts = append(parts, b.Ranges[i].Range)
			}
		}
		joined, _ := ledger.JoinRanges(parts)
		p, err := json.Marshal(joined)
		if err == nil {
			err = os.WriteFile(w.path(id), p, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.apply(ledger.Event{Joined: &ledger.Joined{Batch: id, Refs: refs, Sums: strings.Repeat("d", 64), SumsKey: day}})
		w.summed(id)
	}
}

// tend is what the eraser does between two batches.
func (w *week) tend() {
	for _, id := range Recall(w.state, w.now, Hints{}) {
		w.recall(id)
	}
	due := map[ledger.BatchID][]int{}
	for _, v := range Now(w.state, w.now, Hints{}) {
		due[v.Batch] = append(due[v.Batch], v.Index)
	}
	for _, ref := range joinRefs(due) {
		w.apply(ledger.Event{Erase: &ledger.Erase{Reason: ledger.ReasonLimit, Refs: []ledger.Ref{ref}}})
		w.apply(ledger.Event{Erased: &ledger.Erased{Refs: []ledger.Ref{ref}}})
	}
	for _, ids := range append(Rejoin(w.state, w.now), nil) {
		for _, id := range ids {
			w.recall(id)
		}
		w.joinAll()
	}
}

// Invariant 8: a class whose raw bytes are kept for a week costs no more than 2
// KiB a file, with a batch a minute, as folded and as a snapshot; and its bytes
// are erased when they are seven days old, an hour early at the most.
func TestInvariant8AWeekOfBatchesOfKeptFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("folds three million ranges")
	}
	const most = 2 << 10
	before := heap()
	w := newWeek(t)
	minutes := 7*24*60 + 300
	var worst, snapshot uint64
	for i := range minutes {
		w.minute(uint64(i + 1))
		if i > 60 && i%97 == 0 || i > minutes-70 { // before joining: what there is at the most
			worst = max(worst, (heap()-before)/weekFiles)
		}
		w.tend()
	}
	p, err := json.Marshal(w.state)
	if err != nil {
		t.Fatal(err)
	}
	snapshot = uint64(len(p)) / weekFiles
	t.Logf("%d batches: at most %d bytes a file in memory, %d bytes a file in a snapshot, %d batches held", minutes, worst, snapshot, len(w.state.Batches))
	if worst > most || snapshot > most {
		t.Errorf("%d bytes a file in memory and %d in a snapshot, want at most %d", worst, snapshot, most)
	}
	for num, f := range w.state.Files {
		if num%50 != 0 {
			continue
		}
		const aMinute = 100
		raw := (f.Size - f.Gone.Len()) / aMinute
		if raw > 7*24*60+1 || raw < 7*24*60-60-1 {
			t.Errorf("file %d: the bytes of %d minutes are raw, want those of a week, less an hour at the most", num, raw)
		}
	}
	if list := w.state.Imbalances(); len(list) > 0 {
		t.Error(list)
	}
	runtime.KeepAlive(w)
}
