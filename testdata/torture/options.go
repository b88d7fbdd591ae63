package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	For     time.Duration
	Seed    uint64
	Store   string // dir or s3
	Acts    []string
	Asked   string // what --only and --faults said
	Rotate  string // rename, or how logrotate does it: create, copytruncate
	Plain   bool   // logrotate leaves what it rotates uncompressed
	Writers int
	Rate    int
	Every   time.Duration // mean time between two acts
	Turn    time.Duration // mean time between two rotations of a file
	Outage  time.Duration // the longest
	Share   float64       // of the requests that meet a fault
	Backlog int64         // bytes of logs on the disk at which writers wait
	Spool   int64         // --spool-limit of swab, bytes
	Drain   time.Duration
	Swab    string // a binary; empty builds one
	Dir     string
	Keep    bool
	Flags   []string // more of swab's
}

const (
	storeDir = "dir"
	storeS3  = "s3"

	rotateRename = "rename"
	rotateCreate = "create"
	rotateCopy   = "copytruncate"
)

// errSaid says that what is wrong was printed already.
var errSaid = errors.New("wrong flags")

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{}
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.DurationVar(&o.For, "for", 2*time.Minute, "how long writers write and acts happen")
	f.Uint64Var(&o.Seed, "seed", 0, "the seed of what is chosen; 0 takes one from the clock")
	f.StringVar(&o.Store, "store", storeS3, "s3 (versitygw behind the proxy that breaks requests) or dir")
	faults := f.String("faults", "", "acts and faults beside the default ones, by commas; -NAME leaves one out")
	only := f.String("only", "", "these acts and faults alone, by commas; none: nothing happens")
	f.StringVar(&o.Rotate, "rotate", rotateRename, "rename (by the writers), or create, copytruncate (by logrotate, every second)")
	f.BoolVar(&o.Plain, "plain", false, "logrotate does not compress")
	f.IntVar(&o.Writers, "writers", 6, "how many files are written to")
	f.IntVar(&o.Rate, "rate", 0, "lines a second and writer; 0 is as fast as it goes")
	f.DurationVar(&o.Every, "every", 1500*time.Millisecond, "mean time between two acts")
	f.DurationVar(&o.Turn, "turn", 5*time.Second, "mean time between two rotations of a file by its writer")
	f.DurationVar(&o.Outage, "outage", 0, "the longest outage of the store; 0 is 20s, or a sixth of --for if that is less")
	f.Float64Var(&o.Share, "share", 0.1, "share of the requests that meet a fault of the proxy")
	backlog := f.Int64("backlog", 1024, "MiB of logs on the disk at which the writers wait")
	spool := f.Int64("spool", 128, "MiB of swab's --spool-limit")
	f.DurationVar(&o.Drain, "drain", 10*time.Minute, "how long the last runs may take to read and ship everything")
	f.StringVar(&o.Swab, "swab", "", "the binary to torture; built from this project when empty")
	f.StringVar(&o.Dir, "dir", "", "where all files go; a new directory for temporary files when empty")
	f.BoolVar(&o.Keep, "keep", false, "keep the directory when all is well, too")
	flags := f.String("flags", "", "more flags for swab run, by blanks")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, errSaid
	}
	o.Backlog, o.Spool, o.Flags = *backlog<<20, *spool<<20, strings.Fields(*flags)
	if err := o.check(f.Args()); err != nil {
		return o, err
	}
	var err error
	if o.Outage == 0 {
		o.Outage = min(20*time.Second, o.For/6)
	}
	o.Asked = *only + "," + *faults
	o.Acts, err = chooseActs(*only, *faults)
	return o, err
}

func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%s: no arguments are taken, only flags", rest[0])
	case o.For <= 0:
		return fmt.Errorf("--for %s: must be more than 0", o.For)
	case o.Store != storeDir && o.Store != storeS3:
		return fmt.Errorf("--store %s: must be dir or s3", o.Store)
	case o.Rotate != rotateRename && o.Rotate != rotateCreate && o.Rotate != rotateCopy:
		return fmt.Errorf("--rotate %s: must be rename, create or copytruncate", o.Rotate)
	case o.Writers < 1 || o.Writers > 999:
		return fmt.Errorf("--writers %d: must be 1 to 999", o.Writers)
	case o.Outage < 0:
		return fmt.Errorf("--outage %s: must not be negative", o.Outage)
	case o.Share < 0 || o.Share > 1:
		return fmt.Errorf("--share %g: must be 0 to 1", o.Share)
	case o.Backlog < 1<<20:
		return fmt.Errorf("--backlog: must be 1 MiB or more")
	case o.Spool < batchSize:
		return fmt.Errorf("--spool: must be 8 MiB or more, the size of a batch")
	case o.Every <= 0:
		return fmt.Errorf("--every %s: must be more than 0", o.Every)
	}
	return nil
}

// chooseActs picks from what there is: those of only, or the default ones; and
// what more adds, or takes away with a hyphen.
func chooseActs(only, more string) ([]string, error) {
	var chosen []string
	known := func(name string) error {
		if slices.ContainsFunc(allActs(), func(a act) bool { return a.name == name }) {
			return nil
		}
		var names []string
		for _, a := range allActs() {
			names = append(names, a.name)
		}
		return fmt.Errorf("there is no act or fault %q; known: %s", name, strings.Join(names, " "))
	}
	if only == "" {
		for _, a := range allActs() {
			if !a.scenario {
				chosen = append(chosen, a.name)
			}
		}
	}
	for name := range strings.SplitSeq(only, ",") {
		if name == "" || name == "none" {
			continue
		}
		if err := known(name); err != nil {
			return nil, err
		}
		chosen = append(chosen, name)
	}
	for name := range strings.SplitSeq(more, ",") {
		if name == "" {
			continue
		}
		bare, without := strings.CutPrefix(name, "-")
		if err := known(bare); err != nil {
			return nil, err
		}
		chosen = slices.DeleteFunc(chosen, func(c string) bool { return c == bare })
		if !without {
			chosen = append(chosen, bare)
		}
	}
	return chosen, nil
}
