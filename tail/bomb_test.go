package tail

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
)

// bomb is an archive of many frames, each of which unpacks to 8 MiB.
func bomb(t testing.TB, frames int) []byte {
	t.Helper()
	line := strings.Repeat("nothing to see here ", 50) + "\n"
	one := packedZstd(t, []byte(strings.Repeat(line, (8<<20)/len(line))))
	return bytes.Repeat(one, frames)
}

// A decompression bomb takes its time in slices, between which other logs are
// read, and the memory of any archive. Its length is known, and told, at the end.
func TestABombIsMeasuredInSlicesAndInFlatMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it unpacks 8 GiB")
	}
	const frames, length = 1024, 8 << 30
	w := newWorld(t, Rule{Class: "api", Pattern: "*"})
	if err := os.WriteFile(w.path("a.log.1.zst"), bomb(t, frames), 0o644); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(w.path("a.log.1.zst")); err != nil || info.Size() > 2<<20 {
		t.Fatalf("it is none: %v, %v", info, err)
	}
	if err := os.WriteFile(w.path("b.log"), []byte("a line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	slices, heap := 0, uint64(0)
	for {
		w.sweep()
		runtime.ReadMemStats(&after)
		heap = max(heap, after.HeapAlloc)
		if !w.set.Measuring() {
			break
		}
		slices++
		if list := w.pending("api"); len(list) != 1 {
			t.Errorf("%d logs can be read beside it, want 1", len(list))
		}
	}
	if grown := int64(heap) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if slices == 0 {
		t.Error("it was measured at once")
	}
	var unread int64
	for _, p := range w.pending("api") {
		unread = max(unread, p.Bytes)
	}
	if want := int64(length) * 999 / 1000; unread < want || unread > length {
		t.Errorf("%d bytes are unread, want about %d", unread, length)
	}
	if w.warned("far more than it takes") != 1 {
		t.Errorf("it is told of %d times", w.warned("far more than it takes"))
	}
	t.Logf("%d slices, %d MiB of heap", slices, heap>>20)
}
