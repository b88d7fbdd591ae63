package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"swab"
	"swab/scrub"
)

const revealUsage = `swab reveal ADDR --day YYYY-MM-DD [--state DIR] [--scrub pseudonym=prefix|deterministic]
  turns a pseudonym back into the address that it stands for, on the host that wrote it, while the
  key of its day lives; that ends with the limit. The day stands in the object's metadata
  (swab-scrub: pseudonym=prefix/2026-11-23); none means that no key was ever stored. Who asks, and
  for which day, is in the ledger before the answer is printed. What was truncated or masked is
  nowhere any more: there is nothing to reveal. Of an address that is no pseudonym of that day,
  it prints some other address: no one can tell them apart.
`

// revealCommand is `swab reveal`.
func revealCommand(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := flagSet("swab reveal")
	dir := stateFlag(fs)
	day := fs.String("day", "", "the day of the key, UTC, as the object's metadata names it")
	mode := fs.String("scrub", "", "the mode that made it, where classes differ: pseudonym=prefix or pseudonym=deterministic")
	if helped, err := parse(fs, args, revealUsage, 1, 1, stdout); helped || err != nil {
		return err
	}
	r := swab.RevealRequest{State: *dir, Day: *day, Now: time.Now()}
	var err error
	if r.Pseudonym, err = netip.ParseAddr(fs.Arg(0)); err != nil {
		return usageError("swab reveal: the first word is no IP address, such as 203.0.113.7")
	}
	if _, err := time.Parse(time.DateOnly, *day); err != nil {
		return usageError(fmt.Sprintf("--day %q: must be a day such as 2026-11-23, as swab-scrub names it in the object's metadata", *day))
	}
	if *mode != "" {
		m, err := scrub.ParseMode(*mode)
		if err != nil || m != scrub.PseudonymPrefix && m != scrub.PseudonymDeterministic {
			return usageError(fmt.Sprintf("--scrub %s: must be %s or %s; what other modes make cannot be turned back", *mode, scrub.PseudonymPrefix, scrub.PseudonymDeterministic))
		}
		r.Mode = &m
	}
	address, err := swab.Reveal(r)
	if errors.Is(err, swab.ErrManyModes) {
		return usageError(fmt.Sprintf("%v. Add --scrub %s or --scrub %s, as swab-scrub has it in the object's metadata", err, scrub.PseudonymPrefix, scrub.PseudonymDeterministic))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, address)
	return err
}
