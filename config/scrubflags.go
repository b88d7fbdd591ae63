package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"swab/scrub"
)

var errWhichPseudonym = errors.New("say which: pseudonym=deterministic or pseudonym=prefix")

func scrubMode(d *draft) *scrub.Mode { return &d.global.scrub.Mode }

func parseScrubMode(s string) (scrub.Mode, error) {
	if s == "pseudonym" {
		return 0, errWhichPseudonym
	}
	word, err := oneOf(scrub.Truncate.String(), scrub.Mask.String(), scrub.Keep.String(),
		scrub.PseudonymDeterministic.String(), scrub.PseudonymPrefix.String())(s)
	if err != nil {
		return 0, err
	}
	return scrub.ParseMode(word)
}

// parsePrefix reads a number of bits, up to one that still cuts something off.
func parsePrefix(most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.ParseUint(s, 10, 8)
		switch {
		case err != nil || n < 1 || int(n) > most+1:
			return 0, fmt.Errorf("must be 1 to %d bits", most)
		case int(n) == most+1:
			return 0, errors.New("would keep whole addresses. Write --scrub keep if you mean that")
		}
		return int(n), nil
	}
}

func parseMaskText(s string) (string, error) {
	if s == "" {
		return "", errors.New("must not be empty, so that a reader sees where an address was")
	}
	if err := (scrub.Policy{MaskText: s}).Validate(); err != nil {
		return "", errors.New("must be at most 64 bytes without control characters")
	}
	return s, nil
}

// addKeepNet records one --keep-net, with the bits past its prefix cleared. A
// single address is a network of one.
func (d *draft) addKeepNet(a assign) {
	p, err := netip.ParsePrefix(a.value)
	if err != nil {
		addr, addrErr := netip.ParseAddr(a.value)
		if addrErr != nil || addr.Zone() != "" {
			d.fault(a, "not a network. Write one such as 10.0.0.0/8 or fd00::/8")
			return
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p.Bits() == 0 {
		d.fault(a, "is every address. Write --scrub keep if you mean that")
		return
	}
	d.global.scrub.KeepNets = append(d.global.scrub.KeepNets, p.Masked())
}
