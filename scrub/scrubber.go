package scrub

import "sync"

// Counts tells how many addresses were changed, by the family they were
// written in: an IPv4 address inside an IPv6 one counts as IPv6. Redacted is how
// many values were blanked.
type Counts struct {
	IPv4, IPv6 uint64
	Redacted   uint64
}

func (c *Counts) add(d Counts) {
	c.IPv4 += d.IPv4
	c.IPv6 += d.IPv6
	c.Redacted += d.Redacted
}

// A Scrubber applies one policy. Nothing it does changes after New, and it may be used
// from many goroutines at once.
type Scrubber struct {
	policy Policy // with its defaults filled in
	mask4  uint32
	keep   nets
	fields *fields // nil if none is named
	passes *passes // for Append

	pseudonyms *pseudonyms // nil in the modes without a key
}

// New checks the policy and makes a Scrubber of it. In a pseudonym mode it has a
// random key that dies with the process, until WithKey gives another.
func New(p Policy) (*Scrubber, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	s := &Scrubber{
		policy: p,
		mask4:  ^uint32(0) << (32 - p.IPv4Prefix),
		keep:   newNets(p.KeepNets),
		passes: &passes{},
	}
	if p.Mode.pseudonym() {
		var err error
		if s.pseudonyms, err = randomPseudonyms(p.Mode); err != nil {
			return nil, err
		}
	}
	s.fields = newFields(s)
	return s, nil
}

// passes are passes over a text that no one uses now, with their buffers: as
// many as there were goroutines in Append at once.
type passes struct {
	mu     sync.Mutex
	free   []*redact
	joined []*joinedText
}

func (p *passes) take() *redact {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return &redact{}
	}
	r := p.free[n-1]
	p.free = p.free[:n-1]
	return r
}

// give keeps a pass for later, but for one whose buffer grew with a long line.
func (p *passes) give(r *redact) {
	r.src, r.s = nil, nil
	if cap(r.dst) > 16*feed {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, r)
}

// Append appends the scrubbed form of src, a complete text of any number of
// lines, to dst and returns it. The two must not overlap; src is not kept.
func (s *Scrubber) Append(dst, src []byte) []byte {
	if !s.passesAll() && nextPartial(src, false) >= 0 {
		return s.appendJoined(dst, src)
	}
	if s.fields == nil {
		return s.appendText(dst, src)
	}
	r := s.passes.take()
	r.s = s
	for len(src) > 0 {
		k := len(src)
		if k > feed {
			k = wholeLines(src, feed)
		}
		dst = s.appendText(dst, r.whole(s.fields, src[:k]))
		src = src[k:]
	}
	s.passes.give(r)
	return dst
}

// passesAll reports that a text goes through as it is.
func (s *Scrubber) passesAll() bool { return s.policy.Mode == Keep && s.fields == nil }

// appendText is Append without fields.
func (s *Scrubber) appendText(dst, src []byte) []byte {
	if s.policy.Mode == Keep {
		return append(dst, src...)
	}
	r := scan{s: s, src: src, dst: dst}
	r.run(0, len(src))
	r.flush(len(src))
	return r.dst
}

// String scrubs a host name or a path.
func (s *Scrubber) String(name string) string {
	return string(s.Append(nil, []byte(name)))
}
