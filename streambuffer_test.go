package swab

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// However text comes and is taken, all of it comes out once and in order, in
// whole lines but where a line fills the buffer or is ended; nothing is older
// than the buffer says, and released bytes are not in memory any more.
func TestStreamBufferGivesAllOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rawBuffer{mem: make([]byte, 3*streamRead)}
		now := time.Unix(1e9, 0)
		var in, out []byte
		var came []time.Time // of each byte
		take := func(half bool) {
			budget := rapid.Int64Range(1, int64(len(b.mem))).Draw(t, "budget")
			full := !b.hasRoom()
			text, cut := b.take(budget, half, nil)
			if len(text) > 0 && !cut && text[len(text)-1] != '\n' || cut && text[len(text)-1] == '\n' {
				t.Fatalf("cut is %t, and the text ends with %q", cut, text[len(text)-1])
			}
			if cut && !half && (!full || bytes.IndexByte(text, '\n') >= 0) {
				t.Fatal("a line was cut though more of it may come, or whole lines stood before it")
			}
			if len(text) == 0 && (full || half && b.held > 0) {
				t.Fatal("a buffer that must be emptied gives nothing")
			}
			if b.held > 0 && b.since().After(came[len(out)]) {
				t.Fatalf("the first byte came at %v, the buffer says %v", came[len(out)], b.since())
			}
			out = append(out, text...)
			b.release(len(text), cut)
			if i := bytes.IndexFunc(b.mem[b.held:], func(r rune) bool { return r != 0 }); i >= 0 {
				t.Fatal("released bytes are still in memory")
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "ms")) * time.Millisecond)
			if !b.hasRoom() || rapid.IntRange(0, 2).Draw(t, "take") == 0 {
				take(false)
				continue
			}
			p := []byte(strings.Repeat("x", rapid.IntRange(1, streamRead).Draw(t, "bytes")))
			for range rapid.IntRange(0, 3).Draw(t, "newlines") {
				p[rapid.IntRange(0, len(p)-1).Draw(t, "at")] = '\n'
			}
			b.add(p, now)
			in = append(in, p...)
			for range p {
				came = append(came, now)
			}
		}
		for b.held > 0 {
			take(true)
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("%d bytes in, %d out", len(in), len(out))
		}
	})
}

// A message of a container that is not whole waits, unless it must go.
func TestStreamBufferPartsNoMessage(t *testing.T) {
	const whole, part = "2026-11-23T18:04:00Z stdout F a\n", "2026-11-23T18:04:00Z stdout P b\n"
	l := rawBuffer{mem: make([]byte, 2*streamRead)}
	l.add([]byte(whole+part), time.Unix(1, 0))
	open := func(text []byte) int {
		if i := strings.Index(string(text), part); i >= 0 && !strings.Contains(string(text[i:]), whole) {
			return i
		}
		return len(text)
	}
	if text, cut := l.take(1<<20, false, open); string(text) != whole || cut {
		t.Errorf("took %q, cut %t", text, cut)
	}
	l.release(len(whole), false)
	if text, _ := l.take(1<<20, false, open); len(text) != 0 {
		t.Errorf("took %q of a message that is not whole", text)
	}
	l.add([]byte(whole), time.Unix(2, 0))
	if text, _ := l.take(1, false, open); string(text) != part+whole {
		t.Errorf("took %q, want the whole message though it passes the budget", text)
	}
}
