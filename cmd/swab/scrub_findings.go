package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"swab/scrub"
	"swab/units"
)

// what names the form of a finding, or the rule and the field.
func what(f scrub.Finding) string {
	switch {
	case f.Form == scrub.FieldAddress:
		return "ip-field: " + f.Rule
	case f.Form != scrub.NamedField && f.Rule != "" && f.Form.Value():
		return f.Rule + ": " + f.Form.String()
	case f.Form != scrub.NamedField || f.Rule == "":
		return f.Form.String()
	case f.Rule == "cookies" || f.Rule == "secrets" || f.Rule == "identifiers":
		return f.Rule + ": " + f.Field
	}
	return "redact: " + f.Rule
}

// whyKept says why something stays, in the words of the flags.
func whyKept(f scrub.Fate) string {
	switch f {
	case scrub.KeptNetwork:
		return "--keep-net"
	case scrub.KeptMode:
		return "--scrub keep"
	}
	return strings.TrimPrefix(f.String(), "kept: ")
}

// findings counts findings by where and what they are.
type findings map[tallyKey]*tallyRow

type tallyKey struct{ where, what string }

type tallyRow struct {
	tallyKey
	form    scrub.Form
	changed int64
	kept    map[scrub.Fate]int64
}

func (t findings) add(where string, f scrub.Finding) {
	k := tallyKey{where, what(f)}
	r := t[k]
	if r == nil {
		r = &tallyRow{tallyKey: k, form: f.Form, kept: map[scrub.Fate]int64{}}
		t[k] = r
	}
	if f.Fate == scrub.Changed {
		r.changed++
	} else {
		r.kept[f.Fate]++
	}
}

// cells are what a table shows of the row.
func (r *tallyRow) cells() []string {
	var kept int64
	var why []string
	for f := scrub.Changed; f <= scrub.KeptNoAddress; f++ {
		if n := r.kept[f]; n > 0 {
			kept += n
			why = append(why, fmt.Sprintf("%s (%s)", whyKept(f), units.Count(n)))
		}
	}
	if len(why) == 1 {
		why[0], _, _ = strings.Cut(why[0], " (")
	}
	return []string{r.where, r.what, units.Count(r.changed), units.Count(kept), strings.Join(why, ", ")}
}

// all is how many findings the row counts.
func (r *tallyRow) all() int64 {
	n := r.changed
	for _, k := range r.kept {
		n += k
	}
	return n
}

// tallyRows is how many rows a table has at most.
const tallyRows = 60

// print writes the counts as an aligned table: by form where no row has a place,
// and else by place, the most frequent first.
func (t findings) print(w io.Writer, most int) {
	if len(t) == 0 {
		fmt.Fprintln(w, "nothing found")
		return
	}
	var rows []*tallyRow
	placed := false
	for _, r := range t {
		rows = append(rows, r)
		placed = placed || r.where != ""
	}
	slices.SortFunc(rows, func(a, b *tallyRow) int {
		byForm := cmp.Or(cmp.Compare(a.form, b.form), cmp.Compare(a.what, b.what))
		if placed {
			return cmp.Or(cmp.Compare(b.all(), a.all()), cmp.Compare(a.where, b.where), byForm)
		}
		return byForm
	})
	more, moreFound := max(0, len(rows)-most), int64(0)
	for _, r := range rows[len(rows)-more:] {
		moreFound += r.all()
	}
	table := [][]string{{"WHERE", "FOUND", "CHANGED", "KEPT", "WHY"}}
	for _, r := range rows[:len(rows)-more] {
		table = append(table, r.cells())
	}
	if !placed {
		for i := range table {
			table[i] = table[i][1:]
		}
	}
	printAligned(w, table, len(table[0])-3)
	if more > 0 {
		fmt.Fprintf(w, "  … and %s with %s\n", counted(more, "more row"), counted(int(moreFound), "finding"))
	}
}

// printAligned writes rows in columns; two columns from numbers on are aligned
// to the right.
func printAligned(w io.Writer, rows [][]string, numbers int) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			b.WriteString("  ")
			if i == numbers || i == numbers+1 {
				c, pad = pad, c
			}
			b.WriteString(c + pad)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
