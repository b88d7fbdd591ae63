package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// versionCommand is `swab version`.
func versionCommand(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := flagSet("swab version")
	if helped, err := parse(fs, args, "swab version\n  prints the version, the revision and what it was built with", 0, 0, stdout); helped || err != nil {
		return err
	}
	version, revision := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = " " + s.Value[:min(len(s.Value), 12)] + revision
			case s.Key == "vcs.modified" && s.Value == "true":
				revision += " (changed)"
			}
		}
	}
	_, err := fmt.Fprintf(stdout, "swab %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
