package scrub

import (
	"encoding/binary"
	"math/bits"
)

// quickAhead is how far the quick looks go; nearer to the end of the text, or
// of a view, the slow way decides alone.
const quickAhead = 40

// Most separators are no part of an address, and most addresses are plain. The
// functions here decide about those a word at a time, without a view; the
// functions of view decide about all others, and agree with these.

// nonDigits has the high bit of every byte of x that is no decimal digit.
func nonDigits(x uint64) uint64 {
	y := x & low
	return (^(y + (0x80-'0')*ones) | (y + (0x80-':')*ones) | x) & high
}

// runOf looks at the run of hexadecimal digits and of the byte sep after i: how
// many of sep are in it, whether two of them are neighbours (the one at i
// counts), and where it ends. It gives up, as if there were enough for an
// address, where the run is longer than one.
func runOf(src []byte, i int, sep byte) (n int, double bool, stop int) {
	seps := uint64(sep) * ones
	carry := uint64(0x80)
	for p := i + 1; p < i+quickAhead-8; p += 8 {
		x := binary.LittleEndian.Uint64(src[p:])
		y := x & low
		z := y | 0x20*ones
		d := x ^ seps
		s := ^((d&low + low) | d | low) // the high bit where d is zero
		digit := (y + (0x80-'0')*ones) &^ (y + (0x80-':')*ones)
		letter := (z + (0x80-'a')*ones) &^ (z + (0x80-'g')*ones)
		other := ^(s | (digit|letter)&^x) & high
		if other != 0 {
			s &= other ^ (other - 1) // what comes before the first other byte
		}
		n += bits.OnesCount64(s)
		double = double || s&(s<<8|carry) != 0
		if other != 0 {
			return n, double, p + bits.TrailingZeros64(other)>>3
		}
		carry = s >> 56
	}
	return 8, double, i + 1
}

// noColons reports that no address stands around the colon at i, and where to
// go on. A run that ends before its seventh colon, without a "::", is none,
// even if four octets follow the sixth.
func noColons(src []byte, i int) (next int, no bool) {
	c := src[i+1]
	if c != ':' && !is(c, isHex|isEscape) {
		return i + 1, true
	}
	n, double, stop := runOf(src, i, ':')
	if double || n >= 5 || is(src[stop], isEscape) {
		return i, false
	}
	return stop, true
}

// noJoint reports that no address stands around the dash or underscore at i.
func noJoint(src []byte, i int) bool {
	c := src[i]
	w := nonDigits(binary.LittleEndian.Uint64(src[i+1:]))
	if k := bits.TrailingZeros64(w) >> 3; k > 0 && k < 4 && src[i+1+k] == c {
		w = nonDigits(binary.LittleEndian.Uint64(src[i+2+k:]))
		if n := bits.TrailingZeros64(w) >> 3; n > 0 && n < 4 && src[i+2+k+n] == c {
			return false
		}
	}
	if c == '_' {
		return true
	}
	n, double, _ := runOf(src, i, '-')
	return !double && n < 6
}

// fourOctets is a plain IPv4 address in dotted form.
type fourOctets struct {
	start, end int
	lastOctet  int // where it begins
	value      uint32
}

// Verdicts of plain4.
const (
	none   = iota // no address here
	taken         // an address, and nothing around it puts that in doubt
	unsure        // for the slow way to decide
)

// plain4 decides about the dots at i, j and t, the first of which follows a
// digit. Between them stand hexadecimal digits or nothing.
func plain4(src []byte, lo, i, j, t int, q *fourOctets) int {
	n2, n3 := j-i-1, t-j-1
	if uint(n2-1) > 2 || uint(n3-1) > 2 {
		return none
	}
	n4, c := numberAt(src, t+1)
	if n4 == 0 || n4 > 3 {
		if is(c, isHex) || n2|n3 == 1 {
			return unsure // a reverse name may have such a digit
		}
		return none
	}
	if !is(c, isClose) || i < 5 {
		return unsure
	}
	before := nonDigits(uint64(binary.LittleEndian.Uint32(src[i-4:])) << 32)
	n1 := bits.LeadingZeros64(before) >> 3
	b := i - n1
	if n1 > 3 || b-2 < lo || !is(src[b-1], isOpen) {
		return unsure
	}
	o1, bad1 := octetBefore(src, i, n1)
	o2, bad2 := octetBefore(src, j, n2)
	o3, bad3 := octetBefore(src, t, n3)
	o4, bad4 := octetBefore(src, t+1+n4, n4)
	if bad1|bad2|bad3|bad4 != 0 {
		return unsure
	}
	q.start, q.end, q.lastOctet = b, t+1+n4, t+1
	q.value = o1<<24 | o2<<16 | o3<<8 | o4
	return taken
}

// numberAt counts the decimal digits at i and gives the byte behind them. Of
// more than three it says 4, and zero for the byte.
func numberAt(src []byte, i int) (n int, c byte) {
	w := uint64(binary.LittleEndian.Uint32(src[i:]))
	n = bits.TrailingZeros64(nonDigits(w)|1<<39) >> 3
	return n, byte(w >> (8 * n))
}

// octetBefore reads the n digits that end at i, 1 to 3 of them. Where they are
// no octet as it is written mostly, bad is not zero: for more than 255, for a
// zero in front, and for what is no decimal digit.
func octetBefore(src []byte, i, n int) (x, bad uint32) {
	w := (binary.LittleEndian.Uint32(src[i-4:]) ^ 0x30303030) >> (8 * (4 - n) & 31) << (8 * (4 - n) & 31)
	hundreds, tens, units := w>>8&0xff, w>>16&0xff, w>>24
	x = hundreds*100 + tens*10 + units
	// least has the smallest number of n digits, but for 0.
	const least = 0 | 10<<8 | 100<<16
	small := (x - least>>(8*(n-1)&31)&0xff) >> 31
	return x, (w+0x76767676|w)&0x80808080 | x>>8 | small
}
