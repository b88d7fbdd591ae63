package ledger

import (
	"bytes"
	"path/filepath"
	"slices"
	"time"
)

// Pseudonyms are the keys STATE/keys/pseudonyms-DAY, by which addresses become
// pseudonyms and, while a key lives, addresses again.
type Pseudonyms struct{ *dayKeys }

// OpenPseudonyms opens, and where it is missing makes, the directory
// STATE/keys.
func OpenPseudonyms(dir string) (*Pseudonyms, error) {
	k, err := openDayKeys(dir, UsePseudonyms)
	return &Pseudonyms{k}, err
}

// Get returns a copy of the key of day, 32 bytes, or ErrNoKey.
func (k *Pseudonyms) Get(day string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.get(day)
	return bytes.Clone(key), err
}

// Make returns a copy of the key of day; where there is none, it is fresh, or
// random where fresh is nil.
func (k *Pseudonyms) Make(day string, fresh []byte) (key []byte, made bool, err error) {
	key, made, err = k.make(day, fresh)
	return bytes.Clone(key), made, err
}

// Destroy overwrites the key of day in memory and on the disk, syncs and
// unlinks it. There may be none.
func (k *Pseudonyms) Destroy(day string) error {
	k.mu.Lock()
	clear(k.open[day])
	k.mu.Unlock()
	return k.dayKeys.Destroy(day)
}

// ReadPseudonymKey returns the key of day from the directory STATE/keys, or
// ErrNoKey. It changes nothing.
func ReadPseudonymKey(dir, day string) ([]byte, error) {
	return readKey(filepath.Join(dir, UsePseudonyms+"-"+day), UsePseudonyms, day)
}

// PseudonymKey is a day's key of pseudonyms that lives, in the fold.
type PseudonymKey struct {
	Day   string    `json:"day"`
	Until time.Time `json:"until"` // when it is destroyed
}

const oneDay = 24 * time.Hour

// keyUntil is when the key of a day is destroyed: when its first byte is as old
// as limit, and not before the day is over, since until then it is written
// with. The zero time for what is no day: it is over.
func keyUntil(day string, limit time.Duration) time.Time {
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}
	}
	return start.Add(max(oneDay, limit))
}

// PseudonymUntil tells until when the key of day lives, or may be made: as the
// strictest limit says that held while it lived. It may be in the past. gone
// tells that it was destroyed, or a later one, which comes to the same: it is
// never made again, since another key under the same day's name would answer
// with wrong addresses.
func (s *State) PseudonymUntil(day string) (until time.Time, gone bool) {
	for _, k := range s.Pseudonyms {
		if k.Day == day {
			return k.Until, false
		}
	}
	return keyUntil(day, s.PseudonymLimit.Duration()), day <= s.PseudonymsGone
}

// limitPseudonyms takes over the shortest limit of the classes that write
// pseudonyms now, none where there is none. Keys that live may go earlier by
// it, never later: the addresses of a class that is gone keep its limit.
func (s *State) limitPseudonyms(policies map[string]Retention) {
	s.PseudonymLimit = 0
	for _, r := range policies {
		if r.Pseudonyms && (s.PseudonymLimit == 0 || r.RawLimit < s.PseudonymLimit) {
			s.PseudonymLimit = r.RawLimit
		}
	}
	for i, k := range s.Pseudonyms {
		if until := keyUntil(k.Day, s.PseudonymLimit.Duration()); until.Before(k.Until) {
			s.Pseudonyms[i].Until = until
		}
	}
}

func (s *State) applyPseudonyms(k *KeyEvent) {
	s.Pseudonyms = slices.DeleteFunc(s.Pseudonyms, func(p PseudonymKey) bool { return p.Day == k.Day })
	if k.Did != KeyMade {
		s.PseudonymsGone = max(s.PseudonymsGone, k.Day)
		return
	}
	s.Pseudonyms = append(s.Pseudonyms, PseudonymKey{Day: k.Day, Until: keyUntil(k.Day, s.PseudonymLimit.Duration())})
	slices.SortFunc(s.Pseudonyms, func(a, b PseudonymKey) int { return bytes.Compare([]byte(a.Day), []byte(b.Day)) })
}
