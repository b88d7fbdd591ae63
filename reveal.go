package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"swab/ledger"
	"swab/scrub"
)

// RevealRequest asks for the address behind a pseudonym.
type RevealRequest struct {
	State     string // the state directory
	Pseudonym netip.Addr
	Day       string // UTC, 2026-11-23: as swab-scrub names it in an object's metadata
	// Mode is the one that made it; nil for the one that the ledger tells, if
	// it is one.
	Mode *scrub.Mode
	Now  time.Time
}

// ErrManyModes says that batches of the day were written by different modes, so
// that the one of a request must be named.
var ErrManyModes = errors.New("more than one mode wrote pseudonyms that day")

// Reveal returns the address behind a pseudonym while the key of its day lives.
// That it was asked for, by whom and of which day, is in the ledger, or in the
// inbox of the daemon that has it, before the address is returned.
func Reveal(r RevealRequest) (netip.Addr, error) {
	none := netip.Addr{}
	state, err := ledger.Peek(r.State)
	if errors.Is(err, fs.ErrNotExist) {
		return none, fmt.Errorf("--state %s: holds no ledger. Name the state directory of the swab that wrote the pseudonym", r.State)
	}
	if err != nil {
		return none, fmt.Errorf("--state %s: %w", r.State, err)
	}
	now := later(r.Now, state.LastAt)
	if today := ledger.Day(now); r.Day > today {
		return none, fmt.Errorf("%s is in the future (it is %s now, UTC): nothing was written with its key yet", r.Day, today)
	}
	past, err := r.past()
	if err != nil {
		return none, err
	}
	until, gone := state.PseudonymUntil(r.Day)
	if gone || !now.Before(until) {
		return none, r.tooLate(past, until)
	}
	key, err := ledger.ReadPseudonymKey(keysDir(r.State), r.Day)
	defer clear(key)
	if errors.Is(err, ledger.ErrNoKey) {
		return none, r.tooLate(past, until)
	}
	if err != nil {
		return none, err
	}
	mode, err := r.mode(past)
	if err != nil {
		return none, err
	}
	address, err := scrub.Reveal(mode, key, r.Pseudonym)
	if err != nil {
		return none, err
	}
	if err := leaveReveal(r.State, r.Day, now); err != nil {
		return none, fmt.Errorf("not revealed, since it could not be noted in the ledger: %w", err)
	}
	return address, nil
}

// keyPast is what the ledger tells of a day's key.
type keyPast struct {
	made      bool
	destroyed time.Time    // zero: it is not
	modes     []scrub.Mode // of the batches that were sealed with it
}

func (r RevealRequest) past() (keyPast, error) {
	var p keyPast
	err := ledger.Walk(r.State, func(e *ledger.Event, _ string) error {
		switch {
		case e.Seal != nil:
			name, _, _ := strings.Cut(e.Seal.Scrub, " ")
			name, day, _ := strings.Cut(name, "/")
			if mode, err := scrub.ParseMode(name); day == r.Day && err == nil && !slices.Contains(p.modes, mode) {
				p.modes = append(p.modes, mode)
			}
		case e.Key == nil || e.Key.Use != ledger.UsePseudonyms || e.Key.Day != r.Day:
		case e.Key.Did == ledger.KeyMade:
			p.made = true
		case p.destroyed.IsZero():
			p.destroyed = e.At
		}
		return nil
	})
	var bad *ledger.CorruptionError
	if errors.As(err, &bad) && bad.Torn { // a daemon may be in the middle of a write
		err = nil
	}
	return p, err
}

// mode is the one asked for, or the only one that wrote with the day's key.
func (r RevealRequest) mode(past keyPast) (scrub.Mode, error) {
	switch {
	case r.Mode != nil:
		return *r.Mode, nil
	case len(past.modes) == 0:
		return 0, fmt.Errorf("no batch was sealed with the key of %s yet: no object has its pseudonyms", r.Day)
	case len(past.modes) > 1:
		return 0, ErrManyModes
	}
	return past.modes[0], nil
}

// tooLate says why there is no key to use.
func (r RevealRequest) tooLate(past keyPast, ended time.Time) error {
	const form = "2006-01-02 15:04 UTC"
	switch {
	case !past.destroyed.IsZero():
		return fmt.Errorf("the key of %s was destroyed on %s: nobody can tell any more", r.Day, past.destroyed.UTC().Format(form))
	case !past.made:
		return fmt.Errorf("no key of %s was ever made in %s: nothing of that day was written as pseudonyms here, or only by keys that were never stored (%q in swab-scrub)", r.Day, r.State, noKeyDay)
	}
	if _, err := ledger.ReadPseudonymKey(keysDir(r.State), r.Day); err != nil {
		return fmt.Errorf("the key of %s is missing from %s: nobody can tell any more", r.Day, keysDir(r.State))
	}
	return fmt.Errorf("the time of the key of %s ended on %s, and the next start of swab destroys it: it is not used any more", r.Day, ended.UTC().Format(form))
}

// leaveReveal notes who asks: in the ledger where nobody has it, else in the
// inbox of the daemon that has. A daemon that ends in between leaves the inbox
// to the next start.
func leaveReveal(state, day string, now time.Time) error {
	names, err := scrub.New(scrub.Policy{})
	if err != nil {
		return err
	}
	event := &ledger.Reveal{
		ID: randomHex(16), User: userWord(names, userNameOf()), UID: os.Getuid(),
		Sudo: userWord(names, os.Getenv("SUDO_USER")), Day: day, Asked: now.Unix(),
	}
	// No new segment: root may be the one who asks, and must not leave a file
	// that the daemon cannot write.
	l, err := ledger.Open(state, ledger.Options{Now: func() time.Time { return now }, SegmentSize: math.MaxInt64})
	if errors.Is(err, ledger.ErrLocked) {
		return ledger.LeaveReveal(state, event)
	}
	if err != nil {
		return err
	}
	return errors.Join(l.Append(ledger.Event{Reveal: event}), l.Close())
}

func userNameOf() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// userWord makes a user's name fit for the ledger: it may come from an
// environment that someone else has set.
func userWord(names *scrub.Scrubber, name string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(`_.@\$+-`, r):
			return r
		}
		return '_'
	}, names.String(name))
	return word[:min(len(word), 64)]
}

// takeReveals takes the inbox into the ledger. What is wrong with it ends
// nothing; a broken ledger is found by whoever writes next.
func (d *Daemon) takeReveals() {
	odd, err := d.ledger.TakeReveals(d.cfg.State)
	if odd != nil {
		d.told.say(d.log.Error, "reveals", "STATE/reveals holds what is none of swab's: someone else writes there, or a disk has lost an event", "entries", len(odd), "error", d.clean(errors.Join(odd...)))
	}
	if err != nil {
		d.told.say(d.log.Error, "reveals/ledger", "events of reveal wait in STATE/reveals; it is tried again", "error", d.clean(err))
	}
}
