package scrub

import (
	"crypto/hkdf"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"swab/scrub/ipcrypt"
)

// KeySize is the length of a key of the pseudonym modes, in bytes. It must be
// uniformly random.
//
// The two modes share no AES key. PseudonymPrefix takes the key as it is, one
// half an AES key each, so that other tools for ipcrypt-pfx read its
// pseudonyms with the same key. PseudonymDeterministic uses 16 bytes derived
// from it: HKDF-Expand (RFC 5869) with SHA-256, the key as PRK and
// "ipcrypt-deterministic" as info, as draft-denis-ipcrypt-12 advises under "Key
// Derivation for Multiple Variants".
const KeySize = ipcrypt.PrefixKeySize

// deterministicInfo separates the key of that mode from any other use.
const deterministicInfo = "ipcrypt-deterministic"

// mapped are the bits before an IPv4 address in IPv6, ::ffff:0:0/96.
const mapped = 0xffff << 32

// pseudonyms makes the pseudonyms of one mode under one key, for many
// goroutines. One of deterministic and prefix is there.
type pseudonyms struct {
	deterministic *ipcrypt.Deterministic
	prefix        *ipcrypt.Prefix
	recent        *cache // of prefix, nil for none
	// spare are buffers that no goroutine uses now.
	spare [8]struct {
		buffer atomic.Pointer[ipcrypt.Buffer]
		_      [56]byte // a cache line each
	}
}

// errKeyless refuses a key for a mode that has none.
func errKeyless(mode Mode) error {
	return fmt.Errorf("key for mode %s: only pseudonym modes have one", mode)
}

// newPseudonyms checks the mode and the key. No part of the key is kept but
// what AES makes of it, and no error quotes it.
func newPseudonyms(mode Mode, key []byte) (*pseudonyms, error) {
	if !mode.pseudonym() {
		return nil, errKeyless(mode)
	}
	// Both modes refuse what one of them cannot use: a key left all zero, too.
	prefix, err := ipcrypt.NewPrefix(key)
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", mode, err)
	}
	if mode == PseudonymPrefix {
		return &pseudonyms{prefix: prefix}, nil
	}
	derived, err := hkdf.Expand(sha256.New, key, deterministicInfo, ipcrypt.DeterministicKeySize)
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", mode, err)
	}
	defer clear(derived)
	deterministic, err := ipcrypt.NewDeterministic(derived)
	if err != nil {
		return nil, fmt.Errorf("key for %s: %w", mode, err)
	}
	return &pseudonyms{deterministic: deterministic}, nil
}

// cachedPseudonyms are for texts, where addresses come again. One block of AES
// is sooner done than looked up.
func cachedPseudonyms(mode Mode, key []byte) (*pseudonyms, error) {
	p, err := newPseudonyms(mode, key)
	if err == nil && p.prefix != nil {
		p.recent = &cache{}
	}
	return p, err
}

// randomPseudonyms uses a key that nobody knows.
func randomPseudonyms(mode Mode) (*pseudonyms, error) {
	var key [KeySize]byte
	defer clear(key[:])
	if _, err := crand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("random key: %w", err)
	}
	return cachedPseudonyms(mode, key[:])
}

func (p *pseudonyms) wipe() {
	if p != nil && p.recent != nil {
		p.recent.wipe()
	}
}

// take gives a buffer to work in. One lies on the heap: what goes into a
// cipher.Block does.
func (p *pseudonyms) take() *ipcrypt.Buffer {
	k := rand.Uint32() // away from other goroutines
	for n := range uint32(len(p.spare)) {
		if b := p.spare[(k+n)%uint32(len(p.spare))].buffer.Swap(nil); b != nil {
			return b
		}
	}
	return &ipcrypt.Buffer{}
}

// give keeps a buffer for later, without the address that was in it.
func (p *pseudonyms) give(b *ipcrypt.Buffer) {
	b.Wipe()
	k := rand.Uint32()
	for n := range uint32(len(p.spare)) {
		if p.spare[(k+n)%uint32(len(p.spare))].buffer.CompareAndSwap(nil, b) {
			return
		}
	}
}

