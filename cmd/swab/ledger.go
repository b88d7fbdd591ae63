package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"swab/ledger"
	"swab/units"
)

// defaultState is where `swab run` keeps its state, too.
const defaultState = "/var/lib/swab"

// timeForm is how the commands print times, always UTC.
const timeForm = time.DateTime

// ledgerCommand is `swab ledger`.
func ledgerCommand(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	return choose(ctx, "swab ledger", []command{
		{"check", "verify the chain and balance both accounts", ledgerCheck},
		{"show", "print the events, a line each", ledgerShow},
		{"trace", "tell the history of a file or of an object", ledgerTrace},
		{"report", "what became of the raw bytes in a time, for an auditor", ledgerReport},
		{"repair", "begin a new chain after damage; what is damaged is kept aside", ledgerRepair},
	}, args, stdin, stdout, stderr)
}

// stateFlag adds --state, with $SWAB_STATE as its default.
func stateFlag(fs *pflag.FlagSet) *string {
	dir := defaultState
	if v := os.Getenv("SWAB_STATE"); v != "" {
		dir = v
	}
	return fs.String("state", dir, "the state directory, as of swab run")
}

// accountRows is both accounts of each class; both come to what was written.
func accountRows(s *ledger.State) [][]string {
	rows := [][]string{{"CLASS", "WRITTEN", "=", "UNREAD", "SEALED", "SHIPPED", "EXPIRED", "LOST", "COPIED", "=", "PRESENT", "ERASED", "REMOVED", "STREAMED"}}
	for _, name := range slices.Sorted(maps.Keys(s.Classes)) {
		a := s.Classes[name].Account
		row := []string{name, units.Size(a.Written), "="}
		for _, n := range []int64{a.Unread, a.SealedBytes, a.ShippedBytes, a.Expired, a.Lost, a.Copied} {
			row = append(row, units.Size(n))
		}
		row = append(row, "=")
		for _, n := range []int64{a.Present, a.Erased, a.Removed, a.Streamed} {
			row = append(row, units.Size(n))
		}
		rows = append(rows, row)
	}
	return rows
}

// printColumns aligns the first column to the left, the others to the right.
func printColumns(w io.Writer, rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprint(w, "  ", cell, pad)
			} else {
				fmt.Fprint(w, "  ", pad, cell)
			}
		}
		fmt.Fprintln(w)
	}
}

const repairUsage = `swab ledger repair [--state DIR]
  after damage that stops swab: moves the damaged segments to DIR/ledger.damaged and begins a
  new chain with what the good ones come to. swab must not be running.
`

// ledgerRepair is `swab ledger repair`.
func ledgerRepair(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := flagSet("swab ledger repair")
	dir := stateFlag(fs)
	if helped, err := parse(fs, args, repairUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	r, err := ledger.Repair(*dir, time.Now())
	if errors.Is(err, ledger.ErrSound) {
		_, err = fmt.Fprintf(stdout, "nothing to do: %v\n", err)
		return err
	}
	if err != nil {
		return err
	}
	w := bufio.NewWriter(stdout)
	for _, d := range r.Damaged {
		fmt.Fprintf(w, "found: %s\n", d)
	}
	for _, m := range r.Moved {
		fmt.Fprintf(w, "kept: %s\n", shown(m))
	}
	if r.Segment > 0 {
		fmt.Fprintf(w, "a new chain begins in segment %d; it quotes event %d, sum %s\n", r.Segment, r.Last, r.Sum)
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "%s after event %d could not be used: what they told of is done again, so batches sealed there may be in the store twice\n",
			counted(r.Lost, "line"), r.Last)
	}
	return w.Flush()
}

// stamp is a time as the commands print it.
func stamp(t time.Time) string { return t.UTC().Format(timeForm) }

// walkLedger reads events and says so where the end is torn, which the next
// start mends. Other damage is an error.
func walkLedger(dir string, stderr io.Writer, fn func(e *ledger.Event, sum string) error) error {
	err := ledger.Walk(dir, fn)
	var bad *ledger.CorruptionError
	if !errors.As(err, &bad) {
		return err
	}
	if bad.Torn {
		fmt.Fprintln(stderr, "note: the last event is being written, or was torn by a crash; the next start mends that")
		return nil
	}
	return fmt.Errorf("%w; swab ledger check tells more", err)
}
