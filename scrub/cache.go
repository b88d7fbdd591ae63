package scrub

import "sync/atomic"

// cache keeps the pseudonyms of recent addresses under one key, since
// ipcrypt-pfx takes 64 blocks of AES for an IPv4 address and 256 for an IPv6
// one. It is of one size, 456 KiB, whatever comes; many goroutines read and
// write it at once without a lock. It holds raw addresses: who changes the key
// wipes it.
type cache struct {
	four [1 << sets4Bits][ways4]atomic.Uint64
	six  [1 << entries6Bits]entry6
	// high has the flips of the first 64 bits, which the hosts of a network and
	// one host's changing addresses (RFC 8981) share.
	high [1 << highBits]entry6
}

const (
	sets4Bits    = 13 // of ways4 addresses: 32,768
	ways4        = 4
	entries6Bits = 12
	highBits     = 10
)

// Odd multipliers that spread addresses over a table (Knuth, TAOCP vol. 3,
// 6.4: the golden ratio, and a second one for the other half).
const (
	spread32 = 0x9e3779b1
	spread64 = 0x9e3779b97f4a7c15
	spreadLo = 0xc2b2ae3d27d4eb4f
)

// get4 looks an IPv4 address up. A word holds the address above its pseudonym,
// so that the two are always of one piece; a word of zero holds nothing.
func (c *cache) get4(a uint32) (pseudonym uint32, ok bool) {
	set := &c.four[a*spread32>>(32-sets4Bits)]
	for way := range set {
		if w := set[way].Load(); uint32(w>>32) == a && w != 0 {
			return uint32(w), true
		}
	}
	return 0, false
}

// put4 keeps a pseudonym in the place of one that chance picks: the pseudonym's
// own bits.
func (c *cache) put4(a, pseudonym uint32) {
	set := &c.four[a*spread32>>(32-sets4Bits)]
	way := pseudonym % ways4
	for k := range set {
		if set[k].Load() == 0 {
			way = uint32(k)
			break
		}
	}
	set[way].Store(uint64(a)<<32 | uint64(pseudonym))
}

// wipe overwrites everything.
func (c *cache) wipe() {
	for k := range c.four {
		for way := range c.four[k] {
			c.four[k][way].Store(0)
		}
	}
	for k := range c.six {
		c.six[k].put(addr6{}, addr6{})
	}
	for k := range c.high {
		c.high[k].put(addr6{}, addr6{})
	}
}

// get6 looks 128 bits up in one of the tables for IPv6, of two places each. The
// key zero is none.
func get6(table []entry6, key addr6) (value addr6, ok bool) {
	k := place6(table, key)
	if value, ok = table[k].get(key); ok {
		return value, true
	}
	return table[k^1].get(key)
}

func put6(table []entry6, key, value addr6) {
	table[place6(table, key)^int(value.hi&1)].put(key, value)
}

func place6(table []entry6, key addr6) int {
	h := key.hi*spread64 ^ key.lo*spreadLo
	return int(h >> 40 & uint64(len(table)-1))
}

// entry6 is read whole or not at all: version is odd while it is written, and
// another afterwards.
type entry6 struct {
	version              atomic.Uint64
	keyHi, keyLo, hi, lo atomic.Uint64
}

func (e *entry6) get(key addr6) (value addr6, ok bool) {
	version := e.version.Load()
	if e.keyHi.Load() != key.hi || e.keyLo.Load() != key.lo {
		return addr6{}, false
	}
	value = addr6{e.hi.Load(), e.lo.Load()}
	return value, version&1 == 0 && e.version.Load() == version
}

// put gives up where another goroutine is writing, but for a wipe, which waits.
func (e *entry6) put(key, value addr6) {
	version := e.version.Load()
	for version&1 != 0 || !e.version.CompareAndSwap(version, version+1) {
		if key != (addr6{}) {
			return
		}
		version = e.version.Load()
	}
	e.keyHi.Store(key.hi)
	e.keyLo.Store(key.lo)
	e.hi.Store(value.hi)
	e.lo.Store(value.lo)
	e.version.Store(version + 2)
}
