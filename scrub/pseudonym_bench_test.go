package scrub

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// testKey is a key of tests: the bytes 0 to 31.
func testKey() (key []byte) {
	for k := range KeySize {
		key = append(key, byte(k))
	}
	return key
}

// keyed is a Scrubber with testKey.
func keyed(t testing.TB, p Policy) *Scrubber {
	t.Helper()
	s, err := mustNew(t, p).WithKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func benchmarkPseudonym(b *testing.B, mode Mode, text []byte) {
	s := keyed(b, Policy{Mode: mode})
	dst := make([]byte, 0, 3*len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0], text)
	}
}

// The addresses of these texts come again each time: as many as there are in a
// megabyte of a log, 8,000 and more of them.
func BenchmarkPrefixAccessLog(b *testing.B) {
	benchmarkPseudonym(b, PseudonymPrefix, accessLog(benchSize))
}
func BenchmarkPrefixICE(b *testing.B) { benchmarkPseudonym(b, PseudonymPrefix, iceLog(benchSize)) }
func BenchmarkDeterministicAccessLog(b *testing.B) {
	benchmarkPseudonym(b, PseudonymDeterministic, accessLog(benchSize))
}

// BenchmarkPrefixDistinct is a log in which no address comes twice: uniform over
// all of IPv4, which no real one is.
func BenchmarkPrefixDistinct(b *testing.B) {
	text := accessLog(64 << 20)
	s := keyed(b, Policy{Mode: PseudonymPrefix})
	dst := make([]byte, 0, 2*benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if at+benchSize > len(text) {
			s.Forget()
			at = 0
		}
		dst = s.Append(dst[:0], text[at:at+benchSize])
		at += benchSize
	}
}

// BenchmarkPrefixUncached computes every pseudonym anew.
func BenchmarkPrefixUncached(b *testing.B) {
	s := keyed(b, Policy{Mode: PseudonymPrefix})
	p, err := newPseudonyms(PseudonymPrefix, testKey())
	if err != nil {
		b.Fatal(err)
	}
	s.pseudonyms = p
	text := accessLog(benchSize)
	dst := make([]byte, 0, 2*len(text))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst = s.Append(dst[:0], text)
	}
}

func BenchmarkPseudonym4(b *testing.B) {
	for _, c := range []struct {
		name  string
		total int
		nets  uint32
	}{{"recent", 1 << 13, 0}, {"distinct", 1 << 22, 0}, {"distinct in 1000 networks", 1 << 22, 1000}} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			addresses := make([]uint32, c.total)
			for k := range addresses {
				addresses[k] = r.Uint32()
				if c.nets > 0 {
					addresses[k] = addresses[k]%c.nets*0x9e3779b1&^0xff | addresses[k]>>24
				}
			}
			p := keyed(b, Policy{Mode: PseudonymPrefix}).pseudonyms
			k := 0
			for b.Loop() {
				p.prefix4(addresses[k%len(addresses)])
				k++
			}
		})
	}
}

func BenchmarkPseudonym6(b *testing.B) {
	for _, c := range []struct {
		name  string
		total int
	}{{"recent", 1 << 10}, {"distinct", 1 << 20}, {"distinct in one network", 1 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			addresses := make([]addr6, c.total)
			for k := range addresses {
				addresses[k] = addr6{r.Uint64(), r.Uint64()}
				if c.name == "distinct in one network" {
					addresses[k].hi = 0x20010db8_00000001
				}
			}
			p := keyed(b, Policy{Mode: PseudonymPrefix}).pseudonyms
			k := 0
			for b.Loop() {
				p.prefix6(addresses[k%len(addresses)])
				k++
			}
		})
	}
}

// BenchmarkSetKey is what a change of key costs.
func BenchmarkSetKey(b *testing.B) {
	w, err := NewWriter(nil, Policy{Mode: PseudonymPrefix})
	if err != nil {
		b.Fatal(err)
	}
	key := testKey()
	for k := uint64(0); b.Loop(); k++ {
		binary.BigEndian.PutUint64(key, k)
		if err := w.SetKey(key); err != nil {
			b.Fatal(err)
		}
	}
}
