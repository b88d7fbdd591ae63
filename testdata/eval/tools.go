package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"swab/scrub"
)

// tool takes lines in and gives as many out.
type tool struct {
	name, note string
	run        func(ctx context.Context, lines []string) ([]string, error)
}

var errNotOnPath = errors.New("not on the path")

// lost stands for the output of a line that a tool dropped, or ended at.
const lost = "\x00(no output)"

// scripts is where the short patterns stand for sed and perl; bench-scrub runs
// them too.
const scripts = "testdata/eval"

// The short patterns as Go writes them.
const (
	shortIPv4 = `\b([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.)[0-9]{1,3}\b`
	shortIPv6 = `\b([0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:)[0-9a-fA-F:]+`
)

func tools() []tool {
	return []tool{
		{"swab", "truncate, its defaults", swab},
		{"mmanon", "rsyslog; ipv4.bits=8 ipv6.bits=80 embeddedipv4.bits=8, mode zero", mmanon},
		{"sed -E", "one pattern for IPv4, one for IPv6", command("sed", "-E", "-f", scripts+"/short.sed")},
		{"perl", "the same patterns", command("perl", "-p", scripts+"/short.pl")},
		{"perl, long", "octets to 255, IPv6 with every place of ::, all of it masked", command("perl", "-pe",
			"s/"+longIPv6()+"/[ip]/g; s/"+longIPv4()+"/${1}0/g")},
		{"Go regexp", "the short patterns", goRegexp(shortPatterns())},
		{"Go regexp, long", "the long patterns", goRegexp(longPatterns())},
		{"Anonip", "--ipv4mask 8 --ipv6mask 80, the first column, as it comes", lineByLine(command("anonip", "--ipv4mask", "8", "--ipv6mask", "80"))},
	}
}

// longIPv6 is the textbook pattern, the longest alternatives first.
func longIPv6() string {
	const h = `[0-9a-fA-F]{1,4}`
	alternatives := []string{`(?:` + h + `:){7}` + h}
	for after := 1; after <= 6; after++ {
		alternatives = append(alternatives, fmt.Sprintf(`(?:%s:){1,%d}(?::%s){1,%d}`, h, 7-after, h, after))
	}
	alternatives = append(alternatives, `:(?::`+h+`){1,7}`, `(?:`+h+`:){1,7}:`)
	return `(?:` + strings.Join(alternatives, "|") + `)`
}

func longIPv4() string {
	const o = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	return `\b((?:` + o + `\.){3})` + o + `\b`
}

// substitution is a pattern and, as regexp writes it, what takes its place.
type substitution struct {
	pattern *regexp.Regexp
	by      []byte
}

func shortPatterns() []substitution {
	return []substitution{
		{regexp.MustCompile(shortIPv4), []byte("${1}0")},
		{regexp.MustCompile(shortIPv6), []byte("${1}:")},
	}
}

func longPatterns() []substitution {
	return []substitution{
		{regexp.MustCompile(longIPv6()), []byte("[ip]")},
		{regexp.MustCompile(longIPv4()), []byte("${1}0")},
	}
}

func swab(_ context.Context, lines []string) ([]string, error) {
	s, err := scrub.New(scrub.Policy{})
	if err != nil {
		return nil, err
	}
	return split(s.Append(nil, joined(lines))), nil
}

func goRegexp(substitutions []substitution) func(context.Context, []string) ([]string, error) {
	return func(_ context.Context, lines []string) (out []string, err error) {
		for _, l := range lines {
			out = append(out, string(substitute([]byte(l), substitutions)))
		}
		return out, nil
	}
}

func substitute(line []byte, substitutions []substitution) []byte {
	for _, s := range substitutions {
		line = s.pattern.ReplaceAll(line, s.by)
	}
	return line
}

// filterLines is Go's regexp as a filter.
func filterLines(in io.Reader, out io.Writer, substitutions []substitution) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	w := bufio.NewWriterSize(out, 1<<20)
	for lines.Scan() {
		if _, err := w.Write(append(substitute(lines.Bytes(), substitutions), '\n')); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), w.Flush())
}

// command is a filter of this system, in the C locale.
func command(name string, args ...string) func(context.Context, []string) ([]string, error) {
	return func(ctx context.Context, lines []string) ([]string, error) {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, errNotOnPath
		}
		c := exec.CommandContext(ctx, path, args...)
		// Python, which Anonip is written in, ends at bytes that are not UTF-8.
		c.Env = append(os.Environ(), "LC_ALL=C", "PYTHONIOENCODING=utf-8:surrogateescape")
		c.Stdin = bytes.NewReader(joined(lines))
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return split(out), nil
	}
}

// lineByLine is for a filter that some lines end: those are lost, and the others
// are fed again, in halves.
func lineByLine(filter func(context.Context, []string) ([]string, error)) func(context.Context, []string) ([]string, error) {
	var feed func(ctx context.Context, lines []string) ([]string, error)
	feed = func(ctx context.Context, lines []string) ([]string, error) {
		out, err := filter(ctx, lines)
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || ctx.Err() != nil {
			return out, err
		}
		if len(lines) == 1 {
			return []string{lost}, nil
		}
		half := len(lines) / 2
		first, err := feed(ctx, lines[:half])
		if err != nil {
			return nil, err
		}
		second, err := feed(ctx, lines[half:])
		return append(first, second...), err
	}
	return feed
}

func joined(lines []string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

func split(text []byte) []string { return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") }
