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

// plain4 decides about the dot at i, which follows a digit.
func plain4(src []byte, lo, i int, q *fourOctets) int {
	// The second number and its dot end most attempts.
	k2, c := numberAt(src, i+1)
	if c != '.' || k2 == 0 {
		return noNumber(k2, c)
	}
	k3, c := numberAt(src, i+2+k2)
	if c != '.' || k3 == 0 {
		return noNumber(k3, c)
	}
	i3 := i + 2 + k2
	i4 := i3 + k3 + 1
	k4, c := numberAt(src, i4)
	if k4 == 0 || k4 > 3 {
		return noNumber(k4, c)
	}
	if !is(c, isClose) || i < 5 {
		return unsure
	}
	before := nonDigits(uint64(binary.LittleEndian.Uint32(src[i-4:])) << 32)
	n := bits.LeadingZeros64(before) >> 3
	b := i - n
	if n > 3 || b-2 < lo || !is(src[b-1], isOpen) {
		return unsure
	}
	o1, ok1 := octetAt(src, b, n)
	o2, ok2 := octetAt(src, i+1, k2)
	o3, ok3 := octetAt(src, i3, k3)
	o4, ok4 := octetAt(src, i4, k4)
	if !(ok1 && ok2 && ok3 && ok4) {
		return unsure
	}
	q.start, q.end, q.lastOctet = b, i4+k4, i4
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

// noNumber is the verdict where n digits and then c are no octet and dot. An
// escape may be a dot, and a letter the nibble of a reverse name.
func noNumber(n int, c byte) int {
	if is(c, isEscape) || n == 0 && is(c, isHex) {
		return unsure
	}
	return none
}

// octetAt reads the n decimal digits at i, 1 to 3 of them. It reports false
// for more than 255, and for a zero in front.
func octetAt(src []byte, i, n int) (x uint32, ok bool) {
	w := binary.LittleEndian.Uint32(src[i:]) << (8 * (4 - n)) & 0x0f0f0f00
	x = w>>8&15*100 + w>>16&15*10 + w>>24
	return x, x <= 255 && (n == 1 || src[i] != '0')
}
