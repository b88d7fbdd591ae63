package retain

import (
	"os"
	"testing"

	"swab/ledger"
)

func BenchmarkOverwrite(b *testing.B) {
	for _, dir := range []struct{ name, path string }{{"temp", b.TempDir()}, {"tmpfs", "/dev/shm"}} {
		for _, fill := range []Fill{FillZero, FillBlank} {
			b.Run(dir.name+"/"+fill.String(), func(b *testing.B) { benchmarkOverwrite(b, dir.path, fill) })
		}
	}
}

func benchmarkOverwrite(b *testing.B, dir string, fill Fill) {
	f, err := os.CreateTemp(dir, "retain")
	if err != nil {
		b.Skip(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	orig := lines(16<<20, 1)
	sums := newSealer(b).sums(b, 0, orig)
	b.SetBytes(int64(len(orig)))
	for b.Loop() {
		b.StopTimer()
		if _, err := f.WriteAt(orig, 0); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if res := mustOverwrite(b, f, ledger.Extent{To: int64(len(orig))}, sums, fill); res.Erased != int64(len(orig)) {
			b.Fatal("not all was overwritten")
		}
	}
}
