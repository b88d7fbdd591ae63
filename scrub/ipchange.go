package scrub

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// changeIP appends, for the address v, what the policy puts in its place. It
// reports false, having written nothing, where the address stays as it is, and
// masked where the text has no address any more.
func (s *Scrubber) changeIP(dst []byte, v *ipValue) (_ []byte, changed, masked bool) {
	switch {
	case v.opaque:
		return append(dst, s.policy.MaskText...), true, true
	case s.keepsIP(v):
		return dst, false, false
	case s.policy.Mode == Mask:
		return append(dst, s.policy.MaskText...), true, true
	case s.pseudonyms != nil:
		return s.pseudonymIP(dst, v)
	}
	w := *v
	if v.four {
		w.a4 = s.map4(v.a4)
		if w.a4 == v.a4 {
			return dst, false, false
		}
	} else {
		w.six.addr = s.map6(&v.six)
		if w.six.addr == v.six.addr {
			return dst, false, false
		}
	}
	return w.append(dst), true, false
}

// pseudonymIP is changeIP in the pseudonym modes. A deterministic pseudonym is
// an IPv6 address: what holds no more than 32 bits is masked.
func (s *Scrubber) pseudonymIP(dst []byte, v *ipValue) (_ []byte, changed, masked bool) {
	w, ok := *v, true
	p := s.pseudonyms
	switch {
	case p.prefix != nil && v.four:
		w.a4 = p.prefix4(v.a4)
	case !v.four:
		w.six.addr, ok = p.of(&v.six)
	case v.notation == signedNotation || v.notation == octalNotation || v.notation == stunNotation:
		return append(dst, s.policy.MaskText...), true, true
	default:
		w.four = false
		w.six.addr = p.encrypt(addr6{0, mapped | uint64(v.a4)})
	}
	if !ok {
		return dst, false, false
	}
	if !w.four && w.notation == hexNotation {
		w.digits = 32
	}
	return w.append(dst), true, false
}

func (s *Scrubber) keepsIP(v *ipValue) bool {
	if v.four {
		return s.keep.holds4(v.a4)
	}
	return v.six.addr == addr6{} || s.keep.holds6(&v.six)
}

// append writes the address in its notation.
func (v *ipValue) append(dst []byte) []byte {
	a := v.six.addr
	if v.four {
		a = addr6{lo: uint64(v.a4)}
	}
	dst = append(dst, v.head...)
	switch v.notation {
	case decimalNotation:
		return appendDecimal(dst, a, v.digits)
	case signedNotation:
		return strconv.AppendInt(dst, int64(int32(v.a4)), 10)
	case hexNotation:
		return v.appendHex(dst, a)
	case octalNotation:
		var b [24]byte
		return appendPadded(dst, strconv.AppendUint(b[:0], a.lo, 8), v.digits)
	case stunNotation:
		return v.appendHex(dst, addr6{lo: a.lo ^ magicCookie})
	}
	b := a.bytes()
	if v.four {
		dst = v.alphabet().AppendEncode(dst, b[12:])
	} else {
		dst = v.alphabet().AppendEncode(dst, b[:])
	}
	if v.pad {
		dst = append(dst, "=="...)
	}
	return dst
}

func appendPadded(dst, digits []byte, least int) []byte {
	for k := len(digits); k < least; k++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendDecimal writes a 128-bit number, at most 39 digits: two times nineteen
// and one.
func appendDecimal(dst []byte, a addr6, least int) []byte {
	const e19 = 10_000_000_000_000_000_000
	var b [40]byte
	q := addr6{a.hi / e19, 0}
	var r0, r1 uint64
	q.lo, r0 = bits.Div64(a.hi%e19, a.lo, e19)
	top, r1 := bits.Div64(q.hi, q.lo, e19)
	out := b[:0]
	if top > 0 {
		out = strconv.AppendUint(out, top, 10)
	}
	for _, part := range []uint64{r1, r0} {
		if len(out) == 0 && part == 0 {
			continue
		}
		var d [20]byte
		digits := strconv.AppendUint(d[:0], part, 10)
		if len(out) > 0 {
			out = appendPadded(out, digits, 19)
			continue
		}
		out = append(out, digits...)
	}
	if len(out) == 0 {
		out = append(out, '0')
	}
	return appendPadded(dst, out, least)
}

func (v *ipValue) appendHex(dst []byte, a addr6) []byte {
	const lowDigits, upDigits = "0123456789abcdef", "0123456789ABCDEF"
	table := lowDigits
	if v.upper {
		table = upDigits
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	n := max(v.digits, 1)
	for k := 31; k >= 0; k-- {
		x := b[15-k/2] >> (4 * (k & 1)) & 15
		if k < n || x != 0 {
			n = max(n, k+1)
			dst = append(dst, table[x])
		}
	}
	return dst
}