// prefix4 is the pseudonym of an IPv4 address in the mode PseudonymPrefix.
func (p *pseudonyms) prefix4(a uint32) uint32 {
	c := p.recent
	if c == nil {
		return p.prefix.Encrypt4(&ipcrypt.Buffer{}, a)
	}
	if x, ok := c.get4(a); ok {
		return x
	}
	b := p.take()
	net := c.nets[a>>16].Load()
	if net == 0 {
		net = netKnown | p.prefix.Flips4(b, a, 0, 16)>>16
		c.nets[a>>16].Store(net)
	}
	x := a ^ net<<16 ^ p.prefix.Flips4(b, a, 16, 32)
	p.give(b)
	c.put4(a, x)
	return x
}

// prefix6 is the same for IPv6.
func (p *pseudonyms) prefix6(a addr6) addr6 {
	c := p.recent
	if c == nil || a == (addr6{}) {
		a.hi, a.lo = p.prefix.Encrypt6(&ipcrypt.Buffer{}, a.hi, a.lo)
		return a
	}
	if x, ok := get6(c.six[:], a); ok {
		return x
	}
	b := p.take()
	high := addr6{a.hi, 1} // never zero, which stands for no key
	flips, ok := get6(c.high[:], high)
	if !ok {
		flips.hi = p.prefix.Flips6High(b, a.hi)
		put6(c.high[:], high, flips)
	}
	x := addr6{a.hi ^ flips.hi, a.lo ^ p.prefix.Flips6Low(b, a.hi, a.lo)}
	p.give(b)
	put6(c.six[:], a, x)
	return x
}

// encrypt is the pseudonym of an address, mapped if it is IPv4, in the mode
// PseudonymDeterministic.
func (p *pseudonyms) encrypt(a addr6) addr6 {
	b := p.take()
	a.hi, a.lo = p.deterministic.Encrypt(b, a.hi, a.lo)
	p.give(b)
	return a
}

func (p *pseudonyms) decrypt(a addr6) addr6 {
	b := p.take()
	a.hi, a.lo = p.deterministic.Decrypt(b, a.hi, a.lo)
	p.give(b)
	return a
}

// made reports that a is the pseudonym of an IPv4 address under this key: of
// all other addresses, one in 2^96 looks so. Of an IPv6 address nobody can
// tell, since each is the pseudonym of some other.
func (p *pseudonyms) made(a addr6) bool {
	x := p.decrypt(a)
	return x.hi == 0 && x.lo>>32 == 0xffff
}

// of is the pseudonym that an IPv6 address gets in the text: of the IPv4
// address inside it, where it is mapped, NAT64, or compatible and written with
// dots. A 6to4 address is one of IPv6: the bits behind its IPv4 address tell
// who it is too.
func (p *pseudonyms) of(x *six) (addr6, bool) {
	a, inner := x.addr, x.embeds4()
	if p.prefix != nil {
		if !inner {
			return p.prefix6(a), true
		}
		a.lo = a.lo&^0xffff_ffff | uint64(p.prefix4(uint32(a.lo)))
		return a, true
	}
	if p.made(a) {
		return a, false
	}
	if inner && (x.nibbles == 0 || x.nibbles == 32) {
		a = addr6{0, mapped | a.lo&0xffff_ffff}
	}
	return p.encrypt(a), true
}

// embeds4 reports that the last 32 bits are an IPv4 address: holds4, but for
// 6to4, and also where a port follows a dot, since nothing is cut short here.
func (x *six) embeds4() bool {
	port := x.port
	x.port = false
	after, ok := x.holds4()
	x.port = port
	return ok && after == 96
}

// WithKey makes a Scrubber of the same policy with another key, KeySize bytes.
// The error is for a mode without a key, a wrong length, or a key of two equal
// halves; it does not quote the key, which is not kept. The old Scrubber stays
// as it is; [Scrubber.Forget] wipes what it remembers.
func (s *Scrubber) WithKey(key []byte) (*Scrubber, error) {
	p, err := cachedPseudonyms(s.policy.Mode, key)
	if err != nil {
		return nil, err
	}
	other := *s
	other.pseudonyms = p
	return &other, nil
}

// Forget overwrites the addresses that the Scrubber and its Writers keep to
// give the same pseudonym again without computing it. It changes no output. Who
// drops a key calls it once nobody uses the Scrubber; what crypto/aes made of
// the key goes when the garbage collector takes it.
func (s *Scrubber) Forget() { s.pseudonyms.wipe() }

