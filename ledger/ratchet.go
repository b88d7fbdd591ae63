package ledger

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A fleet that must agree on its pseudonyms derives each day's key from one
// secret, by a ratchet that turns one way: the state of a day gives the day's
// key and the state of the next day, and nothing gives a state back. So the
// state directory, which holds the state of the first day that has no key yet,
// cannot give the key of a day that is over and destroyed.
//
//	prk          = HKDF-Extract(salt, secret)                      RFC 5869
//	state(epoch) = HKDF-Expand(prk, stateInfo)
//	state(d+1)   = HMAC-SHA256(state(d), nextLabel)                RFC 2104
//	key(d)       = HMAC-SHA256(state(d), keyLabel)
//
// The epoch is the same everywhere, so that hosts agree that were seeded on
// different days.
const (
	ratchetSalt  = "swab ratchet 1"
	stateInfo    = "state of 2026-01-01"
	markInfo     = "fingerprint"
	nextLabel    = "next day's state"
	keyLabel     = "this day's key"
	ratchetEpoch = 20454 // 2026-01-01 in days since 1970
	// ratchetEnd bounds what a damaged file can claim, in days since 1970: the
	// year 9999, which dates of four digits end with.
	ratchetEnd = 2932896
)

// MinSecret is the least length of a ratchet's secret, bytes.
const MinSecret = 32

// The file STATE/keys/ratchet has two slots, a block each, so that writing one
// cannot touch the other. A slot is magic, sequence number, day, state and
// fingerprint, and their SHA-256.
const (
	ratchetName = UseRatchet
	ratchetSlot = BlockSize
	slotMagic   = "swab ratchet 1\r\n"
	slotSize    = len(slotMagic) + 8 + 8 + sha256.Size*3
)

// Ratchet is the file STATE/keys/ratchet. It is not for use by several
// goroutines at once.
//
// A turn writes the new state into the slot that is zeros, syncs, and only then
// overwrites the old one and syncs. A rename would leave the old state in
// blocks that have no name any more if the process died before it overwrote
// them; here a crash leaves both states in the file, and the next open
// overwrites the older one. It takes no space either, so that a full disk keeps
// no state alive.
type Ratchet struct {
	f    *os.File
	live slot
	at   int // the slot that is live: 0 or 1
}

// slot is one state of the ratchet.
type slot struct {
	seq   uint64
	day   int64 // since 1970, of the state: the first day that has no key yet
	state [sha256.Size]byte
	mark  [sha256.Size]byte // tells the secret from another one
}

