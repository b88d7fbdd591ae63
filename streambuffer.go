package swab

import (
	"bytes"
	"slices"
	"time"
)

// streamBuffer is how many raw bytes of one stream are in memory at most: what
// was read and is not sealed. A batch is due at the half, so that reading goes
// on while it is sealed.
const streamBuffer = 16 << 20

// streamRead is how much is read at once, bytes: what a pipe holds (pipe(7)).
const streamRead = 64 << 10

// rawBuffer holds the raw bytes of a stream from its cursor on. Its memory has
// one size for ever. Its bytes [0, n) that were given out by take stay where
// they are until release; add writes behind them.
type rawBuffer struct {
	mem   []byte
	held  int
	marks []arrival // ascending; the first is that of the first byte held
	// midline: the byte before the first one held was no newline.
	midline bool
}

// arrival says that the bytes from a place on came no earlier.
type arrival struct {
	from int // in mem
	at   time.Time
}

// maxMarks bounds the arrivals of a buffer, and markEvery how close they lie.
const (
	maxMarks  = 256
	markEvery = 50 * time.Millisecond
)

// hasRoom tells whether one more read fits.
func (b *rawBuffer) hasRoom() bool { return len(b.mem)-b.held >= streamRead }

// add appends what was read.
func (b *rawBuffer) add(p []byte, now time.Time) {
	if n := len(b.marks); n == 0 || now.Sub(b.marks[n-1].at) >= markEvery {
		b.marks = append(b.marks, arrival{b.held, now})
	}
	if len(b.marks) > maxMarks { // bytes count as older then, never as younger
		kept := b.marks[:0]
		for i, m := range b.marks {
			if i%2 == 0 {
				kept = append(kept, m)
			}
		}
		b.marks = kept
	}
	b.held += copy(b.mem[b.held:], p)
}

// since is when the first byte held came; zero where none is.
func (b *rawBuffer) since() time.Time {
	if b.held == 0 {
		return time.Time{}
	}
	return b.marks[0].at
}

// open tells whether what is held ends in the middle of a line.
func (b *rawBuffer) open() bool { return b.held > 0 && b.mem[b.held-1] != '\n' }

// take gives the text of the next batch: whole lines, about budget bytes, the
// last of which is the one that passes it. whole is as [tail.TakeOptions] has
// it. A line that no end will come of (half), or that fills the buffer, is
// given as far as it goes; then cut is true. The text is empty where all that
// is held must wait. It stays valid until release.
func (b *rawBuffer) take(budget int64, half bool, whole func([]byte) int) (text []byte, cut bool) {
	all := b.mem[:b.held]
	must := half || !b.hasRoom()
	end := bytes.LastIndexByte(all[:min(int64(b.held), budget)], '\n') + 1
	if end == 0 {
		end = bytes.IndexByte(all, '\n') + 1
	}
	if half && int64(b.held) <= budget {
		end = 0
	}
	if end > 0 {
		if k := wholeText(all[:end], whole); k > 0 {
			return all[:k], false
		}
		if k := wholeText(all[:bytes.LastIndexByte(all, '\n')+1], whole); k > end {
			return all[:k], false // the message ends behind the budget
		}
		if must { // a message of a container that is longer than all
			return all[:end], false
		}
		return nil, false
	}
	if must {
		return all, b.open()
	}
	return nil, false
}

// messageSpan is how far back a message that is not whole is looked for, bytes.
const messageSpan = 1 << 20

// wholeText gives how much of a text of whole lines does not end within a
// message of several.
func wholeText(text []byte, whole func([]byte) int) int {
	if whole == nil {
		return len(text)
	}
	from := 0
	if len(text) > messageSpan {
		from = len(text) - messageSpan
		from += bytes.IndexByte(text[from:], '\n') + 1
	}
	return from + whole(text[from:])
}

// release forgets the first n bytes, which are sealed. cut is as take gave it;
// line tells that the next byte goes on with the line that was cut.
func (b *rawBuffer) release(n int, line bool) {
	b.midline = line
	rest := copy(b.mem, b.mem[n:b.held])
	clear(b.mem[rest:b.held])
	b.held = rest
	var marks []arrival
	for i, m := range b.marks {
		if i+1 < len(b.marks) && b.marks[i+1].from <= n {
			continue
		}
		marks = append(marks, arrival{max(0, m.from-n), m.at})
	}
	if rest == 0 {
		marks = nil
	}
	b.marks = slices.Clip(marks)
}
