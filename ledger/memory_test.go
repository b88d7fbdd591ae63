package ledger

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// crowd is a state of n files, each with all that a file can hold: marks of
// head and tail, and a size at each of many looks.
func crowd(t testing.TB, n int) *State {
	state := newState()
	apply := func(e Event, at time.Time) {
		stamp(state, &e, 0)
		e.At = at
		if err := state.apply(&e, strings.Repeat("a", 64)); err != nil {
			t.Fatal(err)
		}
	}
	mark := func(off int64, length int) Mark {
		return Mark{Off: off, Len: length, Day: "2026-11-23", Sum: strings.Repeat("c", 32)}
	}
	apply(startEvent(), begin)
	ranges := make([]Range, n)
	for i := range n {
		file := uint64(i + 1)
		e := openEvent(file, "web", BlockSize)
		head := mark(0, 64)
		e.Open.Head, e.Open.ID = &head, FileID{FS: fmt.Sprintf("%016x", i), Ino: file, Gen: 1, Born: begin.UnixNano()}
		apply(e, begin)
		ranges[i] = lines(file, 0, BlockSize+10)
		ranges[i].Tail = []Mark{mark(BlockSize-54, 54), mark(BlockSize, 10)}
	}
	apply(sealEvent("web", 1, ranges...), begin)
	for look := range 100 {
		seen := &Seen{}
		for i := range n {
			seen.Files = append(seen.Files, Growth{File: uint64(i + 1), Size: BlockSize + 20 + int64(look), Quiet: begin.Unix() + int64(2*look) - 1})
		}
		apply(Event{Seen: seen}, begin.Add(time.Duration(2*look)*time.Second))
	}
	return state
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Invariant 8: 2 KiB a file at most, both as folded live and as read from a
// snapshot.
func TestMemoryOfAFileIsBounded(t *testing.T) {
	const files, most = 10_000, 2 << 10
	before := heap()
	state := crowd(t, files)
	after := heap()
	if n := len(state.Files[1].Points); n < maxPoints/2 {
		t.Fatalf("%d points: the files are not as large as they get", n)
	}
	if perFile := (after - before) / files; perFile > most {
		t.Errorf("%d bytes a file, want at most %d", perFile, most)
	} else {
		t.Logf("%d bytes a file, folded", perFile)
	}
	p, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(state)
	state = nil
	before = heap()
	if err := json.Unmarshal(p, &state); err != nil {
		t.Fatal(err)
	}
	after = heap()
	if perFile := (after - before) / files; perFile > most {
		t.Errorf("%d bytes a file, want at most %d", perFile, most)
	} else {
		t.Logf("%d bytes a file, from a snapshot", perFile)
	}
	runtime.KeepAlive(state)
	runtime.KeepAlive(p)
}
