package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math/bits"
)

// verdict is what a counter found, in lines.
type verdict struct {
	Shipped    uint64 // of the store, all
	Duplicated uint64 // the same line once more
	Lost       uint64
	Excused    uint64 // not there, and by the writer's own account nobody's but its rotation's
	Leaked     uint64 // with an unscrubbed address
	Changed    uint64 // whose checksum does not hold
	Foreign    uint64 // that no writer wrote, or that stand in another class
	Disordered uint64 // after a later line of the same file
	Cut        uint64 // that are there in two parts, cut by the limit when a clock was wrong
	Torn       uint64 // halves that a rotation cut, by the writer's account
	// Examples name what is wrong, a few of each kind, without their content.
	Examples []string
}

func (v verdict) bad() bool {
	return v.Duplicated+v.Lost+v.Leaked+v.Changed+v.Foreign+v.Disordered > 0
}

// maxExamples bounds how many lines of each kind are named.
const maxExamples = 5

// counter reads the lines of one class in the order of the store. Its memory is
// a bit for each line written and some bytes for each file.
type counter struct {
	verdict
	writers map[int]*tally
	table   *crc32.Table
	object  string // the key that is being read
	named   map[string]int
	seed    uint64   // of the lines
	mayCut  bool     // clocks were wrong
	odd     [][]byte // lines that no sum holds for, if so
	lines   *bufio.Reader
}

// tally is what was seen of one writer.
type tally struct {
	account account
	seen    []uint64          // a bit a line
	last    map[uint64]uint64 // content of a file → 1 + the last line seen of it
}

// newCounter makes a counter for the writers of a class, whose lines are those
// of seed. mayCut tells that clocks were wrong.
func newCounter(accounts []account, seed uint64, mayCut bool) *counter {
	c := &counter{writers: map[int]*tally{}, table: crc32.MakeTable(crc32.Castagnoli), named: map[string]int{},
		seed: seed, mayCut: mayCut, lines: bufio.NewReaderSize(nil, 2*maxLine)}
	for _, a := range accounts {
		c.writers[a.Writer] = &tally{account: a, seen: make([]uint64, (a.Lines+63)/64), last: map[uint64]uint64{}}
	}
	return c
}

func (c *counter) example(kind, format string, args ...any) {
	if c.named[kind]++; c.named[kind] <= maxExamples {
		c.Examples = append(c.Examples, kind+": "+fmt.Sprintf(format, args...)+" in "+c.object)
	}
}

// read counts the lines of one object.
func (c *counter) read(object string, r io.Reader) error {
	c.object = object
	c.lines.Reset(r)
	for {
		line, err := c.lines.ReadSlice('\n')
		if len(line) > 0 {
			c.line(line)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull): // no writer makes such a line
			continue
		case err != nil:
			return err
		}
	}
}

func (c *counter) line(line []byte) {
	c.Shipped++
	if leaks(line) {
		c.Leaked++
		c.example("leaked", "line %d of the class", c.Shipped)
	}
	end := len(line) - 1
	if line[end] != '\n' {
		end = len(line) // the last of an object: half a line
	}
	h, whole, err := parseLine(line[:end], c.table)
	if err != nil || !whole {
		c.Changed++
		c.example("changed", "writer %d line %d, %d bytes", h.writer, h.n, len(line))
		if c.mayCut && len(c.odd) < maxOdd {
			c.odd = append(c.odd, bytes.Clone(line[:end]))
		}
		return
	}
	t := c.writers[h.writer]
	if t == nil || h.n >= t.account.Lines {
		c.Foreign++
		c.example("foreign", "writer %d line %d", h.writer, h.n)
		return
	}
	word, bit := h.n/64, uint64(1)<<(h.n%64)
	if t.seen[word]&bit != 0 {
		c.Duplicated++
		c.example("duplicated", "writer %d file %d line %d", h.writer, h.file, h.n)
		return
	}
	t.seen[word] |= bit
	content := t.account.order(h.file, h.n)
	if last := t.last[content]; h.n < last {
		c.Disordered++
		c.example("disordered", "writer %d file %d line %d after line %d", h.writer, h.file, h.n, last-1)
		return
	}
	t.last[content] = h.n + 1
}

// finish settles what is missing: in a gap that the writer's account leaves to
// its own rotation, in two parts, or lost.
func (c *counter) finish() verdict {
	c.object = "no object"
	var halves uint64
	for _, t := range c.writers {
		for _, g := range t.account.Gaps {
			halves += g.Torn
			for n := g.From; n < min(g.To, t.account.Lines); n++ {
				if t.seen[n/64]&(1<<(n%64)) == 0 {
					t.seen[n/64] |= 1 << (n % 64)
					c.Excused++
				}
			}
		}
		if len(c.odd) > 0 {
			c.settleCuts(t)
		}
		for n := range t.missing() {
			c.Lost++
			c.example("lost", "writer %d line %d", t.account.Writer, n)
		}
	}
	// What is left of the odd lines may be halves that a rotation left.
	c.Torn = min(halves, c.Changed)
	c.Changed -= c.Torn
	return c.verdict
}

// missing are the lines that were not seen, in order. One that is marked as seen
// meanwhile is no obstacle.
func (t *tally) missing() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i, word := range t.seen {
			left := ^word
			if rest := t.account.Lines - uint64(i)*64; rest < 64 {
				left &= 1<<rest - 1
			}
			for ; left != 0; left &= left - 1 {
				if !yield(uint64(i)*64 + uint64(bits.TrailingZeros64(left))) {
					return
				}
			}
		}
	}
}

// add sums verdicts of several classes.
func (v *verdict) add(w verdict) {
	v.Shipped += w.Shipped
	v.Duplicated += w.Duplicated
	v.Lost += w.Lost
	v.Excused += w.Excused
	v.Leaked += w.Leaked
	v.Changed += w.Changed
	v.Foreign += w.Foreign
	v.Disordered += w.Disordered
	v.Cut += w.Cut
	v.Torn += w.Torn
	v.Examples = append(v.Examples, w.Examples...)
}
