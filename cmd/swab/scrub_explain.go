package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"swab/scrub"
	"swab/units"
)

// tuning is what `swab scrub` tells people who tune it on their own logs.
type tuning struct {
	explain, stats, sample *bool
}

// maxSampled bounds the files of one --sample.
const maxSampled = 1000

func tuningFlags(fs *pflag.FlagSet) tuning {
	return tuning{
		explain: fs.Bool("explain", false, "tell on standard error what was found where, by which rule, and what it became"),
		stats:   fs.Bool("stats", false, "count on standard error what was found, by form and field"),
		sample:  fs.Bool("sample", false, "read the FILEs (- is standard input) and print a table of what would be found, by place"),
	}
}

// check holds the flags to the words that are left.
func (t tuning) check(files []string) error {
	switch {
	case *t.sample && (*t.explain || *t.stats):
		return usageError("--sample prints a table of its own. Leave out --explain and --stats")
	case *t.sample && len(files) == 0:
		return usageError("--sample needs a FILE, or - for standard input")
	case !*t.sample && len(files) > 0:
		return usageError(fmt.Sprintf("swab scrub: %q is one word too many. It reads standard input: swab scrub < FILE; --sample takes files", files[0]))
	}
	return nil
}

// watch has w tell what it finds, where a flag asks for that.
func (t tuning) watch(w *scrub.Writer, stderr io.Writer) *watcher {
	if !*t.explain && !*t.stats {
		return nil
	}
	x := &watcher{out: bufio.NewWriter(stderr), line: 1, began: time.Now(), colour: terminal(stderr) && os.Getenv("NO_COLOR") == ""}
	x.explain, x.stats = *t.explain, *t.stats
	if x.stats {
		x.tally = findings{}
	}
	w.Watch(x.found)
	return x
}

// watcher tells what a [scrub.Writer] finds. It holds the findings of one Write,
// and of the line that is not complete.
type watcher struct {
	out            *bufio.Writer
	explain, stats bool
	colour         bool
	headed         bool
	tally          findings
	began          time.Time

	pending   []scrub.Finding
	read      int64 // bytes given to the Writer
	line      int64 // the number of the line that read lies in
	lineStart int64 // where that line begins
}

// maxPending is how many findings of one line wait to be sorted.
const maxPending = 4096

func (x *watcher) found(f scrub.Finding) {
	if x.stats {
		x.tally.add("", f)
	}
	if x.explain {
		f.Became = bytes.Clone(f.Became)
		x.pending = append(x.pending, f)
	}
}

// wrote tells what was found in a piece that was written, and in what waited for
// it. It may be called on a nil watcher.
func (x *watcher) wrote(piece []byte) error {
	if x == nil {
		return nil
	}
	whole := x.read
	if i := bytes.LastIndexByte(piece, '\n'); i >= 0 {
		whole += int64(i) + 1
	}
	return x.tell(piece, whole)
}

// end tells the rest, and the counts.
func (x *watcher) end() error {
	if x == nil {
		return nil
	}
	if err := x.tell(nil, x.read+1); err != nil {
		return err
	}
	lines := x.line
	if x.lineStart == x.read {
		lines--
	}
	if x.explain && !x.headed {
		fmt.Fprintf(x.out, "nothing found in %s\n", saidLines(lines))
	}
	if x.stats {
		if x.headed {
			fmt.Fprintln(x.out)
		}
		x.tally.print(x.out, tallyRows)
		fmt.Fprintf(x.out, "%s, %s in %s\n", saidLines(lines), units.Size(x.read), saidRate(x.read, time.Since(x.began)))
	}
	return x.flush()
}

// saidRate is a time, and how fast so many bytes went by in it, waiting
// included, where it is long enough to tell.
func saidRate(n int64, took time.Duration) string {
	if took < 50*time.Millisecond {
		return "less than 0.1 s"
	}
	return fmt.Sprintf("%.1f s: %.0f MB/s", took.Seconds(), float64(n)/1e6/took.Seconds())
}

func (x *watcher) flush() error {
	if err := x.out.Flush(); err != nil {
		return fmt.Errorf("standard error: %w", err)
	}
	return nil
}

// tell prints the findings before the offset whole, sorted; those behind wait for
// the end of their line, unless they are too many.
func (x *watcher) tell(piece []byte, whole int64) error {
	slices.SortStableFunc(x.pending, func(a, b scrub.Finding) int { return cmp.Compare(a.From, b.From) })
	base, n := x.read, 0
	for n < len(x.pending) && (x.pending[n].From < whole || len(x.pending)-n > maxPending) {
		f := x.pending[n]
		if f.From > x.read {
			x.count(piece[x.read-base : f.From-base])
		}
		x.row(f)
		n++
	}
	x.pending = slices.Delete(x.pending, 0, n)
	x.count(piece[x.read-base:])
	return x.flush()
}

// count goes on in the text, line by line.
func (x *watcher) count(text []byte) {
	if n := bytes.Count(text, []byte{'\n'}); n > 0 {
		x.line += int64(n)
		x.lineStart = x.read + int64(bytes.LastIndexByte(text, '\n')) + 1
	}
	x.read += int64(len(text))
}

// Widths of the columns of --explain, in characters; what is wider moves the
// rest of its row.
const (
	lineWidth, placeWidth, formWidth = 8, 11, 26
)

// row prints one finding. Columns count bytes, from 1, both ends included.
func (x *watcher) row(f scrub.Finding) {
	if !x.headed {
		x.headed = true
		fmt.Fprintf(x.out, "%*s  %-*s  %-*s  BECAME\n", lineWidth, "LINE", placeWidth, "COLUMNS", formWidth, "FOUND")
	}
	place := fmt.Sprintf("%d-%d", f.From-x.lineStart+1, f.To-x.lineStart)
	became := shown(string(f.Became))
	if f.Fate != scrub.Changed {
		became = "kept: " + whyKept(f.Fate)
		if f.Rule != "" && f.Form != scrub.FieldAddress {
			became += " " + f.Rule
		}
	}
	row := fmt.Sprintf("%*s  %-*s  %-*s  %s", lineWidth, units.Count(x.line), placeWidth, place, formWidth, what(f), became)
	if x.colour && f.Fate != scrub.Changed {
		row = "\x1b[2m" + row + "\x1b[0m"
	}
	fmt.Fprintln(x.out, row)
}
