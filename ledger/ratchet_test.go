package ledger

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

func seeded(t testing.TB, dir, secret, day string) *Ratchet {
	t.Helper()
	r, err := SeedRatchet(dir, nil, []byte(secret), day)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

const (
	ratchetVector = "ffb594ae723345383053a3dedd36f1219c9e65744875868f86bfb61b14e97e24"

	secretA = "one secret of the fleet, 32 bytes or more"
	secretB = "another one, also of 32 bytes or more"
)

// Hosts with the same secret agree on a day's key, whenever they were seeded.
func TestRatchetsOfOneSecretAgree(t *testing.T) {
	early := seeded(t, t.TempDir(), secretA, "2026-01-01")
	late := seeded(t, t.TempDir(), secretA, "2026-11-23")
	other := seeded(t, t.TempDir(), secretB, "2026-11-23")
	before := early.Key()
	if err := early.TurnTo("2026-11-22"); err != nil {
		t.Fatal(err)
	}
	if err := early.Turn(); err != nil {
		t.Fatal(err)
	}
	if early.Day() != "2026-11-23" || late.Day() != "2026-11-23" {
		t.Fatalf("days %s and %s", early.Day(), late.Day())
	}
	if !bytes.Equal(early.Key(), late.Key()) || len(early.Key()) != 32 {
		t.Error("two hosts with one secret have two keys")
	}
	if bytes.Equal(early.Key(), other.Key()) || bytes.Equal(early.Key(), before) {
		t.Error("two secrets, or two days, have one key")
	}
	if err := early.TurnTo("2026-01-01"); err != nil || early.Day() != "2026-11-23" {
		t.Errorf("it went back to %s (%v)", early.Day(), err)
	}
	for secret, want := range map[string]bool{secretA: true, secretB: false} {
		if of, err := early.Of([]byte(secret)); err != nil || of != want {
			t.Errorf("its own secret: %t (%v)", of, err)
		}
	}
}

// What the derivation comes to, once and for all: a fleet of several versions
// must agree. Computed with Python's hmac.
func TestRatchetKeyIsFixed(t *testing.T) {
	r := seeded(t, t.TempDir(), "0123456789abcdef0123456789abcdef", "2026-01-03")
	if got := hex.EncodeToString(r.Key()); got != ratchetVector {
		t.Errorf("key of 2026-01-03 is %s, want %s", got, ratchetVector)
	}
}

// The state of a day that is over is nowhere in the file, and the file never has
// another inode in which it could lie on.
func TestRatchetForgetsItsPast(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ratchetName)
	r := seeded(t, dir, secretA, "2026-11-23")
	first, err := os.Stat(path)
	if err != nil || first.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v (%v)", first.Mode(), err)
	}
	for range 5 {
		state, key := r.live.state, r.Key()
		if err := r.Turn(); err != nil {
			t.Fatal(err)
		}
		p := read(t, path)
		if bytes.Contains(p, state[:]) || bytes.Contains(p, key) {
			t.Fatal("the file holds a state or a key of a day that is over")
		}
		if !bytes.Contains(p, r.live.state[:]) {
			t.Fatal("the file does not hold its state")
		}
	}
	state := r.live.state
	if _, err := SeedRatchet(dir, r, []byte(secretB), "2026-11-23"); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(read(t, path), state[:]) {
		t.Error("the file holds the state of another secret")
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(first, now) {
		t.Errorf("the ratchet has another inode (%v)", err)
	}
	second := filepath.Join(dir, "second")
	if err := os.Link(path, second); err != nil {
		t.Fatal(err)
	}
	if err := r.Destroy(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err == nil || len(bytes.Trim(read(t, second), "\x00")) > 0 {
		t.Error("a destroyed ratchet was not overwritten and unlinked")
	}
}

// A crash at each moment of a turn: the next open has the state before or the
// one after, and only that is left in the file.
func TestRatchetTurnSurvivesACrash(t *testing.T) {
	source := t.TempDir()
	r := seeded(t, source, secretA, "2026-11-23")
	before := read(t, filepath.Join(source, ratchetName))
	old := r.live
	if err := r.Turn(); err != nil {
		t.Fatal(err)
	}
	after := read(t, filepath.Join(source, ratchetName))
	both := bytes.Clone(after)
	copy(both, before[:ratchetSlot])
	torn := bytes.Clone(both)
	clear(torn[ratchetSlot+40 : ratchetSlot+60])
	half := bytes.Clone(both) // the old state is overwritten in part
	clear(half[:20])
	for name, c := range map[string]struct {
		file []byte
		day  string
		gone []byte
	}{
		"before the new slot":         {before, "2026-11-23", r.live.state[:]},
		"a torn new slot":             {torn, "2026-11-23", r.live.state[:20]},
		"both":                        {both, "2026-11-24", old.state[:]},
		"the old one overwritten":     {after, "2026-11-24", old.state[:]},
		"in the middle of it":         {half, "2026-11-24", old.state[:]},
		"in the middle of destroying": {append(make([]byte, ratchetSlot), torn[ratchetSlot:]...), "", nil},
		"after overwriting all":       {make([]byte, 2*ratchetSlot), "none", old.state[:]},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, ratchetName)
			write(t, path, c.file)
			r, err := OpenRatchet(dir)
			switch {
			case c.day == "":
				if err == nil {
					t.Error("a file without a whole state was opened")
				}
				return
			case err != nil:
				t.Fatal(err)
			case c.day == "none":
				if _, err := os.Lstat(path); r != nil || err == nil {
					t.Error("an overwritten ratchet is still one")
				}
				return
			}
			defer r.Close()
			if r.Day() != c.day {
				t.Errorf("it stands at %s, want %s", r.Day(), c.day)
			}
			if bytes.Contains(read(t, path), c.gone) {
				t.Error("the other state is still in the file")
			}
			if err := r.Turn(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRatchetRefusesAShortSecret(t *testing.T) {
	dir := t.TempDir()
	if _, err := SeedRatchet(dir, nil, make([]byte, MinSecret-1), "2026-11-23"); err == nil {
		t.Error("a secret of 31 bytes was taken")
	}
	if r, err := OpenRatchet(dir); r != nil || err != nil {
		t.Errorf("there is a ratchet (%v)", err)
	}
}

func FuzzParseRatchet(f *testing.F) {
	r := seeded(f, f.TempDir(), secretA, "2026-11-23")
	one, two := r.live.encode(), r.live.next().encode()
	f.Add(one, two, 2*ratchetSlot)
	f.Add(two, []byte{}, 2*ratchetSlot)
	f.Add([]byte{}, one[:90], 2*ratchetSlot)
	f.Add([]byte(slotMagic), two, ratchetSlot)
	f.Fuzz(func(t *testing.T, a, b []byte, size int) {
		p := make([]byte, 2*ratchetSlot)
		copy(p[:ratchetSlot], a)
		copy(p[ratchetSlot:], b)
		if size >= 0 && size < len(p) {
			p = p[:size]
		}
		live, at, err := parseRatchet(p)
		if err != nil {
			return
		}
		if len(p) != 2*ratchetSlot || at < 0 || at > 1 {
			t.Fatalf("a file of %d bytes has slot %d", len(p), at)
		}
		if !bytes.Equal(live.encode(), p[at*ratchetSlot:at*ratchetSlot+slotSize]) {
			t.Error("the slot is not what stands in the file")
		}
		if n, err := dayNumber(dayName(live.day)); err != nil || n != live.day {
			t.Errorf("day %d is %s (%v)", live.day, dayName(live.day), err)
		}
	})
}
