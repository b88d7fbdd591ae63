package swab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
)

// pseudonymKeys are the days' keys of the classes that write pseudonyms.
type pseudonymKeys struct {
	mu      sync.Mutex // guards all below, and the order of a key's file and its event
	days    *ledger.Pseudonyms
	ratchet *ledger.Ratchet // nil: keys are random
}

// openPseudonyms opens the keys of an earlier run, without what a crash left of
// one in the making.
func (d *Daemon) openPseudonyms(dir string) error {
	err := ledger.SweepKeys(dir)
	if err == nil {
		d.pseudonyms.days, err = ledger.OpenPseudonyms(dir)
	}
	if err == nil {
		d.pseudonyms.ratchet, err = ledger.OpenRatchet(dir)
	}
	return err
}

func (d *Daemon) closePseudonyms() error {
	if d.pseudonyms.ratchet == nil {
		return nil
	}
	return d.pseudonyms.ratchet.Close()
}

// beginPseudonyms brings the ratchet in line with the flags, and then the keys
// with the time: the start event has said which limits hold.
func (d *Daemon) beginPseudonyms() error {
	if err := d.beginRatchet(); err != nil {
		return fmt.Errorf("--key-secret: %w", err)
	}
	return d.keepPseudonyms()
}

// beginRatchet makes, keeps, replaces or destroys the ratchet. A crash between
// its file and its event is told by the next start, which finds one without the
// other.
func (d *Daemon) beginRatchet() error {
	p := &d.pseudonyms
	var known string // for which day it was seeded, as the ledger has it
	d.ledger.View(func(s *ledger.State) { known = s.Ratchet })
	if d.cfg.KeySecret == "" {
		return d.endRatchet(known)
	}
	secret, err := readSecret(d.cfg.KeySecret)
	defer clear(secret)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.ratchet != nil:
	case err != nil:
		return err
	case p.ratchet == nil:
		if p.ratchet, err = ledger.SeedRatchet(keysDir(d.cfg.State), nil, secret, d.firstLivingDay()); err != nil {
			return err
		}
		known = ""
	default:
		same, err := p.ratchet.Of(secret)
		if err != nil {
			return err
		}
		if !same {
			return d.replaceRatchet(secret)
		}
	}
	if known != "" {
		return nil
	}
	return d.noteKey(ledger.UseRatchet, p.ratchet.Day(), ledger.KeySeeded)
}

// endRatchet destroys the ratchet that no flag wants any more: its states would
// give the fleet's keys of days to come.
func (d *Daemon) endRatchet(known string) error {
	if r := d.pseudonyms.ratchet; r != nil {
		if err := r.Destroy(); err != nil {
			return err
		}
		d.pseudonyms.ratchet = nil
	}
	if known == "" {
		return nil
	}
	return d.noteKey(ledger.UseRatchet, known, ledger.KeyDestroyed)
}

// replaceRatchet begins anew with another secret. The event comes first: after a
// crash in between it is written twice, and never not at all.
func (d *Daemon) replaceRatchet(secret []byte) error {
	today := ledger.Day(d.clock.Now())
	d.log.Warn("the file holds another secret than the one this state was seeded with: from today on keys are derived from it, but for those that are there already; what other hosts wrote by the old one, this host cannot undo",
		"flag", "--key-secret", "day", today)
	if err := d.noteKey(ledger.UseRatchet, today, ledger.KeySeededAnew); err != nil {
		return err
	}
	_, err := ledger.SeedRatchet(keysDir(d.cfg.State), d.pseudonyms.ratchet, secret, today)
	return err
}

// readSecret reads the file of --key-secret, to the byte.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := io.ReadAll(io.LimitReader(f, config.MaxKeySecret+1))
	if err == nil && (len(p) < config.MinKeySecret || len(p) > config.MaxKeySecret) {
		err = fmt.Errorf("%s has %d bytes, want %d to %d", path, len(p), config.MinKeySecret, config.MaxKeySecret)
	}
	return p, err
}

// firstLivingDay is the oldest day whose bytes are within the limit.
func (d *Daemon) firstLivingDay() string {
	now := d.clock.Now()
	first := now
	d.ledger.View(func(s *ledger.State) {
		for {
			before := first.AddDate(0, 0, -1)
			if until, gone := s.PseudonymUntil(ledger.Day(before)); gone || !now.Before(until) {
				return
			}
			first = before
		}
	})
	return ledger.Day(first)
}

// keepPseudonyms makes the keys that a fleet's host must have today, and
// destroys those whose time is over. The eraser calls it every second.
func (d *Daemon) keepPseudonyms() error {
	d.pseudonyms.mu.Lock()
	defer d.pseudonyms.mu.Unlock()
	now := d.clock.Now()
	err := errors.Join(d.turnRatchet(now), d.dropPseudonyms(now))
	if err != nil {
		return fmt.Errorf("keys of pseudonyms: %w", err)
	}
	return nil
}

