package swab

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"swab/ledger"
	"swab/tail"
)

// textKey is the key of pseudonyms that a lane's scrubber has.
type textKey struct {
	day   string // "" is a key for one batch that was never stored
	until time.Time
}

// noKeyDay names such a key in the record.
const noKeyDay = "none"

// errOlder says that a batch holds bytes older than its key: their lines say so,
// and nothing did before they were read.
var errOlder = errors.New("lines are older than the key of their batch")

// keyDay is the day whose key serves bytes of an age: that of the oldest one, so
// that its address cannot be revealed for longer than it might have stayed raw.
// "" is for bytes of unknown age, or at their limit, or of a day whose key is
// gone: no stored key may serve them.
func (l *lane) keyDay(s *ledger.State, oldest int64, now time.Time) string {
	if oldest == 0 || l.overdue(oldest, now) {
		return ""
	}
	day := min(ledger.Day(time.Unix(oldest, 0)), ledger.Day(now))
	if until, gone := s.PseudonymUntil(day); gone || !now.Before(until) {
		return ""
	}
	return day
}

// byKey picks, of what waits, the files that one key serves, those whose time
// ends first: one file of unknown age must not take the key from all others. All
// of it, in a class without pseudonyms.
func (d *Daemon) byKey(l *lane, waiting []tail.Waiting, now time.Time) (list []tail.Waiting, day string) {
	if !l.class.Pseudonyms() || len(waiting) == 0 {
		return waiting, ""
	}
	there := map[*tail.File]bool{}
	groups := map[string][]tail.Waiting{}
	d.ledger.View(func(s *ledger.State) {
		for _, w := range waiting {
			oldest := w.Oldest
			if read, ok := l.older[w.File]; ok {
				oldest = min(oldest, read)
			}
			day := l.keyDay(s, oldest, now)
			groups[day] = append(groups[day], w)
			there[w.File] = true
		}
	})
	maps.DeleteFunc(l.older, func(f *tail.File, _ int64) bool { return !there[f] })
	day = slices.Min(slices.Collect(maps.Keys(groups)))
	return groups[day], day
}

// setKey gives the lane's scrubber the key of a day, and returns the policy for
// the record, which names the key.
func (d *Daemon) setKey(l *lane, day string) (rules string, err error) {
	if !l.class.Pseudonyms() {
		return l.rules, nil
	}
	if day == "" || day != l.key.day {
		var key []byte
		var until time.Time
		if day != "" {
			if key, until, err = d.pseudonymKey(day); err != nil {
				return "", err
			}
		}
		if key == nil {
			key, day = throwaway(), ""
		}
		defer clear(key)
		l.scrub.Reset(io.Discard) // a text may have been left off in its middle
		if err := l.scrub.SetKey(key); err != nil {
			return "", err
		}
		l.key = textKey{day, until}
	}
	name := day
	if name == "" {
		name = noKeyDay
	}
	mode, rest, _ := strings.Cut(l.rules, " ")
	return strings.TrimSuffix(mode+"/"+name+" "+rest, " "), nil
}

// forgetKey takes a key out of memory when its time is over, though no batch
// comes that would bring another one.
func (l *lane) forgetKey(now time.Time) error {
	if l.key.day == "" || now.Before(l.key.until) {
		return nil
	}
	l.key = textKey{}
	key := throwaway()
	defer clear(key)
	l.scrub.Reset(io.Discard)
	return l.scrub.SetKey(key)
}

// olderThan notes what reading a file's ranges has shown of their age, and
// tells whether they are older than the batch's key.
func (d *Daemon) olderThan(b *building, ranges []ledger.Range, f *tail.File, now time.Time) bool {
	l := b.lane
	if !l.class.Pseudonyms() || b.keyDay == "" {
		return false
	}
	oldest := ranges[0].Oldest
	for _, r := range ranges {
		oldest = min(oldest, r.Oldest)
	}
	day := ""
	d.ledger.View(func(s *ledger.State) { day = l.keyDay(s, oldest, now) })
	if day >= b.keyDay {
		return false
	}
	l.older[f] = oldest
	return true
}

// sealedOf keeps, of what reading has shown, what holds for the bytes that come
// next: a copied log of last week goes on being one, to its end.
func (l *lane) sealedOf(b *building) {
	last := map[uint64]ledger.Range{}
	for _, r := range b.ranges {
		last[r.File] = r
	}
	for f := range l.older {
		r, ok := last[f.Num()]
		switch {
		case ok && r.EndAt > 0:
			delete(l.older, f)
		case ok:
			l.older[f] = r.Oldest
		}
	}
}
