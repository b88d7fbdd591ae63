package ship

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// frame is body compressed as a batch is.
func frame(t testing.TB, c Codec, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	enc, err := newEncoder(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readFrame(c Codec, body []byte) ([]byte, error) {
	r, err := c.NewFrameReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

var frameCodecs = []Codec{{Name: CodecZstd, Level: 1}, {Name: CodecZstd, Level: 9}, {Name: CodecGzip, Level: 6}}

func TestFrameReaderTakesOneFrame(t *testing.T) {
	bodies := [][]byte{nil, []byte("x"), noise(200_000, 1), bytes.Repeat([]byte("a line\n"), 100_000), make([]byte, 3<<20), noise(5<<20, 2)}
	for _, c := range frameCodecs {
		for _, body := range bodies {
			got, err := readFrame(c, frame(t, c, body))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%s, %d bytes: %d bytes, %v", c, len(body), len(got), err)
			}
		}
	}
	for name, options := range map[string][]zstd.EOption{
		"single segment":  {zstd.WithSingleSegment(true)},
		"no checksum":     {zstd.WithEncoderCRC(false)},
		"neither":         {zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false)},
		"a larger window": {zstd.WithWindowSize(8 << 20)},
	} {
		for _, body := range bodies {
			e, err := zstd.NewWriter(nil, append(options, zstd.WithZeroFrames(true))...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readFrame(Codec{Name: CodecZstd}, e.EncodeAll(body, nil))
			if err != nil && len(body) <= 4<<20 || err == nil && !bytes.Equal(got, body) {
				t.Errorf("%s, %d bytes: %d bytes, %v", name, len(body), len(got), err)
			}
		}
	}
}

func TestFrameReaderRefusesWhatFollows(t *testing.T) {
	for _, c := range frameCodecs {
		one := frame(t, c, []byte("203.0.113.0 a line\n"))
		skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}
		for name, tail := range map[string][]byte{"a byte": {0}, "a newline": []byte("\n"), "a second frame": one, "a skippable frame": skippable} {
			if got, err := readFrame(c, slices.Concat(one, tail)); !errors.Is(err, ErrTrailing) {
				t.Errorf("%s, %s: %d bytes, %v; want %v", c, name, len(got), err, ErrTrailing)
			}
		}
	}
}

func TestFrameReaderRefusesEveryCutFrame(t *testing.T) {
	for _, c := range frameCodecs {
		for _, body := range [][]byte{nil, []byte("203.0.113.0 a line\n"), noise(1000, 3)} {
			whole := frame(t, c, body)
			for n := range len(whole) {
				if got, err := readFrame(c, whole[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, %d of %d bytes: %d bytes, %v; want %v", c, n, len(whole), len(got), err, io.ErrUnexpectedEOF)
				}
			}
		}
	}
}

func TestFrameReaderRefusesOtherBodies(t *testing.T) {
	for _, c := range frameCodecs {
		for name, body := range map[string][]byte{
			"text":       []byte("203.0.113.0 a line\n"),
			"zeros":      make([]byte, 100),
			"skippable":  append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 1}, frame(t, c, []byte("x"))...),
			"a reserved": {0x28, 0xb5, 0x2f, 0xfd, 0, 0, 7, 0, 0},
		} {
			if _, err := readFrame(c, body); err == nil {
				t.Errorf("%s took %s", c, name)
			}
		}
	}
	flipped := frame(t, Codec{Name: CodecZstd, Level: 1}, noise(1000, 3))
	flipped[500] ^= 1
	if _, err := readFrame(Codec{Name: CodecZstd}, flipped); err == nil {
		t.Error("a flipped bit went through")
	}
}

// What the strict reader takes, the plain one reads to the same bytes, and
// neither a part of it nor more than it is taken.
func FuzzFrameReader(f *testing.F) {
	for _, c := range frameCodecs {
		f.Add(frame(f, c, []byte("203.0.113.0 a line\n")))
		f.Add(frame(f, c, nil))
	}
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x24, 0, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51})
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<10 {
			return // four bytes may stand for 128 KiB
		}
		for _, c := range frameCodecs[1:] {
			got, err := readFrame(c, body)
			if err != nil {
				continue
			}
			r, err := c.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatalf("%s: the plain reader: %v", c, err)
			}
			want, err := io.ReadAll(r)
			r.Close()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %d bytes, the plain reader has %d, %v", c, len(got), len(want), err)
			}
			if _, err := readFrame(c, append(bytes.Clone(body), 0)); !errors.Is(err, ErrTrailing) {
				t.Fatalf("%s: a byte more: %v", c, err)
			}
			if _, err := readFrame(c, body[:len(body)-1]); err == nil {
				t.Fatalf("%s: a byte less was taken", c)
			}
		}
	})
}
