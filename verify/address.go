package verify

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"swab/scrub"
	"swab/scrub/oracle"
)

// rule is what a scrub policy, as an object's metadata names it, says of the
// addresses in it.
type rule struct {
	name  string // of the mode
	looks bool   // addresses can be judged
	mask  bool   // none may be there
	// Bits that truncate leaves.
	four, six int
}

// parseRule reads a policy in the form of scrub.Policy.String. Of policies under
// which an address may stand as it was, or as another, nothing can be said.
func parseRule(text string) rule {
	words := strings.Fields(text)
	if len(words) == 0 {
		return rule{name: "no policy"}
	}
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "keep-nets=") {
			return rule{name: "keep-net"}
		}
	}
	mode, bits, _ := strings.Cut(words[0], "/")
	four, six, _ := strings.Cut(bits, "/")
	switch mode {
	case "mask":
		return rule{name: mode, looks: true, mask: true, six: scrub.DefaultIPv6Prefix}
	case "truncate":
		four, err4 := strconv.Atoi(four)
		six, err6 := strconv.Atoi(six)
		if err4 == nil && err6 == nil && 1 <= four && four <= 32 && 1 <= six && six <= 128 {
			return rule{name: mode, looks: true, four: four, six: six}
		}
	case "none":
		return rule{name: "opaque"}
	case "keep":
		return rule{name: mode}
	}
	if strings.HasPrefix(mode, "pseudonym") {
		return rule{name: "pseudonym"}
	}
	return rule{name: "a policy that is not known"}
}

// Networks whose addresses hold an IPv4 address (RFC 4291, sections 2.5.5.1 and
// 2.5.5.2; RFC 6052, section 2.1; RFC 3056, section 2).
var (
	compatible = netip.MustParsePrefix("::/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// left tells whether an address in a line is one that the policy takes out. The
// unspecified address is nobody's.
func (r rule) left(s oracle.Span, line []byte) bool {
	a := s.Addr
	if a.Unmap().IsUnspecified() {
		return false
	}
	if r.mask {
		// The name of a network above a host's stays, as it tells no host.
		network := a.Is6() && hasFold(line[s.End:], ".ip6.") && (s.End-s.Start+1)/2*4 <= r.six
		return !network
	}
	bits := r.six
	switch whole := netip.AddrFrom16(a.As16()); {
	case a.Is4():
		bits = r.four
	case a.Is4In6(), nat64.Contains(whole), s.Dotted && compatible.Contains(whole):
		bits = 96 + r.four
	case sixToFour.Contains(whole) && r.four < 32:
		bits = min(bits, 16+r.four)
	}
	return !zeroFrom(a, bits)
}

// zeroFrom tells whether all bits from the given one on are zero.
func zeroFrom(a netip.Addr, bits int) bool {
	b := a.AsSlice()
	for i, x := range b {
		keep := min(max(bits-8*i, 0), 8)
		if x<<keep != 0 {
			return false
		}
	}
	return true
}

func hasFold(p []byte, prefix string) bool {
	return len(p) >= len(prefix) && strings.EqualFold(string(p[:len(prefix)]), prefix)
}

const (
	// window is how much of a line is looked at once, bytes. margin is how much
	// of it is seen before and after a place that is judged: more than an
	// address takes in its longest encoding, with what decides about it.
	window = 16 << 10
	margin = 512
)

// scanner looks for addresses in the lines that are written to it.
type scanner struct {
	rule          rule
	every, offset int64 // it looks at the lines whose number has this remainder
	found         func(place)

	line   int64  // number of the line at hand, from 0
	column int64  // of the first byte of buf, from 0
	judged int    // bytes of buf that were judged before
	buf    []byte // a line's beginning, or a part of a long one
}

func (s *scanner) write(p []byte) {
	for len(p) > 0 {
		n, ends := len(p), false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			n, ends = i, true
		}
		if (s.line+s.offset)%s.every == 0 {
			s.take(p[:n])
		}
		p = p[n:]
		if ends {
			s.end()
			p = p[1:]
		}
	}
}

// take adds to the line at hand, and judges what has enough behind it.
func (s *scanner) take(p []byte) {
	for len(p) > 0 {
		n := min(len(p), window-len(s.buf))
		s.buf, p = append(s.buf, p[:n]...), p[n:]
		if len(s.buf) < window {
			return
		}
		s.look(window - margin)
		s.judged = margin
		s.column += window - 2*margin
		s.buf = append(s.buf[:0], s.buf[window-2*margin:]...)
	}
}

// end ends the line at hand.
func (s *scanner) end() {
	s.look(len(s.buf))
	s.line, s.column, s.judged, s.buf = s.line+1, 0, 0, s.buf[:0]
}

// look judges the addresses that begin in buf before to.
func (s *scanner) look(to int) {
	if len(s.buf) == 0 {
		return
	}
	for _, span := range oracle.Find(s.buf) {
		if span.Start >= s.judged && span.Start < to && s.rule.left(span, s.buf) {
			s.found(place{line: s.line + 1, column: s.column + int64(span.Start) + 1, six: span.Addr.Is6()})
		}
	}
}
