package scrub

import "fmt"

// A Finding is a place in a text that a [Scrubber] changed, or left as it is
// although it is an address or looks like one. It quotes nothing of the text
// but what stands there afterwards.
type Finding struct {
	// From and To bound the place, [From, To) in bytes of the text as it came:
	// since NewWriter or Reset for a [Writer], in src for [Scrubber.Find].
	From, To int64
	Form     Form
	Fate     Fate
	// Rule is the entry of [Policy.Redact] that blanked a value, or of
	// [Policy.IPFields] that named an address; of any other address, the one of
	// [Policy.KeepNets], in CIDR notation, that kept it.
	Rule string
	// Field is the name in Rule's preset that the field's own name ends in, such
	// as token for x-access-token; empty for what is found without a name.
	Field string
	// Became is what stands there now, nil where nothing changed. It is valid
	// until the visit returns.
	Became []byte
}

// Fate says what became of a finding.
type Fate uint8

const (
	// Changed was replaced by what the policy says.
	Changed Fate = iota
	// KeptNetwork lies in one of [Policy.KeepNets].
	KeptNetwork
	// KeptMode stays because the mode is [Keep].
	KeptMode
	// KeptSame has nothing to take away: it was truncated before, or is a
	// network of no more bits than the mode keeps.
	KeptSame
	// KeptUnspecified is 0.0.0.0 or "::", which is no host's.
	KeptUnspecified
	// KeptNoAddress looks like an address and is taken for none; the form says
	// for what.
	KeptNoAddress
)

