package scrub

import "strconv"

// change writes, for the address f in src, what the policy puts in its place,
// and reports false, having written nothing, where the address stays as it is.
func (s *Scrubber) change(dst, src []byte, f *found) ([]byte, bool) {
	if s.pseudonyms != nil {
		return s.pseudonym(dst, src, f)
	}
	if f.form.is4() {
		return s.change4(dst, src, f)
	}
	return s.change6(dst, src, f)
}

func (s *Scrubber) change4(dst, src []byte, f *found) ([]byte, bool) {
	old := f.quad.value(f.form == formReverse4)
	if s.keep.holds4(old) {
		return dst, false
	}
	if s.policy.Mode == Mask {
		return append(dst, s.policy.MaskText...), true
	}
	new := s.map4(old)
	if new == old {
		return dst, false
	}
	return appendQuad(dst, src, f, new), true
}

func (s *Scrubber) change6(dst, src []byte, f *found) ([]byte, bool) {
	old := f.six.addr
	if old == (addr6{}) || s.keep.holds6(&f.six) {
		return dst, false
	}
	if f.form == formReverse6 && f.six.nibbles*4 <= s.policy.IPv6Prefix {
		return dst, false
	}
	if s.policy.Mode == Mask {
		return append(dst, s.policy.MaskText...), true
	}
	new := s.map6(&f.six)
	if new == old {
		return dst, false
	}
	switch f.form {
	case formReverse6:
		return appendNibbles(dst, src, f, new), true
	case formTuple6:
		return appendTuple6(dst, src, f, new), true
	}
	return appendGroups(dst, src, f, new), true
}

// map4 is what the mode makes of an IPv4 address.
func (s *Scrubber) map4(a uint32) uint32 { return a & s.mask4 }

// map6 is what the mode makes of an IPv6 address.
func (s *Scrubber) map6(x *six) addr6 {
	a := x.addr
	after, ok := x.holds4()
	if !ok {
		return a.truncate(s.policy.IPv6Prefix)
	}
	if after == 16 {
		bits := s.policy.IPv6Prefix
		if p := s.policy.IPv4Prefix; p < 32 {
			bits = min(bits, 16+p) // the site's own bits lie behind its address
		}
		return a.truncate(bits)
	}
	a.lo = a.lo&^0xffff_ffff | uint64(s.map4(uint32(a.lo)))
	return a
}

// appendQuad writes an IPv4 address with the separators of the one it
// replaces.
func appendQuad(dst, src []byte, f *found, a uint32) []byte {
	if f.form == formReverse4 {
		a = a<<24 | a<<8&0xff0000 | a>>8&0xff00 | a>>24
	}
	q := &f.quad
	for k := range 4 {
		if k > 0 {
			dst = append(dst, src[q.end[k-1]:q.start[k]]...)
		}
		x := uint8(a >> (24 - 8*k))
		if k == 0 && x == q.octet[0] {
			// What stands before may be glued to it, and sees its length.
			dst = append(dst, src[q.start[0]:q.end[0]]...)
			continue
		}
		dst = appendOctet(dst, x)
	}
	return dst
}

func appendOctet(dst []byte, x uint8) []byte {
	switch {
	case x >= 100:
		return append(dst, '0'+x/100, '0'+x/10%10, '0'+x%10)
	case x >= 10:
		return append(dst, '0'+x/10, '0'+x%10)
	}
	return append(dst, '0'+x)
}

// appendGroups writes an IPv6 address in the text of RFC 5952, section 4, its
// separators encoded as in the one it replaces.
func appendGroups(dst, src []byte, f *found, a addr6) []byte {
	colon := src[f.six.colon.start:f.six.colon.end]
	groups := 8
	dotted := false
	if f.six.dotted {
		// A letter that follows the last octet would become a group behind "::".
		after, ok := f.six.holds4()
		if ok && after == 96 || f.end < len(src) && is(src[f.end], isHex) {
			groups, dotted = 6, true
		}
	}
	from, to := zeroRun(a, groups)
	if from > 0 && f.six.colon.start == f.start && f.start > 0 && src[f.start-1] == ':' {
		// A digit in the place of the "::" would go on with what stands before.
		for from, to = 0, 1; to < groups && a.group(to) == 0; to++ {
		}
	}
	for k := 0; k < groups; k++ {
		if k == from {
			dst = append(append(dst, colon...), colon...)
			k = to - 1
			continue
		}
		if k > 0 && k != to {
			dst = append(dst, colon...)
		}
		if k == 0 && f.keepsFirst(src, a) {
			dst = append(dst, src[f.start:f.six.colon.start]...)
			continue
		}
		dst = strconv.AppendUint(dst, uint64(a.group(k)), 16)
	}
	if !dotted {
		return dst
	}
	if to != groups {
		dst = append(dst, colon...)
	}
	for k := range 4 {
		if k > 0 {
			dst = append(dst, src[f.six.dot.start:f.six.dot.end]...)
		}
		dst = appendOctet(dst, uint8(a.lo>>(24-8*k)))
	}
	return dst
}

// keepsFirst reports that the first group stays, and stays as it is written,
// since what stands before it is glued to it and sees its length.
func (f *found) keepsFirst(src []byte, a addr6) bool {
	if f.form != formColons || f.start == 0 || f.start >= f.six.colon.start || a.group(0) != f.six.addr.group(0) {
		return false
	}
	p := src[f.start-1]
	return p == '.' || is(p, isAlnum)
}

// zeroRun finds the longest run of two or more zero groups, the first of
// equals; from is -1 if there is none.
func zeroRun(a addr6, groups int) (from, to int) {
	from, to = -1, -1
	for k := 0; k < groups; k++ {
		j := k
		for j < groups && a.group(j) == 0 {
			j++
		}
		if j-k >= 2 && j-k > to-from {
			from, to = k, j
		}
		k = max(k, j-1)
	}
	return from, to
}

func appendNibbles(dst, src []byte, f *found, a addr6) []byte {
	b := a.bytes()
	for k := f.six.nibbles - 1; k >= 0; k-- {
		x := b[k/2] >> (4 * (1 - k%2)) & 15
		at := f.start + 2*(f.six.nibbles-1-k)
		c := "0123456789abcdef"[x]
		if hexValue[src[at]] == x {
			c = src[at]
		}
		if dst = append(dst, c); k > 0 {
			dst = append(dst, '.')
		}
	}
	return dst
}

func appendTuple6(dst, src []byte, f *found, a addr6) []byte {
	at := &f.six.numbers
	for k := range 8 {
		if k > 0 {
			dst = append(dst, src[at[k-1].end:at[k].start]...)
		}
		dst = strconv.AppendUint(dst, uint64(a.group(k)), 10)
	}
	return dst
}
