package tail

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	gunzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func packedGzip(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, p := range parts {
		w := gunzip.NewWriter(&out)
		_, err := w.Write(p)
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func packedZstd(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, p := range parts {
		w, err := zstd.NewWriter(&out)
		if err == nil {
			_, err = w.Write(p)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// What stands at an offset of a content is the same in whichever order it is
// read, across members and frames, and behind what is kept.
func TestContentReadsWhatWasPackedAtAnyOffset(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 2<<20)
	for i := range text {
		text[i] = "0123456789abcdef\n"[rng.IntN(17)]
	}
	for kind, packed := range map[string][]byte{
		kindGzip: packedGzip(t, text[:700_000], text[700_000:]),
		kindZstd: packedZstd(t, text[:1_300_000], text[1_300_000:]),
	} {
		c := NewContent(kind, bytes.NewReader(packed), int64(len(packed)))
		for range 60 {
			off := rng.IntN(len(text))
			p := make([]byte, 1+rng.IntN(200_000))
			n, err := c.ReadAt(p, int64(off))
			want := text[off:min(len(text), off+len(p))]
			if !bytes.Equal(p[:n], want) || (n < len(p)) != (err == io.EOF) || err != nil && err != io.EOF {
				t.Fatalf("%s: %d bytes at %d, want %d (%v)", kind, n, off, len(want), err)
			}
		}
		c.Close()
		var refused *RefusedError
		cut := NewContent(kind, bytes.NewReader(packed[:len(packed)-9]), int64(len(packed)-9))
		if _, err := cut.ReadAt(make([]byte, len(text)+1), 0); !errors.As(err, &refused) {
			t.Errorf("%s, cut off: %v", kind, err)
		}
	}
}

func FuzzContent(f *testing.F) {
	f.Add(uint8(0), packedGzip(f, []byte("a\n"), []byte("b\n")), uint16(1))
	f.Add(uint8(1), packedZstd(f, []byte("a\n")), uint16(0))
	f.Add(uint8(2), []byte("BZh91AY&SY"), uint16(0))
	f.Fuzz(func(t *testing.T, which uint8, packed []byte, off uint16) {
		kind := archiveKinds[int(which)%len(archiveKinds)].kind
		c := NewContent(kind, bytes.NewReader(packed), int64(len(packed)))
		defer c.Close()
		first, again := make([]byte, 512), make([]byte, 512)
		n, err := c.ReadAt(first, int64(off))
		var refused *RefusedError
		if err != nil && err != io.EOF && !errors.As(err, &refused) {
			t.Fatalf("error of another kind: %v", err)
		}
		c.Close()
		m, _ := c.ReadAt(again, int64(off))
		if n != m || !bytes.Equal(first[:n], again[:m]) {
			t.Fatalf("%d bytes, and %d the second time", n, m)
		}
	})
}