// String says it in words.
func (f Fate) String() string {
	names := [...]string{"changed", "kept: network", "kept: mode", "kept: nothing to take away", "kept: unspecified", "kept: no address"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("fate(%d)", uint8(f))
}

// Form says in which form something was found.
type Form uint8

// The forms of addresses, then those of blanked values, then what only looks
// like an address. Where several fit, the one that stands later in its group of
// addresses is given, but that a network or range is told only of plain ones.
const (
	IPv4Plain Form = iota
	IPv4Network
	IPv4Range // one end of it
	IPv4Padded
	IPv4Percent
	IPv4Escaped
	IPv4Entity
	IPv4HostName
	IPv4Reverse
	IPv4Tuple
	IPv6Plain
	IPv6Network
	IPv6Percent
	IPv6Escaped
	IPv6Entity
	IPv6HostName
	IPv6Reverse
	IPv6Tuple
	IPv6Mapped     // ::ffff:203.0.113.7 (RFC 4291, section 2.5.5.2)
	IPv6Compatible // ::203.0.113.7 (RFC 4291, section 2.5.5.1)
	IPv6NAT64      // 64:ff9b::203.0.113.7 (RFC 6052)
	IPv6To4        // 2002:cb00:7107::1 (RFC 3056)
	FieldAddress   // in a notation that only a field of [Policy.IPFields] has

	NamedField    // the value of a field that a name tells
	JSONWebToken  // RFC 7519
	URLPassword   // scheme://user:password@host
	EmailAddress  // anywhere
	RemoteUser    // of the combined log format
	CombinedField // referer or agent of the combined log format
	ICEFragment   // the ufrag of a candidate (RFC 8839)
	MediaKey      // of an SDES line (RFC 4568)
	CutLine       // the rest of a line whose head is elsewhere

	VersionNumber   // four parts that what stands around them shows to be a version
	LargeNumber     // four parts, one of them past 255
	DottedNumber    // more than four parts
	HardwareAddress // MAC-48 or EUI-64
	Fingerprint     // a longer list of bytes
	ProgramName     // X::Y
	forms
)

// String names the form in the words of an operator: "ipv4 percent-encoded".
func (f Form) String() string {
	names := [forms]string{
		IPv4Plain: "ipv4", IPv4Network: "ipv4 network", IPv4Range: "ipv4 range", IPv4Padded: "ipv4 zero-padded",
		IPv4Percent: "ipv4 percent-encoded", IPv4Escaped: "ipv4 escaped", IPv4Entity: "ipv4 html entity",
		IPv4HostName: "ipv4 in a host name", IPv4Reverse: "ipv4 reverse name", IPv4Tuple: "ipv4 tuple",
		IPv6Plain: "ipv6", IPv6Network: "ipv6 network", IPv6Percent: "ipv6 percent-encoded", IPv6Escaped: "ipv6 escaped",
		IPv6Entity: "ipv6 html entity", IPv6HostName: "ipv6 in a host name", IPv6Reverse: "ipv6 reverse name", IPv6Tuple: "ipv6 tuple",
		IPv6Mapped: "ipv6 mapped ipv4", IPv6Compatible: "ipv6 compatible ipv4", IPv6NAT64: "ipv6 nat64", IPv6To4: "ipv6 6to4",
		FieldAddress: "address in a named field",
		NamedField:   "field", JSONWebToken: "jwt", URLPassword: "password in a url", EmailAddress: "e-mail address",
		RemoteUser: "remote user", CombinedField: "referer or agent", ICEFragment: "ice ufrag", MediaKey: "sdes key", CutLine: "cut line",
		VersionNumber: "version", LargeNumber: "octet past 255", DottedNumber: "dotted number", HardwareAddress: "hardware address",
		Fingerprint: "fingerprint", ProgramName: "name in a program",
	}
	if f < forms {
		return names[f]
	}
	return fmt.Sprintf("form(%d)", uint8(f))
}

// Address reports that the form is one of an address.
func (f Form) Address() bool { return f <= FieldAddress }

// Value reports that the form is one of a blanked value.
func (f Form) Value() bool { return f >= NamedField && f <= CutLine }

// shape gives the form's public name.
func (f *found) shape(v *view) Form {
	switch f.form {
	case formJoined:
		return IPv4HostName
	case formTuple4:
		return IPv4Tuple
	case formReverse4:
		return IPv4Reverse
	case formDashes:
		return IPv6HostName
	case formTuple6:
		return IPv6Tuple
	case formReverse6:
		return IPv6Reverse
	case formColons:
		return f.six.shape(v, f.end)
	}
	return f.quad.shape(v)
}

func (q *quad) shape(v *view) Form {
	switch v.at(q.end[0]) {
	case '%':
		return IPv4Percent
	case '\\':
		return IPv4Escaped
	case '&':
		return IPv4Entity
	}
	for k := range q.octet {
		if q.end[k]-q.start[k] > 1 && v.at(q.start[k]) == '0' {
			return IPv4Padded
		}
	}
	return v.shape4(q.last())
}

// shape4 is the form of a plain address that ends at e.
func (v *view) shape4(e int) Form {
	switch v.at(e) {
	case '/':
		if v.prefixLength(e+1, 32) {
			return IPv4Network
		}
	case '-':
		var q quad
		if q.readDotted(v, e+1) && !is(v.at(q.last()), isAlnum) {
			return IPv4Range
		}
	}
	return IPv4Plain
}

func (x *six) shape(v *view, e int) Form {
	if _, ok := x.holds4(); ok {
		switch a := x.addr; {
		case a.hi>>48 == 0x2002:
			return IPv6To4
		case a.hi != 0:
			return IPv6NAT64
		case a.lo>>32 != 0:
			return IPv6Mapped
		}
		return IPv6Compatible
	}
	switch v.at(x.colon.start) {
	case '%':
		return IPv6Percent
	case '\\':
		return IPv6Escaped
	case '&':
		return IPv6Entity
	}
	if v.at(e) == '/' && v.prefixLength(e+1, 128) {
		return IPv6Network
	}
	return IPv6Plain
}

// prefixLength reports whether a number of at most so many bits stands at i.
func (v *view) prefixLength(i, most int) bool {
	n, j := 0, i
	for j-i < 4 && is(v.at(j), isDigit) {
		n = n*10 + int(v.src[j]-'0')
		j++
	}
	return j > i && n <= most && !is(v.at(j), isAlnum) && v.at(j) != '/' && v.at(j) != '.'
}
