package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"swab"
	"swab/units"
)

// How much of a forecast a person reads; JSON has all of it.
const (
	forecastRows  = 50
	forecastOther = 20 // of each list below the table
	forecastWidth = 100
)

// printForecast writes what a dry run found: as JSON, or for people, with
// colour on a terminal.
func printForecast(w io.Writer, f *swab.Forecast, asJSON, terminal bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	b := bufio.NewWriter(w)
	p := &forecastPrinter{w: b, f: f, colour: terminal}
	p.headline()
	p.table()
	p.troubles()
	p.notTaken()
	p.notCovered()
	p.classes()
	p.devices()
	p.others()
	p.flags()
	return b.Flush()
}

type forecastPrinter struct {
	w      *bufio.Writer // its first error ends it, see Flush
	f      *swab.Forecast
	colour bool
}

// Attributes of ECMA-48, SGR.
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrYellow = "33"
	sgrRed    = "31"
)

func (p *forecastPrinter) paint(sgr, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func (p *forecastPrinter) headline() {
	f := p.f
	s := "would ship nothing, "
	if f.Lines > 0 || f.Ship > 0 {
		s = "would ship " + saidLines(f.Lines) + ", "
	}
	if f.Erase > 0 {
		s += fmt.Sprintf("would overwrite %s in %s now; %s of it was never shipped before",
			units.Size(f.Erase), counted(f.Files, "file"), units.Size(f.Unshipped))
	} else {
		s += "would overwrite nothing now"
	}
	bad := 0
	for _, file := range f.List {
		if file.WriteError != "" {
			bad++
		}
	}
	if bad > 0 {
		s += fmt.Sprintf("; %s cannot be overwritten, see below", counted(bad, "file"))
	}
	fmt.Fprintln(p.w, p.paint(sgrBold, s))
}

// table prints the files in aligned columns, the largest where there are many.
func (p *forecastPrinter) table() {
	list := p.f.List
	if len(list) == 0 {
		return
	}
	if len(list) > forecastRows {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b swab.FileForecast) int { return int(min(1, max(-1, b.Size-a.Size))) })
		list = list[:forecastRows]
	}
	rows := [][]string{{"FILE", "OWNER", "CLASS", "SIZE", "UNREAD", "OLDEST BYTE (known by)", "WOULD", "WHY", "NEXT"}}
	for _, file := range list {
		rows = append(rows, p.row(file))
	}
	if !slices.ContainsFunc(list, func(f swab.FileForecast) bool { return f.Unread != f.Size }) {
		for i := range rows { // nothing was read before: the column says nothing
			rows[i] = slices.Delete(rows[i], 4, 5)
		}
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range rows {
		sgr := ""
		switch {
		case i == 0:
			sgr = sgrDim
		case list[i-1].WriteError != "":
			sgr = sgrRed
		case list[i-1].Erase > 0:
			sgr = sgrYellow
		}
		p.line(row, widths, sgr)
	}
	if more := len(p.f.List) - len(list); more > 0 {
		fmt.Fprintf(p.w, "  … and %s, none of them larger; --json lists all\n", counted(more, "more file"))
	}
}

func (p *forecastPrinter) line(row []string, widths []int, sgr string) {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
	}
	text := strings.TrimRight(b.String(), " ")
	if sgr != "" {
		text = p.paint(sgr, text)
	}
	fmt.Fprintln(p.w, "  "+text)
}

func (p *forecastPrinter) row(f swab.FileForecast) []string {
	oldest := "–"
	switch {
	case !f.Oldest.IsZero():
		oldest = fmt.Sprintf("%-8s (%s)", units.Age(time.Duration(f.Age)*time.Second), f.Known)
	case f.Known != "":
		oldest = fmt.Sprintf("%-8s (over any limit)", f.Known)
	}
	next := "–"
	if !f.Next.IsZero() {
		next = f.Then + " " + saidDate(f.Next, p.f.Time)
	}
	return []string{shown(f.Path), shown(f.Owner), f.Class, units.Size(f.Size), units.Size(f.Unread), oldest, f.Action, f.Reason, next}
}

// troubles are the files that a run could not erase.
func (p *forecastPrinter) troubles() {
	title := "cannot be overwritten:"
	if !p.f.State.Used {
		title = "cannot be overwritten, so that a first run would not start:"
	}
	p.list(title, len(p.f.List), func(i int) string {
		f := p.f.List[i]
		if f.WriteError == "" {
			return ""
		}
		return shown(f.Path) + ": " + f.WriteError
	})
	p.list("no files:", len(p.f.Unmatched), func(i int) string {
		g := p.f.Unmatched[i]
		return fmt.Sprintf("%s=%s: %s", g.Class, shown(g.Pattern), shown(g.Why))
	})
}

