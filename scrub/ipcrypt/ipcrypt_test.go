package ipcrypt

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// corpora is the directory of other projects' cases, which is not part of this
// one.
func corpora(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpora at %s (SWAB_CORPORA names another place)", dir)
	}
	return dir
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func halves(a netip.Addr) (hi, lo uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

func address(hi, lo uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b).Unmap()
}

// checkDeterministic holds a vector in both directions.
func checkDeterministic(t *testing.T, key, ip, pseudonym string) {
	t.Helper()
	d, err := NewDeterministic(unhex(t, key))
	if err != nil {
		t.Fatal(err)
	}
	var b Buffer
	a, p := netip.MustParseAddr(ip), netip.MustParseAddr(pseudonym)
	hi, lo := halves(a)
	if got := address(d.Encrypt(&b, hi, lo)); got != p {
		t.Errorf("%v became %v, want %v", a, got, p)
	}
	hi, lo = halves(p)
	if got := address(d.Decrypt(&b, hi, lo)); got != a {
		t.Errorf("%v was %v, want %v", p, got, a)
	}
}

func TestDeterministicVectorsOfTheDraft(t *testing.T) {
	dir := filepath.Join(corpora(t), "cases")
	text, err := os.ReadFile(filepath.Join(dir, "ipcrypt_test_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Variant, Key, IP string
		Encrypted        string `json:"encrypted_ip"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range vectors {
		if v.Variant == "ipcrypt-deterministic" {
			checkDeterministic(t, v.Key, v.IP, v.Encrypted)
			n++
		}
	}
	rows, err := os.ReadFile(filepath.Join(dir, "ipcrypt_vectors.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`client=(\S+) .*ipcrypt-deterministic key=(\S+) tweak= expected=(\S+)`)
	for _, m := range row.FindAllStringSubmatch(string(rows), -1) {
		checkDeterministic(t, m[2], m[1], m[3])
		n++
	}
	if n < 9 {
		t.Errorf("only %d vectors: the files were not read as they are", n)
	}
}

// The vectors of draft-denis-ipcrypt-12, appendix "ipcrypt-pfx Test Vectors".
func TestPrefixVectorsOfTheDraft(t *testing.T) {
	const basic = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301"
	const nets = "2b7e151628aed2a6abf7158809cf4f3ca9f5ba40db214c3798f2e1c23456789a"
	for _, v := range []struct{ key, ip, pseudonym string }{
		{basic, "0.0.0.0", "151.82.155.134"},
		{basic, "255.255.255.255", "94.185.169.89"},
		{basic, "192.0.2.1", "100.115.72.131"},
		{basic, "2001:db8::1", "c180:5dd4:2587:3524:30ab:fa65:6ab6:f88"},
		{nets, "10.0.0.47", "19.214.210.244"},
		{nets, "10.0.0.129", "19.214.210.80"},
		{nets, "10.0.0.234", "19.214.210.30"},
		{nets, "172.16.5.193", "210.78.229.136"},
		{nets, "172.16.97.42", "210.78.179.241"},
		{nets, "172.16.248.177", "210.78.121.215"},
		{nets, "2001:db8::a5c9:4e2f:bb91:5a7d", "7cec:702c:1243:f70:1956:125:b9bd:1aba"},
		{nets, "2001:db8::7234:d8f1:3c6e:9a52", "7cec:702c:1243:f70:a3ef:c8e:95c1:cd0d"},
		{nets, "2001:db8::f1e0:937b:26d4:8c1a", "7cec:702c:1243:f70:443c:c8e:6a62:b64d"},
		{nets, "2001:db8:3a5c:0:e7d1:4b9f:2c8a:f673", "7cec:702c:3503:bef:e616:96bd:be33:a9b9"},
		{nets, "2001:db8:9f27:0:b4e2:7a3d:5f91:c8e6", "7cec:702c:a504:b74e:194a:3d90:b047:2d1a"},
		{nets, "2001:db8:d8b4:0:193c:a5e7:8b2f:46d1", "7cec:702c:f840:aa67:1b8:e84f:ac9d:77fb"},
	} {
		p, err := NewPrefix(unhex(t, v.key))
		if err != nil {
			t.Fatal(err)
		}
		var b Buffer
		a, want := netip.MustParseAddr(v.ip), netip.MustParseAddr(v.pseudonym)
		hi, lo := halves(a)
		wantHi, wantLo := halves(want)
		if a.Is4() {
			if got := p.Encrypt4(&b, uint32(lo)); got != uint32(wantLo) {
				t.Errorf("%v became %x, want %v", a, got, want)
			}
			if got := p.Decrypt4(&b, uint32(wantLo)); got != uint32(lo) {
				t.Errorf("%v was %x, want %v", want, got, a)
			}
			continue
		}
		if got := address(p.Encrypt6(&b, hi, lo)); got != want {
			t.Errorf("%v became %v, want %v", a, got, want)
		}
		if got := address(p.Decrypt6(&b, wantHi, wantLo)); got != a {
			t.Errorf("%v was %v, want %v", want, got, a)
		}
	}
}

func drawPrefix(t *rapid.T) *Prefix {
	key := rapid.SliceOfN(rapid.Byte(), PrefixKeySize, PrefixKeySize).Draw(t, "key")
	key[0] = ^key[16]
	p, err := NewPrefix(key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsEncryptedDecrypts(t *testing.T) {
	var b Buffer
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrefix(t)
		d, err := NewDeterministic(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key of deterministic"))
		if err != nil {
			t.Fatal(err)
		}
		hi, lo := rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")
		if got := p.Decrypt4(&b, p.Encrypt4(&b, uint32(lo))); got != uint32(lo) {
			t.Fatalf("IPv4: %x became %x", lo, got)
		}
		x, y := p.Encrypt6(&b, hi, lo)
		if x, y = p.Decrypt6(&b, x, y); x != hi || y != lo {
			t.Fatalf("IPv6: %x %x became %x %x", hi, lo, x, y)
		}
		x, y = d.Encrypt(&b, hi, lo)
		if x, y = d.Decrypt(&b, x, y); x != hi || y != lo {
			t.Fatalf("deterministic: %x %x became %x %x", hi, lo, x, y)
		}
	})
}

// shared is how many leading bits two addresses have in common.
func shared(a, b netip.Addr) (n int) {
	for n < a.BitLen() {
		x, _ := a.Prefix(n + 1)
		if !x.Contains(b) {
			return n
		}
		n++
	}
	return n
}

func TestPrefixOfSharedBitsIsKeptExactly(t *testing.T) {
	var b Buffer
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrefix(t)
		hi, lo := rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")
		n := rapid.IntRange(0, 127).Draw(t, "first bit that differs")
		noise := rapid.Uint64().Draw(t, "noise")
		otherHi, otherLo := hi, lo
		if n < 64 {
			otherHi ^= 1<<(63-n) | noise&(1<<(63-n)-1)
			otherLo ^= noise
		} else {
			otherLo ^= 1<<(127-n) | noise&(1<<(127-n)-1)
		}
		x, y := p.Encrypt6(&b, hi, lo)
		z, w := p.Encrypt6(&b, otherHi, otherLo)
		if got := shared(address(x, y), address(z, w)); got != n {
			t.Fatalf("IPv6: %d bits shared became %d", n, got)
		}
		n %= 32
		a := uint32(hi)
		other := a ^ (1<<(31-n) | uint32(noise)&(1<<(31-n)-1))
		const mapped = 0xffff << 32
		got := shared(address(0, mapped|uint64(p.Encrypt4(&b, a))), address(0, mapped|uint64(p.Encrypt4(&b, other))))
		if got != n {
			t.Fatalf("IPv4: %d bits shared became %d", n, got)
		}
	})
}

func TestFlipsOfABeginningServeEveryAddressBehindIt(t *testing.T) {
	var b Buffer
	rapid.Check(t, func(t *rapid.T) {
		p := drawPrefix(t)
		a, n := rapid.Uint32().Draw(t, "address"), rapid.IntRange(0, 32).Draw(t, "bits")
		rest := rapid.Uint32().Draw(t, "rest") & uint32(uint64(1)<<(32-n)-1)
		begin := a &^ uint32(uint64(1)<<(32-n)-1)
		if got, want := p.Flips4(&b, begin, 0, n)|p.Flips4(&b, begin|rest, n, 32), p.Flips4(&b, begin|rest, 0, 32); got != want {
			t.Fatalf("%x and its beginning of %d bits: flips %x, want %x", begin|rest, n, got, want)
		}
	})
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	for _, n := range []int{0, 15, 17, 24, 32} {
		if _, err := NewDeterministic(make([]byte, n)); err == nil {
			t.Errorf("deterministic took a key of %d bytes", n)
		}
	}
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := NewPrefix(make([]byte, n)); err == nil || errors.Is(err, ErrSameHalves) {
			t.Errorf("prefix, a key of %d bytes: %v", n, err)
		}
	}
	if _, err := NewPrefix(make([]byte, 32)); !errors.Is(err, ErrSameHalves) {
		t.Errorf("a key of equal halves: %v", err)
	}
}

func BenchmarkDeterministic(b *testing.B) {
	d, err := NewDeterministic(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	var buf Buffer
	for b.Loop() {
		d.Encrypt(&buf, 0, 1)
	}
}

func BenchmarkPrefix4(b *testing.B) {
	benchmarkPrefix(b, func(p *Prefix, buf *Buffer) { p.Encrypt4(buf, 1) })
}
func BenchmarkPrefix6(b *testing.B) {
	benchmarkPrefix(b, func(p *Prefix, buf *Buffer) { p.Encrypt6(buf, 1, 1) })
}

func benchmarkPrefix(b *testing.B, encrypt func(*Prefix, *Buffer)) {
	p, err := NewPrefix(append(make([]byte, 31), 1))
	if err != nil {
		b.Fatal(err)
	}
	var buf Buffer
	b.ReportAllocs()
	for b.Loop() {
		encrypt(p, &buf)
	}
}
