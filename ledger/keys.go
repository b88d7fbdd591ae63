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

const (
	sumKeySize   = 32
	sumKeyPrefix = "sums-"
)

// ErrNoKey says that the key of a day does not exist (any more).
var ErrNoKey = errors.New("key destroyed or never made")

// Keys is the directory STATE/keys: one random key a UTC day for the sums of
// raw bytes, 0600. A key is destroyed when no range sealed with it is raw any
// more, so it never outlives the limit.
type Keys struct {
	dir string

	mu   sync.Mutex
	open map[string]*SumKey
}

// OpenKeys opens, and where it is missing makes, the directory.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of keys: %w", err)
	}
	return &Keys{dir: dir, open: make(map[string]*SumKey)}, nil
}

// Day names the UTC day of t as keys do.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Get returns the key of day, or ErrNoKey.
func (k *Keys) Get(day string) (*SumKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.get(day)
}

func (k *Keys) get(day string) (*SumKey, error) {
	if key, ok := k.open[day]; ok {
		return key, nil
	}
	p, err := os.ReadFile(k.path(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("sums of %s: %w", day, ErrNoKey)
	}
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", day, err)
	}
	if len(p) != sumKeySize {
		return nil, fmt.Errorf("key of %s: %d bytes, want %d", day, len(p), sumKeySize)
	}
	if bytes.Equal(p, make([]byte, sumKeySize)) { // a crash in the middle of Destroy
		return nil, fmt.Errorf("sums of %s: %w", day, ErrNoKey)
	}
	key := &SumKey{Day: day, key: p}
	k.open[day] = key
	return key, nil
}

// Make returns the key of day and makes it where there is none; made tells
// which. The key is on the disk before it is used: a sum whose key a crash
// takes away could never be compared again.
func (k *Keys) Make(day string) (key *SumKey, made bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, err = k.get(day); !errors.Is(err, ErrNoKey) {
		return key, false, err
	}
	p := make([]byte, sumKeySize)
	rand.Read(p)
	if err := writeFileSync(k.path(day), p); err != nil {
		return nil, false, fmt.Errorf("key of %s: %w", day, err)
	}
	key = &SumKey{Day: day, key: p}
	k.open[day] = key
	return key, true, nil
}

// Days lists the days that have a key, oldest first.
func (k *Keys) Days() ([]string, error) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, fmt.Errorf("directory of keys: %w", err)
	}
	var days []string
	for _, e := range entries {
		if day, ok := strings.CutPrefix(e.Name(), sumKeyPrefix); ok && !strings.HasSuffix(day, tempSuffix) {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// Destroy overwrites the key of day, syncs and unlinks it.
func (k *Keys) Destroy(day string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, day)
	f, err := os.OpenFile(k.path(day), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("key of %s: %w", day, err)
	}
	_, err = f.WriteAt(make([]byte, sumKeySize), 0)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("overwriting the key of %s: %w", day, err)
	}
	if err := os.Remove(k.path(day)); err != nil {
		return fmt.Errorf("key of %s: %w", day, err)
	}
	return syncDir(k.dir)
}

func (k *Keys) path(day string) string { return filepath.Join(k.dir, sumKeyPrefix+day) }

// MarkMatches tells whether p is what m marks. It is false, with ErrNoKey,
// when the mark's key is gone.
func (k *Keys) MarkMatches(m Mark, p []byte) (bool, error) {
	key, err := k.Get(m.Day)
	if err != nil {
		return false, err
	}
	return key.Mark(m.Off, p).Sum == m.Sum, nil
}