// OpenRatchet opens the ratchet in the directory STATE/keys, and finishes what a
// crash interrupted. It returns nil where there is none.
func OpenRatchet(dir string) (*Ratchet, error) {
	f, err := os.OpenFile(filepath.Join(dir, ratchetName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ratchet: %w", err)
	}
	p, err := io.ReadAll(io.LimitReader(f, 2*ratchetSlot+1))
	if err == nil && len(bytes.Trim(p, "\x00")) == 0 { // a crash in the middle of Destroy
		return nil, errors.Join(f.Close(), wipe(f.Name()))
	}
	r := &Ratchet{f: f}
	if err == nil {
		r.live, r.at, err = parseRatchet(p)
	}
	if err == nil {
		err = r.clear(1 - r.at)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("ratchet %s: %w", f.Name(), err)
	}
	return r, nil
}

// SeedRatchet makes the ratchet of a secret, or puts another secret in its
// place, with the state of day (or of the epoch, if that is later). r is nil where
// there is none yet. What r held is overwritten.
func SeedRatchet(dir string, r *Ratchet, secret []byte, day string) (*Ratchet, error) {
	s, err := seed(secret)
	if err != nil {
		return r, err
	}
	target, err := dayNumber(day)
	if err != nil {
		return r, err
	}
	for s.day < target {
		s = s.next()
	}
	if r != nil {
		return r, r.write(s)
	}
	path := filepath.Join(dir, ratchetName)
	whole := make([]byte, 2*ratchetSlot)
	copy(whole, s.encode())
	if err = wipe(path + tempSuffix); err == nil {
		err = writeFileSync(path, whole)
	}
	if err != nil {
		return nil, fmt.Errorf("ratchet: %w", err)
	}
	return OpenRatchet(dir)
}

// Of tells whether the ratchet was seeded with this secret.
func (r *Ratchet) Of(secret []byte) (bool, error) {
	s, err := seed(secret)
	return err == nil && hmac.Equal(s.mark[:], r.live.mark[:]), err
}

// Day is the first day that has no key yet.
func (r *Ratchet) Day() string { return dayName(r.live.day) }

// Key is the key of that day, 32 bytes.
func (r *Ratchet) Key() []byte { return derive(r.live.state, keyLabel) }

// Turn goes on to the next day and destroys the state of this one: its key must
// be on the disk, or not be wanted by anyone.
func (r *Ratchet) Turn() error { return r.write(r.live.next()) }

// TurnTo turns on until Day is day, with one write; it never goes back.
func (r *Ratchet) TurnTo(day string) error {
	target, err := dayNumber(day)
	if err != nil || target <= r.live.day {
		return err
	}
	s := r.live
	for s.day < target {
		s = s.next()
	}
	return r.write(s)
}

// Destroy overwrites both slots, syncs, and unlinks the file.
func (r *Ratchet) Destroy() error {
	r.live = slot{}
	return errors.Join(wipe(r.f.Name()), r.f.Close())
}

// Close gives the file back.
func (r *Ratchet) Close() error { return r.f.Close() }

// write makes s the live slot. Crash windows: before the first sync the new slot
// may be torn, and the old one is live; between the syncs both are whole, and
// the one with the higher number is live.
func (r *Ratchet) write(s slot) error {
	s.seq = r.live.seq + 1
	free := 1 - r.at
	if _, err := r.f.WriteAt(s.encode(), int64(free)*ratchetSlot); err != nil {
		return fmt.Errorf("ratchet: %w", err)
	}
	if err := r.f.Sync(); err != nil {
		return fmt.Errorf("sync of the ratchet: %w", err)
	}
	r.live, r.at = s, free
	return r.clear(1 - free)
}

// clear overwrites a slot with zeros.
func (r *Ratchet) clear(at int) error {
	if _, err := r.f.WriteAt(make([]byte, slotSize), int64(at)*ratchetSlot); err != nil {
		return fmt.Errorf("overwriting of the ratchet: %w", err)
	}
	if err := r.f.Sync(); err != nil {
		return fmt.Errorf("sync of the ratchet: %w", err)
	}
	return nil
}

// seed is the state of the epoch.
func seed(secret []byte) (slot, error) {
	if len(secret) < MinSecret {
		return slot{}, fmt.Errorf("secret of %d bytes, want %d at least", len(secret), MinSecret)
	}
	prk, err := hkdf.Extract(sha256.New, secret, []byte(ratchetSalt))
	if err != nil {
		return slot{}, fmt.Errorf("state of the ratchet: %w", err)
	}
	state, err := hkdf.Expand(sha256.New, prk, stateInfo, sha256.Size)
	if err != nil {
		return slot{}, fmt.Errorf("state of the ratchet: %w", err)
	}
	mark, err := hkdf.Expand(sha256.New, prk, markInfo, sha256.Size)
	if err != nil {
		return slot{}, fmt.Errorf("fingerprint of the secret: %w", err)
	}
	s := slot{day: ratchetEpoch}
	copy(s.state[:], state)
	copy(s.mark[:], mark)
	return s, nil
}

// next is the state of the day after.
func (s slot) next() slot {
	copy(s.state[:], derive(s.state, nextLabel))
	s.day++
	return s
}

func derive(state [sha256.Size]byte, label string) []byte {
	h := hmac.New(sha256.New, state[:])
	h.Write([]byte(label))
	return h.Sum(nil)
}

func (s slot) encode() []byte {
	p := append(make([]byte, 0, slotSize), slotMagic...)
	p = binary.BigEndian.AppendUint64(p, s.seq)
	p = binary.BigEndian.AppendUint64(p, uint64(s.day))
	p = append(append(p, s.state[:]...), s.mark[:]...)
	sum := sha256.Sum256(p)
	return append(p, sum[:]...)
}

// parseSlot reads what encode wrote; ok is false for anything else.
func parseSlot(p []byte) (s slot, ok bool) {
	if len(p) < slotSize || string(p[:len(slotMagic)]) != slotMagic {
		return s, false
	}
	p = p[:slotSize]
	body, sum := p[:slotSize-sha256.Size], p[slotSize-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return s, false
	}
	body = body[len(slotMagic):]
	s.seq, s.day = binary.BigEndian.Uint64(body), int64(binary.BigEndian.Uint64(body[8:]))
	copy(s.state[:], body[16:])
	copy(s.mark[:], body[16+sha256.Size:])
	return s, s.day >= ratchetEpoch && s.day <= ratchetEnd
}

// parseRatchet finds the live slot of a ratchet's file. The other one may be
// zeros, torn, or the state before.
func parseRatchet(p []byte) (live slot, at int, err error) {
	if len(p) != 2*ratchetSlot {
		return slot{}, 0, fmt.Errorf("%d bytes, want %d", len(p), 2*ratchetSlot)
	}
	a, okA := parseSlot(p[:ratchetSlot])
	b, okB := parseSlot(p[ratchetSlot:])
	switch {
	case okA && (!okB || a.seq >= b.seq):
		return a, 0, nil
	case okB:
		return b, 1, nil
	}
	return slot{}, 0, errors.New("it is not what swab wrote; remove it, and name the file of --key-secret to seed it again")
}

const secondsADay = int64(oneDay / time.Second)

func dayNumber(day string) (int64, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0, fmt.Errorf("day of the ratchet: %w", err)
	}
	return t.Unix() / secondsADay, nil
}

func dayName(n int64) string { return Day(time.Unix(n*secondsADay, 0)) }
