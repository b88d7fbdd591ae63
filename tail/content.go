package tail

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
	"time"

	gunzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Content reads what a compressed archive holds as if it lay there plain.
// Reading forward goes on where it was; what lies far back is unpacked from
// the archive's begin again. It keeps two places, since a range is looked at
// to its end before it is read, and some text behind each: about a megabyte,
// and what the format's window needs. It is for one goroutine at a time.
type Content struct {
	kind   string
	raw    io.ReaderAt
	size   int64 // of the archive, bytes
	places [2]*unpacker
	used   time.Time
}

// The kinds of archives.
const (
	kindGzip  = "gzip"
	kindZstd  = "zstd"
	kindBzip2 = "bzip2"
)

// NewContent reads raw, an archive of size bytes and of a kind that
// [ArchiveKind] tells.
func NewContent(kind string, raw io.ReaderAt, size int64) *Content {
	return &Content{kind: kind, raw: raw, size: size}
}

// ReadAt is io.ReaderAt's. Besides io.EOF the error is a [RefusedError] that
// says what is wrong with the archive.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	c.used = time.Now()
	var best *unpacker
	for _, u := range c.places {
		if u != nil && u.start <= off && (best == nil || u.start > best.start) {
			best = u
		}
	}
	if best == nil {
		var err error
		if best, err = newUnpacker(c.kind, io.NewSectionReader(c.raw, 0, c.size)); err != nil {
			return 0, err
		}
		c.places[1].close()
		c.places[1] = best
	}
	if best == c.places[1] { // the one that is used less goes first
		c.places[0], c.places[1] = c.places[1], c.places[0]
	}
	return best.readAt(p, off)
}

// Close gives the memory back; reading may go on, from the begin.
func (c *Content) Close() {
	for i, u := range c.places {
		u.close()
		c.places[i] = nil
	}
}

// maxWindow is the longest window that an archive may ask for, bytes: zstd -19
// asks for 8 MiB, RFC 8878 wants that to be had.
const maxWindow = 32 << 20

// What an unpacker keeps behind its place, bytes, and how much it unpacks at a
// time.
const (
	unpackKept  = 256 << 10
	unpackChunk = 64 << 10
)

// unpacker is one place in a content, which only moves forward.
type unpacker struct {
	kind   string
	r      io.Reader
	stop   func()
	window []byte // what was unpacked last
	start  int64  // of the window, in the content
	err    error  // what ended it
}

func newUnpacker(kind string, raw io.Reader) (*unpacker, error) {
	r, stop, err := unpack(kind, raw)
	if err != nil {
		return nil, damaged(kind, err)
	}
	return &unpacker{kind: kind, r: r, stop: stop, window: make([]byte, 0, 2*unpackKept+unpackChunk)}, nil
}

// unpack reads a whole archive of several members or frames as one content.
// stop gives back what the reader holds.
func unpack(kind string, raw io.Reader) (r io.Reader, stop func(), err error) {
	buffered := bufio.NewReaderSize(raw, unpackChunk)
	switch kind {
	case kindGzip:
		r, err = gunzip.NewReader(buffered)
		return r, func() {}, err
	case kindZstd:
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	case kindBzip2:
		return bzip2.NewReader(buffered), func() {}, nil
	}
	return nil, nil, errors.New("no such kind")
}

func (u *unpacker) close() {
	if u != nil {
		u.stop()
	}
}

// readAt reads what does not lie before the window.
func (u *unpacker) readAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if at := off + int64(n) - u.start; at < int64(len(u.window)) {
			n += copy(p[n:], u.window[at:])
		} else if u.err == nil {
			u.more()
		} else {
			return n, u.err
		}
	}
	return n, nil
}

// more moves the window on.
func (u *unpacker) more() {
	if len(u.window)+unpackChunk > cap(u.window) {
		kept := copy(u.window, u.window[len(u.window)-unpackKept:])
		u.start += int64(len(u.window) - kept)
		u.window = u.window[:kept]
	}
	n, err := u.r.Read(u.window[len(u.window) : len(u.window)+unpackChunk])
	u.window = u.window[:len(u.window)+n]
	if err == io.EOF {
		u.err = err
	} else if err != nil {
		u.err = damaged(u.kind, err)
	}
}

// damaged says what is wrong with an archive, in words of our own.
func damaged(kind string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse("a %s archive that is cut off", kind)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse("a %s archive that needs a window of more than %d MiB to read", kind, maxWindow>>20)
	}
	return refuse("a %s archive that cannot be unpacked", kind)
}
