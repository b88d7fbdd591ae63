package main

import (
	"bytes"
	"slices"
)

// Half a line that is at its limit is shipped as it is, and what completes it
// later as another line: the limit goes before the line. A clock that was wrong
// makes half a line look that old (docs/reliability.md). The store then has two
// lines that no sum holds for, and this finds that they are one: nothing is
// missing but the word at the cut, or the rest behind it, blanked.

// maxOdd bounds how many lines are kept that no sum holds for.
const maxOdd = 256

// redacted is what swab puts for what it cannot tell.
const redacted = "[redacted]"

// settleCuts looks for the two parts of each line of t that is missing.
func (c *counter) settleCuts(t *tally) {
	maker, tries := newLineMaker(c.seed, t.account.Writer), 0
	for n := range t.missing() {
		if tries++; tries > maxOdd {
			return
		}
		if c.takeParts(maker, t.account.Files, n) {
			t.seen[n/64] |= 1 << (n % 64)
			c.Cut++
			c.Changed -= 2
		}
	}
}

// takeParts takes two of the odd lines that are line n together, the first
// before the second.
func (c *counter) takeParts(maker *lineMaker, files, n uint64) bool {
	for f := range files + 1 {
		clean := maker.stored(f, n)
		for i, first := range c.odd {
			head, ok := headOf(clean, first)
			if !ok {
				continue
			}
			for j := i + 1; j < len(c.odd); j++ {
				if tail, ok := tailOf(clean, c.odd[j]); ok && head+tail <= len(clean) {
					c.odd = slices.Delete(slices.Delete(c.odd, j, j+1), i, i+1)
					return true
				}
			}
		}
	}
	return false
}

// headOf tells whether part begins a line, and how much of it, bytes: up to the
// last space, behind which the word is cut.
func headOf(clean, part []byte) (n int, ok bool) {
	if at := bytes.LastIndexByte(part, ' ') + 1; at > 0 {
		return at, bytes.HasPrefix(clean, part[:at])
	}
	return len(part), bytes.HasPrefix(clean, part)
}

// tailOf tells whether part ends a line, and how much of it, bytes: from the
// first space on.
func tailOf(clean, part []byte) (n int, ok bool) {
	if at := bytes.IndexByte(part, ' '); at >= 0 {
		return len(part) - at, bytes.HasSuffix(clean, part[at:])
	}
	if string(part) == redacted {
		return 0, true
	}
	return len(part), bytes.HasSuffix(clean, part)
}
