package scrub

// joinedText is a Writer that appends to a slice.
type joinedText struct {
	w   *Writer
	dst []byte
}

func (t *joinedText) Write(p []byte) (int, error) {
	t.dst = append(t.dst, p...)
	return len(p), nil
}

// appendJoined is Append for a text that holds messages in pieces.
func (s *Scrubber) appendJoined(dst, src []byte) []byte {
	t := s.passes.takeJoined(s)
	t.w.s, t.dst = s, dst
	// Writing to a slice fails never.
	_, _ = t.w.Write(src)
	_ = t.w.Flush()
	dst, t.dst = t.dst, nil
	t.w.Reset(t)
	s.passes.giveJoined(t)
	return dst
}

func (p *passes) takeJoined(s *Scrubber) *joinedText {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.joined); n > 0 {
		t := p.joined[n-1]
		p.joined = p.joined[:n-1]
		return t
	}
	t := &joinedText{}
	t.w = s.NewWriter(t)
	return t
}

func (p *passes) giveJoined(t *joinedText) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined = append(p.joined, t)
}
