package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"swab/ledger"
	"swab/units"
)

const traceUsage = `swab ledger trace [--state DIR] FILE|OBJECT
  tells what became of each byte of a file or of an object. It changes nothing.
  FILE is a path or its end (api/access.log), or a number as in swab ledger show (#12), for
  files that are gone. OBJECT is a key, an address that ends with one, or its last part, or a
  batch (api/42).
`

// ledgerTrace is `swab ledger trace`.
func ledgerTrace(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := flagSet("swab ledger trace")
	dir := stateFlag(fs)
	if helped, err := parse(fs, args, traceUsage, 1, 1, stdout); helped || err != nil {
		return err
	}
	paths, err := ledger.OpenPaths(*dir)
	if err != nil {
		return err
	}
	places := paths.All()
	query, err := traceQuery(*dir, fs.Arg(0), places)
	if err != nil {
		return err
	}
	trace := ledger.NewTrace(query)
	if err := walkLedger(*dir, stderr, func(e *ledger.Event, _ string) error {
		trace.Add(e)
		return nil
	}); err != nil {
		return err
	}
	found := trace.Files()
	if len(found) == 0 {
		return fmt.Errorf("the ledger in %s knows no file or object %s. Files that are gone go by number: swab ledger show --kind open", shown(*dir), shown(fs.Arg(0)))
	}
	w := bufio.NewWriter(stdout)
	for _, f := range found {
		name := fmt.Sprintf("#%d", f.File)
		if place, ok := places[f.File]; ok {
			name = shown(place.Path()) + "  " + name
		}
		printTrace(w, name, f, len(query.Files) > 0)
	}
	return w.Flush()
}

// traceQuery finds out what arg means: files by path or number, with the
// generations before them, or an object.
func traceQuery(dir, arg string, places map[uint64]ledger.Place) (ledger.Query, error) {
	q := ledger.Query{Keys: []string{arg}}
	var id ledger.BatchID
	if id.UnmarshalText([]byte(arg)) == nil {
		q.Batches = append(q.Batches, id)
	}
	number, numbered := strings.CutPrefix(arg, "#")
	if n, err := strconv.ParseUint(number, 10, 64); numbered && err == nil {
		q.Files = append(q.Files, n)
		return q, nil
	}
	whole, err := filepath.Abs(arg)
	if err != nil {
		return q, err
	}
	end := string(filepath.Separator) + strings.TrimPrefix(filepath.Clean(arg), string(filepath.Separator))
	for n, place := range places {
		if path := place.Path(); path == arg || path == whole || !filepath.IsAbs(arg) && strings.HasSuffix(path, end) {
			q.Files = append(q.Files, n)
		}
	}
	if len(q.Files) == 0 {
		return q, nil
	}
	before := map[uint64]uint64{}
	err = walkLedger(dir, io.Discard, func(e *ledger.Event, _ string) error {
		if e.Open != nil && e.Open.After > 0 {
			before[e.Open.File] = e.Open.After
		}
		return nil
	})
	wanted := map[uint64]bool{}
	for _, n := range q.Files {
		for n > 0 && !wanted[n] {
			wanted[n] = true
			n = before[n]
		}
	}
	q.Files = slices.Sorted(maps.Keys(wanted))
	return q, err
}

