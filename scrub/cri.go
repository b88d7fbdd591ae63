package scrub

import (
	"bytes"
	"io"
)

const (
	// maxGap is how many bytes of other lines may lie between two pieces of one
	// message. Those lines wait for what the second piece says of the end of the
	// first.
	maxGap = 64 << 10
	// A piece shorter than runt bytes is one that no runtime makes; after
	// maxRunts of them in a row, what their message holds is not waited for.
	runt     = 64
	maxRunts = 256
)

// Streams are the streams of a container, a bit each.
type Streams uint8

// Streams of a container.
const (
	Stdout Streams = 1 << iota
	Stderr
)

// plainLine is the stream of a line that is no piece of a message.
const plainLine = 2

// joiner makes one text of the pieces of a message that a container runtime
// cut, and lines of it again. Each of the two streams has passes of its own;
// lines wait in a queue until all before them is decided.
type joiner struct {
	w       *Writer // its passes take the lines that are no pieces
	out     io.Writer
	streams [2]joined
	queue   []segment // in the order of the lines; the first goes out as it comes
	head    []byte    // of a line that is not known yet
	inLine  bool
	line    criHead // the line that is read; its stream is plainLine if it is no piece
	plain   *segmentWriter
	newline []byte
}

// joined is a stream whose message is not complete.
type joined struct {
	text  *Writer
	state pieceState
	gap   int // bytes of other lines since the last piece
	size  int // of the piece's text
	runts int
}

// pieceState is what the next line of a stream is.
type pieceState uint8

const (
	apart   pieceState = iota // a line of its own
	follows                   // it goes on with the text that waits
	resumes                   // it goes on with a text that was given up
)

func (w *Writer) joiner() *joiner {
	if w.cri == nil {
		j := &joiner{w: w, out: w.w, newline: []byte{'\n'}}
		j.plain = &segmentWriter{j, plainLine}
		for k := range j.streams {
			j.streams[k].text = w.s.newPasses(&segmentWriter{j, k})
			j.streams[k].text.joins()
			if w.watch != nil {
				j.streams[k].text.Watch(w.watch.visit)
			}
		}
		w.cri = j
	}
	return w.cri
}

// joins makes the Writer one of a text in pieces, with no seam yet.
func (w *Writer) joins() {
	if w.seams == nil {
		w.seams = &seams{}
	}
	w.seams.at, w.seams.out = w.seams.at[:0], w.seams.out[:0]
	if w.red == nil {
		return
	}
	m := &w.red.r.seams
	if *m == nil {
		*m = &seams{}
	}
	(*m).at, (*m).out = (*m).at[:0], (*m).out[:0]
}

func (j *joiner) busy() bool {
	return j != nil && (j.inLine || len(j.head) > 0 || len(j.queue) > 0 || j.streams[0].state != apart || j.streams[1].state != apart)
}

// write takes text from the beginning of a line, or goes on with one, until no
// message is open at the end of a line. It gives how much it took.
func (j *joiner) write(p []byte) (n int, err error) {
	j.w.w = j.plain
	defer func() { j.w.w = j.out }()
	for n < len(p) {
		if !j.inLine {
			k := min(len(p)-n, maxCRIHead-len(j.head))
			j.head = append(j.head, p[n:n+k]...)
			n += k
			h, v := readHead(j.head)
			if v == moreHead {
				continue
			}
			had := len(j.head)
			used, err := j.begin(h, v == isHead)
			if err != nil {
				return n, err
			}
			n -= had - used // what follows the head is read again
			j.head = j.head[:0]
			continue
		}
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			return len(p), j.feed(p[n:])
		}
		if err := j.feed(p[n : n+i]); err != nil {
			return n, err
		}
		n += i + 1
		if err := j.end(); err != nil || !j.busy() {
			return n, err
		}
	}
	return n, nil
}

