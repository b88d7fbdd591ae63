package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"swab/evidence"
	"swab/ledger"
)

const reportUsage = `swab ledger report [--state DIR] [--from DAY] [--to DAY] [--html FILE]
  tells what became of the raw bytes in a time: written, shipped, erased and lost, how old the
  oldest was at every hour, when swab was off, what was refused and what changed. It changes
  nothing. Exit status 3: the ledger does not hold.
`

// ledgerReport is `swab ledger report`.
func ledgerReport(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := flagSet("swab ledger report")
	dir := stateFlag(fs)
	from := fs.String("from", "7d", "the first day, in UTC: 2026-11-23, or 7d for seven days ago")
	to := fs.String("to", "0d", "the last day")
	file := fs.String("html", "", "write one page of HTML to this file instead, - for standard output")
	if helped, err := parse(fs, args, reportUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	now := time.Now().UTC()
	o, err := reportDays(*from, *to, now)
	if err != nil {
		return err
	}
	// Asked before the ledger is read: a daemon that starts later writes what
	// counts as off until then.
	live := ledger.Live(*dir)
	checked, err := ledger.Check(*dir)
	if err != nil {
		return err
	}
	// The ledger's time is ahead where the wall clock was set back: what it has
	// told until now is told.
	if s := checked.State; s != nil && !s.LastAt.Before(now) {
		now = s.LastAt.Add(1).UTC()
		if o, err = reportDays(*from, *to, now); err != nil {
			return err
		}
	}
	o.Now, o.Live = now, live
	r, err := evidence.Read(*dir, o)
	if err != nil {
		return err
	}
	r.Problems = checked.Problems
	switch *file {
	case "":
		err = evidence.Text(stdout, r)
	case "-":
		err = evidence.HTML(stdout, r)
	default:
		err = writePage(*file, r)
	}
	if err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return errFound
	}
	return nil
}

// reportDays reads the two days, both included.
func reportDays(from, to string, now time.Time) (o evidence.Options, err error) {
	var faults []string
	if o.From, err = parseDay(from, now); err != nil {
		faults = append(faults, faultWords("from", from, err))
	}
	if o.To, err = parseDay(to, now); err != nil {
		faults = append(faults, faultWords("to", to, err))
	}
	if len(faults) == 0 && o.To.Before(o.From) {
		faults = append(faults, faultWords("to", to, "lies before --from"))
	}
	if len(faults) > 0 {
		return o, usageError(strings.Join(faults, "\n"))
	}
	o.To = o.To.AddDate(0, 0, 1)
	return o, nil
}

// writePage writes the page beside its name first, so that a page is whole or as
// it was.
func writePage(path string, r *evidence.Report) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".swab-report-*")
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // after the rename there is nothing
	if err := evidence.HTML(f, r); err != nil {
		f.Close()
		return fmt.Errorf("--html: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return nil
}
