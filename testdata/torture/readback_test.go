package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"swab/ledger"
	"swab/ship"
)

func TestNumbersOfAClassHaveNoGap(t *testing.T) {
	for _, c := range []struct {
		numbers  string // class, node and number
		gaps     map[string]uint64
		unsorted uint64
	}{
		{"a1 a2 a3 b1 b2", nil, 0},
		{"a1 a3", map[string]uint64{"a": 1}, 0},
		{"a2", map[string]uint64{"a": 1}, 0},
		{"a1 b5 a2", map[string]uint64{"b": 4}, 0},
		{"a1 a2 a2 a3", nil, 1},
		{"a1 a3 a2 a4", map[string]uint64{"a": 1}, 1},
	} {
		s := stock{Objects: map[string]uint64{}, Gaps: map[string]uint64{}, lastOf: map[string]uint64{}}
		for _, word := range strings.Fields(c.numbers) {
			s.number(ship.KeyParts{Class: word[:1], Node: "n", Number: uint64(word[1] - '0')})
		}
		if c.gaps == nil {
			c.gaps = map[string]uint64{}
		}
		if !maps.Equal(s.Gaps, c.gaps) || s.Unsorted != c.unsorted || s.bad() != (len(c.gaps) > 0 || c.unsorted > 0) {
			t.Errorf("%s: gaps %v, %d unsorted; want %v, %d", c.numbers, s.Gaps, s.Unsorted, c.gaps, c.unsorted)
		}
	}
}

func TestRawBytesThatAreLeftAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at, text := range map[int64]string{0: "\x00\x00", 1 << 20: "abc\x00d", 3 << 20: "e"} {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(5 << 20); err != nil {
		t.Fatal(err)
	}
	if left, err := rawLeft(path); err != nil || left != 5 {
		t.Errorf("%d bytes, %v; want 5", left, err)
	}
}

func TestSwabsOwnFilesAreSearched(t *testing.T) {
	for text, want := range map[string]struct {
		leak   bool
		panics int
	}{
		"level=INFO msg=fine from=203.0.113.0\n":   {false, 0},
		"one\nlevel=INFO from=203.0.113.9\ntwo\n":  {true, 0},
		"panic: index out of range\n\ngoroutine 1": {false, 1},
		"fatal error: all goroutines are asleep\n": {false, 1},
		"error: no panic: all is well\n":           {false, 0},
	} {
		path := filepath.Join(t.TempDir(), "swab.log")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if leak, panics, err := search(path); err != nil || leak != want.leak || panics != want.panics {
			t.Errorf("%q: %v, %d, %v", text, leak, panics, err)
		}
	}
}

func TestTheLedgersAccountIsHeldToTheWriters(t *testing.T) {
	good := ledger.Account{Written: 900, ShippedBytes: 900, LinesShipped: 9, Erased: 900}
	for name, spoil := range map[string]func(a *ledger.Account){
		"":           func(*ledger.Account) {},
		"more":       func(a *ledger.Account) { a.Written, a.ShippedBytes = 901, 901 },
		"a loss":     func(a *ledger.Account) { a.ShippedBytes, a.Lost = 800, 100 },
		"an expiry":  func(a *ledger.Account) { a.ShippedBytes, a.Expired = 800, 100 },
		"lines":      func(a *ledger.Account) { a.LinesShipped = 8 },
		"not erased": func(a *ledger.Account) { a.Erased, a.Present = 800, 100 },
	} {
		s := &result{Written: 9, Bytes: 900, Account: good}
		spoil(&s.Account)
		if s.agrees() != (name == "") {
			t.Errorf("%q: %+v agrees: %v", name, s.Account, s.agrees())
		}
	}
}
