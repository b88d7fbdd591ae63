package scrub

import "sync/atomic"

// cache keeps the pseudonyms of recent addresses under one key, since
// ipcrypt-pfx takes 64 blocks of AES for an IPv4 address and 256 for an IPv6
// one. It is of one size, 712 KiB, whatever comes; many goroutines read and
// write it at once without a lock. It holds raw addresses: who changes the key
// wipes it.
type cache struct {
	four [1 << sets4Bits][ways]atomic.Uint64
	// nets has the flips of the first 16 bits of IPv4, for every network there
	// is: half of the work for an address that comes for the first time.
	nets [1 << 16]atomic.Uint32
	six  [1 << sets6Bits][ways]entry6
	// high has the flips of the first 64 bits of IPv6, which the hosts of a
	// network and one host's changing addresses (RFC 8981) share.
	high [1 << highBits][ways]entry6
}

const (
	ways      = 4  // places of a set, which is where an address may stand
	sets4Bits = 13 // 32,768 addresses
	sets6Bits = 10 // 4,096
	highBits  = 8  // 1,024
)

// netKnown marks an entry of nets that is there; its low 16 bits are the flips.
const netKnown = 1 << 16

// Odd multipliers that spread addresses over a table: 2^32 and 2^64 over the
// golden ratio (Knuth, TAOCP vol. 3, 6.4), and another prime.
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

// put4 keeps a pseudonym, in a free place or that of one that chance picks: the
// pseudonym's own bits.
func (c *cache) put4(a, pseudonym uint32) {
	set := &c.four[a*spread32>>(32-sets4Bits)]
	way := pseudonym % ways
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
	for k := range c.nets {
		c.nets[k].Store(0)
	}
	for _, table := range [][][ways]entry6{c.six[:], c.high[:]} {
		for k := range table {
			for way := range table[k] {
				table[k][way].put(addr6{}, addr6{})
			}
		}
	}
}

// set6 is where a key stands in one of the tables for IPv6. The key zero is
// none.
func set6(table [][ways]entry6, key addr6) *[ways]entry6 {
	h := key.hi*spread64 ^ key.lo*spreadLo
	return &table[h>>40&uint64(len(table)-1)]
}

func get6(table [][ways]entry6, key addr6) (value addr6, ok bool) {
	set := set6(table, key)
	for way := range set {
		if value, ok = set[way].get(key); ok {
			return value, true
		}
	}
	return addr6{}, false
}

// put6 keeps a value as put4 does; chance is the value's own bits.
func put6(table [][ways]entry6, key, value addr6) {
	set := set6(table, key)
	way := int(value.hi % ways)
	for k := range set {
		if _, free := set[k].get(addr6{}); free {
			way = k
			break
		}
	}
	set[way].put(key, value)
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
