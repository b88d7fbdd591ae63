package scrub

import "encoding/binary"

// form is the way an address was written, which says how to write another in
// its place.
type form uint8

const (
	formDotted   form = iota // 203.0.113.7, the dots in any encoding
	formJoined               // 203-0-113-7, inside a name
	formTuple4               // {203,0,113,7}
	formReverse4             // 7.113.0.203.in-addr.arpa
	formColons               // 2001:db8::1, the colons in any encoding
	formDashes               // 2001-db8--1, inside a name
	formTuple6               // {8193,3512,0,0,0,0,0,1}
	formReverse6             // 1.0.0…8.b.d.0.1.0.0.2.ip6.arpa
)

func (f form) is4() bool { return f <= formReverse4 }

// found is an address and where it stands: [start, end) is the text that a
// mode replaces. quad is set for the IPv4 forms, six for the others.
type found struct {
	start, end int
	form       form
	quad       quad
	six        six
}

// six is an IPv6 address found in a text.
type six struct {
	addr addr6
	// colon and dot are where the first of each separator stands, in whatever
	// encoding, so that what is written instead is encoded likewise.
	colon, dot span
	dotted     bool // the last 32 bits are written as four octets
	port       bool // a dot and a number follow: address.port
	nibbles    int  // of a reverse name: how many are there, 32 for a host
	numbers    [8]span
}

// span is a part of the text; one without length is not there.
type span struct{ start, end int }

// addr6 is an IPv6 address, high and low half.
type addr6 struct{ hi, lo uint64 }

func (a addr6) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return b
}

// group is the k-th of the eight 16-bit groups.
func (a addr6) group(k int) uint16 {
	if k < 4 {
		return uint16(a.hi >> (48 - 16*k))
	}
	return uint16(a.lo >> (48 - 16*(k-4)))
}

func (a addr6) truncate(bits int) addr6 {
	switch {
	case bits <= 64:
		return addr6{hi: a.hi &^ (1<<(64-bits) - 1)}
	case bits < 128:
		return addr6{a.hi, a.lo &^ (1<<(128-bits) - 1)}
	}
	return a
}

// holds4 tells where an IPv4 address stands inside: after how many bits, or
// false. The ranges are those of RFC 4291, 2.5.5 (mapped, and compatible where
// it is written with dots), RFC 6052, 2.1 (NAT64) and RFC 3056, 2 (6to4).
func (x *six) holds4() (after int, ok bool) {
	switch a := x.addr; {
	case x.port:
		return 0, false // what was cut short would be read as four octets
	case a.hi == 0 && a.lo>>32 == 0xffff:
		return 96, true
	case a.hi == 0 && a.lo>>32 == 0 && x.dotted:
		return 96, true
	case a.hi == 0x64_ff9b<<32 && a.lo>>32 == 0:
		return 96, true
	case a.hi>>48 == 0x2002:
		return 16, true
	}
	return 0, false
}

// ipv4 is the IPv4 address that stands after the given number of bits.
func (a addr6) ipv4(after int) uint32 {
	if after == 16 {
		return uint32(a.hi >> 16)
	}
	return uint32(a.lo)
}
