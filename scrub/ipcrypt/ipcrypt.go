// Package ipcrypt encrypts IP addresses to IP addresses, as
// draft-denis-ipcrypt (Methods for IP Address Encryption and Obfuscation)
// defines them: ipcrypt-deterministic in [Deterministic], ipcrypt-pfx in
// [Prefix]. The two forms of the draft that give no address are not here.
//
// An address is 128 bits, or 32 for IPv4, in host integers with the first
// octet most significant. What is needed while one is encrypted lies in a
// [Buffer] of the caller's, so that nothing is allocated; it holds raw address
// bytes until it is wiped.
package ipcrypt

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// Lengths of keys, bytes.
const (
	DeterministicKeySize = 16
	PrefixKeySize        = 32
)

// Buffer is the memory that one encryption works in. It serves one goroutine
// at a time, any number of keys.
type Buffer struct {
	in, out, second [aes.BlockSize]byte
}

// Wipe overwrites what the last address left.
func (b *Buffer) Wipe() { *b = Buffer{} }

// Deterministic is ipcrypt-deterministic: one block of AES-128. An IPv4 address
// goes in as its mapped form, ::ffff:a.b.c.d, and comes out as any address. It
// may be used from many goroutines.
type Deterministic struct{ block cipher.Block }

// NewDeterministic makes one of a key of DeterministicKeySize bytes.
func NewDeterministic(key []byte) (*Deterministic, error) {
	if len(key) != DeterministicKeySize {
		return nil, fmt.Errorf("key of %d bytes: must be %d", len(key), DeterministicKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &Deterministic{block}, nil
}

// Encrypt gives the pseudonym of an address.
func (d *Deterministic) Encrypt(b *Buffer, hi, lo uint64) (uint64, uint64) {
	b.load(hi, lo)
	d.block.Encrypt(b.out[:], b.in[:])
	return b.result()
}

// Decrypt gives the address of a pseudonym.
func (d *Deterministic) Decrypt(b *Buffer, hi, lo uint64) (uint64, uint64) {
	b.load(hi, lo)
	d.block.Decrypt(b.out[:], b.in[:])
	return b.result()
}

func (b *Buffer) load(hi, lo uint64) {
	binary.BigEndian.PutUint64(b.in[:8], hi)
	binary.BigEndian.PutUint64(b.in[8:], lo)
}

func (b *Buffer) result() (hi, lo uint64) {
	return binary.BigEndian.Uint64(b.out[:8]), binary.BigEndian.Uint64(b.out[8:])
}
