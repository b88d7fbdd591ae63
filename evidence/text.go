package evidence

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"swab/units"
)

// Text writes the report for a terminal.
func Text(out io.Writer, r *Report) error {
	w := bufio.NewWriter(out)
	fmt.Fprintln(w, "What became of the raw bytes")
	fmt.Fprintln(w)
	var rows [][]string
	for _, a := range r.about() {
		rows = append(rows, []string{a[0], a[1]})
	}
	writeColumns(w, rows, 0)
	fmt.Fprintln(w)
	rows = nil
	for _, f := range r.facts() {
		rows = append(rows, []string{f.Mark() + ":", f.What})
	}
	writeColumns(w, rows, 0)
	for _, t := range r.tables() {
		fmt.Fprintf(w, "\n%s\n", t.Title)
		writeFolded(w, t.Note)
		fmt.Fprintln(w)
		if len(t.Rows) == 0 {
			fmt.Fprintln(w, "  "+t.None)
			continue
		}
		head := make([]string, len(t.Head))
		for i, h := range t.Head {
			head[i] = strings.ToUpper(h)
		}
		writeColumns(w, append([][]string{head}, t.Rows...), t.Right)
		if t.More > 0 {
			fmt.Fprintf(w, "  and %s more\n", units.Count(t.More))
		}
		if t.ID == "ages" {
			writeDays(w, r)
		}
	}
	fmt.Fprintf(w, "\nWhat this report cannot say\n\n")
	for _, s := range r.silence() {
		writeFolded(w, "- "+s)
	}
	return w.Flush()
}

// mostDays is how many days are drawn as text.
const mostDays = 31

// writeDays draws the oldest raw byte at each hour against the limit, a line a
// day.
func writeDays(w io.Writer, r *Report) {
	if len(r.Hours) == 0 || len(r.Hours) > mostDays*24 {
		return
	}
	fmt.Fprint(w, "\n  The same by the hour, 0 to 23 o'clock, as eighths of the limit (of the oldest, where none is held).  . no raw byte   ! past the limit   ? age unknown\n")
	for _, c := range r.Classes {
		if c.Worst.None {
			continue
		}
		fmt.Fprintln(w)
		for i := 0; i < len(c.Ages); {
			day := r.Hours[i].Format(time.DateOnly)
			line := strings.Repeat(" ", r.Hours[i].Hour())
			for ; i < len(c.Ages) && r.Hours[i].Format(time.DateOnly) == day; i++ {
				line += c.sign(c.Ages[i])
			}
			fmt.Fprintf(w, "  %-10s %s  %s\n", c.Name, day, line)
		}
	}
}

// sign is one hour as a letter.
func (c *Class) sign(a Age) string {
	eighths := []rune("▁▂▃▄▅▆▇█")
	switch {
	case a.None:
		return "."
	case a.Past:
		return "!"
	case a.Unknown:
		return "?"
	}
	limit := a.Limit
	if limit == 0 {
		limit = c.Worst.Age // none is held
	}
	return string(eighths[min(int(a.Age*8/max(limit, 1)), 7)])
}

// writeColumns aligns cells; right columns behind the first are numbers. What a
// terminal would obey is left out.
func writeColumns(w io.Writer, rows [][]string, right int) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(plain(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			cell = plain(cell)
			blanks := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if 1 <= i && i <= right {
				cell, blanks = blanks, cell
			}
			b.WriteString("  " + cell + blanks)
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

// writeFolded writes a text in lines of a terminal's width.
func writeFolded(w io.Writer, text string) {
	const width = 100
	line := " "
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintln(w, line)
			line = " "
			if strings.HasPrefix(text, "- ") {
				line = "   "
			}
		}
		line += " " + word
	}
	if strings.TrimSpace(line) != "" {
		fmt.Fprintln(w, line)
	}
}
