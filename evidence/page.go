package evidence

import (
	_ "embed" // for page.html
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageSource string

// page is what page.html is filled with: texts, ready to read.
type page struct {
	Title    string
	About    [][2]string
	Facts    []fact
	Pictures []drawn
	Tables   []table
	Silence  []string
}

// drawn is a picture with the same in figures.
type drawn struct {
	picture
	ByDay table
}

// days is the time in days, both included.
func (r *Report) days() string {
	from, to := r.From.Format(time.DateOnly), r.To.Add(-time.Second).Format(time.DateOnly)
	if from == to {
		return from
	}
	return from + " to " + to
}

// HTML writes the report as one page: no script, nothing fetched from elsewhere,
// readable in the dark, on paper and by ear.
func HTML(out io.Writer, r *Report) error {
	p := page{
		Title: "Raw log bytes on " + r.Host + ", " + r.days(),
		About: r.about(), Facts: r.facts(), Tables: r.tables(), Silence: r.silence(),
	}
	for i := range r.Classes {
		c := &r.Classes[i]
		if len(c.Ages) == 0 {
			continue
		}
		p.Pictures = append(p.Pictures, drawn{r.draw(c), table{
			ID: "days-" + c.Name, Title: "Class " + c.Name + " by day", Head: []string{"day", "oldest at any hour", "hours past the limit"}, Right: 2, Rows: c.dayRows(r),
		}})
	}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return err
	}
	return t.Execute(out, p)
}
