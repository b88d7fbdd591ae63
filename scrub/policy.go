package scrub

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Mode says what an address becomes.
type Mode uint8

const (
	// Truncate zeroes the host bits and keeps the network.
	Truncate Mode = iota
	// Mask puts one fixed text in the place of every address.
	Mask
	// Keep leaves addresses as they are.
	Keep
	// PseudonymDeterministic puts an IPv6 address in the place of every address,
	// always the same one under the same key (ipcrypt-deterministic).
	PseudonymDeterministic
	// PseudonymPrefix puts an address of the same family there, such that
	// addresses of one network have pseudonyms of one network (ipcrypt-pfx).
	PseudonymPrefix
)

// modes are all of them, as help texts list them.
var modes = [...]Mode{Truncate, Mask, Keep, PseudonymDeterministic, PseudonymPrefix}

// pseudonym reports that the mode has a key.
func (m Mode) pseudonym() bool { return m == PseudonymDeterministic || m == PseudonymPrefix }

// Prefix lengths used where a [Policy] names none: the 8 and 80 bits that
// Google Analytics cuts, a middle among its peers.
const (
	DefaultIPv4Prefix = 24
	DefaultIPv6Prefix = 48
)

// DefaultMaskText stands for an address where a [Policy] names no other text.
const DefaultMaskText = "[ip]"

// maxMaskText bounds MaskText, so that a hostile setting cannot grow a line
// without end.
const maxMaskText = 64

// ParseMode reads a mode by the name that [Mode.String] gives it.
func ParseMode(name string) (Mode, error) {
	for _, m := range modes {
		if name == m.String() {
			return m, nil
		}
	}
	if name == "pseudonym" {
		return Truncate, fmt.Errorf("scrub mode %q: say which, %s or %s", name, PseudonymDeterministic, PseudonymPrefix)
	}
	return Truncate, fmt.Errorf("scrub mode %q: not one of %s", name, modeNames())
}

// String is the mode's name in flags and metadata.
func (m Mode) String() string {
	switch m {
	case Truncate:
		return "truncate"
	case Mask:
		return "mask"
	case Keep:
		return "keep"
	case PseudonymDeterministic:
		return "pseudonym=deterministic"
	case PseudonymPrefix:
		return "pseudonym=prefix"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

func modeNames() string {
	var names []string
	for _, m := range modes {
		names = append(names, m.String())
	}
	return strings.Join(names, ", ")
}

// Policy says what becomes of the addresses in a text. Its zero value
// truncates to the default prefix lengths.
type Policy struct {
	Mode Mode
	// IPv4Prefix and IPv6Prefix are how many leading bits Truncate keeps, 1 to
	// 32 and 1 to 128; 0 means DefaultIPv4Prefix and DefaultIPv6Prefix. An IPv6
	// address that holds an IPv4 one (mapped, compatible, NAT64, 6to4) follows
	// IPv4Prefix.
	IPv4Prefix, IPv6Prefix int
	// MaskText is what Mask writes, at most 64 printable bytes; empty means
	// DefaultMaskText. It also stands for what a cut text's edge may have held.
	MaskText string
	// KeepNets are networks whose addresses stay as they are.
	KeepNets []netip.Prefix
	// ScrubVersions takes a four-part number after a product's name and a
	// slash, as in Chrome/120.0.0.0, for an address too.
	ScrubVersions bool
	// Redact names the fields whose values are blanked: the presets cookies,
	// secrets and identifiers, or fields of one's own, in any case, - and _
	// alike. It does not depend on Mode.
	Redact []string
	// IPFields names fields, in any case, - and _ alike, whose values are
	// addresses in a notation that nothing else tells from a number or a word:
	// decimal, hex, octal, base64, STUN's XOR-MAPPED. They follow Mode.
	IPFields []string
}

// Validate reports every field that is wrong, and what would be right.
func (p Policy) Validate() error {
	var errs []error
	if int(p.Mode) >= len(modes) {
		errs = append(errs, fmt.Errorf("Mode %d: not one of %s", uint8(p.Mode), modeNames()))
	}
	if p.IPv4Prefix < 0 || p.IPv4Prefix > 32 {
		errs = append(errs, fmt.Errorf("IPv4Prefix %d: must be 1 to 32 bits, or 0 for %d", p.IPv4Prefix, DefaultIPv4Prefix))
	}
	if p.IPv6Prefix < 0 || p.IPv6Prefix > 128 {
		errs = append(errs, fmt.Errorf("IPv6Prefix %d: must be 1 to 128 bits, or 0 for %d", p.IPv6Prefix, DefaultIPv6Prefix))
	}
	if len(p.MaskText) > maxMaskText {
		errs = append(errs, fmt.Errorf("MaskText of %d bytes: must be at most %d", len(p.MaskText), maxMaskText))
	}
	if strings.ContainsFunc(p.MaskText, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		errs = append(errs, fmt.Errorf("MaskText %q: must not hold control characters", p.MaskText))
	}
	for _, n := range p.KeepNets {
		if !n.IsValid() {
			errs = append(errs, fmt.Errorf("KeepNets %v: must be a network such as 10.0.0.0/8", n))
		}
	}
	for _, name := range p.Redact {
		if err := CheckRedact(name); err != nil {
			errs = append(errs, fmt.Errorf("field %q in Redact: %w", name, err))
		}
	}
	for _, name := range p.IPFields {
		if err := CheckIPField(name); err != nil {
			errs = append(errs, fmt.Errorf("field %q in IPFields: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// String is a short stable text for an object's metadata, such as
// "truncate/24/48", "mask", "pseudonym=prefix" or "keep redact=cookies,secrets".
func (p Policy) String() string {
	s := p.Mode.String()
	if p.Mode == Truncate {
		p = p.withDefaults()
		s = fmt.Sprintf("%s/%d/%d", s, p.IPv4Prefix, p.IPv6Prefix)
	}
	if n := len(p.KeepNets); n > 0 && p.Mode != Keep {
		s = fmt.Sprintf("%s keep-nets=%d", s, n)
	}
	if p.ScrubVersions && p.Mode != Keep {
		s += " versions=scrub"
	}
	if len(p.Redact) > 0 {
		s += " redact=" + sortedNames(p.Redact)
	}
	if len(p.IPFields) > 0 && p.Mode != Keep {
		s += " ip-fields=" + sortedNames(p.IPFields)
	}
	return s
}

func (p Policy) withDefaults() Policy {
	if p.IPv4Prefix == 0 {
		p.IPv4Prefix = DefaultIPv4Prefix
	}
	if p.IPv6Prefix == 0 {
		p.IPv6Prefix = DefaultIPv6Prefix
	}
	if p.MaskText == "" {
		p.MaskText = DefaultMaskText
	}
	return p
}
