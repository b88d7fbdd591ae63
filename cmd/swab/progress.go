package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"swab"
)

// terminal tells whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// progressBar shows how far `swab run --once` has come, on a terminal only.
type progressBar struct {
	w     io.Writer
	on    bool
	drawn time.Time
	last  swab.Progress
}

// barEvery is how often the bar is drawn, barWidth its length in characters.
const (
	barEvery = 100 * time.Millisecond
	barWidth = 30
)

func newProgressBar(w io.Writer) *progressBar { return &progressBar{w: w, on: terminal(w)} }

func (b *progressBar) show(p swab.Progress) {
	if p.Done { // what swab says then begins on a line of its own
		b.end()
		return
	}
	b.last = p
	if !b.on || time.Since(b.drawn) < barEvery {
		return
	}
	b.drawn = time.Now()
	b.draw()
}

func (b *progressBar) draw() {
	all := b.last.Read + b.last.Unread
	part := 1.0
	if all > 0 {
		// Reading is half of the way, shipping the other.
		part = float64(b.last.Read+b.last.Shipped) / float64(2*all)
	}
	full := int(part * barWidth)
	fmt.Fprintf(b.w, "\r%s%s %3.0f %%  %.1f MB of %.1f MB read, %d lines shipped ",
		strings.Repeat("█", full), strings.Repeat("·", barWidth-full), part*100,
		float64(b.last.Read)/1e6, float64(all)/1e6, b.last.Lines)
}

// end leaves the bar as it is and goes to the next line.
func (b *progressBar) end() {
	if b.on && !b.drawn.IsZero() {
		b.draw()
		fmt.Fprintln(b.w)
	}
}
