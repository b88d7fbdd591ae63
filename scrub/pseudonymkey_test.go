package scrub

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"swab/scrub/ipcrypt"
)

func TestWithoutAKeyEachScrubberHasItsOwn(t *testing.T) {
	for _, mode := range pseudonymModes {
		a, b := mustNew(t, Policy{Mode: mode}), mustNew(t, Policy{Mode: mode})
		const in = "203.0.113.7 2001:db8::1"
		if x, y := a.String(in), b.String(in); x == y || x == in {
			t.Errorf("%v: %q and %q", mode, x, y)
		}
		if x, y := a.String(in), a.String(in); x != y {
			t.Errorf("%v: %q, then %q", mode, x, y)
		}
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	good := testKey()
	for _, mode := range pseudonymModes {
		s := mustNew(t, Policy{Mode: mode})
		for _, key := range [][]byte{nil, good[:31], append(testKey(), 1), make([]byte, KeySize), bytes.Repeat(good[:16], 2)} {
			if _, err := s.WithKey(key); err == nil {
				t.Errorf("%v: WithKey took a key of %d bytes", mode, len(key))
			}
			if err := s.NewWriter(io.Discard).SetKey(key); err == nil {
				t.Errorf("%v: SetKey took a key of %d bytes", mode, len(key))
			}
			if _, err := Pseudonym(mode, key, netip.IPv6Loopback()); err == nil {
				t.Errorf("%v: Pseudonym took a key of %d bytes", mode, len(key))
			}
			if _, err := Reveal(mode, key, netip.IPv6Loopback()); err == nil {
				t.Errorf("%v: Reveal took a key of %d bytes", mode, len(key))
			}
		}
		if _, err := Reveal(mode, good, netip.Addr{}); err == nil {
			t.Errorf("%v: the zero address was revealed", mode)
		}
		if _, err := Pseudonym(mode, good, netip.Addr{}); err == nil {
			t.Errorf("%v: the zero address has a pseudonym", mode)
		}
	}
	if _, err := Reveal(PseudonymDeterministic, good, netip.MustParseAddr("203.0.113.7")); err == nil {
		t.Error("an IPv4 address was taken for a deterministic pseudonym")
	}
	for _, mode := range []Mode{Truncate, Mask, Keep} {
		if _, err := mustNew(t, Policy{Mode: mode}).WithKey(good); err == nil {
			t.Errorf("%v took a key", mode)
		}
	}
}

func TestAKeyChangesBetweenTextsOnly(t *testing.T) {
	for _, p := range []Policy{{Mode: PseudonymPrefix}, {Mode: PseudonymDeterministic}, {Mode: PseudonymPrefix, Redact: []string{"secrets"}}} {
		w, out := newWriter(t, p)
		io.WriteString(w, "203.0.113.7\n203.0.")
		if err := w.SetKey(testKey()); !errors.Is(err, errMidText) {
			t.Fatalf("%v: within a text: %v", p, err)
		}
		io.WriteString(w, "113.7\n")
		if a, b, _ := strings.Cut(strings.TrimSuffix(out.String(), "\n"), "\n"); a != b {
			t.Errorf("%v: a refused key changed the pseudonym: %q, %q", p, a, b)
		}
		for _, end := range []func() error{w.Flush, w.Cut, func() error { w.Reset(out); return nil }} {
			io.WriteString(w, "half")
			end()
			out.Reset()
			if err := w.SetKey(testKey()); err != nil {
				t.Fatalf("%v: between texts: %v", p, err)
			}
			io.WriteString(w, "203.0.113.7\n")
			if got, want := out.String(), keyed(t, p).String("203.0.113.7\n"); got != want {
				t.Errorf("%v: got %q, want %q", p, got, want)
			}
		}
	}
}

// empty reports whether a cache holds nothing.
func (c *cache) empty() bool {
	for k := range c.four {
		for way := range c.four[k] {
			if c.four[k][way].Load() != 0 {
				return false
			}
		}
	}
	for k := range c.nets {
		if c.nets[k].Load() != 0 {
			return false
		}
	}
	for _, table := range [][][ways]entry6{c.six[:], c.high[:]} {
		for k := range table {
			for way := range table[k] {
				if e := &table[k][way]; e.keyHi.Load()|e.keyLo.Load()|e.hi.Load()|e.lo.Load() != 0 {
					return false
				}
			}
		}
	}
	return true
}

func TestTheCacheIsWipedWhenTheKeyChanges(t *testing.T) {
	const text = "203.0.113.7 2001:db8::1\n"
	w, _ := newWriter(t, Policy{Mode: PseudonymPrefix})
	for range 2 { // the random key's, then a key's that was set
		io.WriteString(w, text)
		old := w.s.pseudonyms.recent
		if old.empty() {
			t.Fatal("nothing is remembered")
		}
		if err := w.SetKey(testKey()); err != nil {
			t.Fatal(err)
		}
		if !old.empty() {
			t.Error("addresses under the old key are still there")
		}
	}

	s := keyed(t, Policy{Mode: PseudonymPrefix})
	shared := s.NewWriter(io.Discard)
	io.WriteString(shared, text)
	if err := shared.SetKey(testKey()); err != nil {
		t.Fatal(err)
	}
	if s.pseudonyms.recent.empty() {
		t.Error("one Writer's key change made others forget")
	}
	s.Forget()
	if !s.pseudonyms.recent.empty() {
		t.Error("Forget left something")
	}
	mustNew(t, Policy{}).Forget()
}

func TestBuffersHoldNoAddressAfterUse(t *testing.T) {
	for _, mode := range pseudonymModes {
		s := keyed(t, Policy{Mode: mode})
		s.String("203.0.113.7 2001:db8::1")
		for k := range s.pseudonyms.spare {
			if b := s.pseudonyms.spare[k].buffer.Load(); b != nil && *b != (ipcrypt.Buffer{}) {
				t.Errorf("%v: a buffer holds %v", mode, *b)
			}
		}
	}
}

// The tables are small, so that sets overflow and goroutines meet.
func TestRememberedPseudonymsAreTheRightOnes(t *testing.T) {
	s := keyed(t, Policy{Mode: PseudonymPrefix})
	plain, err := newPseudonyms(PseudonymPrefix, testKey())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 5))
			for k := range 6000 {
				// Sixteen addresses, and five times as many as their set has
				// places for, all in one set; and zero, which a word of nothing is.
				a := uint32(r.IntN(20)) * 0x80000
				if k%7 == 0 {
					a = uint32(r.IntN(3))
				}
				if got, want := s.pseudonyms.prefix4(a), plain.prefix4(a); got != want {
					t.Errorf("%08x became %08x, want %08x", a, got, want)
				}
				x := addr6{uint64(r.IntN(8)), uint64(r.IntN(8)) << 50}
				if k%10 == 0 {
					if got, want := s.pseudonyms.prefix6(x), plain.prefix6(x); got != want {
						t.Errorf("%x became %x, want %x", x, got, want)
					}
				}
				if k%1500 == 0 {
					s.Forget()
				}
			}
		})
	}
	wg.Wait()
}
