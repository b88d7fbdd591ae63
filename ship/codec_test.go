package ship

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// accessLog is about n bytes of made-up access log, the same at every call.
func accessLog(n int) []byte {
	rng := rand.New(rand.NewPCG(7, 7))
	paths := []string{"/", "/index.html", "/api/v1/rooms", "/api/v1/rooms/%d/join", "/static/app.js", "/favicon.ico", "/images/%d.png"}
	agents := []string{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15", "curl/8.9.1", "kube-probe/1.33"}
	var b bytes.Buffer
	for b.Len() < n {
		path := paths[rng.IntN(len(paths))]
		if strings.Contains(path, "%d") {
			path = fmt.Sprintf(path, rng.IntN(100_000))
		}
		fmt.Fprintf(&b, "198.51.%d.0 - - [23/Nov/2026:18:%02d:%02d +0000] \"GET %s HTTP/1.1\" %d %d \"-\" \"%s\"\n",
			rng.IntN(256), rng.IntN(60), rng.IntN(60), path, []int{200, 200, 200, 304, 404}[rng.IntN(5)], rng.IntN(90_000), agents[rng.IntN(len(agents))])
	}
	return b.Bytes()
}

func TestParseCodecReadsNamesAndLevels(t *testing.T) {
	for in, want := range map[string]Codec{
		"zstd": {"zstd", 1}, "zstd:1": {"zstd", 1}, "zstd:9": {"zstd", 9}, "gzip": {"gzip", 6}, "gzip:1": {"gzip", 1}, "none": {Name: "none"},
	} {
		got, err := ParseCodec(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
		}
		if again, err := ParseCodec(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q: %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", "lz4", "zstd:", "zstd:0", "zstd:10", "zstd:-1", "zstd:+1", "zstd:01", "gzip:10", "none:1", "ZSTD", "zstd:1:2", " zstd"} {
		if c, err := ParseCodec(in); err == nil {
			t.Errorf("%q was taken: %+v", in, c)
		}
	}
}

func FuzzParseCodec(f *testing.F) {
	for _, s := range []string{"zstd:1", "gzip:6", "none", "zstd:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCodec(s)
		if err != nil {
			return
		}
		if again, err := ParseCodec(c.String()); err != nil || again != c {
			t.Errorf("%q is %+v, written %q: %+v, %v", s, c, c, again, err)
		}
		if CodecOf("x.log"+c.Ext()).Name != c.Name {
			t.Errorf("%q: extension %q does not lead back", s, c.Ext())
		}
	})
}

// everyCodec is one codec of each speed class.
func everyCodec() []Codec {
	return []Codec{{CodecZstd, 1}, {CodecZstd, 3}, {CodecZstd, 9}, {CodecGzip, 1}, {CodecGzip, 6}, {CodecGzip, 9}, {Name: CodecNone}, {}}
}

func TestCodecsBringBackWhatTheyTook(t *testing.T) {
	var encs encoders
	for _, c := range everyCodec() {
		c := c.withDefaults()
		for _, body := range [][]byte{{}, []byte("x"), accessLog(3 << 20), noise(300_000, 1)} {
			for range 2 { // the second time with a used encoder
				var out bytes.Buffer
				enc, err := encs.get(c, &out)
				if err != nil {
					t.Fatal(err)
				}
				for rest := body; len(rest) > 0; {
					n := min(len(rest), 10_007)
					if _, err := enc.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := enc.Close(); err != nil {
					t.Fatal(err)
				}
				encs.put(c, enc)
				r, err := CodecOf("x" + c.Ext()).NewReader(&out)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%s: %d bytes became %d, %v", c, len(body), len(got), err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// Some readers stop after the first frame or member, so there must be no second.
func TestBodyIsOneFrame(t *testing.T) {
	body := accessLog(5 << 20)
	for _, c := range everyCodec() {
		c := c.withDefaults()
		if c.Name != CodecZstd {
			continue
		}
		var out bytes.Buffer
		enc, err := newEncoder(c, &out)
		if err != nil {
			t.Fatal(err)
		}
		for rest := body; len(rest) > 0; rest = rest[min(len(rest), 65_536):] {
			if _, err := enc.Write(rest[:min(len(rest), 65_536)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		if n := zstdFrames(t, out.Bytes()); n != 1 {
			t.Errorf("%s: %d frames, want 1", c, n)
		}
	}
}

// zstdFrames walks over the blocks of each frame (RFC 8878, section 3.1.1).
func zstdFrames(t *testing.T, p []byte) (frames int) {
	t.Helper()
	for len(p) > 0 {
		var h zstd.Header
		if err := h.Decode(p); err != nil {
			t.Fatal(err)
		}
		if h.WindowSize > zstdWindow {
			t.Errorf("window of %d bytes, want at most %d", h.WindowSize, zstdWindow)
		}
		p = p[h.HeaderSize:]
		for last := false; !last; {
			block := uint32(p[0]) | uint32(binary.LittleEndian.Uint16(p[1:]))<<8
			last = block&1 != 0
			size := block >> 3
			if block>>1&3 == 1 {
				size = 1 // run length
			}
			p = p[3+size:]
		}
		if h.HasCheckSum {
			p = p[4:]
		}
		frames++
	}
	return frames
}

func TestLaneStaysBelowTenMiB(t *testing.T) {
	body := accessLog(8 << 20)
	for _, c := range everyCodec() {
		s, err := OpenSpool(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		d, err := s.Create(ID{"api", 1}, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(body); err != nil {
			t.Fatal(err)
		}
		if used := heap() - before; used > 10<<20 {
			t.Errorf("%s: a draft holds %d KiB", c, used>>10)
		} else {
			t.Logf("%s: a draft holds %d KiB", c, used>>10)
		}
		if _, err := d.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.KeepAlive(body)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the first empties pools only halfway
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestReaderRefusesLargeWindows(t *testing.T) {
	var out bytes.Buffer
	enc, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Write(accessLog(9 << 20)); err != nil {
		t.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Codec{Name: CodecZstd}.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err == nil {
		t.Error("a frame with a window of 64 MiB was read")
	}
}

func BenchmarkCompress(b *testing.B) {
	body := accessLog(16 << 20)
	for _, name := range []string{"zstd:1", "zstd:3", "zstd:6", "gzip:1", "gzip:6", "none"} {
		b.Run(name, func(b *testing.B) {
			c, err := ParseCodec(name)
			if err != nil {
				b.Fatal(err)
			}
			var encs encoders
			var size int64
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				size = 0
				enc, err := encs.get(c, writerFunc(func(p []byte) (int, error) {
					size += int64(len(p))
					return len(p), nil
				}))
				if err != nil {
					b.Fatal(err)
				}
				for rest := body; len(rest) > 0; rest = rest[min(len(rest), 256<<10):] {
					if _, err := enc.Write(rest[:min(len(rest), 256<<10)]); err != nil {
						b.Fatal(err)
					}
				}
				if err := enc.Close(); err != nil {
					b.Fatal(err)
				}
				encs.put(c, enc)
			}
			b.ReportMetric(float64(len(body))/float64(size), "ratio")
		})
	}
}
