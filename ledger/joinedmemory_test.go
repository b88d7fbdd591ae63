package ledger_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	. "swab/ledger"
	"swab/retain"
)

// week is a fold under a daemon that seals a batch a minute of many files whose
// raw bytes are kept until they are seven days old.
type week struct {
	t     *testing.T
	state *State
	disk  string // where the ranges of joined batches are
	now   time.Time
	size  int64 // of each file
}

const weekFiles = 300

func mark(off int64, n int, i int) Mark {
	return Mark{Off: off, Len: n, Day: "2026-11-23", Sum: fmt.Sprintf("%032x", i)}
}

func newWeek(t *testing.T) *week {
	w := &week{t: t, state: NewState(), disk: t.TempDir(), now: Begin}
	w.apply(Started())
	for i := range weekFiles {
		head := mark(0, 64, i)
		w.apply(Event{Open: &FileOpen{File: uint64(i + 1), Class: "web", Head: &head, ID: FileID{FS: fmt.Sprintf("%016x", 7), Ino: uint64(i), Gen: 1, Born: Begin.UnixNano()}}})
	}
	return w
}

func (w *week) apply(e Event) { w.state.Apply(w.t, w.now, e) }

// minute seals and ships a batch with a hundred bytes of each file.
func (w *week) minute(number uint64) {
	w.now = w.now.Add(time.Minute)
	const n = 100
	s := &Seal{Batch: BatchID{Class: "web", Number: number}, Key: strings.Repeat("k", 100), SHA256: strings.Repeat("b", 64), Sums: strings.Repeat("c", 64), SumsKey: Day(w.now), Raw: n * weekFiles, Lines: weekFiles}
	for i := range weekFiles {
		r := Range{File: uint64(i + 1), From: w.size, To: w.size + n, Oldest: w.now.Unix() - 60, Newest: w.now.Unix(), Lines: 1}
		for _, e := range TailSpans(r.From, r.To) {
			r.Tail = append(r.Tail, mark(e.From, int(e.To-e.From), i))
		}
		s.Ranges = append(s.Ranges, r)
	}
	w.size += n
	w.apply(Event{Seal: s})
	w.apply(Event{Ship: &Ship{Batch: s.Batch, How: "stored", Verified: "checksum"}})
}

func (w *week) path(id BatchID) string { return filepath.Join(w.disk, fmt.Sprint(id.Number)) }

func (w *week) recall(id BatchID) {
	p, err := os.ReadFile(w.path(id))
	if err != nil {
		w.t.Fatal(err)
	}
	var ranges []Range
	if err := json.Unmarshal(p, &ranges); err != nil {
		w.t.Fatal(err)
	}
	w.apply(Event{Recalled: &Recalled{Batch: id, Ranges: ranges}})
	os.Remove(w.path(id))
}

func (w *week) joinAll() {
	for _, refs := range retain.Join(w.state, w.now, retain.Hints{}) {
		id := BatchID{Class: JoinedClass, Number: w.state.Joins + 1}
		var parts []Range
		day := ""
		for _, ref := range refs {
			b := w.state.Batches[ref.Batch]
			day = b.SumsKey
			for _, i := range ref.Only {
				parts = append(parts, b.Ranges[i].Range)
			}
		}
		joined, _ := JoinRanges(parts)
		p, err := json.Marshal(joined)
		if err == nil {
			err = os.WriteFile(w.path(id), p, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.apply(Event{Joined: &Joined{Batch: id, Refs: refs, Sums: strings.Repeat("d", 64), SumsKey: day}})
	}
}

// tend is what the eraser does between two batches.
func (w *week) tend() {
	for _, id := range retain.Recall(w.state, w.now, retain.Hints{}) {
		w.recall(id)
	}
	for _, v := range retain.Now(w.state, w.now, retain.Hints{}) {
		ref := []Ref{{Batch: v.Batch, Only: []int{v.Index}}}
		w.apply(Event{Erase: &Erase{Reason: v.Erase, Refs: ref}})
		w.apply(Event{Erased: &Erased{Refs: ref}})
	}
	for _, ids := range append(retain.Rejoin(w.state, w.now), nil) {
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
	before := Heap()
	w := newWeek(t)
	minutes := 7*24*60 + 300
	var worst, snapshot uint64
	for i := range minutes {
		w.minute(uint64(i + 1))
		if i > 60 && i%97 == 0 || i > minutes-70 { // before joining: what there is at the most
			worst = max(worst, (Heap()-before)/weekFiles)
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
