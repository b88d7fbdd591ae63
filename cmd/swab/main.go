// Command swab ships logs without addresses and overwrites them where they
// lay. Each command stands in a file of its own name.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"swab/config"
)

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitFlags  = 2 // wrong flags; nothing was changed
	exitFound  = 3 // ran well, and found violations
)

// command is a word that swab knows. A command writes its help to stdout when
// it is asked for, and else returns what went wrong; main alone prints that and
// leaves.
type command struct {
	name  string
	about string
	run   func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// commands are in the order of the help text.
func commands() []command {
	return []command{
		{"run", "the daemon; --once reads to the end and leaves, --dry-run touches nothing", run},
		{"scrub", "a filter: standard input to standard output, without addresses", scrubCommand},
		{"verify", "read the store back: checksums, no gaps, no address left", verifyCommand},
		{"ledger", "check, show, trace, report or repair the record of every raw byte", ledgerCommand},
		{"reveal", "a pseudonym back to its address, while its key lives", revealCommand},
		{"demo", "a self-contained run: nine little writers, a directory as store, and the proof", demoCommand},
		{"version", "which swab this is", versionCommand},
	}
}

func main() {
	os.Exit(dispatch(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// dispatch runs one command and returns the exit status.
func dispatch(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := choose(ctx, "swab", commands(), args, stdin, stdout, stderr)
	var faults *config.Error
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, syscall.EPIPE): // the reader left: nobody is there to be told
		return exitFailed
	case errors.As(err, &faults), errors.As(err, &usage):
		complain(stderr, err)
		return exitFlags
	}
	complain(stderr, err)
	return exitFailed
}

// complain prints an error, each of its lines as one.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "error: %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// errFound says that the command did its work and found violations, which it
// has printed.
var errFound = errors.New("violations found")

// usageError is a command line that cannot be meant.
type usageError string

func (e usageError) Error() string { return string(e) }

// choose runs the command that the first argument names. before is what stands
// before it on the command line.
func choose(ctx context.Context, before string, list []command, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError(fmt.Sprintf("%s needs a command: %s. See %s --help", before, strings.Join(names(list), " "), before))
	}
	switch args[0] {
	case "help", "--help", "-h":
		if len(args) > 1 && args[0] == "help" {
			args = []string{args[1], "--help"}
			break
		}
		return printCommands(stdout, before, list)
	case "--version":
		args = []string{"version"}
	}
	for _, c := range list {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdin, stdout, stderr)
		}
	}
	return usageError(fmt.Sprintf("there is no command %q in %s.%s Known: %s", args[0], before, near(args[0], names(list)), strings.Join(names(list), " ")))
}

func names(list []command) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.name)
	}
	return out
}

// near suggests what a word was meant to be, where that can be guessed.
func near(word string, known []string) string {
	if n, ok := config.Nearest(word, known); ok {
		return fmt.Sprintf(" Did you mean %q?", n)
	}
	return ""
}

func printCommands(w io.Writer, before string, list []command) error {
	var b strings.Builder
	if before == "swab" {
		b.WriteString("swab takes the IP addresses out of logs, ships them, and overwrites them where they lay.\n\n")
	}
	for _, c := range list {
		fmt.Fprintf(&b, "  %s %-8s %s\n", before, c.name, c.about)
	}
	fmt.Fprintf(&b, "\n%s COMMAND --help tells its flags.\n", before)
	if before == "swab" {
		b.WriteString("Exit status: 0 done, 1 failed, 2 wrong flags, 3 ran well and found violations.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// flagSet makes the flags of one command; usage is its head line and words.
func flagSet(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard) // parse says it
	fs.Usage = func() {}
	return fs
}

// parse parses args; helped says that help was asked for and printed. least
// and most bound how many arguments are left.
func parse(fs *pflag.FlagSet, args []string, usage string, least, most int, stdout io.Writer) (helped bool, err error) {
	err = fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		_, err = fmt.Fprintf(stdout, "%s\n%s", usage, fs.FlagUsages())
		return true, err
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var known []string
		fs.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		word := unknown.GetSpecifiedName()
		return false, usageError(fmt.Sprintf("%s has no flag --%s.%s Known: --%s", fs.Name(), word, near(word, known), strings.Join(known, " --")))
	}
	if err != nil {
		return false, usageError(fmt.Sprintf("%s: %v", fs.Name(), err))
	}
	if n := fs.NArg(); n > most {
		return false, usageError(fmt.Sprintf("%s: %q is one word too many. See %s --help", fs.Name(), fs.Arg(most), fs.Name()))
	} else if n < least {
		first, _, _ := strings.Cut(usage, "\n")
		return false, usageError(fmt.Sprintf("%s needs one word more: %s", fs.Name(), first))
	}
	return false, nil
}