// printTrace prints a file's history; whole tells that all of the file was
// asked for, not an object's part of it.
func printTrace(w io.Writer, name string, f *ledger.FileTrace, whole bool) {
	if f.Stream != "" {
		name += ", " + streamWords(f.Stream)
	}
	fmt.Fprintf(w, "%s, class %s, first seen %s", name, f.Class, stamp(f.Opened))
	if f.After > 0 {
		fmt.Fprintf(w, ", after #%d", f.After)
	}
	if f.CopyOf > 0 {
		fmt.Fprintf(w, ", a copy of #%d", f.CopyOf)
	}
	fmt.Fprintln(w)
	var rows [][]string
	end := int64(0)
	for _, r := range f.Ranges {
		rows = append(rows, rangeRow(r, f))
		end = max(end, r.To)
	}
	if whole && f.Closed.IsZero() && f.Size > end {
		rows = append(rows, []string{"bytes " + rangeWords(end, f.Size), "not sealed yet"})
	}
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for i, row := range rows {
		line := "  "
		for j, cell := range row {
			line += "  " + cell + strings.Repeat(" ", max(0, widths[j]-len([]rune(cell))))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		if i < len(f.Ranges) && f.Ranges[i].Key != "" && (i == 0 || f.Ranges[i-1].Key != f.Ranges[i].Key) {
			fmt.Fprintf(w, "        in %s\n", shown(f.Ranges[i].Key))
		}
	}
	switch f.Why {
	case "":
	case "unlinked":
		fmt.Fprintf(w, "    removed by swab %s: all of it was overwritten\n", stamp(f.Closed))
	case "gone":
		fmt.Fprintf(w, "    removed by someone else %s\n", stamp(f.Closed))
	case ledger.StreamEnded:
		fmt.Fprintf(w, "    the input ended %s\n", stamp(f.Closed))
	default:
		fmt.Fprintf(w, "    ended %s: %s\n", stamp(f.Closed), f.Why)
	}
}

// streamWords names a kind of stream.
func streamWords(kind string) string {
	if kind == ledger.StreamStdin {
		return "standard input"
	}
	return "a named pipe"
}

// rangeRow is one range's history in columns.
func rangeRow(r *ledger.RangeTrace, f *ledger.FileTrace) []string {
	row := []string{"bytes " + rangeWords(r.From, r.To)}
	if r.Lost {
		return append(row, fmt.Sprintf("lost %s, before they were sealed (%s)", stamp(r.At), r.Why))
	}
	if r.In > 0 && r.Batch.Class == "" {
		return append(row, fmt.Sprintf("read in its copy #%d since %s", r.In, stamp(r.At)))
	}
	if r.In > 0 {
		row = append(row, fmt.Sprintf("read in #%d, of which it is a copy, by %s", r.In, stamp(r.At)))
	} else if r.Batch.Class == ledger.ExpireClass {
		row = append(row, fmt.Sprintf("expired %s, never sealed: a loss (%s)", stamp(r.At), r.Why))
	} else {
		row = append(row, "read and sealed "+stamp(r.At)+" #"+strconv.FormatUint(r.Batch.Number, 10))
		shipped := "not shipped yet"
		if !r.Shipped.IsZero() {
			words := verifiedWords(r.How, r.Verified)
			shipped = "shipped " + stamp(r.Shipped)
			if i := strings.IndexByte(words, '('); i >= 0 && r.Verified != "" {
				shipped += " " + words[i:]
			}
		}
		row = append(row, shipped)
	}
	return append(row, erasedWords(r, f))
}

// erasedWords says what became of the raw bytes.
func erasedWords(r *ledger.RangeTrace, f *ledger.FileTrace) string {
	switch {
	case f.Stream != "":
		return "never on a disk"
	case r.Hole:
		return "a hole: nobody wrote there"
	case !r.Erased.IsZero():
		how := []string{"synced"}
		switch r.Fill {
		case "zero":
			how = []string{"zeros, synced"}
		case "blank":
			how = []string{"spaces, synced"}
		}
		switch r.Reason {
		case ledger.ReasonLimit, ledger.ReasonLimitSealed, ledger.ReasonExpire:
			how = append(how, "at its limit")
		case ledger.ReasonNameless:
			how = append(how, "its file was removed by someone else")
		}
		if r.Removed > 0 {
			how = append(how, units.Size(r.Removed)+" were gone before")
		}
		return "overwritten " + stamp(r.Erased) + " (" + strings.Join(how, "; ") + ")"
	case !f.Closed.IsZero():
		return "raw bytes removed by someone else by " + stamp(f.Closed)
	case !r.Intent.IsZero():
		return "being overwritten since " + stamp(r.Intent)
	}
	return "raw bytes still there"
}
