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
	if now := s.d.spool.Used(); now <= full || now > limit+limit/8+1024 {
		t.Errorf("near the limit: %d bytes in the spool, want more than %d and at most an eighth over its limit", now, full)
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
