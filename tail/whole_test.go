package tail

import (
	"bytes"
	"strings"
	"testing"
)

// wholeTest ends a text before its last run of lines that begin with P.
func wholeTest(text []byte) int {
	end := len(text)
	for at := 0; at < len(text); {
		i := bytes.IndexByte(text[at:], '\n') + 1
		if text[at] == 'P' {
			end = min(end, at)
		} else if text[at] == 'F' {
			end = len(text)
		}
		at += i
	}
	return end
}

func TestARangeEndsWithinNoMessage(t *testing.T) {
	w := newWorld(t)
	w.whole = wholeTest
	w.write("a.log", "Fa\nPb\nPc\n")
	w.sweep()
	w.want(w.sealAll("api"), "Fa\n")
	for range 3 {
		w.sweep()
		w.want(w.sealAll("api"), "")
		if p := w.pending("api"); len(p) != 1 || !p[0].Half || p[0].Bytes != int64(len("Pb\nPc\n")) {
			t.Fatalf("pending: %+v, want half a message", p)
		}
	}
	w.add("a.log", "Fd")
	w.sweep()
	w.want(w.sealAll("api"), "")
	w.add("a.log", "\nFe\nPf\n")
	w.sweep()
	w.want(w.sealAll("api"), "Pb\nPc\nFd\nFe\n")
	w.halves = true
	w.want(w.sealAll("api"), "Pf\n")
	w.want(w.sealed("api"), "Fa\nPb\nPc\nFd\nFe\nPf\n")
	w.proven()
}

func TestAMessageLongerThanTheBudgetIsTakenWhole(t *testing.T) {
	w := newWorld(t)
	w.whole = wholeTest
	w.budget = 1000
	long := strings.Repeat("P"+strings.Repeat("x", 16<<10)+"\n", 40) + "Fy\n"
	w.write("a.log", "Fa\n"+long+"Fb\n")
	w.sweep()
	var ends []string
	for {
		got, ok := w.seal("api")
		if !ok {
			break
		}
		ends = append(ends, got[len(got)-3:])
		if strings.HasSuffix(got, "x\n") {
			t.Errorf("a range of %d bytes ends within a message", len(got))
		}
	}
	w.want(w.sealed("api"), "Fa\n"+long+"Fb\n")
	if len(ends) < 2 {
		t.Errorf("%d ranges: the first line waits for the message", len(ends))
	}
}

func TestAMessageWithoutEndIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.whole = wholeTest
	w.budget = 16 << 20
	w.write("a.log", "Fa\n"+strings.Repeat("P"+strings.Repeat("x", 16<<10)+"\n", 1000))
	w.sweep()
	if got := w.sealAll("api"); len(got) < 12<<20 {
		t.Errorf("%d bytes are taken", len(got))
	}
}

// TestWhatFollowsAMessageThatIsTooLongIsNotKeptWaiting is over a message that
// fits what is looked at, but whose next line does not.
func TestWhatFollowsAMessageThatIsTooLongIsNotKeptWaiting(t *testing.T) {
	w := newWorld(t)
	w.whole = wholeTest
	w.budget = 1000
	text := "Pa\nPb\n" + "P" + strings.Repeat("x", 5<<20) + "\n" + "Fc\n"
	w.write("a.log", text)
	w.sweep()
	w.sealAll("api")
	w.want(w.sealed("api"), text)
}
