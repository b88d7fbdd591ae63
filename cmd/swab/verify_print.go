package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"swab/units"
	"swab/verify"
)

// verifyProgress shows how far `swab verify` has come, on a terminal only. How
// much there is, nobody knows before it was listed.
type verifyProgress struct {
	w     io.Writer
	on    bool
	began time.Time
	shown bool
}

func (v *verifyProgress) show(p verify.Progress) {
	if !v.on {
		return
	}
	v.shown = true
	fmt.Fprintf(v.w, "\r%s read, %s, %s, %s ", objects(p.Objects), saidLines(p.Lines), units.Size(p.Text), speed(p.Text, time.Since(v.began)))
}

// end goes to the next line.
func (v *verifyProgress) end() {
	if v.shown {
		fmt.Fprintln(v.w)
	}
}

// objects is a number of them with its noun.
func objects(n int64) string {
	if n == 1 {
		return "1 object"
	}
	return units.Count(n) + " objects"
}

// speed is bytes in a time.
func speed(n int64, d time.Duration) string {
	return fmt.Sprintf("%.1f MB/s", float64(n)/1e6/max(d.Seconds(), 1e-3))
}

// printVerified writes what a verification came to, for people.
func printVerified(out io.Writer, to string, r *verify.Report, o verify.Options, took time.Duration) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "%s: %s, %s, %s from %s, read back in %s (%s)\n", shown(to), objects(r.Read.Objects),
		saidLines(r.Read.Lines), units.Size(r.Read.Text), units.Size(r.Read.Stored), units.Age(took), speed(r.Read.Text, took))
	if len(r.Classes) > 0 {
		fmt.Fprintln(w)
		printVerifyRows(w, verifyRows(r, o))
		fmt.Fprintln(w)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	printFindings(w, r)
	switch {
	case r.Wrong == 1:
		fmt.Fprintln(w, "1 thing is wrong: this store does not hold what was promised")
	case r.Wrong > 1:
		fmt.Fprintf(w, "%s things are wrong: this store does not hold what was promised\n", units.Count(r.Wrong))
	default:
		fmt.Fprintln(w, "ok: every object read is what was sealed, and no number is missing"+addressWords(r, o))
	}
	return w.Flush()
}

// printFindings writes what is wrong, a line each.
func printFindings(w io.Writer, r *verify.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "wrong: %s\n", shown(f.String()))
	}
	for _, u := range r.Unlisted {
		of := ""
		if u.Class != "" {
			of = " of class " + shown(u.Class)
		}
		fmt.Fprintf(w, "wrong: and %s more%s (%s)\n", units.Count(u.Count), of, u.Kind)
	}
}

// addressWords ends the last line as far as addresses were looked for.
func addressWords(r *verify.Report, o verify.Options) string {
	for _, c := range r.Classes {
		if c.Searched > 0 && o.Sample == 1 {
			return "; no address is left where the policy takes them out"
		}
	}
	return ""
}

func verifyRows(r *verify.Report, o verify.Options) [][]string {
	rows := [][]string{{"CLASS", "OBJECTS", "LINES", "BYTES", "HOSTS", "GAPS", "DAYS", "ADDRESSES", "VERDICT"}}
	for _, c := range r.Classes {
		verdict := "ok"
		if c.Wrong > 0 {
			verdict = units.Count(c.Wrong) + " wrong"
		}
		days := ""
		if !c.Oldest.IsZero() {
			days = c.Oldest.Format(time.DateOnly)
			if last := c.Newest.Format(time.DateOnly); last != days {
				days += "–" + last
			}
		}
		rows = append(rows, []string{
			shown(c.Name), units.Count(c.Objects), units.Count(c.Lines), units.Size(c.Text), units.Count(c.Hosts), units.Count(c.Gaps),
			days, leftWords(c, o), verdict,
		})
	}
	return rows
}

// leftWords says which addresses are left, and where they were not looked for.
func leftWords(c verify.Class, o verify.Options) string {
	var words []string
	switch {
	case c.Addresses > 0:
		words = append(words, units.Count(c.Addresses)+" left")
	case c.Searched > 0:
		words = append(words, "none left")
	}
	if c.Searched > 0 && o.Sample > 1 {
		words[0] += fmt.Sprintf(" in 1 of %d lines", o.Sample)
	}
	if n := c.Objects - c.Searched; n > 0 {
		rest := "not looked for"
		if c.Searched > 0 {
			rest += fmt.Sprintf(" in %s", units.Count(n))
		}
		if len(c.Unsearched) > 0 {
			rest += " (" + shown(strings.Join(c.Unsearched, ", ")) + ")"
		}
		words = append(words, rest)
	}
	return strings.Join(words, "; ")
}

// verifyRight is how many columns behind the first are numbers, and stand to
// the right; what follows them are words.
const verifyRight = 5

func printVerifyRows(w io.Writer, rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if 1 <= i && i <= verifyRight {
				cell, blanks = blanks, cell
			}
			b.WriteString("  " + cell + blanks)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
