package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"swab/ledger"
)

// refuse notes why a path is not taken, once per reason. s.changing is held.
func (s *Set) refuse(path string, err error) {
	why := reason(err)
	s.mu.Lock()
	known := s.refused[path] == why
	s.refused[path] = why
	s.mu.Unlock()
	if s.sweep.refused != nil {
		s.sweep.refused[path] = true
	}
	if known {
		return
	}
	name, since, raw := s.opts.Name(path), int64(0), "none"
	if made, regular := rawSince(path); made != 0 {
		since, raw = made, time.Unix(made, 0).UTC().Format(time.RFC3339)
	} else if regular {
		raw = "unknown"
	}
	s.opts.Warn("log not taken: neither shipped nor erased", "file", name, "why", why, "raw_bytes_since", raw)
	s.sweep.events = append(s.sweep.events, ledger.Event{Refused: &ledger.Refused{Name: name, Why: why, Since: since}})
}

// writeRefusals writes the refusals down, with one sync for all of them. That
// one is not in the ledger is no loss of bytes; the next append tells of a
// broken ledger.
func (s *Set) writeRefusals() {
	_ = s.ledger.Append(s.sweep.events...)
	s.sweep.events = nil
}

// endRefusals forgets the paths that this sweep did not refuse any more.
func (s *Set) endRefusals() {
	s.writeRefusals()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.refused, func(path, _ string) bool { return !s.sweep.refused[path] })
}

// reason is an error without the path that it may hold.
func reason(err error) string {
	var refused *RefusedError
	var perr *fs.PathError
	switch {
	case errors.As(err, &refused):
		return refused.Why
	case errors.As(err, &perr):
		return perr.Err.Error()
	}
	return err.Error()
}

// pathless takes the path out of an error: it may hold an address.
func pathless(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return fmt.Errorf("%s: %w", perr.Op, perr.Err)
	}
	return err
}

// Refused returns what is not taken, by true path, with the reason.
func (s *Set) Refused() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.refused)
}

// Refuse gives an open file up: it turned out not to be what is taken.
func (s *Set) Refuse(f *File, err *RefusedError) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	s.sweep = sweep{}
	s.refuse(f.place.Path(), err)
	s.writeRefusals()
	s.drop(f.num)
	return f.release()
}

// trouble tells once that a file cannot be looked at, and over that it can.
// The others go on without it. f.mu is held.
func (f *File) trouble(err error) {
	why := reason(err)
	if f.wrong == why || errors.Is(err, errElsewhere) { // the next sweep knows where it is
		return
	}
	f.wrong = why
	f.set.opts.Warn("log cannot be read", "file", f.set.opts.Name(f.place.Path()), "why", why)
}
