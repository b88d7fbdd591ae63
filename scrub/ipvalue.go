package scrub

import (
	"bytes"
	"encoding/base64"
	"math/bits"
	"strconv"
)

// notation is a way to write an address that only a field's name tells from
// other numbers and words.
type notation uint8

const (
	decimalNotation notation = iota
	signedNotation           // a 32-bit integer with its sign
	hexNotation              // the most significant octet first
	octalNotation
	base64Notation
	stunNotation // XOR-MAPPED-ADDRESS (RFC 8489, section 14.2), in hex
)

// magicCookie is what an address in XOR-MAPPED-ADDRESS is XORed with; one of
// IPv6 also with the transaction's id, which no field holds.
const magicCookie = 0x2112_a442

// maxIPText is the longest text in one of the notations: the STUN attribute
// of an IPv6 address, with 0x.
const maxIPText = 50

// ipValue is an address and how it was written.
type ipValue struct {
	notation notation
	four     bool
	a4       uint32
	six      six
	opaque   bool   // an address that cannot be read: only a mask can stand for it
	head     []byte // what is kept before the number, in the text that was read
	digits   int    // as many were written, at least
	upper    bool
	url, pad bool // of base64: its alphabet, and whether = fills it up
}

// parseIP reads the text of a field named for addresses. All of it must be one.
func parseIP(t []byte) (v ipValue, ok bool) {
	switch {
	case len(t) == 0 || len(t) > maxIPText:
		return v, false
	case t[0] == '-' && all(t[1:], isDigit):
		return parseSigned(t[1:])
	case len(t) > 2 && t[0] == '0' && lower(t[1]) == 'x':
		return parseHex(t, 2, 1)
	case len(t) > 2 && t[0] == '0' && lower(t[1]) == 'o':
		return parseOctal(t, 2)
	case all(t, isDigit):
		return parseDigits(t)
	case all(t, isHex):
		return parseHex(t, 0, 7)
	}
	return parseBase64(t)
}

// parseDigits reads a text of decimal digits alone. With a zero in front, or
// as long as an IPv6 address in hex, it is no decimal: such an IPv4 address
// would lie in 0.0.0.0/8, and the IPv6 one outside of all that is in use.
func parseDigits(t []byte) (v ipValue, ok bool) {
	if v, ok = parseSTUN(t, 0); ok {
		return v, true
	}
	if len(t) == 32 || len(t) == 8 && t[0] == '0' {
		return parseHex(t, 0, 7)
	}
	if len(t) > 1 && t[0] == '0' {
		if v, ok = parseOctal(t, 0); ok {
			return v, true
		}
	}
	return parseDecimal(t)
}

func all(t []byte, bits uint8) bool {
	for _, c := range t {
		if !is(c, bits) {
			return false
		}
	}
	return true
}

// hold sets the address to a number, and reports that one can be it.
func (v *ipValue) hold(a addr6) {
	if v.four = a.hi == 0 && a.lo>>32 == 0; v.four {
		v.a4 = uint32(a.lo)
	}
	v.six.addr = a
}

func parseDecimal(t []byte) (v ipValue, ok bool) {
	var a addr6
	for _, c := range t {
		over, low := bits.Mul64(a.lo, 10)
		low, carry := bits.Add64(low, uint64(c-'0'), 0)
		more, high := bits.Mul64(a.hi, 10)
		high, out := bits.Add64(high, over, carry)
		if more|out != 0 {
			return v, false
		}
		a = addr6{high, low}
	}
	v.hold(a)
	v.digits = 1
	if t[0] == '0' {
		v.digits = len(t)
	}
	return v, true
}

func parseSigned(t []byte) (v ipValue, ok bool) {
	if len(t) == 0 || len(t) > 10 {
		return v, false
	}
	x, err := strconv.ParseUint(string(t), 10, 64)
	if err != nil || x > 1<<31 {
		return v, false
	}
	return ipValue{notation: signedNotation, four: true, a4: uint32(-int64(x))}, true
}

