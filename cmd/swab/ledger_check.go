package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"swab/config"
	"swab/ledger"
	"swab/units"
	"swab/verify"
)

const checkUsage = `swab ledger check [--state DIR] [--store s3://BUCKET/PREFIX|file:///DIR]
  reads the whole ledger, verifies its chain, and proves from it alone that every byte is
  accounted for. With --store it asks the store for the sums and times that its objects keep
  of the ledger, so that one that was shortened or written anew is found. It changes nothing.
  Exit status 3: something is wrong.
`

// ledgerCheck is `swab ledger check`.
func ledgerCheck(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := flagSet("swab ledger check")
	dir := stateFlag(fs)
	store := &storeFlags{name: "store"}
	fs.StringVar(&store.to, store.name, "", "hold the ledger against this store, named as --to of swab run")
	store.add(fs)
	if helped, err := parse(fs, args, checkUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	var to config.Destination
	if store.to != "" {
		var err error
		if to, err = store.faults(); err != nil {
			return err
		}
	}
	r, err := ledger.Check(*dir)
	if err != nil {
		return err
	}
	var anchors *verify.Report
	if store.to != "" {
		if anchors, err = askStore(ctx, store, to, *dir, r); err != nil {
			return err
		}
	}
	if err := printReport(stdout, *dir, r, anchors); err != nil {
		return err
	}
	if len(r.Problems) > 0 || anchors != nil && anchors.Wrong > 0 {
		return errFound
	}
	return nil
}

// askStore holds the ledger in dir against a store. A ledger that cannot be read
// to its end is not, which r is told.
func askStore(ctx context.Context, store *storeFlags, to config.Destination, dir string, r *ledger.Report) (*verify.Report, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	st, err := store.open(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", to, err)
	}
	anchors, err := verify.Anchors(ctx, st, verify.Options{To: to.String(), Prefix: to.Prefix, State: dir})
	var bad *ledger.CorruptionError
	switch {
	case errors.As(err, &bad):
		r.Notes = append(r.Notes, "the store was not asked, since the ledger cannot be read to its end")
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, errors.New("stopped before the store had told all; nothing is proved")
	}
	return anchors, err
}

// printReport writes what a check came to; anchors is nil without a store.
func printReport(out io.Writer, dir string, r *ledger.Report, anchors *verify.Report) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "ledger in %s: %s in %s", shown(dir), counted(int(r.Events), "event"), counted(r.Segments, "segment"))
	if r.State != nil {
		if !r.State.Begun.IsZero() {
			fmt.Fprintf(w, ", from %s", stamp(r.State.Begun))
		}
		fmt.Fprintf(w, " to %s", stamp(r.State.LastAt))
	}
	fmt.Fprintln(w)
	if r.State != nil && len(r.State.Classes) > 0 {
		fmt.Fprintln(w)
		printColumns(w, accountRows(r.State))
		fmt.Fprintln(w)
	}
	if r.Live {
		fmt.Fprintln(w, "note: a swab is running on it; what it is writing now is not counted")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "wrong: %s\n", p)
	}
	switch {
	case len(r.Problems) > 0:
		fmt.Fprintf(w, "%s: this ledger proves nothing from there on\n", counted(len(r.Problems), "problem"))
	case len(r.Notes) > 0:
		fmt.Fprintln(w, "ok: every sum fits, and every byte since the last repair is accounted for")
	default:
		fmt.Fprintln(w, "ok: every sum fits, and every byte is accounted for")
	}
	if anchors != nil {
		printAnchors(w, anchors)
	}
	return w.Flush()
}

// printAnchors writes what the store says of the ledger.
func printAnchors(w io.Writer, r *verify.Report) {
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", shown(n))
	}
	printFindings(w, r)
	a := r.Anchored
	if r.Wrong > 0 {
		fmt.Fprintln(w, "the store contradicts this ledger")
		return
	}
	if a.Event == 0 {
		fmt.Fprintln(w, "the store has no object that vouches for it: all of it is this host's own word")
		return
	}
	fmt.Fprintf(w, "ok: %s in the store vouch for the ledger up to event %s (%s)", objects(a.Objects), units.Count(a.Event), stamp(a.At))
	if n := a.Last - a.Event; n > 0 {
		fmt.Fprintf(w, "; the %s since then stand on this host's word alone", counted(int(n), "event"))
	}
	fmt.Fprintln(w)
}