func (p *forecastPrinter) notTaken() {
	p.list("not taken:", len(p.f.Refused), func(i int) string {
		r := p.f.Refused[i]
		if r.Target != "" {
			return fmt.Sprintf("%s → %s: %s", shown(r.Path), shown(r.Target), shown(r.Why))
		}
		return fmt.Sprintf("%s: %s", shown(r.Path), shown(r.Why))
	})
}

func (p *forecastPrinter) notCovered() {
	p.list("not covered by any --log:", len(p.f.Uncovered), func(i int) string {
		u := p.f.Uncovered[i]
		return fmt.Sprintf("%s (%s)", shown(u.Path), units.Size(u.Size))
	})
}

// list prints a title and its items, those of no text left out: one in the
// title's line, more below it, and how many more than that there are.
func (p *forecastPrinter) list(title string, n int, item func(int) string) {
	var items []string
	more := 0
	for i := range n {
		switch s := item(i); {
		case s == "":
		case len(items) < forecastOther:
			items = append(items, s)
		default:
			more++
		}
	}
	switch {
	case len(items) == 0:
		return
	case len(items) == 1:
		fmt.Fprintf(p.w, "%s %s\n", title, items[0])
		return
	}
	fmt.Fprintln(p.w, title)
	for _, s := range items {
		fmt.Fprintln(p.w, "  "+s)
	}
	if more > 0 {
		fmt.Fprintf(p.w, "  … and %d more; --json lists all\n", more)
	}
}

// classes says what becomes of the lines on their way.
func (p *forecastPrinter) classes() {
	p.list("lines leave with:", len(p.f.Classes), func(i int) string {
		c := p.f.Classes[i]
		return c.Name + ": " + c.Scrubbing
	})
}

// devices says what overwriting reaches, a line for each kind of file system.
func (p *forecastPrinter) devices() {
	for _, d := range p.f.Devices {
		which := ""
		if len(p.f.Devices) > 1 {
			which = " (" + counted(d.Files, "file") + ")"
		}
		what := "overwriting reaches the device"
		if !d.Reaches {
			what = "overwriting may leave old copies"
		}
		if d.Note != "" {
			what += "; " + d.Note
		}
		fmt.Fprintf(p.w, "file system: %s%s: %s\n", d.FileSystem, which, shown(what))
	}
}

// others names who else has the files open.
func (p *forecastPrinter) others() {
	var reads, writes []string
	count := map[string]int{}
	for _, f := range p.f.List {
		for _, o := range f.OpenBy {
			who := fmt.Sprintf("%s (pid %d)", shown(o.Name), o.PID)
			list := &reads
			if o.Writes {
				list = &writes
			}
			key := who + strconv.FormatBool(o.Writes)
			if count[key]++; count[key] == 1 {
				*list = append(*list, who)
			}
		}
	}
	for _, g := range []struct {
		title string
		who   []string
	}{{"also reading these files:", reads}, {"writing to them:", writes}} {
		if n := len(g.who); n > forecastOther {
			g.who = append(g.who[:forecastOther], fmt.Sprintf("and %d more", n-forecastOther))
		}
		if len(g.who) > 0 {
			fmt.Fprintf(p.w, "%s %s\n", g.title, strings.Join(g.who, ", "))
		}
	}
	if p.f.Unseen > 0 && len(p.f.List) > 0 {
		fmt.Fprintf(p.w, "who else has them open: %s of other users could not be looked at\n", counted(p.f.Unseen, "process"))
	}
}

// flags prints what was set, with its place, and then the defaults.
func (p *forecastPrinter) flags() {
	if s := p.f.State; s.Notes != "" {
		fmt.Fprintf(p.w, "state %s: %s\n", shown(s.Path), shown(s.Notes))
	}
	fmt.Fprintln(p.w, "flags:")
	var defaults []string
	width := 0
	said := func(f swab.ForecastConfig) string { return f.Flag + " " + shown(f.Value) }
	for _, f := range p.f.Flags {
		if f.Source == "default" {
			defaults = append(defaults, said(f))
		} else {
			width = max(width, utf8.RuneCountInString(said(f)))
		}
	}
	for _, f := range p.f.Flags {
		if f.Source != "default" {
			fmt.Fprintf(p.w, "  %-*s  (%s)\n", width, said(f), shown(f.Source))
		}
	}
	line := "  defaults:"
	for _, s := range defaults {
		if utf8.RuneCountInString(line)+2+utf8.RuneCountInString(s) > forecastWidth {
			fmt.Fprintln(p.w, line)
			line = "           "
		}
		line += "  " + s
	}
	if len(defaults) > 0 {
		fmt.Fprintln(p.w, line)
	}
}
