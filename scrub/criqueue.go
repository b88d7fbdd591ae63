package scrub

// segment is what is written for one line.
type segment struct {
	stream int
	text   []byte
	done   bool
	ends   bool // a newline is written behind it
}

// segmentWriter takes what a pass gives of the lines of a stream.
type segmentWriter struct {
	j      *joiner
	stream int
}

// add puts a line at the end of the queue.
func (j *joiner) add(stream int) {
	n := len(j.queue)
	if n < cap(j.queue) {
		j.queue = j.queue[:n+1]
		j.queue[n] = segment{stream: stream, text: j.queue[n].text[:0]}
		return
	}
	j.queue = append(j.queue, segment{stream: stream})
}

// current gives the first line of the stream that is not done, or -1.
func (j *joiner) current(stream int) int {
	for i := range j.queue {
		if s := &j.queue[i]; s.stream == stream && !s.done {
			return i
		}
	}
	return -1
}

// finish says that all was given of the stream's first line that is not done.
func (j *joiner) finish(stream int) error {
	if i := j.current(stream); i >= 0 {
		j.queue[i].done = true
	}
	return j.advance()
}

// advance writes what no line before keeps waiting any more.
func (j *joiner) advance() error {
	for len(j.queue) > 0 {
		s := &j.queue[0]
		if s.done && s.ends {
			s.text = append(s.text, '\n')
		}
		if len(s.text) > 0 {
			if _, err := j.out.Write(s.text); err != nil {
				return err
			}
			s.text = s.text[:0]
		}
		if !s.done {
			return nil
		}
		first := *s
		if cap(first.text) > maxGap {
			first.text = nil
		}
		n := copy(j.queue, j.queue[1:])
		j.queue[n] = first
		j.queue = j.queue[:n]
	}
	return nil
}

// Write takes text for the stream's first line that is not done.
func (s *segmentWriter) Write(p []byte) (int, error) {
	j := s.j
	i := j.current(s.stream)
	if i < 0 {
		return len(p), nil
	}
	if q := &j.queue[i]; i > 0 {
		q.text = append(q.text, p...)
		return len(p), nil
	}
	if err := j.advance(); err != nil { // its head may wait
		return 0, err
	}
	return j.out.Write(p)
}

// seam ends that line.
func (s *segmentWriter) seam() error { return s.j.finish(s.stream) }

// seam says that a piece of the text ends here.
func (w *Writer) seam() error {
	if x := w.red; x != nil {
		x.r.seams.at = append(x.r.seams.at, len(x.held))
		return nil
	}
	return w.seamText()
}

// seamText says so of the text in which no field is to be blanked any more.
func (w *Writer) seamText() error {
	if w.s.policy.Mode == Keep {
		return w.seamOut()
	}
	w.seams.at = append(w.seams.at, len(w.held))
	return nil
}

func (w *Writer) seamOut() error {
	if s, ok := w.w.(*segmentWriter); ok {
		return s.seam()
	}
	return nil
}