// parseHex reads hex digits from t[head:], at least so many for an IPv4
// address: fewer are written where zeros in front are dropped, as %x does.
func parseHex(t []byte, head, least int) (v ipValue, ok bool) {
	digits := t[head:]
	if !all(digits, isHex) {
		return v, false
	}
	if v, ok = parseSTUN(t, head); ok {
		return v, true
	}
	n := len(digits)
	if n < least || n > 32 || n > 8 && n < 32 && head == 0 {
		return v, false
	}
	v = ipValue{notation: hexNotation, head: t[:head], digits: n, upper: upperHex(digits)}
	v.hold(hexNumber(digits))
	v.four = n <= 8
	return v, true
}

func hexNumber(t []byte) (a addr6) {
	for _, c := range t {
		a = addr6{a.hi<<4 | a.lo>>60, a.lo<<4 | uint64(hexValue[c])}
	}
	return a
}

func upperHex(t []byte) bool { return bytes.ContainsAny(t, "ABCDEF") }

func parseOctal(t []byte, head int) (v ipValue, ok bool) {
	var x uint64
	for _, c := range t[head:] {
		if c < '0' || c > '7' || x>>32 != 0 {
			return v, false
		}
		x = x<<3 | uint64(c-'0')
	}
	if x>>32 != 0 {
		return v, false
	}
	return ipValue{notation: octalNotation, four: true, a4: uint32(x), head: t[:head], digits: len(t) - head}, true
}

// parseSTUN reads the value of the attribute, or the attribute with its type
// and length, from t[head:]. Of IPv6 it knows the shape.
func parseSTUN(t []byte, head int) (v ipValue, ok bool) {
	const four, six = "0001", "0002"
	switch s := t[head:]; {
	case len(s) == 16 && string(s[:4]) == four,
		len(s) == 24 && string(s[:12]) == "00200008"+four:
		address := s[len(s)-8:]
		v = ipValue{notation: stunNotation, four: true, head: t[:len(t)-8], digits: 8, upper: upperHex(s)}
		v.a4 = uint32(hexNumber(address).lo) ^ magicCookie
	case len(s) == 40 && string(s[:4]) == six,
		len(s) == 48 && string(s[:12]) == "00200014"+six:
		return ipValue{notation: stunNotation, opaque: true}, true
	default:
		return v, false
	}
	return v, true
}

// parseBase64 reads 4 or 16 octets (RFC 4648, sections 4 and 5), with or
// without padding.
func parseBase64(t []byte) (v ipValue, ok bool) {
	v = ipValue{notation: base64Notation, url: bytes.ContainsAny(t, "-_"), pad: bytes.HasSuffix(t, []byte("=="))}
	if v.pad {
		t = t[:len(t)-2]
	}
	if len(t) != 6 && len(t) != 22 {
		return v, false
	}
	var b [18]byte
	n, err := v.alphabet().Decode(b[:], t)
	if err != nil {
		return v, false
	}
	v.four = n == 4
	for _, c := range b[:n] {
		v.six.addr = addr6{v.six.addr.hi<<8 | v.six.addr.lo>>56, v.six.addr.lo<<8 | uint64(c)}
	}
	v.a4 = uint32(v.six.addr.lo)
	return v, true
}

// The alphabets without padding; strict, so that a word is seldom taken for an
// address. They are never written after the program has started.
var (
	standardBase64 = base64.RawStdEncoding.Strict()
	urlBase64      = base64.RawURLEncoding.Strict()
)

func (v *ipValue) alphabet() *base64.Encoding {
	if v.url {
		return urlBase64
	}
	return standardBase64
}

// numericText reports whether t is a number, in decimal or in hex, of a size that
// an address could have.
func numericText(t []byte) bool {
	if len(t) > maxIPText {
		return false
	}
	if len(t) > 2 && t[0] == '0' && lower(t[1]) == 'x' {
		t = t[2:]
	}
	if all(t, isHex) {
		for _, c := range t {
			if is(c, isDigit) {
				return true
			}
		}
		return false
	}
	if t[0] == '-' || t[0] == '+' {
		t = t[1:]
	}
	seen := byte('.') // what may come: a dot, an exponent, its sign
	for i, c := range t {
		switch {
		case is(c, isDigit):
		case c == '.' && seen == '.' && i > 0:
			seen = 'e'
		case lower(c) == 'e' && seen != 0 && i > 0:
			seen = 0
		case (c == '-' || c == '+') && lower(t[max(i-1, 0)]) == 'e':
		default:
			return false
		}
	}
	return len(t) > 0
}
