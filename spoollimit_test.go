package swab

import (
	"strings"
	"testing"
	"time"
)

// Invariant 8, of --spool-limit: with the store down reading stops there, and
// what is unread stays raw; what comes near its limit is sealed with the reserve,
// and nothing else; when the store is back in time all is there once.
func TestInvariant8TheSpoolLimitHoldsReadingUpAndAllGoesOn(t *testing.T) {
	const limit, lines = 8 << 10, 120
	s := turnedFor(t)
	s.add("a.log", noises("F", 0, 1))
	s.start("--log", "api="+s.logs+"/*", "--batch-size", "512B", "--spool-limit", "8KiB")
	s.turn()
	s.pass(2 * time.Minute)
	s.turn()
	s.store.down = true
	text := noises("A", 0, lines)
	path := s.add("a.log", text)
	s.pass(2 * time.Minute)
	s.turn()
	full := s.d.spool.Used()
	if full < limit || full > limit+512 {
		t.Fatalf("%d bytes in the spool, want its limit of %d", full, limit)
	}
	if !strings.HasSuffix(s.raw(path), text) {
		t.Error("raw bytes are gone with the store down")
	}
	s.pass(24 * time.Hour)
	s.turn()
	if now := s.d.spool.Used(); now != full {
		t.Errorf("reading went on: %d bytes in the spool, and %d a day later", full, now)
	}
	s.pass(week/5*4 - 24*time.Hour)
	s.turn()
	if now := s.d.spool.Used(); now <= full || now > limit+limit/8+256 {
		t.Errorf("near the limit: %d bytes in the spool, want more than %d and at most an eighth and a line over its limit", now, full)
	}
	s.store.down = false
	s.pass(time.Hour)
	s.turn()
	if s.raw(path) != "" || s.d.spool.Used() != 0 {
		t.Errorf("the store is back: %d raw bytes, %d in the spool", len(s.raw(path)), s.d.spool.Used())
	}
	if a := s.counts(); a.Expired+a.Lost != 0 || a.Lines != lines+1 || a.ShippedBytes != a.Written {
		t.Errorf("account: %+v, want all %d lines shipped", a, lines+1)
	}
	s.hold()
	s.check()
}

// Invariant 8, of batches that are larger than the reserve: the spool holds its
// limit and an eighth at the most, and a line of each class, whatever compresses,
// and all of that is used.
func TestInvariant8NoBatchPassesTheReserve(t *testing.T) {
	const limit = 1 << 20
	for name, args := range map[string][]string{
		"zstd": {"--codec", "zstd:1"}, "gzip": {"--codec", "gzip:6"}, "pseudonyms are longer": {"--scrub", "pseudonym=prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			s := turnedFor(t)
			args = append(args, "--batch-size", "1MiB", "--spool-limit", "1MiB", "--log", "api="+s.logs+"/a*", "--class", "more:like=api", "--log", "more="+s.logs+"/m*")
			s.add("a.log", noises("F", 0, 1))
			s.start(args...)
			s.turn()
			s.pass(2 * time.Minute)
			s.turn()
			s.store.down = true
			most := int64(0)
			s.d.at = func(step) { most = max(most, s.d.spool.Used()) }
			const lines = 6000
			for _, file := range []string{"a.log", "m.log"} {
				s.add(file, strings.ReplaceAll(noises(strings.ToUpper(file[:1]), 0, lines), "203.0.113.77", "2001:db8::77 2001::1 2001::2"))
			}
			s.pass(2 * time.Minute)
			s.turn()
			s.pass(week / 5 * 4)
			s.turn()
			if most > limit+limit/8+2*512 || most < limit+limit/8 {
				t.Errorf("%d bytes in the spool, want at most %d, and that the reserve is used", most, limit+limit/8)
			}
			s.store.down = false
			s.pass(time.Hour)
			s.turn()
			if a := s.counts(); a.Expired+a.Lost != 0 || a.Lines != 2*lines+1 || a.ShippedBytes != a.Written {
				t.Errorf("account: %+v, want all lines shipped", a)
			}
			s.hold()
			s.check()
		})
	}
}

// Invariant 5 comes before 8: a line and a whole file that are longer than all of
// the spool cannot be made shorter, and are shipped.
func TestInvariant5WhatIsLargerThanTheSpoolIsShipped(t *testing.T) {
	s := turnedFor(t)
	long := strings.TrimSuffix(strings.ReplaceAll(noises("L", 0, 1000), "\n", " "), " ") + "\n"
	path, whole := s.add("a.log", noise("A", 0)+long+noise("B", 0)), s.add("dump.bin", long)
	s.start("--log", "api="+s.logs+"/a*", "--log", "recording="+s.logs+"/dump*", "--batch-size", "4KiB", "--spool-limit", "8KiB")
	for range 3 {
		s.turn()
		s.pass(2 * time.Minute)
	}
	s.pass(week)
	s.turn()
	if a := s.counts(); a.Expired+a.Lost+a.Unread != 0 || a.ShippedBytes != a.Written || s.raw(path)+s.raw(whole) != "" {
		t.Errorf("account: %+v", a)
	}
	s.hold()
	s.check()
}
