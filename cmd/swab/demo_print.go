package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"swab/ship"
)

// demoPrinter prints the demo in aligned columns no wider than the terminal.
// It is the one place where swab prints lines of logs: the demo made them up
// itself.
type demoPrinter struct {
	w      io.Writer
	width  int  // characters
	colour bool // only on a terminal, and never the only sign
	err    error
}

const (
	plainWidth = 120 // where the output is no terminal
	leastWidth = 60
	rowIndent  = 24 // of the third column
)

func newDemoPrinter(w io.Writer) *demoPrinter {
	p := &demoPrinter{w: w, width: plainWidth}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		p.width = n
	}
	if terminal(w) {
		p.colour = os.Getenv("NO_COLOR") == "" // no-color.org
		if f, ok := w.(*os.File); ok {
			if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
				p.width = int(size.Col)
			}
		}
	}
	p.width = max(p.width, leastWidth)
	return p
}

// line prints a line. The first error stays in p.err, and nothing is printed
// after it.
func (p *demoPrinter) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// row prints a row of the three columns.
func (p *demoPrinter) row(name, label, text string) {
	p.line("  %s %s %s", p.paint(sgrBold, pad(name, 11)), p.paint(sgrDim, pad(label, 9)), text)
}

// logRow prints a row with a log line, cut to fit, and paints its marks.
func (p *demoPrinter) logRow(name, label, text string, from int, marks []string, sgr string) {
	text = excerpt(text, from, p.width-rowIndent)
	marks = slices.Compact(slices.Sorted(slices.Values(marks)))
	for _, mark := range marks {
		text = strings.ReplaceAll(text, mark, p.paint(sgr, mark))
	}
	p.row(name, label, text)
}

func (p *demoPrinter) paint(sgr, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

// excerptStart is where an excerpt of a line of that width begins so that the
// line's marks can be seen, or at least the first of them: at its begin, if
// that shows them.
func excerptStart(line string, marks []string, width int) int {
	if len(marks) == 0 {
		return 0
	}
	at, end := len(line), 0
	for _, mark := range marks {
		i := strings.Index(line, mark)
		at, end = min(at, i), max(end, i+len(mark))
	}
	switch {
	case end < width:
		return 0
	case end-at+2 < width: // all of them, between two …
		return end - width + 2
	case at+len(marks[0]) < width:
		return 0
	}
	return max(0, min(at-width/3, len(line)-width+1))
}

// excerpt is so much of a line as fits into width, from byte from on, with …
// where something was left out. The demo's lines are ASCII.
func excerpt(line string, from, width int) string {
	if from > 0 {
		line = "…" + line[min(from, len(line)):]
	}
	if r := []rune(line); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return line
}

// shortKey is an object's key without what differs from host to host.
func shortKey(k ship.KeyParts) string {
	return fmt.Sprintf("class=%s/dt=%s/hour=%02d/…-%012d-…%s", k.Class, k.Hour.Format("2006-01-02"), k.Hour.Hour(), k.Number, k.Ext)
}