// begin begins the line whose first bytes are in head, and gives how many of
// them it took.
func (j *joiner) begin(h criHead, found bool) (used int, err error) {
	j.inLine, j.line = true, h
	if !found || !h.partial && j.streams[h.stream].state == apart {
		// A head that is none may hold a newline: the line ends where it does.
		used = len(j.head)
		if i := bytes.IndexByte(j.head, '\n'); i >= 0 {
			used = i
		}
		j.line.stream = plainLine
		j.add(plainLine)
		return used, j.feed(j.head[:used])
	}
	s := &j.streams[h.stream]
	j.add(h.stream)
	head := j.head[:h.n]
	s.size = 0
	switch s.state {
	case apart:
		s.text.s = j.w.s
		s.runts = 0
		s.size = -h.n
		err = j.feed(head)
	case resumes:
		s.text.s = j.w.s
		s.text.Resume()
		fallthrough
	default:
		last := len(j.queue) - 1
		j.queue[last].text = append(j.queue[last].text, head...)
		j.w.pos += int64(len(head))
		err = j.others(len(head))
	}
	s.state = follows
	return h.n, err
}

// feed takes text of the line that is read. Where that is more than may lie
// between two pieces of another stream, that stream is given up at this byte.
func (j *joiner) feed(p []byte) error {
	for {
		k := len(p)
		for i := range j.streams {
			if s := &j.streams[i]; i != j.line.stream && s.state == follows {
				k = min(k, maxGap-s.gap)
			}
		}
		if err := j.take(p[:k]); err != nil {
			return err
		}
		if err := j.others(k); err != nil || k == len(p) {
			return err
		}
		p = p[k:]
	}
}

func (j *joiner) take(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	text := j.w
	if j.line.stream != plainLine {
		s := &j.streams[j.line.stream]
		s.size += len(p)
		text = s.text
	}
	return j.pass(text, p)
}

// pass gives one of the texts what comes next in the text of all.
func (j *joiner) pass(text *Writer, p []byte) error {
	text.pos = j.w.pos
	err := text.passAt(p)
	j.w.pos += int64(len(p))
	return err
}

// others counts n bytes of the line that is read for the other streams.
func (j *joiner) others(n int) error {
	for i := range j.streams {
		s := &j.streams[i]
		if i == j.line.stream || s.state != follows {
			continue
		}
		if s.gap += n; s.gap >= maxGap {
			if err := j.giveUp(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUp ends the text of a stream where no more of it is waited for.
func (j *joiner) giveUp(stream int) error {
	s := &j.streams[stream]
	s.state = resumes
	err := s.text.Cut()
	if err != nil {
		return err
	}
	return j.advance()
}

// end ends the line that is read, at its newline.
func (j *joiner) end() error {
	j.inLine = false
	if j.line.stream == plainLine {
		if err := j.pass(j.w, j.newline); err != nil {
			return err
		}
		return j.finish(plainLine)
	}
	s := &j.streams[j.line.stream]
	if !j.line.partial {
		s.state = apart
		if err := j.pass(s.text, j.newline); err != nil {
			return err
		}
		return j.finish(j.line.stream)
	}
	s.gap = 0
	j.w.pos++ // the newline waits in the queue
	j.queue[len(j.queue)-1].ends = true
	if err := s.text.seam(); err != nil {
		return err
	}
	if s.runts++; s.size >= runt {
		s.runts = 0
	}
	if s.runts >= maxRunts {
		s.runts = 0
		return j.giveUp(j.line.stream)
	}
	return nil
}

// stop ends the text. cut says that it ends in the middle of its last line.
func (j *joiner) stop(cut bool) (open Streams, err error) {
	j.w.w = j.plain
	defer func() { j.w.w = j.out }()
	if len(j.head) > 0 {
		if _, err := j.begin(criHead{}, false); err != nil {
			return 0, err
		}
		j.head = j.head[:0]
	}
	for i := range j.streams {
		s := &j.streams[i]
		now := j.inLine && j.line.stream == i
		if s.state != apart && (!now || j.line.partial || cut) {
			open |= 1 << i
		}
		switch {
		case now && !j.line.partial && !cut:
			err = s.text.Flush()
		case s.state == follows:
			err = s.text.Cut()
		}
		if err != nil {
			return open, err
		}
		s.state = apart
		if err = j.finish(i); err != nil {
			return open, err
		}
	}
	if j.inLine && j.line.stream == plainLine {
		if cut {
			err = j.w.cutPasses()
		} else {
			err = j.w.flushPasses()
		}
		if err == nil {
			err = j.finish(plainLine)
		}
	}
	j.inLine = false
	return open, err
}

func (j *joiner) reset(out io.Writer) {
	j.out, j.queue, j.head, j.inLine = out, j.queue[:0], j.head[:0], false
	for i := range j.streams {
		s := &j.streams[i]
		s.text.Reset(s.text.w)
		s.text.joins()
		s.state = apart
	}
}
