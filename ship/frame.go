package ship

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

var (
	// ErrTrailing is the error of a frame reader for bytes behind the frame.
	ErrTrailing = errors.New("bytes follow the frame")
	// errFrame is that of a body which is no frame of its codec.
	errFrame = errors.New("not a frame of its codec")
)

// NewFrameReader decompresses the one zstd frame or gzip member that r holds.
// It is stricter than NewReader: a body that ends early is
// io.ErrUnexpectedEOF, one that goes on behind its frame is ErrTrailing, and a
// body without any frame is an error too. Closing it does not close r.
func (c Codec) NewFrameReader(r io.Reader) (io.ReadCloser, error) {
	switch c.Name {
	case CodecZstd:
		frame := &zstdFrame{r: bufio.NewReaderSize(r, 64<<10)}
		d, err := c.NewReader(frame)
		if err != nil {
			return nil, err
		}
		return &zstdFrameReader{ReadCloser: d, frame: frame}, nil
	case CodecGzip:
		br := bufio.NewReaderSize(r, 64<<10)
		d, err := gzip.NewReader(br)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("gzip reader: %w", err)
		}
		d.Multistream(false)
		return &gzipMember{Reader: d, rest: br}, nil
	}
	return c.NewReader(r)
}

// gzipMember ends with its member, and looks whether that is the end.
type gzipMember struct {
	*gzip.Reader
	rest *bufio.Reader
}

func (g *gzipMember) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if err != io.EOF {
		return n, err
	}
	if _, err := g.rest.ReadByte(); err != io.EOF {
		if err == nil {
			err = ErrTrailing
		}
		return n, err
	}
	return n, io.EOF
}

// zstdFrameReader puts the frame's own error before what the decoder makes of
// it.
type zstdFrameReader struct {
	io.ReadCloser
	frame *zstdFrame
}

func (z *zstdFrameReader) Read(p []byte) (int, error) {
	n, err := z.ReadCloser.Read(p)
	if err != nil && z.frame.err != nil {
		err = z.frame.err
	}
	return n, err
}

// zstdMagic begins a frame (RFC 8878, section 3.1.1).
const zstdMagic = 0xFD2FB528

// zstdFrame passes the bytes of one frame on, and sees where it ends: by its
// header, the sizes of its blocks, and the checksum behind the last one.
type zstdFrame struct {
	r     *bufio.Reader
	err   error // io.EOF once the frame and the body have ended
	begun bool
	last  bool // the block at hand is the last one
	sum   bool // a checksum follows the last block
	left  int  // bytes to pass on before the next header
}

func (z *zstdFrame) Read(p []byte) (int, error) {
	for z.err == nil && z.left == 0 {
		z.left, z.err = z.next()
	}
	if z.err != nil {
		return 0, z.err
	}
	n, err := z.r.Read(p[:min(len(p), z.left)])
	z.left -= n
	if err != nil {
		z.err = unexpected(err)
	}
	return n, z.err
}

// next looks at what comes next and tells how many bytes of it, header and
// content, belong together.
func (z *zstdFrame) next() (int, error) {
	switch {
	case !z.begun:
		z.begun = true
		return z.header()
	case !z.last:
		return z.block()
	case z.sum:
		z.sum = false
		return 4, nil
	}
	_, err := z.r.Peek(1)
	if err == nil {
		err = ErrTrailing
	}
	return 0, err
}

// header reads the frame header (RFC 8878, section 3.1.1.1).
func (z *zstdFrame) header() (int, error) {
	p, err := z.r.Peek(5)
	if err != nil {
		return 0, unexpected(err)
	}
	if binary.LittleEndian.Uint32(p) != zstdMagic {
		return 0, errFrame
	}
	descriptor := p[4]
	z.sum = descriptor&4 != 0
	size := 5 + [4]int{0, 1, 2, 4}[descriptor&3] // dictionary id
	single := descriptor&0x20 != 0
	if !single {
		size++ // window descriptor
	}
	switch flag := descriptor >> 6; { // frame content size
	case flag > 0:
		size += 1 << flag
	case single:
		size++
	}
	return size, nil
}

// block reads a block header (RFC 8878, section 3.1.1.2).
func (z *zstdFrame) block() (int, error) {
	p, err := z.r.Peek(3)
	if err != nil {
		return 0, unexpected(err)
	}
	header := int(p[0]) | int(p[1])<<8 | int(p[2])<<16
	z.last = header&1 != 0
	switch header >> 1 & 3 {
	case 1: // one byte, repeated
		return 3 + 1, nil
	case 3: // reserved
		return 0, errFrame
	}
	return 3 + header>>3, nil
}

// unexpected is the error of a body that ends within its frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