// errMidText refuses a change of key while a line is held back.
var errMidText = errors.New("key change within a text: Flush, Cut or Reset first")

// SetKey goes on with another key, from the next text on: after Flush, Cut,
// Reset, or a Write that ended with a newline. What was kept of addresses under
// this Writer's last key is overwritten, but for the key of a Scrubber that
// others use. The errors are those of [Scrubber.WithKey], and one for a text that
// is not over; the Writer then stays as it was.
func (w *Writer) SetKey(key []byte) error {
	if w.cri.busy() || len(w.held) > 0 || w.red != nil && (len(w.red.held) > 0 || w.red.r.v.mode != noValue) {
		return errMidText
	}
	s, err := w.s.WithKey(key)
	if err != nil {
		return err
	}
	if w.ownsKey {
		w.s.Forget()
	}
	w.s, w.ownsKey = s, true
	return nil
}

// errNoAddress refuses the zero netip.Addr.
var errNoAddress = errors.New("no address")

// Pseudonym gives what an address becomes in a text, by mode and key. A mapped
// address, ::ffff:203.0.113.7, becomes what IPv4 does, in PseudonymPrefix mapped
// again; so does a NAT64 one, under 64:ff9b::/96. The unspecified address, ::,
// stays, and so does a zone where the pseudonym is IPv6. The errors are those of [Scrubber.WithKey], and one for the
// zero Addr; they quote neither key nor address.
func Pseudonym(mode Mode, key []byte, addr netip.Addr) (netip.Addr, error) {
	p, err := newPseudonyms(mode, key)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case !addr.IsValid():
		return netip.Addr{}, errNoAddress
	case addr == netip.IPv6Unspecified():
		return addr, nil
	}
	if addr.Is4() && p.prefix != nil {
		return turn4(addr, p.prefix.Encrypt4), nil
	}
	a, _ := p.of(&six{addr: addr6Of(addr)})
	return a.netip(addr.Zone()), nil
}

// Reveal gives the address of a pseudonym, by the mode and key that made it. It
// cannot tell what is none: with another key, or for an address that was never
// changed, it gives some other address. In PseudonymPrefix a mapped, compatible
// or NAT64 pseudonym has its IPv4 part revealed; in PseudonymDeterministic the
// form that the address was written in is not known any more, and it is IPv4. The
// errors are those of [Pseudonym], and one for an IPv4 address in
// PseudonymDeterministic, which makes none.
func Reveal(mode Mode, key []byte, pseudonym netip.Addr) (netip.Addr, error) {
	p, err := newPseudonyms(mode, key)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case !pseudonym.IsValid():
		return netip.Addr{}, errNoAddress
	case pseudonym == netip.IPv6Unspecified():
		return pseudonym, nil
	case pseudonym.Is4() && p.prefix == nil:
		return netip.Addr{}, fmt.Errorf("pseudonym in IPv4: %s makes IPv6 ones", mode)
	case pseudonym.Is4():
		return turn4(pseudonym, p.prefix.Decrypt4), nil
	}
	a := addr6Of(pseudonym)
	if p.prefix == nil {
		return p.decrypt(a).netip(pseudonym.Zone()).Unmap(), nil
	}
	// Dots cannot be seen here: of all that is written under ::/96, only a
	// compatible address is.
	x := six{addr: a, dotted: true}
	var b ipcrypt.Buffer
	if x.embeds4() {
		a.lo = a.lo&^0xffff_ffff | uint64(p.prefix.Decrypt4(&b, uint32(a.lo)))
	} else {
		a.hi, a.lo = p.prefix.Decrypt6(&b, a.hi, a.lo)
	}
	return a.netip(pseudonym.Zone()), nil
}

func turn4(a netip.Addr, turn func(*ipcrypt.Buffer, uint32) uint32) netip.Addr {
	b := a.As4()
	binary.BigEndian.PutUint32(b[:], turn(&ipcrypt.Buffer{}, binary.BigEndian.Uint32(b[:])))
	return netip.AddrFrom4(b)
}

func addr6Of(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr6) netip(zone string) netip.Addr { return netip.AddrFrom16(a.bytes()).WithZone(zone) }
