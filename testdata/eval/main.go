// Command eval runs swab and what operators use instead of it over the same
// rows, and prints how many addresses each takes out and how many lookalikes
// each leaves alone.
//
//	go run ./testdata/eval                     the table
//	go run ./testdata/eval -only swab,perl     these tools alone
//	go run ./testdata/eval -show 'sed -E'      each row that a tool gets wrong
//	go run ./testdata/eval -filter short       Go's regexp as a filter, for bench-scrub
//
// It runs from the project's root. Rows are the case tables of other projects
// (../shared/corpora, or where SWAB_CORPORA says) and those of scrub/testdata.
// What is missing is named and left out. It ends with status 1 if swab misses
// an address or touches a lookalike, but for rows listed in wrongRows.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"swab/scrub"
)

// toolTime bounds one tool's run over all rows.
const toolTime = time.Minute

func main() {
	only := flag.String("only", "", "run these tools alone, separated by commas")
	show := flag.String("show", "", "print each row that this tool gets wrong")
	filter := flag.String("filter", "", "copy standard input to standard output through Go's regexp, with the short or the long patterns")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *filter {
	case "":
		err = evaluate(ctx, os.Stdout, *only, *show)
	case "short":
		err = filterLines(os.Stdin, os.Stdout, shortPatterns())
	case "long":
		err = filterLines(os.Stdin, os.Stdout, longPatterns())
	default:
		err = fmt.Errorf("-filter %s: must be short or long", *filter)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

// result is what a tool made of the rows, or why it made nothing.
type result struct {
	tool     tool
	verdicts []verdict // one a row
	outputs  []string
	problem  string
}

func evaluate(ctx context.Context, out io.Writer, only, show string) error {
	rows, notes, err := allRows(corporaDir())
	if err != nil {
		return err
	}
	var results []result
	for _, t := range tools() {
		if only != "" && !slices.Contains(strings.Split(only, ","), t.name) {
			continue
		}
		results = append(results, run(ctx, t, rows))
	}
	if err := printTable(out, rows, results); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	for _, r := range results {
		if r.tool.name == show {
			printWrong(out, rows, r)
		}
	}
	return swabIsRight(out, rows, results)
}

func corporaDir() string {
	if dir := os.Getenv("SWAB_CORPORA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared", "corpora")
}

func run(ctx context.Context, t tool, rows []row) result {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	r := result{tool: t}
	inputs := make([]string, len(rows))
	for i, row := range rows {
		inputs[i] = row.input
	}
	outputs, err := t.run(ctx, inputs)
	switch {
	case err != nil:
		r.problem = err.Error()
		return r
	case len(outputs) != len(rows):
		r.problem = fmt.Sprintf("%d rows went in and %d came out", len(rows), len(outputs))
		return r
	}
	r.outputs = outputs
	for i, row := range rows {
		r.verdicts = append(r.verdicts, judge(row, outputs[i]))
	}
	return r
}

// swabIsRight fails if swab left an address of a row that must lose it, touched
// a row that must stay, or touched what stands beside an address.
func swabIsRight(out io.Writer, rows []row, results []result) error {
	i := slices.IndexFunc(results, func(r result) bool { return r.tool.name == "swab" })
	if i < 0 {
		return nil
	}
	if p := results[i].problem; p != "" {
		return fmt.Errorf("swab: %s", p)
	}
	bad := masked(out, rows)
	for k, v := range results[i].verdicts {
		if rows[k].counts() && (!v.right || !v.clean) {
			bad++
		}
	}
	if bad > 0 {
		printWrong(out, rows, results[i])
		return fmt.Errorf("swab gets %d rows wrong", bad)
	}
	return nil
}

// masked counts and prints the rows that truncating cannot change and from
// which swab's mask does not take the addresses.
func masked(out io.Writer, rows []row) (bad int) {
	s, err := scrub.New(scrub.Policy{Mode: scrub.Mask})
	if err != nil {
		return len(rows)
	}
	for _, r := range rows {
		left := s.String(r.input)
		if r.class == idle && r.source != own && slices.ContainsFunc(r.addresses, func(a string) bool { return strings.Contains(left, a) }) {
			fmt.Fprintf(out, "swab mask %s\n  in  %q\n  out %q\n", r.id, r.input, left)
			bad++
		}
	}
	return bad
}
