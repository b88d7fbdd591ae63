package tail

import (
	"bytes"
	"io"
	"time"

	"swab/ledger"
)

// Reader reads one range of a file, chunk by chunk. It splits the range where
// the lines' age moves on, so that each part can be erased at its own time.
type Reader struct {
	file    *File
	num     uint64
	from    int64
	at, end int64
	opts    TakeOptions
	rec     ledger.File
	endAt   int64
	cut     bool // the end is in mid-line
	resumed bool // the begin is in mid-line
	long    bool // it is longer than its budget
	zeros   bool // nothing but zeros so far, at the generation's begin
	midline bool // the next chunk begins in mid-line

	ranges []ledger.Range
	head   []byte // the first bytes of the first range, as they were read
	tail   []byte // the last bytes of the open range
}

// Chunk is a piece of a range. Raw is what stands in the file, Text what of it
// is content: all of it, but for zeros at a generation's begin, which no
// writer wrote as lines. Both are valid until the next call.
type Chunk struct {
	Raw, Text []byte
	From      int64
	// Begins: a new range begins with this chunk.
	Begins bool
}

// Next reads the next chunk into buf. It returns io.EOF at the range's end,
// when the file still is what it was, and ErrRewritten when it is not.
func (r *Reader) Next(buf []byte) (Chunk, error) {
	f := r.file
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != r.num {
		return Chunk{}, ErrRewritten
	}
	if r.at == r.end {
		return Chunk{}, r.finish()
	}
	p := buf[:min(int64(len(buf)), r.end-r.at)]
	if r.at < r.rec.First.Size && len(p) > BacklogChunk {
		p = p[:BacklogChunk]
	}
	if err := f.readFull(p, r.at); err != nil {
		return Chunk{}, err
	}
	if end := f.hole(p, r.at, r.end); end > 0 {
		r.leaveOut(p, end)
		p = buf[:min(int64(len(buf)), r.end-r.at)]
		if err := f.readFull(p, r.at); err != nil {
			return Chunk{}, err
		}
	}
	if r.at+int64(len(p)) < r.end {
		if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
			p = p[:i+1]
		}
	}
	if r.at == r.from {
		r.begin(p)
	}
	c := Chunk{Raw: p, Text: p, From: r.at}
	if r.zeros {
		c.Text = bytes.TrimLeft(p, "\x00")
		r.zeros = len(c.Text) == 0
	}
	oldest, newest := r.age(c.Text)
	c.Begins = r.extend(p, oldest, newest)
	r.ranges[len(r.ranges)-1].Lines += int64(bytes.Count(c.Text, []byte{'\n'}))
	r.at += int64(len(p))
	r.midline = p[len(p)-1] != '\n'
	return c, nil
}

// begin keeps the range's first bytes, which p begins with.
func (r *Reader) begin(p []byte) { r.head = bytes.Clone(p[:min(len(p), ledger.HeadBytes)]) }

// leaveOut makes [r.at, end), which is a hole and begins with p, a range of its
// own.
func (r *Reader) leaveOut(p []byte, end int64) {
	if r.at == r.from {
		r.begin(p)
	}
	r.close()
	r.ranges = append(r.ranges, ledger.Range{
		File: r.num, From: r.at, To: end, Oldest: r.file.oldest(&r.rec, r.at), Newest: r.opts.Now.Unix(), Hole: true,
	})
	r.at, r.midline = end, !r.zeros
}

// finish checks once more that the bytes before the range, its first and its
// last ones are what they were: a file rewritten while it was read gives
// nothing.
func (r *Reader) finish() error {
	r.close()
	if r.from == 0 && r.rec.Head == nil {
		head := r.opts.Key.Mark(0, r.head)
		r.ranges[0].Head = &head
	}
	same, _, err := r.file.look(r.opts.Now)
	if err != nil {
		return err
	}
	if !same || r.file.size < r.end {
		return ErrRewritten
	}
	if r.file.archive != nil { // it is what it was, as it lies on the disk
		if r.end == r.file.size {
			r.file.rest()
		}
		return io.EOF
	}
	if err := r.holds(r.from, r.head); err != nil {
		return err
	}
	if err := r.holds(r.end-int64(len(r.tail)), r.tail); err != nil {
		return err
	}
	return io.EOF
}

// holds reads again what was read at off.
func (r *Reader) holds(off int64, was []byte) error {
	now := make([]byte, len(was))
	if err := r.file.readFull(now, off); err != nil {
		return err
	}
	if !bytes.Equal(now, was) {
		return ErrRewritten
	}
	return nil
}

