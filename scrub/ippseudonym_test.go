package scrub

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"testing"
)

// TestIPFieldsHoldThePseudonymOfTheAddress is over both modes and all notations.
func TestIPFieldsHoldThePseudonymOfTheAddress(t *testing.T) {
	key := make([]byte, KeySize)
	for i := range key {
		key[i] = byte(i * 7)
	}
	decimal := func(a netip.Addr) string { return new(big.Int).SetBytes(a.AsSlice()).String() }
	hex := func(a netip.Addr) string { return fmt.Sprintf("%x", a.AsSlice()) }
	v4, v6 := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8:1:2:3:4:5:6")
	for _, mode := range []Mode{PseudonymPrefix, PseudonymDeterministic} {
		s, err := mustNew(t, Policy{Mode: mode, IPFields: []string{"ip"}}).WithKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []netip.Addr{v4, v6} {
			p, err := Pseudonym(mode, key, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, write := range []func(netip.Addr) string{decimal, hex, func(a netip.Addr) string { return "0x" + hex(a) }} {
				in, want := "ip="+write(a), "ip="+write(p)
				if got := s.String(in); got != want {
					t.Errorf("%v: %s became %s, want %s", mode, in, got, want)
				}
				if got := s.String(want); mode == PseudonymDeterministic && a == v4 && got != want {
					t.Errorf("%v: %s became %s the second time", mode, want, got)
				}
			}
		}
	}
	s := mustNew(t, Policy{Mode: PseudonymDeterministic, IPFields: []string{"ip"}})
	for _, in := range []string{"ip=-889163513", "ip=031300070407", "ip=0001a147ea12d545", "ip=0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"} {
		if got := s.String(in); got != "ip=[ip]" {
			t.Errorf("%s became %s", in, got)
		}
	}
}

// TestAKeyIsNotChangedWithinAMessage is over a message in pieces, and over what
// is written after.
func TestAKeyIsNotChangedWithinAMessage(t *testing.T) {
	key := make([]byte, KeySize)
	for i := range key {
		key[i] = byte(i)
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, Policy{Mode: PseudonymPrefix, Redact: []string{"secrets"}, IPFields: []string{"ip"}})
	if err != nil {
		t.Fatal(err)
	}
	text := criLines("oP a 203.0.1", "oF 13.7 ip=3405803783")
	io.WriteString(w, text)
	io.WriteString(w, text[:len(text)/2])
	if w.SetKey(key) == nil {
		t.Error("a key is taken within a message")
	}
	io.WriteString(w, text[len(text)/2:])
	if err := w.SetKey(key); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	io.WriteString(w, text)
	s, err := mustNew(t, w.s.policy).WithKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.String(text); out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
