package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

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

// Names that --redact and redact= know beside those of fields.
const (
	presetIdentifiers = "identifiers"
	redactNone        = "none" // empties a class's list
)

func redactPresets() []string { return []string{"cookies", presetIdentifiers, "secrets"} }

// mostSlips is how near to a preset a name must be to count as a slip of the
// pen: cokies, secert, Identifiers.
const mostSlips = 2

// CheckRedact says what is wrong with a name given to --redact, and what would
// be right. Any field's name is taken, but for one that looks like a preset
// mistyped: it would blank nothing, and nobody would notice. A dot before it
// says that it is meant; see [scrub.Policy].
func CheckRedact(name string) error {
	if slices.Contains(redactPresets(), name) {
		return nil
	}
	if name == redactNone {
		return errors.New("names nothing to blank. For a class that is to blank nothing, write --class NAME:redact=none")
	}
	if err := scrub.CheckRedact(name); err != nil {
		return err
	}
	if strings.HasPrefix(name, ".") {
		return nil
	}
	best, near := mostSlips+1, ""
	for _, preset := range redactPresets() {
		if n := slips(strings.ToLower(name), preset); n < best {
			best, near = n, preset
		}
	}
	if near == "" {
		return nil
	}
	return fmt.Errorf("there is no preset %q. Did you mean %q? If a field is called that, write .%s", name, near, name)
}

func (d *draft) addRedact(a assign) {
	name := strings.TrimSpace(a.value)
	if err := CheckRedact(name); err != nil {
		d.fault(a, err.Error())
		return
	}
	d.global.scrub.Redact = addNames(d.global.scrub.Redact, name)
}

func (d *draft) addIPField(a assign) {
	name := strings.TrimSpace(a.value)
	if err := scrub.CheckIPField(name); err != nil {
		d.fault(a, err.Error())
		return
	}
	d.global.scrub.IPFields = addNames(d.global.scrub.IPFields, name)
}

// parseVersions tells whether NAME/1.2.3.4 is taken for an address.
func parseVersions(s string) (bool, error) {
	word, err := oneOf("keep", "scrub")(s)
	return word == "scrub", err
}

// addNames gives the list with the names that are not in it yet, in memory of
// its own.
func addNames(list []string, names ...string) []string {
	list = slices.Clone(list)
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
