package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"swab/ledger"
	"swab/units"
)

// proofRows is how many ranges of the traced file are printed.
const proofRows = 4

// proof lets the ledger speak: its check, and the history of one file.
func (d *demo) proof(context.Context) error {
	r, err := ledger.Check(d.stateDir())
	if err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("ledger check: %s", strings.Join(r.Problems, "; "))
	}
	if err := d.checkAccounts(r.State); err != nil {
		return err
	}
	d.out.line("\n  swab ledger check: %s in one chain, every sum fits, both accounts of %s balance",
		counted(int(r.Events), "event"), counted(len(r.State.Classes), "class"))
	f, err := d.trace()
	if err != nil {
		return err
	}
	d.out.line("\n  the proof: swab ledger trace %s", d.api().name())
	var rows [][]string
	for _, r := range f.Ranges {
		rows = append(rows, d.proofRow(r))
	}
	d.printRanges(rows)
	return nil
}

// checkAccounts compares the ledger's counts with the services'.
func (d *demo) checkAccounts(s *ledger.State) error {
	var faults []error
	for _, w := range d.writers {
		a := s.Account(w.class)
		if a.LinesShipped != int64(len(w.lines)) || a.Unread+a.SealedBytes+a.Expired+a.Lost > 0 {
			faults = append(faults, fmt.Errorf("the ledger counts %d %s lines as shipped, of %d written", a.LinesShipped, w.class, len(w.lines)))
		}
		if !w.stays && a.Present > 0 {
			faults = append(faults, fmt.Errorf("the ledger counts %d raw bytes of %s", a.Present, w.class))
		}
	}
	return errors.Join(faults...)
}

// trace is the history of the api service's log, checked to be whole.
func (d *demo) trace() (*ledger.FileTrace, error) {
	paths, err := ledger.OpenPaths(d.stateDir())
	if err != nil {
		return nil, err
	}
	trace := ledger.NewTrace(ledger.Query{Files: []uint64{fileAt(paths, d.api().path())}})
	if err := ledger.Walk(d.stateDir(), func(e *ledger.Event, _ string) error {
		trace.Add(e)
		return nil
	}); err != nil {
		return nil, err
	}
	found := trace.Files()
	if len(found) != 1 {
		return nil, fmt.Errorf("the ledger does not know %s", d.api().name())
	}
	at := int64(0)
	for _, r := range found[0].Ranges {
		if r.From != at || r.Shipped.IsZero() || r.Erased.IsZero() {
			return nil, fmt.Errorf("%s: the ledger does not tell of bytes from %d on", d.api().name(), at)
		}
		at = r.To
	}
	if at == 0 || at != found[0].Size {
		return nil, fmt.Errorf("%s: the ledger tells of %d bytes of %d", d.api().name(), at, found[0].Size)
	}
	return found[0], nil
}

// proofWide is the least width at which rows have all of their words.
const proofWide = 112

// proofRow is the history of one range in columns.
func (d *demo) proofRow(r *ledger.RangeTrace) []string {
	clock := func(t time.Time) string { return t.UTC().Format(time.TimeOnly) }
	bytes := fmt.Sprintf("bytes %s–%s", units.Count(r.From), units.Count(r.To))
	if d.out.width < proofWide {
		return []string{bytes, "sealed " + clock(r.At), "shipped " + clock(r.Shipped), "zeros " + clock(r.Erased)}
	}
	how := r.Verified
	if how == "checksum" {
		how = "checksum agreed"
	}
	return []string{
		bytes, fmt.Sprintf("sealed %s #%d", clock(r.At), r.Batch.Number),
		fmt.Sprintf("shipped %s (%s)", clock(r.Shipped), how), fmt.Sprintf("overwritten %s (zeros, synced)", clock(r.Erased)),
	}
}

// printRanges prints the first rows and the last one in aligned columns.
func (d *demo) printRanges(rows [][]string) {
	left := 0
	if len(rows) > proofRows {
		left = len(rows) - proofRows
		rows = append(rows[:proofRows-1:proofRows-1], rows[len(rows)-1])
	}
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range rows {
		var cells []string
		for j, cell := range row {
			cells = append(cells, pad(cell, widths[j]))
		}
		if left > 0 && i == len(rows)-1 {
			d.out.line("    … %s, likewise", counted(left, "more range"))
		}
		d.out.line("    %s", excerpt(strings.TrimRight(strings.Join(cells, "  "), " "), 0, d.out.width-4))
	}
}
