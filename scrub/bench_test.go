package scrub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

const benchSize = 1 << 20

func accessLog(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.85 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
	}
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%d.%d.%d.%d - - [23/Nov/2026:%02d:%02d:%02d +0000] \"GET /v2/project/%d/session?token=%x HTTP/1.1\" %d %d \"https://example.com/page/%d\" \"%s\" \"%d.%d.%d.%d\"\n",
			1+r.IntN(223), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6), r.Uint64(),
			200+r.IntN(300), r.IntN(1e5), r.IntN(1e4), agents[r.IntN(len(agents))], 1+r.IntN(223), r.IntN(256), r.IntN(256), r.IntN(256))
	}
	return b.Bytes()
}

func noAddressLog(size int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "2026-11-23T%02d:%02d:%02d.%03dZ info  session manager: subscriber joined stream after handshake, state=connected quality=good attempt=%d worker thread idle, waiting for the next event from the control channel\n",
			r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(9))
	}
	return b.Bytes()
}

func iceLog(size int) []byte {
	r := rand.New(rand.NewPCG(5, 6))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "{\"time\":\"2026-11-23T18:04:%02dZ\",\"stream\":\"%08x-1b2c-4d3e-8f90-%012x\",\"event\":\"ice\",\"candidate\":\"candidate:%d 1 udp %d %d.%d.%d.%d %d typ srflx raddr 10.0.%d.%d rport %d generation 0 ufrag %x network-cost 999\",\"sdpMid\":\"0\",\"bitrate\":%d,\"packetsLost\":%d}\n",
			r.IntN(60), r.Uint32(), r.Uint64()>>16, r.Uint32(), r.Uint32(), 1+r.IntN(223), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(65536),
			r.IntN(256), r.IntN(256), r.IntN(65536), r.IntN(65536), r.IntN(1e6), r.IntN(100))
	}
	return b.Bytes()
}

func benchmark(b *testing.B, text []byte) {
	s := mustNew(b, Policy{})
	dst := make([]byte, 0, 2*len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0], text)
	}
}

func BenchmarkAccessLog(b *testing.B) { benchmark(b, accessLog(benchSize)) }
func BenchmarkNoAddress(b *testing.B) { benchmark(b, noAddressLog(benchSize)) }
func BenchmarkICE(b *testing.B)       { benchmark(b, iceLog(benchSize)) }

// BenchmarkWords is text without a digit: the cost of the search alone.
func BenchmarkWords(b *testing.B) {
	benchmark(b, bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog and runs away\n"), benchSize/58))
}

// BenchmarkByteLoop looks at every byte once and does nothing else: what the
// others are measured against.
func BenchmarkByteLoop(b *testing.B) {
	text := accessLog(benchSize)
	b.SetBytes(int64(len(text)))
	n := 0
	for b.Loop() {
		for _, c := range text {
			if c == '.' || c == ':' {
				n++
			}
		}
	}
	if n == 0 {
		b.Fatal("no separator")
	}
}

func benchmarkRedact(b *testing.B, text []byte, names ...string) {
	s := mustNew(b, Policy{Redact: names})
	dst := make([]byte, 0, 2*len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0], text)
	}
}

func BenchmarkRedactAccessLog(b *testing.B) {
	benchmarkRedact(b, accessLog(benchSize), "cookies", "secrets")
}
func BenchmarkRedactAll(b *testing.B) {
	benchmarkRedact(b, accessLog(benchSize), "cookies", "secrets", "identifiers")
}
func BenchmarkRedactNothing(b *testing.B) {
	benchmarkRedact(b, noAddressLog(benchSize), "cookies", "secrets")
}
func BenchmarkRedactICE(b *testing.B) { benchmarkRedact(b, iceLog(benchSize), "secrets") }

// What looking for pieces of messages costs where there are none.
func benchmarkPieces(b *testing.B, text []byte) {
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if nextPartial(text, false) >= 0 {
			b.Fatal("a piece was found")
		}
	}
}

func BenchmarkNoPieces(b *testing.B)          { benchmarkPieces(b, noAddressLog(benchSize)) }
func BenchmarkNoPiecesAccessLog(b *testing.B) { benchmarkPieces(b, accessLog(benchSize)) }

// BenchmarkPieces is a log of messages cut at 16 KiB.
func BenchmarkPieces(b *testing.B) {
	var text []byte
	log := bytes.ReplaceAll(accessLog(benchSize), []byte("\n"), []byte(" "))
	for i := 0; len(log) > 0; i++ {
		n := min(len(log), 16<<10)
		text = append(append(append(text, "2026-11-23T18:04:02.123456789Z stdout "...), "PPF"[i%3], ' '), log[:n]...)
		text = append(text, '\n')
		log = log[n:]
	}
	benchmark(b, text)
}
