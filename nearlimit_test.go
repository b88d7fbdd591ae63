package swab

import (
	"strings"
	"testing"
	"time"

	"swab/status"
)

// From four fifths of the limit on, what is unsealed is sealed first, with the
// spool's reserve, and whoever looks is warned: in the messages, on the page and
// by the metrics. Expiring comes last, and is an error with counts.
func TestNearTheLimitIsWarnedOfAndSealedFirst(t *testing.T) {
	s := turnedFor(t)
	s.add("a.log", noises("F", 0, 1))
	s.start("--log", "api="+s.logs+"/*", "--batch-size", "512B", "--spool-limit", "8KiB")
	s.turn()
	s.pass(2 * time.Minute)
	s.turn()
	s.store.down = true
	path := s.add("a.log", noises("A", 0, overfull))
	s.turn()
	const warning = "level=WARN msg=\"raw bytes are near their limit and cannot be sealed"
	class := func() status.Class { return s.d.Snapshot().Classes[0] }
	at := func(age time.Duration) (status.Class, int64) {
		s.pass(age - s.store.at().Sub(noon.Add(2*time.Minute)))
		s.turn()
		s.pass(2 * time.Minute)
		s.turn()
		return class(), s.d.spool.Used()
	}
	const limit = 8 << 10
	c, used := at(week/5*4 - time.Hour)
	if c.NearUnsealed != 0 || c.NearSealed != 0 || used > limit+512 || strings.Contains(s.said.String(), warning) {
		t.Errorf("before four fifths of the limit: %d and %d bytes near it, %d in the spool", c.NearUnsealed, c.NearSealed, used)
	}
	c, used = at(week / 5 * 4)
	if c.NearUnsealed != c.Backlog || c.NearUnsealed == 0 || c.NearSealed != c.Account.SealedBytes {
		t.Errorf("at four fifths: %d bytes unsealed and %d sealed are near the limit; unread %d, sealed %d", c.NearUnsealed, c.NearSealed, c.Backlog, c.Account.SealedBytes)
	}
	if used < limit+limit/8 || used > limit+limit/8+256 { // a line passes it
		t.Errorf("%d bytes in the spool: its reserve of an eighth of %d is not used, or passed by more than a line", used, limit)
	}
	if !strings.Contains(s.said.String(), warning) {
		t.Error("no message warns of it")
	}
	var said []string
	for _, p := range s.d.Snapshot().AllProblems() {
		said = append(said, p.What)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "could not be sealed yet and are past four fifths of the limit") {
		t.Errorf("the page does not warn:\n%s", text)
	}
	if c.Account.Expired > 0 {
		t.Errorf("%d bytes expired before the limit", c.Account.Expired)
	}
	left := int64(len(s.raw(path))) - c.Account.SealedBytes
	c, _ = at(week)
	if c.Account.Expired != left || s.raw(path) != "" || c.NearUnsealed+c.NearSealed != 0 {
		t.Errorf("at the limit: %d bytes expired, want %d; near it %d and %d", c.Account.Expired, left, c.NearUnsealed, c.NearSealed)
	}
	if !strings.Contains(s.said.String(), "level=ERROR msg=\"bytes reached their limit and could not be sealed; they are lost\" class=api file=") {
		t.Error("the loss is no error with counts")
	}
	s.store.down = false
	s.pass(time.Hour)
	s.turn()
	s.hold()
	s.check()
}
