package retain

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ledger"
)

// sealer makes sums as sealing does.
type sealer struct{ key *ledger.SumKey }

func newSealer(t testing.TB) sealer {
	t.Helper()
	keys, err := ledger.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := keys.Make("2026-11-23")
	if err != nil {
		t.Fatal(err)
	}
	return sealer{key}
}

// fataler is a *testing.T, a *testing.B or a *rapid.T.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// sums are those of p, which stands at from.
func (s sealer) sums(t fataler, from int64, p []byte) Sums {
	t.Helper()
	var file bytes.Buffer
	w := ledger.NewSumWriter(&file, s.key)
	w.Begin(from)
	_, err := w.Write(p)
	if err = errors.Join(err, w.End(), w.Flush()); err != nil {
		t.Fatal(err)
	}
	r := ledger.Range{From: from, To: from + int64(len(p))}
	return ledger.NewRangeSums(bytes.NewReader(file.Bytes()), s.key, []ledger.Range{r}, 0)
}

// lines makes n bytes of numbered lines that differ with the seed.
func lines(n int, seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%d line %d from 203.0.113.%d %s\n", seed, i, rnd.IntN(256), strings.Repeat("x", rnd.IntN(90)))
	}
	b = b[:n]
	if n > 0 {
		b[n-1] = '\n'
	}
	return b
}

func tempFile(t testing.TB, content []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return openRW(t, path)
}

func openRW(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t fataler, f *os.File) []byte {
	t.Helper()
	p, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustOverwrite(t fataler, f *os.File, r ledger.Extent, sums Sums, fill Fill) Result {
	t.Helper()
	res, err := Overwrite(f, r, sums, fill, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// wantFill is what fill makes of p, said byte by byte.
func wantFill(p []byte, fill Fill) []byte {
	return bytes.Map(func(c rune) rune {
		switch {
		case fill == FillZero:
			return 0
		case c == '\n' || c == '\r':
			return c
		}
		return ' '
	}, p)
}
