package ipcrypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// Prefix is ipcrypt-pfx: two addresses that share their first n bits, and no
// more, have pseudonyms that share their first n bits, and no more. IPv4 stays
// IPv4. Each bit is flipped or not by a function of the bits before it: the sum
// of AES-128 under two keys, of which one bit is used. It may be used from many
// goroutines.
type Prefix struct{ first, second cipher.Block }

// ErrSameHalves refuses a key whose halves are equal: under it, every pseudonym
// would be its address.
var ErrSameHalves = errors.New("key of two equal halves")

// NewPrefix makes one of a key of PrefixKeySize bytes, one half an AES key
// each.
func NewPrefix(key []byte) (*Prefix, error) {
	if len(key) != PrefixKeySize {
		return nil, fmt.Errorf("key of %d bytes: must be %d", len(key), PrefixKeySize)
	}
	a, b := key[:aes.BlockSize], key[aes.BlockSize:]
	if bytes.Equal(a, b) {
		return nil, ErrSameHalves
	}
	first, err := aes.NewCipher(a)
	if err != nil {
		return nil, err
	}
	second, err := aes.NewCipher(b)
	if err != nil {
		return nil, err
	}
	return &Prefix{first, second}, nil
}

// flip is the bit of the function at a padded prefix: zeros, a one, and the
// bits before.
func (p *Prefix) flip(b *Buffer, hi, lo uint64) byte {
	b.load(hi, lo)
	p.first.Encrypt(b.out[:], b.in[:])
	p.second.Encrypt(b.second[:], b.in[:])
	return (b.out[aes.BlockSize-1] ^ b.second[aes.BlockSize-1]) & 1
}

// flip4 is the bit that goes over bit n of an IPv4 address, counted from the
// most significant. The bits before n decide; they follow the 96 of the mapped
// form.
func (p *Prefix) flip4(b *Buffer, a uint32, n int) uint32 {
	return uint32(p.flip(b, 1<<(32+n), 0xffff<<n|uint64(a)>>(32-n))) << (31 - n)
}

// flip6 is the bit that goes over bit n of an IPv6 address, in the place that
// it has in its half.
func (p *Prefix) flip6(b *Buffer, hi, lo uint64, n int) uint64 {
	if n < 64 {
		return uint64(p.flip(b, 0, 1<<n|hi>>(64-n))) << (63 - n)
	}
	n -= 64
	return uint64(p.flip(b, 1<<n|hi>>(64-n), hi<<n|lo>>(64-n))) << (63 - n)
}

// Flips4 gives the bits that change in an IPv4 address, of bit from up to
// before bit to: its pseudonym is the address with all 32 flipped so. They
// depend on nothing behind them, so that a beginning may be kept for other
// addresses that share it.
func (p *Prefix) Flips4(b *Buffer, a uint32, from, to int) (flips uint32) {
	for n := from; n < to; n++ {
		flips |= p.flip4(b, a, n)
	}
	return flips
}

// Flips6High is Flips4 for the first 64 bits of an IPv6 address.
func (p *Prefix) Flips6High(b *Buffer, hi uint64) (flips uint64) {
	for n := range 64 {
		flips |= p.flip6(b, hi, 0, n)
	}
	return flips
}

// Flips6Low is Flips4 for the last 64 bits of an IPv6 address.
func (p *Prefix) Flips6Low(b *Buffer, hi, lo uint64) (flips uint64) {
	for n := 64; n < 128; n++ {
		flips |= p.flip6(b, hi, lo, n)
	}
	return flips
}

// Encrypt4 gives the pseudonym of an IPv4 address.
func (p *Prefix) Encrypt4(b *Buffer, a uint32) uint32 { return a ^ p.Flips4(b, a, 0, 32) }

// Decrypt4 gives the IPv4 address of a pseudonym.
func (p *Prefix) Decrypt4(b *Buffer, pseudonym uint32) (a uint32) {
	for n := range 32 {
		a |= (pseudonym ^ p.flip4(b, a, n)) & (1 << (31 - n))
	}
	return a
}

// Encrypt6 gives the pseudonym of an IPv6 address that is not a mapped one.
func (p *Prefix) Encrypt6(b *Buffer, hi, lo uint64) (uint64, uint64) {
	return hi ^ p.Flips6High(b, hi), lo ^ p.Flips6Low(b, hi, lo)
}

// Decrypt6 gives the IPv6 address of a pseudonym that is not a mapped one.
func (p *Prefix) Decrypt6(b *Buffer, highPseudonym, lowPseudonym uint64) (hi, lo uint64) {
	for n := range 64 {
		hi |= (highPseudonym ^ p.flip6(b, hi, 0, n)) & (1 << (63 - n))
	}
	for n := 64; n < 128; n++ {
		lo |= (lowPseudonym ^ p.flip6(b, hi, lo, n)) & (1 << (127 - n))
	}
	return hi, lo
}
