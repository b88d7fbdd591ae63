package ledger

import (
	"testing"
)

// BenchmarkFold is a start over 100,000 seals of one range each, shipped and
// erased: 400,000 events.
func BenchmarkFold(b *testing.B) {
	const seals = 100_000
	dir := b.TempDir()
	l := open(b, dir, Options{SegmentSize: 1 << 40})
	add(b, l, startEvent(), openEvent(1, "api", 0))
	for at := 0; at < seals; {
		var group []Event
		for range 1000 {
			r := lines(1, int64(at)*100, int64(at+1)*100)
			r.Tail = []Mark{{Off: r.To - 64, Len: 64, Day: "2026-11-23", Sum: "00112233445566778899aabbccddeeff"}}
			at++
			group = append(group, sealEvent("api", uint64(at), r), shipEvent("api", uint64(at)),
				eraseEvent(ReasonShipped, "api", uint64(at)), erasedEvent("api", uint64(at)))
		}
		if err := l.Append(group...); err != nil {
			b.Fatal(err)
		}
	}
	l.Close()
	path := segmentFiles(b, dir)[0]
	b.SetBytes(int64(len(read(b, path))))
	for b.Loop() {
		if _, err := foldSegment(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), Options{})
	add(b, l, startEvent(), openEvent(1, "api", 0))
	size := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		size++
		if err := l.Append(seenEvent(1, size, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendTogether has many callers share the syncs.
func BenchmarkAppendTogether(b *testing.B) {
	l := open(b, b.TempDir(), Options{})
	add(b, l, startEvent(), openEvent(1, "api", 0))
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(seenEvent(1, 1, 0)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkSums(b *testing.B) {
	key := newKey(b, "2026-11-23")
	p := make([]byte, 1<<20)
	b.SetBytes(int64(len(p)))
	w := NewSumWriter(discard{}, key)
	for b.Loop() {
		w.Begin(0)
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
