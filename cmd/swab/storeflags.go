package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"swab/config"
	"swab/ship"
	"swab/verify"
)

// storeFlags name a store that a command reads, as those of swab run do.
type storeFlags struct {
	name                 string // of the flag that names it
	to, endpoint, region string
	pathStyle            bool
}

// add adds what a store in a bucket may need beside its name. The flags have the
// variables of swab run.
func (f *storeFlags) add(fs *pflag.FlagSet) {
	pathStyle, _ := strconv.ParseBool(runVariable("path-style"))
	fs.StringVar(&f.endpoint, "endpoint-url", runVariable("endpoint-url"), "an S3-compatible service other than AWS")
	fs.StringVar(&f.region, "region", runVariable("region"), "the bucket's region, when the AWS configuration does not say")
	fs.BoolVar(&f.pathStyle, "path-style", pathStyle, "put the bucket into the path instead of the host name")
}

// runVariable is what a flag of swab run has in the environment.
func runVariable(flag string) string { return os.Getenv(config.FlagInfo{Name: flag}.Variable()) }

// faultWords says what is wrong with a flag.
func faultWords(flag, value string, problem any) string {
	value = shown(value)
	if value != "" {
		value = " " + value
	}
	return fmt.Sprintf("--%s%s: %v", flag, value, problem)
}

// check reads the flags, and calls fault for each that cannot be meant.
func (f *storeFlags) check(fault func(flag, value string, problem any)) config.Destination {
	to, err := config.ParseDestination(f.to)
	switch {
	case f.to == "":
		fault(f.name, "", "names no store. Write s3://BUCKET/PREFIX or file:///DIR")
	case err != nil:
		fault(f.name, f.to, err)
	}
	if endpoint, err := config.ParseEndpoint(f.endpoint); err != nil {
		fault("endpoint-url", f.endpoint, err)
	} else {
		f.endpoint = endpoint
	}
	if _, err = config.ParseRegion(f.region); err != nil {
		fault("region", f.region, err)
	}
	return to
}

// faults checks the flags and reports every fault at once.
func (f *storeFlags) faults() (config.Destination, error) {
	var list []string
	to := f.check(func(flag, value string, problem any) { list = append(list, faultWords(flag, value, problem)) })
	if len(list) > 0 {
		return to, usageError(strings.Join(list, "\n"))
	}
	return to, nil
}

// readable is what commands ask a store for.
type readable interface {
	verify.Store
	verify.Header
}

// open opens the store. A directory is never made.
func (f *storeFlags) open(ctx context.Context, to config.Destination) (readable, error) {
	if to.Kind == config.Dir {
		return ship.KnownDir(to.Dir), nil
	}
	return ship.NewS3(ctx, ship.S3Options{Bucket: to.Bucket, Endpoint: f.endpoint, Region: f.region, PathStyle: f.pathStyle})
}
