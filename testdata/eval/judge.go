package main

import (
	"net/netip"
	"slices"
	"strings"

	"swab/scrub/oracle"
)

// What every tool is set to keep: swab's defaults.
const (
	ipv4Bits = 24
	ipv6Bits = 48
)

// verdict is what one row came to. The rule is one for all tools and all ways
// of taking an address out: cut, masked or replaced.
type verdict struct {
	// right: of a row that must lose its addresses, none is left, neither as it
	// was written nor in another spelling; a row that must stay is the same to
	// the byte. A line that is lost is neither.
	right bool
	// clean: and no byte beside the addresses was changed, lost or added.
	clean bool
}

func judge(r row, output string) verdict {
	if output == lost {
		return verdict{}
	}
	if r.class != must {
		same := output == r.input
		return verdict{same, same}
	}
	var values []netip.Addr
	for _, text := range r.addresses {
		if strings.Contains(output, text) {
			return verdict{}
		}
		if a, err := netip.ParseAddr(text); err == nil {
			values = append(values, a.WithZone(""))
		}
	}
	for _, s := range oracle.Find([]byte(output)) {
		if slices.Contains(values, s.Addr.WithZone("")) {
			return verdict{}
		}
	}
	return verdict{true, inOrder(output, r.beside)}
}

// inOrder reports whether text is the parts with something, or nothing, in the
// place of each gap between them.
func inOrder(text string, parts []string) bool {
	if len(parts) == 0 {
		return true
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	if len(parts) == 1 {
		return text == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		at := strings.Index(text, p)
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return strings.HasSuffix(text, last)
}

func textWithoutHostBits(text string) bool {
	text, _, _ = strings.Cut(text, "%")
	a, err := netip.ParseAddr(text)
	return err == nil && withoutHostBits(a)
}

// withoutHostBits reports whether an address is a network already: truncating
// leaves it as it is. An IPv4 address inside an IPv6 one counts by its own bits.
func withoutHostBits(a netip.Addr) bool {
	bits := ipv6Bits
	switch {
	case a.Is4():
		bits = ipv4Bits
	case a.Is4In6(), netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		bits = 96 + ipv4Bits
	case netip.MustParsePrefix("::/96").Contains(a) && a != netip.IPv6Unspecified() && a != netip.IPv6Loopback():
		bits = 96 + ipv4Bits
	}
	return netip.PrefixFrom(a.WithZone(""), bits).Masked().Addr() == a.WithZone("")
}