// age bounds the times of a chunk: sizes and birth say since when the bytes
// can be there, the lines' own times may say that they are older (a copied
// file), never that they are younger.
func (r *Reader) age(text []byte) (oldest, newest int64) {
	if r.file.archive != nil {
		return r.packedAge(text)
	}
	oldest = r.file.oldest(&r.rec, r.at)
	newest = r.opts.Now.Unix()
	if r.file.rule.Opaque || r.midline {
		return oldest, newest
	}
	if t, ok := LineTime(firstLine(text), r.opts.Now, r.opts.Location); ok {
		if at := min(t.Unix(), newest); oldest == 0 || at < oldest {
			oldest = max(at, 1)
		}
	}
	return oldest, newest
}

// packedAge bounds the times of a chunk of an archive: a file that was packed
// was not written later than the archive was, and begins with its oldest line.
// A copy's bytes are as old as its original's; what has no time is as old as
// what stands before it.
func (r *Reader) packedAge(text []byte) (oldest, newest int64) {
	newest = min(r.opts.Now.Unix(), r.rec.Packed.ModTime/int64(time.Second))
	bound := r.rec.Packed.Oldest
	if n := len(r.ranges); n > 0 {
		bound = min(bound, r.ranges[n-1].Oldest)
	}
	if t := firstTime(text, r.opts.Now, r.opts.Location); t > 0 && !r.midline {
		bound = min(bound, t)
	}
	return bound, max(newest, bound)
}

// BacklogChunk is how finely the age of bytes is read that are older than
// swab's first sight of them, bytes: a week's log may come in one range.
const BacklogChunk = 32 << 10

func firstLine(p []byte) []byte {
	p = p[:min(len(p), lineTimeSpan)]
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return p[:i]
	}
	return p
}

// splitSeconds is how far the ages of the parts of one range may lie apart.
const splitSeconds = 3600

// Splits tells whether bytes written at a and at b (Unix seconds) belong into
// ranges of their own, since their limits come at different times. Bytes that
// are past the limit are all alike.
func (r Rule) Splits(a, b int64, now time.Time) bool {
	limit := now.Add(-r.Limit).Unix()
	return max(a, b) > limit && max(a-b, b-a) >= splitSeconds
}

// extend adds p to the open range, or opens one, and tells which.
func (r *Reader) extend(p []byte, oldest, newest int64) bool {
	if n := len(r.ranges); n > 0 {
		open := &r.ranges[n-1]
		if !open.Hole && (r.midline || r.file.archive != nil || !r.file.rule.Splits(oldest, open.Oldest, r.opts.Now)) {
			open.To += int64(len(p))
			if !r.midline { // the rest of a line is no older than its begin
				open.Oldest = min(open.Oldest, oldest)
			}
			open.Newest = max(open.Newest, newest)
			r.keepTail(p)
			return false
		}
		r.close()
	}
	r.ranges = append(r.ranges, ledger.Range{
		File: r.num, From: r.at, To: r.at + int64(len(p)), Oldest: oldest, Newest: newest,
	})
	r.tail = r.tail[:0]
	r.keepTail(p)
	return true
}

func (r *Reader) keepTail(p []byte) {
	if len(p) >= ledger.TailBytes {
		r.tail = append(r.tail[:0], p[len(p)-ledger.TailBytes:]...)
		return
	}
	r.tail = append(r.tail, p...)
	if extra := len(r.tail) - ledger.TailBytes; extra > 0 {
		r.tail = append(r.tail[:0], r.tail[extra:]...)
	}
}

// close marks the end of the open range.
func (r *Reader) close() {
	if len(r.ranges) == 0 {
		return
	}
	open := &r.ranges[len(r.ranges)-1]
	if open.Tail != nil || open.Hole {
		return
	}
	for _, e := range ledger.TailSpans(open.From, open.To) {
		from := int64(len(r.tail)) - (open.To - e.From)
		open.Tail = append(open.Tail, r.opts.Key.Mark(e.From, r.tail[from:from+e.To-e.From]))
	}
	if open.To == r.end {
		open.EndAt, open.Cut = r.endAt, r.cut
		if r.cut {
			open.Lines++
		}
	}
}

// Ranges are the ranges read, for the seal. Call it after io.EOF.
func (r *Reader) Ranges() []ledger.Range { return r.ranges }

// Cut tells whether the range ends in mid-line.
func (r *Reader) Cut() bool { return r.cut }

// Long tells whether the range is longer than its budget, since it is a line, a
// message or a whole file that is.
func (r *Reader) Long() bool { return r.long }

// Resumed tells whether the range begins in mid-line.
func (r *Reader) Resumed() bool { return r.resumed }
