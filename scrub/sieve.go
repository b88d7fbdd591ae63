package scrub

import (
	"encoding/binary"
	"math/bits"
)

// Bytes of a 64-bit word, all the same.
const (
	ones = 0x0101010101010101
	high = 0x80 * ones
	low  = 0x7f * ones
)

// blockSize is how many bytes the sieve takes at once, a bit of a word each.
const blockSize = 64

// A sieve picks the few places of a text at which an address may have shown
// itself, and lets all others pass without a branch.
//
// In whatever form, an address that is written without escapes has three
// separators with nothing but hexadecimal digits between them (203.0.113.7,
// 203-0-113-7, eight groups), or two side by side (2001:db8::1, 2001-db8--1).
// So the sieve stops at the third of three, and at the second of two; besides,
// at each byte that may begin an escape or a tuple.
type sieve struct {
	seps  uint64 // of the block before
	first uint64 // 1 if that ended in digits behind a separator
	third uint64 // 1 if it ended in digits behind the second of two separators
	quiet bool   // its last quarter had neither digit nor colon
}

// The classes of a byte, for the sieve. Each has a quarter of a word, so that
// sixteen bytes side by side fit into one.
const (
	sieveSep = 1 << (16 * iota) // . : - _
	sieveHex                    // 0-9 a-f A-F
	sieveOdd                    // % \ & {
	sieveNum                    // 0-9 :
	quarter  = 0xffff
)

// sieveClass holds these classes. It is never written after the program has
// started.
var sieveClass = sieveClasses()

func sieveClasses() (t [256]uint64) {
	for c := range t {
		if is(byte(c), isHex) {
			t[c] |= sieveHex
		}
		if is(byte(c), isDigit) {
			t[c] |= sieveNum
		}
		if is(byte(c), isEscape) {
			t[c] |= sieveOdd
		}
	}
	for _, c := range []byte(".:-_") {
		t[c] |= sieveSep
	}
	t[':'] |= sieveNum
	t['{'] |= sieveOdd
	return t
}

// sift looks at the next block. It gives, a bit a byte and the first byte
// lowest, the separators that are the third of three, those that stand right
// behind another, the bytes that may begin an escape or a tuple, and all
// separators.
func (v *sieve) sift(b *[blockSize]byte) (third, double, odd, seps uint64) {
	var q0, q1, q2, q3 uint64
	for k := 15; k >= 0; k-- {
		q0 = q0<<1 | sieveClass[b[k]]
		q1 = q1<<1 | sieveClass[b[k+16]]
		q2 = q2<<1 | sieveClass[b[k+32]]
		q3 = q3<<1 | sieveClass[b[k+48]]
	}
	seps = q0&quarter | q1&quarter<<16 | q2&quarter<<32 | q3<<48
	hex := q0>>16&quarter | q1>>16&quarter<<16 | q2>>16&quarter<<32 | q3>>16<<48
	odd = q0>>32&quarter | q1>>32&quarter<<16 | q2>>32&quarter<<32 | q3>>32<<48
	v.quiet = q3>>48 == 0
	// A one behind each separator, added to the digits, runs through those that
	// follow it and comes out behind them.
	behind := seps<<1 | v.seps>>63
	ends, carry := bits.Add64(hex, behind, v.first)
	second := ends & seps
	v.first = carry
	ends, carry = bits.Add64(hex, second<<1, v.third)
	v.third = carry | second>>63
	v.seps = seps
	return ends & seps, behind & seps, odd, seps
}

// skip passes over text in which no address can be: sixteen bytes without a
// digit or colon in them or in the sixteen before, or without anything that
// separates in them or right before. In the sixteen bytes before p is neither
// digit nor colon. What may be the beginning of an escape stays in front of its
// digit.
func skip(src []byte, p int) int {
	const escape = 7
	q := p
	near := uint64(0)
	for ; q+16 <= len(src); q += 16 {
		b := src[q : q+16 : q+16]
		lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		here := (numeric(lo) | numeric(hi)) & high
		if here|near != 0 {
			if (separating(lo)|separating(hi))&high != 0 {
				break
			}
			if q > p && separating(binary.LittleEndian.Uint64(src[q-8:]))&high != 0 {
				break
			}
		}
		near = here
	}
	return max(p, q-escape)
}

// numeric has the high bit of every byte of x that may be a digit or a colon.
// Here and below, the high bit of y + (0x80-c) says that a byte below 0x80 is at
// least c, and two such sums differ in it for what lies between.
func numeric(x uint64) uint64 {
	y := x & low
	return (y + (0x80-'0')*ones) ^ (y + (0x80-';')*ones)
}

// separating has the high bit of every byte of x that may be a separator or
// begin an escape or a tuple, and of a few others: % & - . : and from [ to _
// and from { on.
func separating(x uint64) uint64 {
	y := x & low
	return (y + (0x80-'%')*ones) ^ (y + (0x80-'\'')*ones) | (y + (0x80-'-')*ones) ^ (y + (0x80-'/')*ones) |
		(y + (0x80-':')*ones) ^ (y + (0x80-';')*ones) | ((y | 0x20*ones) + (0x80-'{')*ones)
}
