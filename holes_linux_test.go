package swab

import (
	"os"
	"strings"
	"testing"
	"time"

	"swab/ledger"
)

const tebibyte = 1 << 40

// sparse writes text at the end of a hole, as a writer without O_APPEND does
// behind somebody else's truncation.
func sparse(t *testing.T, path string, at int64, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(at); err != nil {
		t.Skipf("no sparse file of %d bytes here: %v", at, err)
	}
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Skipf("no sparse file of %d bytes here: %v", at, err)
	}
}

// A hole of 1 TiB costs neither time nor sums: at the begin of a log, and in the
// middle of a line. Reading it would take minutes, its sums 2 GiB.
func TestInvariant8AHoleOfATebibyteIsNotRead(t *testing.T) {
	b := newBench(t)
	front := b.logs + "/front.log"
	sparse(t, front, tebibyte+77, lines(5000, "%08d 203.0.113.77"))
	middle := b.write("middle.log", lines(3000, "%08d 203.0.113.77")+"half 203.0.113.7")
	sparse(t, middle, tebibyte/2+4096, "7 rest\nnext\n")
	empty := b.logs + "/empty.log"
	sparse(t, empty, tebibyte, "")
	began := time.Now()
	b.once("api")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	text := b.shipped()
	if n := strings.Count(text, "\n"); n != 8002 || len(text) > 8002*40+16<<10 {
		t.Errorf("%d lines in %d bytes were shipped, want 8002", n, len(text))
	}
	if strings.Contains(text, "203.0.113.7") {
		t.Error("an address is left")
	}
	holes := int64(0)
	for _, e := range b.events(ledger.KindSeal) {
		for _, r := range e.Seal.Ranges {
			if r.Hole {
				holes += r.Len()
			}
		}
	}
	if holes < tebibyte+tebibyte/2-1<<20 {
		t.Errorf("%d bytes are holes", holes)
	}
	for _, path := range []string{front, middle} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		end := make([]byte, 64<<10)
		if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil || strings.Trim(string(end), "\x00") != "" {
			t.Errorf("%s: the end is not erased: %v", path, err)
		}
		f.Close()
	}
	// It goes on behind what was erased.
	sparse(t, front, tebibyte+tebibyte/2, "203.0.113.77 on\n")
	b.once("api")
	if n := strings.Count(b.shipped(), "\n"); n != 8003 {
		t.Errorf("%d lines were shipped, want 8003", n)
	}
	b.check()
}
