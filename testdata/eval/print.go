package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// printTable prints a row a tool: of how many rows of each table the addresses
// went, and how many that must stay did.
func printTable(out io.Writer, rows []row, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	present := presentSources(rows)
	group, head := []string{""}, []string{"TOOL"}
	for _, class := range []string{must, stay} {
		names := append(slices.Clone(present[class]), "ALL")
		for i, s := range names {
			short, _, _ := strings.Cut(s, "_")
			names[i] = short
		}
		if class == must {
			names = append(names, "AND NO OTHER BYTE")
		}
		group = append(group, append([]string{class + ":"}, make([]string, len(names)-1)...)...)
		head = append(head, names...)
	}
	fmt.Fprintln(w, strings.Join(group, "\t"))
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, r := range results {
		fmt.Fprintln(w, strings.Join(r.cells(rows, present), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprint(out, `
must: rows whose addresses must go, and of how many they did: gone as written and in every other spelling;
      and of how many nothing beside the addresses was changed, lost or added
stay: rows that must stay, and how many did, to the byte

`)
	for _, r := range results {
		note := r.tool.note
		if r.problem != "" {
			note += ": " + r.problem
		}
		fmt.Fprintf(w, "%s\t%s\n", r.tool.name, note)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// cells are a tool's row of the table.
func (r result) cells(rows []row, present map[string][]string) []string {
	cells := []string{r.tool.name}
	for _, class := range []string{must, stay} {
		for _, s := range present[class] {
			n, m, _ := r.count(rows, class, s)
			cells = append(cells, r.cell(n, m))
		}
		n, m, clean := r.count(rows, class, "")
		cells = append(cells, r.cell(n, m)+" "+r.percent(n, m))
		if class == must {
			cells = append(cells, r.percent(clean, m))
		}
	}
	if r.problem != "" {
		cells[1] = "not run"
	}
	return cells
}

// presentSources lists, by class, the tables that have a row of it.
func presentSources(rows []row) map[string][]string {
	has := map[string]bool{}
	for _, r := range rows {
		if r.counts() {
			has[r.class+r.source] = true
		}
	}
	present := map[string][]string{}
	for _, s := range sources() {
		for _, class := range []string{must, stay} {
			if has[class+s] {
				present[class] = append(present[class], s)
			}
		}
	}
	return present
}

// count counts rows of a class and a source, or of all sources: those that the
// tool got right, all, and those right with no other byte touched.
func (r result) count(rows []row, class, source string) (right, all, clean int) {
	for i, row := range rows {
		if !row.counts() || row.class != class || source != "" && row.source != source {
			continue
		}
		all++
		if r.problem == "" && r.verdicts[i].right {
			right++
		}
		if r.problem == "" && r.verdicts[i].right && r.verdicts[i].clean {
			clean++
		}
	}
	return right, all, clean
}

func (r result) cell(n, m int) string {
	if r.problem != "" {
		return ""
	}
	return fmt.Sprintf("%d/%d", n, m)
}

func (r result) percent(n, m int) string {
	if r.problem != "" || m == 0 {
		return ""
	}
	// Rounded down: 100 % is every row.
	return fmt.Sprintf("%.1f %%", float64(n*1000/m)/10)
}

// printWrong prints each row that a tool gets wrong.
func printWrong(out io.Writer, rows []row, r result) {
	for i, v := range r.verdicts {
		if row := rows[i]; row.counts() && !(v.right && v.clean) {
			word := row.class
			if v.right {
				word = "beside"
			}
			fmt.Fprintf(out, "%s %s %s\n  in  %q\n  out %q\n", r.tool.name, word, row.id, row.input, r.outputs[i])
		}
	}
}
