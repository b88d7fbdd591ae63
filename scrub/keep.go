package scrub

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// nets are the networks to keep, as sorted ranges that do not touch, so that a
// look-up among hundreds is a few comparisons.
type nets struct {
	four []range4
	six  []range6
}

type range4 struct{ from, to uint32 }
type range6 struct{ from, to addr6 }

func compare6(a, b addr6) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

func newNets(prefixes []netip.Prefix) (n nets) {
	for _, p := range prefixes {
		p = p.Masked()
		a := p.Addr()
		if a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
			a = p.Addr()
		}
		if a.Is4() {
			b := a.As4()
			from := binary.BigEndian.Uint32(b[:])
			n.four = append(n.four, range4{from, from | uint32(1<<(32-p.Bits())-1)})
			continue
		}
		b := a.As16()
		from := addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
		host := addr6{^uint64(0), ^uint64(0)}.truncate(p.Bits())
		n.six = append(n.six, range6{from, addr6{from.hi | ^host.hi, from.lo | ^host.lo}})
	}
	slices.SortFunc(n.four, func(a, b range4) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	slices.SortFunc(n.six, func(a, b range6) int { return cmp.Or(compare6(a.from, b.from), compare6(b.to, a.to)) })
	n.four = outer(n.four, func(a, b range4) bool { return b.to <= a.to })
	n.six = outer(n.six, func(a, b range6) bool { return compare6(b.to, a.to) <= 0 })
	return n
}

// outer drops the ranges that end before one that is kept does: two networks
// are apart, or one holds the other and is sorted before it.
func outer[R any](sorted []R, holds func(a, b R) bool) (kept []R) {
	for _, r := range sorted {
		if len(kept) == 0 || !holds(kept[len(kept)-1], r) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (n *nets) holds4(a uint32) bool {
	lo, hi := 0, len(n.four)
	for lo < hi {
		if m := (lo + hi) / 2; n.four[m].from <= a {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo > 0 && a <= n.four[lo-1].to
}

// holds6 looks for the address, and for the IPv4 address inside it.
func (n *nets) holds6(x *six) bool {
	a := x.addr
	if after, ok := x.holds4(); ok && n.holds4(a.ipv4(after)) {
		return true
	}
	lo, hi := 0, len(n.six)
	for lo < hi {
		if m := (lo + hi) / 2; compare6(n.six[m].from, a) <= 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo > 0 && compare6(a, n.six[lo-1].to) <= 0
}
