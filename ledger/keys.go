package ledger

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a key in STATE/keys is for: the first part of its file's name, and the
// "use" of its events.
const (
	UseSums       = "sums"       // of the keyed sums of raw bytes
	UsePseudonyms = "pseudonyms" // of the pseudonyms that stand for addresses
	UseRatchet    = "ratchet"    // the state that days' keys are derived from
)

// What happened to a key, in its events.
const (
	KeyMade      = "made"
	KeyDestroyed = "destroyed"

	KeySeeded     = "seeded"      // the ratchet
	KeySeededAnew = "seeded anew" // the ratchet, with another secret
)

// keySize is the length of a key, bytes.
const keySize = 32

// ErrNoKey says that the key of a day does not exist (any more).
var ErrNoKey = errors.New("key destroyed or never made")

// Day names the UTC day of t as keys do.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// dayKeys are the keys of one use in the directory STATE/keys: one a UTC day,
// 0600.
type dayKeys struct {
	dir, use string

	mu   sync.Mutex
	open map[string][]byte
}

func openDayKeys(dir, use string) (*dayKeys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of keys: %w", err)
	}
	return &dayKeys{dir: dir, use: use, open: make(map[string][]byte)}, nil
}

// get returns the key of day, or ErrNoKey. k.mu is held.
func (k *dayKeys) get(day string) ([]byte, error) {
	if key, ok := k.open[day]; ok {
		return key, nil
	}
	key, err := readKey(k.path(day), k.use, day)
	if err == nil {
		k.open[day] = key
	}
	return key, err
}

func readKey(path, use, day string) ([]byte, error) {
	p, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s of %s: %w", use, day, ErrNoKey)
	}
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", day, err)
	}
	if len(p) != keySize {
		return nil, fmt.Errorf("key of %s: %d bytes, want %d", day, len(p), keySize)
	}
	if bytes.Equal(p, make([]byte, keySize)) { // a crash in the middle of Destroy
		return nil, fmt.Errorf("%s of %s: %w", use, day, ErrNoKey)
	}
	return p, nil
}

// make returns the key of day; where there is none, it is fresh, or random
// where fresh is nil. The key is on the disk before it is used: what was done
// with a key that a crash takes away could never be compared, or undone, again.
func (k *dayKeys) make(day string, fresh []byte) (key []byte, made bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, err = k.get(day); !errors.Is(err, ErrNoKey) {
		return key, false, err
	}
	if key = bytes.Clone(fresh); key == nil {
		key = make([]byte, keySize)
		rand.Read(key)
	}
	path := k.path(day)
	if err = wipe(path + tempSuffix); err == nil {
		err = writeFileSync(path, key)
	}
	if err != nil {
		return nil, false, fmt.Errorf("key of %s: %w", day, err)
	}
	k.open[day] = key
	return key, true, nil
}

// Days lists the days that have a key, oldest first.
func (k *dayKeys) Days() ([]string, error) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, fmt.Errorf("directory of keys: %w", err)
	}
	var days []string
	for _, e := range entries {
		day, ok := strings.CutPrefix(e.Name(), k.use+"-")
		if _, err := time.Parse(time.DateOnly, day); ok && err == nil {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// Destroy overwrites the key of day, syncs and unlinks it. There may be none.
func (k *dayKeys) Destroy(day string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, day)
	return errors.Join(wipe(k.path(day)+tempSuffix), wipe(k.path(day)))
}

func (k *dayKeys) path(day string) string { return filepath.Join(k.dir, k.use+"-"+day) }

// Keys are the keys of the sums of raw bytes. A key is destroyed when no range
// sealed with it is raw any more, so it never outlives the limit.
type Keys struct{ *dayKeys }

// OpenKeys opens, and where it is missing makes, the directory STATE/keys.
func OpenKeys(dir string) (*Keys, error) {
	k, err := openDayKeys(dir, UseSums)
	return &Keys{k}, err
}

// Get returns the key of day, or ErrNoKey.
func (k *Keys) Get(day string) (*SumKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.get(day)
	if err != nil {
		return nil, err
	}
	return &SumKey{Day: day, key: key}, nil
}

// Make returns the key of day and makes it where there is none; made tells
// which.
func (k *Keys) Make(day string) (key *SumKey, made bool, err error) {
	p, made, err := k.make(day, nil)
	if err != nil {
		return nil, false, err
	}
	return &SumKey{Day: day, key: p}, made, nil
}

// MarkMatches tells whether p is what m marks. It is false, with ErrNoKey,
// when the mark's key is gone.
func (k *Keys) MarkMatches(m Mark, p []byte) (bool, error) {
	key, err := k.Get(m.Day)
	if err != nil {
		return false, err
	}
	return key.Mark(m.Off, p).Sum == m.Sum, nil
}

// SweepKeys destroys what a crash left half made in STATE/keys: a temp file
// holds a key, or a ratchet's state, that has no name yet.
func SweepKeys(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("directory of keys: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tempSuffix) && e.Type().IsRegular() {
			if err := wipe(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// wipe overwrites a file of keys with zeros, syncs and unlinks it. There may be
// none. A crash in between leaves zeros under its name.
func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("overwriting of a key: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}
