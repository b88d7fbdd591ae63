package ship

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Names of the codecs.
const (
	CodecZstd = "zstd"
	CodecGzip = "gzip"
	CodecNone = "none"
)

const (
	// zstdWindow bounds how far back, in bytes, a match may lie, and with it
	// an encoder's memory: it keeps twice the window and a table by level,
	// 3 to 7 MiB. Lines of a log repeat over short distances: 4 MiB make an
	// access log 1.5 % smaller, and compress no faster.
	zstdWindow = 1 << 20

	// zstdMaxLevel is the highest zstd level taken. Levels from 10 on need
	// match tables of more than 32 MiB a lane.
	zstdMaxLevel = 9

	// zstdMaxDecode bounds the window, in bytes, of a frame that NewReader
	// accepts: RFC 8878, section 3.1.1.1.2, recommends supporting 8 MiB.
	zstdMaxDecode = 8 << 20
)

// Codec is a compression method and its level. The zero value compresses
// nothing, as does the name "none".
type Codec struct {
	// Name is "zstd", "gzip" or "none".
	Name string
	// Level is 1 (fastest) to 9, in the numbering of the zstd and gzip
	// command lines; 0 stands for the default, 1 for zstd and 6 for gzip.
	Level int
}

// ParseCodec reads "zstd", "zstd:1", "gzip:6" or "none".
func ParseCodec(s string) (Codec, error) {
	name, level, hasLevel := strings.Cut(s, ":")
	c := Codec{Name: name}
	switch name {
	case CodecZstd:
		c.Level = 1
	case CodecGzip:
		c.Level = 6
	case CodecNone:
		if hasLevel {
			return Codec{}, fmt.Errorf("codec %q: none has no level", s)
		}
		return c, nil
	default:
		return Codec{}, fmt.Errorf("codec %q: want zstd, gzip or none, with a level after a colon (zstd:1)", s)
	}
	if hasLevel {
		n, err := strconv.Atoi(level)
		if err != nil || n < 1 || n > zstdMaxLevel || strconv.Itoa(n) != level {
			return Codec{}, fmt.Errorf("codec %q: want a level from 1 to %d", s, zstdMaxLevel)
		}
		c.Level = n
	}
	return c, nil
}

// String is what ParseCodec reads.
func (c Codec) String() string {
	c = c.withDefaults()
	if c.Name == CodecNone {
		return c.Name
	}
	return c.Name + ":" + strconv.Itoa(c.Level)
}

// Ext is the end of an object's name: ".zst", ".gz" or "".
func (c Codec) Ext() string {
	switch c.Name {
	case CodecZstd:
		return ".zst"
	case CodecGzip:
		return ".gz"
	}
	return ""
}

// ContentType is the media type of a body compressed with c, when what is
// compressed has the type plain: "application/zstd" (RFC 8878),
// "application/gzip" (RFC 6713), or plain itself.
func (c Codec) ContentType(plain string) string {
	switch c.Name {
	case CodecZstd:
		return "application/zstd"
	case CodecGzip:
		return "application/gzip"
	}
	return plain
}

// CodecOf is the codec that a name's extension tells, without a level.
func CodecOf(name string) Codec {
	switch {
	case strings.HasSuffix(name, ".zst"):
		return Codec{Name: CodecZstd}
	case strings.HasSuffix(name, ".gz"):
		return Codec{Name: CodecGzip}
	}
	return Codec{Name: CodecNone}
}

// NewReader decompresses r. Closing the reader does not close r. A zstd frame
// whose window is larger than 8 MiB is refused.
func (c Codec) NewReader(r io.Reader) (io.ReadCloser, error) {
	switch c.Name {
	case CodecZstd:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdMaxDecode))
		if err != nil {
			return nil, fmt.Errorf("zstd reader: %w", err)
		}
		return d.IOReadCloser(), nil
	case CodecGzip:
		d, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("gzip reader: %w", err)
		}
		return d, nil
	case CodecNone, "":
		return io.NopCloser(r), nil
	}
	return nil, fmt.Errorf("codec %q: not known", c.Name)
}

func (c Codec) withDefaults() Codec {
	switch {
	case c.Name == "":
		c.Name, c.Level = CodecNone, 0
	case c.Level != 0:
	case c.Name == CodecZstd:
		c.Level = 1
	case c.Name == CodecGzip:
		c.Level = 6
	}
	return c
}

// encoder is what zstd and gzip writers have in common: one frame (RFC 8878)
// or member (RFC 1952) from Reset to Close.
type encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// encoders keeps idle encoders by codec, so that a batch does not pay for
// tables of up to a few MiB; the collector frees those not used for a while.
type encoders struct {
	pools sync.Map // Codec -> *sync.Pool
}

// get returns an encoder that writes one frame to w. The caller closes it,
// or leaves the frame unfinished, and gives it back with put.
func (e *encoders) get(c Codec, w io.Writer) (encoder, error) {
	if pool, ok := e.pools.Load(c); ok {
		if enc, ok := pool.(*sync.Pool).Get().(encoder); ok {
			enc.Reset(w)
			return enc, nil
		}
	}
	return newEncoder(c, w)
}

func (e *encoders) put(c Codec, enc encoder) {
	enc.Reset(io.Discard) // lets go of the draft's file
	pool, _ := e.pools.LoadOrStore(c, new(sync.Pool))
	pool.(*sync.Pool).Put(enc)
}

func newEncoder(c Codec, w io.Writer) (encoder, error) {
	switch c.Name {
	case CodecZstd:
		if c.Level > zstdMaxLevel {
			return nil, fmt.Errorf("codec %s: want a level from 1 to %d", c, zstdMaxLevel)
		}
		// One goroutine a lane: cores are used by compressing several lanes
		// side by side. Zero frames, so that an empty body is still a frame.
		enc, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(c.Level)),
			zstd.WithWindowSize(zstdWindow), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, fmt.Errorf("codec %s: %w", c, err)
		}
		return enc, nil
	case CodecGzip:
		enc, err := gzip.NewWriterLevel(w, c.Level)
		if err != nil {
			return nil, fmt.Errorf("codec %s: %w", c, err)
		}
		return enc, nil
	case CodecNone:
		return &plain{w}, nil
	}
	return nil, fmt.Errorf("codec %q: want zstd, gzip or none", c.Name)
}

// plain is the encoder that does not encode.
type plain struct{ io.Writer }

func (p *plain) Reset(w io.Writer) { p.Writer = w }
func (p *plain) Close() error      { return nil }
