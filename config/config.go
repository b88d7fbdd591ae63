// Package config turns the command line, the SWAB_ variables and a flags file
// into one validated Config, or into an Error that names every fault at once.
//
// Call ParseRun. It touches no network and changes nothing; it reads the file
// that --flags-from names and looks at paths (are they there, whose are they,
// what are they mounted on), no more. Presets is the retention table as data.
package config

import (
	"errors"
	"log/slog"
	"os"
	"time"
)

// PolicyRawLimit is the age past which the retention table allows no raw byte
// on a host (seven days). Some rows are stricter.
const PolicyRawLimit = 168 * time.Hour

// Config is what `swab run` was asked to do, checked and complete.
type Config struct {
	Logs    []Log    // in the order of the flags
	Streams []Stream // those --log that name standard input or a FIFO
	Exclude []string // absolute doublestar patterns, cleaned
	Follow  []string // absolute directories, cleaned
	To      Destination
	State   string // absolute directory, cleaned; it need not be there yet

	// Classes holds the effective settings of every class that a Log names.
	Classes map[string]Class

	BatchSize  int64         // raw bytes a batch
	BatchAge   time.Duration // the oldest line waits no longer for its seal
	SpoolLimit int64         // bytes of compressed objects
	Codec      Codec

	ObjectFormat string // always "raw" in this version
	Endpoint     string // an http or https URL, or empty for the SDK's choice
	Region       string // empty for the SDK's choice
	PathStyle    bool
	SSE          string // as the x-amz-server-side-encryption header has it, or empty
	KMSKey       string // only ever set when SSE names KMS
	Verify       Verify
	RateLimit    int64 // bytes a second towards the store, 0 for no limit

	Listen          string // host:port, empty for off
	ShutdownTimeout time.Duration
	FirstGrace      time.Duration
	ClockGrace      time.Duration
	Sweep           time.Duration // between two looks at all files

	// KeySecret is the file that a fleet's keys of pseudonyms come from, absolute, or
	// empty for random keys. It may be gone once the state holds its ratchet.
	KeySecret string

	Once, DryRun, JSON                                 bool
	EphemeralState, AllowWideGlob, AllowLongerRawLimit bool

	LogFormat string // "text" or "json"
	LogLevel  slog.Level

	// Sources says where each flag's value comes from: "default", "command
	// line", the variable's name, or "file PATH:LINE".
	Sources map[string]string
	// Settings lists the flags in force in the order of the help, a repeated
	// flag once for each of its values, those of no value left out.
	Settings []Setting
}

// Log is one --log: files and the class they belong to.
type Log struct {
	Class   string
	Pattern string // absolute, cleaned, in doublestar's syntax
	Root    string // the directory before the first meta character, unescaped
	// Erase is what holds for these files: the class's own erase key, else
	// --erase, else rotated for container runtimes' logs and live for others.
	Erase EraseMode
	// Fill is what holds for these files, found like Erase: blank for container
	// runtimes' logs.
	Fill Fill
}

// Setting is one flag in force, as a person wrote it.
type Setting struct {
	Flag   string // with its dashes
	Value  string
	Source string // as in Config.Sources
}

// Verify says what proves that an object is in the store.
type Verify string

// VerifyPut takes the store's answer to the put, which carries the checksum;
// VerifyHead also asks for the object's head.
const (
	VerifyPut  Verify = "put"
	VerifyHead Verify = "head"
)

// ErrHelp says that the arguments ask for the help text and nothing else.
var ErrHelp = errors.New("help requested")

// ParseRun reads the arguments after `swab run` and the environment in the
// form of os.Environ. The strongest source of a flag wins whole: command line,
// then variable, then flags file, then default; a repeatable flag's list is
// replaced, not extended. The error is ErrHelp or an *Error.
func ParseRun(args, env []string) (*Config, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, &Error{Faults: []Fault{{Problem: "the working directory is not there: " + err.Error()}}}
	}
	d := &draft{cfg: &Config{Sources: map[string]string{}}, cwd: cwd}
	flags := runFlags()
	if help := d.gather(flags, args, env); help {
		return nil, ErrHelp
	}
	for _, f := range flags {
		d.apply(f)
	}
	d.finish()
	if len(d.faults) > 0 {
		return nil, &Error{Faults: d.faults}
	}
	return d.cfg, nil
}