// turnRatchet makes the keys of the days up to today and destroys the states
// that they came from. Crash windows: with the key on the disk and the old
// state in the ratchet, the next turn finds the key, which is the same. Days
// past the limit get no key. d.pseudonyms.mu is held.
func (d *Daemon) turnRatchet(now time.Time) error {
	r := d.pseudonyms.ratchet
	if r == nil {
		return nil
	}
	today := ledger.Day(now)
	for r.Day() <= today {
		var until time.Time
		var gone bool
		d.ledger.View(func(s *ledger.State) { until, gone = s.PseudonymUntil(r.Day()) })
		if !gone && now.Before(until) {
			if _, err := d.makePseudonymKey(r.Day(), r.Key()); err != nil {
				return err
			}
		} else if next := max(d.firstLivingDay(), r.Day()); next > r.Day() {
			if err := r.TurnTo(next); err != nil {
				return err
			}
			continue
		}
		if err := r.Turn(); err != nil {
			return err
		}
	}
	return nil
}

// dropPseudonyms destroys the keys whose time is over: of days in the ledger,
// and of files that a crash left without an event. The key goes first and then
// the event comes, which therefore never says too much; after a crash in between
// the next pass finds the day in the ledger, and no file. d.pseudonyms.mu is
// held.
func (d *Daemon) dropPseudonyms(now time.Time) error {
	days, err := d.pseudonyms.days.Days()
	if err != nil {
		return err
	}
	var over []string
	d.ledger.View(func(s *ledger.State) {
		for _, k := range s.Pseudonyms {
			days = append(days, k.Day)
		}
		slices.Sort(days)
		for _, day := range slices.Compact(days) {
			if until, gone := s.PseudonymUntil(day); gone || !now.Before(until) {
				over = append(over, day)
			}
		}
	})
	for _, day := range over {
		if err := d.pseudonyms.days.Destroy(day); err != nil {
			return err
		}
		d.reached(stepKeyDestroyed)
		if err := d.noteKey(ledger.UsePseudonyms, day, ledger.KeyDestroyed); err != nil {
			return err
		}
	}
	return nil
}

// pseudonymKey returns the key of a day, made if need be, and until when it
// lives; nil where there is none and none may be made any more.
func (d *Daemon) pseudonymKey(day string) (key []byte, until time.Time, err error) {
	d.pseudonyms.mu.Lock()
	defer d.pseudonyms.mu.Unlock()
	now := d.clock.Now()
	var gone bool
	d.ledger.View(func(s *ledger.State) { until, gone = s.PseudonymUntil(day) })
	if gone || !now.Before(until) {
		return nil, until, nil
	}
	if r := d.pseudonyms.ratchet; r != nil {
		if err := d.turnRatchet(now); err != nil {
			return nil, until, err
		}
		key, err = d.pseudonyms.days.Get(day)
	} else {
		key, err = d.makePseudonymKey(day, nil)
	}
	if errors.Is(err, ledger.ErrNoKey) {
		return nil, until, nil
	}
	return key, until, err
}

// makePseudonymKey returns the key of a day; where there is none, it is fresh,
// or random. On the disk first, then in the ledger, then in use: a crash before
// the event leaves a key that nothing was written with, which the next who needs
// it, or the end of its time, enters. What the ledger has and the disk has not is
// ErrNoKey: another key would answer with wrong addresses.
// d.pseudonyms.mu is held.
func (d *Daemon) makePseudonymKey(day string, fresh []byte) ([]byte, error) {
	known := false
	d.ledger.View(func(s *ledger.State) {
		known = slices.ContainsFunc(s.Pseudonyms, func(k ledger.PseudonymKey) bool { return k.Day == day })
	})
	if known {
		key, err := d.pseudonyms.days.Get(day)
		if !errors.Is(err, ledger.ErrNoKey) {
			return key, err
		}
		if fresh == nil {
			d.told.say(d.log.Error, "key/"+day, "a key is missing from STATE/keys: the pseudonyms of its day cannot be undone", "day", day)
			return nil, err
		}
	}
	key, _, err := d.pseudonyms.days.Make(day, fresh)
	if err != nil || known {
		return key, err
	}
	d.reached(stepKeyMade)
	return key, d.noteKey(ledger.UsePseudonyms, day, ledger.KeyMade)
}

func (d *Daemon) noteKey(use, day, did string) error {
	return d.ledger.Append(ledger.Event{Key: &ledger.KeyEvent{Use: use, Day: day, Did: did}})
}

// throwaway is a key that is never stored.
func throwaway() []byte {
	key := make([]byte, scrub.KeySize)
	rand.Read(key)
	return key
}
