package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"swab/config"
	"swab/verify"
)

const verifyUsage = `swab verify --to s3://BUCKET/PREFIX|file:///DIR [flags]
  reads the store back and proves what was promised: each object holds the bytes that were
  sealed, numbers have no gap and no double, and no address is left. It changes nothing, and
  needs to list and to read alone. Exit status 3: something is wrong.
`

// verifyFlags are the flags of `swab verify`, as they were given.
type verifyFlags struct {
	storeFlags
	state, hosts, since, until string
	classes                    []string
	sample                     int
}

// verifyCommand is `swab verify`.
func verifyCommand(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := flagSet("swab verify")
	f := verifyFlagSet(fs)
	if helped, err := parse(fs, args, verifyUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	now := time.Now()
	options, to, err := f.options(now)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := f.open(ctx, to)
	if err != nil {
		return fmt.Errorf("--to %s: %w", to, err)
	}
	line := &verifyProgress{w: stderr, on: terminal(stderr), began: now}
	options.Progress = line.show
	report, err := verify.Run(ctx, store, options)
	line.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("stopped before all was read; nothing is proved")
	case err != nil:
		return err
	}
	if err := printVerified(stdout, to.String(), report, options, time.Since(now)); err != nil {
		return err
	}
	if report.Wrong > 0 {
		return errFound
	}
	return nil
}

// verifyFlagSet adds the flags. Those that swab run has too have its variables.
func verifyFlagSet(fs *pflag.FlagSet) *verifyFlags {
	f := &verifyFlags{storeFlags: storeFlags{name: "to"}}
	fs.StringVar(&f.to, f.name, runVariable("to"), "the store, as of swab run")
	f.add(fs)
	fs.StringArrayVar(&f.classes, "class", nil, "a class to verify; may be given again (default all)")
	fs.StringVar(&f.since, "since", "", "the first day to verify, in UTC: 2026-11-23, or 7d for seven days ago")
	fs.StringVar(&f.until, "until", "", "the last day to verify")
	fs.StringVar(&f.state, "state", os.Getenv("SWAB_STATE"), "a state directory whose ledger is compared with the store")
	fs.StringVar(&f.hosts, "hosts", "", "a file that names hosts, one a line, which should have objects")
	fs.IntVar(&f.sample, "sample", 1, "look for addresses in one line of so many; 0 is in none")
	return f
}

// options checks the flags and reports every fault at once.
func (f *verifyFlags) options(now time.Time) (verify.Options, config.Destination, error) {
	o := verify.Options{Classes: f.classes, State: f.state, Sample: f.sample, Now: now}
	var faults []string
	fault := func(flag, value string, problem any) {
		faults = append(faults, faultWords(flag, value, problem))
	}
	to := f.check(fault)
	o.To, o.Prefix = to.String(), to.Prefix
	var err error
	for _, class := range f.classes {
		if class == "" || strings.ContainsAny(class, "/=") {
			fault("class", strconv.Quote(class), "is not a class's name")
		}
	}
	if o.Since, err = parseDay(f.since, now); err != nil {
		fault("since", f.since, err)
	}
	if o.Until, err = parseDay(f.until, now); err != nil {
		fault("until", f.until, err)
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		fault("until", f.until, "lies before --since")
	}
	if f.sample < 0 {
		fault("sample", strconv.Itoa(f.sample), "must be 1 for every line, N for one of N, or 0 for none")
	}
	if f.hosts != "" {
		if o.Hosts, err = readHosts(f.hosts); err != nil {
			fault("hosts", f.hosts, err)
		}
	}
	if len(faults) > 0 {
		return o, to, usageError(strings.Join(faults, "\n"))
	}
	return o, to, nil
}

// parseDay reads a day, or how many days ago it was.
func parseDay(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day, nil
	}
	days, ok := strings.CutSuffix(s, "d")
	if n, err := strconv.ParseUint(days, 10, 16); ok && err == nil {
		return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -int(n)), nil
	}
	return time.Time{}, errors.New("is no day. Write one such as 2026-11-23, or 7d for seven days ago")
}

// readHosts reads names, one a line. What follows a # is a comment.
func readHosts(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var hosts []string
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		name, _, _ := strings.Cut(scan.Text(), "#")
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, errors.New("names no host")
	}
	return hosts, nil
}
