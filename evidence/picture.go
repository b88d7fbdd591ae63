package evidence

import (
	"fmt"
	"strings"
	"time"

	"swab/units"
)

// The size of a picture in its own units, and of the margins around what is
// drawn.
const (
	pictureWidth, pictureHeight = 960, 170
	marginLeft, marginTop       = 64, 18
	marginRight, marginBottom   = 12, 26
	plotWidth                   = pictureWidth - marginLeft - marginRight
	plotHeight                  = pictureHeight - marginTop - marginBottom
	mostSteps                   = 1000 // points side by side; more hours share one, the oldest of them
	mostTicks                   = 8
)

// picture is one class's oldest raw byte over time, ready to be drawn.
type picture struct {
	Class, Title, Desc   string
	Width, Height        int
	Left, Right, Top, At int // of the plot; At is its bottom
	Area, Line           string
	Limit                string  // the line of the limits that were in force
	LimitAt              float64 // where the last of them stands
	LimitWords           string
	Held                 bool
	Empty                bool // no raw byte at any hour: words do
	Ages, Days           []tick
	Off                  []box
	Marks                []mark
}

type tick struct {
	At    float64
	Words string
}

type box struct {
	X, Width float64
	Middle   float64
	Wide     bool // wide enough for a word
}

func newBox(from, to float64) box {
	return box{X: from, Width: max(to-from, 1), Middle: (from + to) / 2, Wide: to-from > 28}
}

// mark is a run of hours to look at: a sign, so that no colour is needed.
type mark struct {
	box
	Y    float64
	Sign string
	Bad  bool
}

// PlotHeight is how high what is drawn is.
func (picture) PlotHeight() int { return plotHeight }

// draw makes the picture of a class.
func (r *Report) draw(c *Class) picture {
	p := picture{
		Class: c.Name, Width: pictureWidth, Height: pictureHeight, Held: c.Held,
		Left: marginLeft, Right: pictureWidth - marginRight, Top: marginTop, At: pictureHeight - marginBottom,
		Empty: c.Worst.None, Title: "Class " + c.Name + ": age of the oldest raw byte at each hour",
	}
	top := max(c.Worst.Age, time.Hour)
	for _, a := range c.Ages {
		top = max(top, a.Limit)
	}
	top = top * 13 / 10
	y := func(d time.Duration) float64 { return float64(p.At) - float64(plotHeight)*float64(d)/float64(top) }
	span := max(r.To.Sub(r.From), time.Hour)
	x := func(t time.Time) float64 {
		return float64(p.Left) + float64(plotWidth)*float64(t.Sub(r.From))/float64(span)
	}

	p.LimitWords, p.LimitAt = "limit "+units.Age(c.Limit), y(c.Limit)
	if c.Held {
		p.Ages = append(p.Ages, tick{y(c.Limit / 2), units.Age(c.Limit / 2)}, tick{p.LimitAt, units.Age(c.Limit)})
	} else {
		p.Ages = append(p.Ages, tick{y(c.Worst.Age), units.Age(c.Worst.Age)})
	}
	p.Ages = append(p.Ages, tick{float64(p.At), "0"})
	p.days(r, x)
	for _, o := range r.Off {
		p.Off = append(p.Off, newBox(x(o.From), x(o.To)))
	}
	p.curve(r, c, x, y)
	p.limits(r, c, x, y)
	p.Desc = c.words(r)
	return p
}

// curve draws the ages as steps.
func (p *picture) curve(r *Report, c *Class, x func(time.Time) float64, y func(time.Duration) float64) {
	each := (len(c.Ages) + mostSteps - 1) / mostSteps
	var area, line strings.Builder
	drawing := false
	for i := 0; i < len(c.Ages); i += max(each, 1) {
		n := min(i+max(each, 1), len(c.Ages))
		worst, over, unknown := Age{None: true}, false, false
		for _, a := range c.Ages[i:n] {
			if a.None {
				continue
			}
			worst = Age{Age: max(a.Age, worst.Age)}
			over, unknown = over || a.Past, unknown || a.Unknown
		}
		from := x(r.Hours[i])
		to := x(r.Hours[n-1].Add(time.Hour))
		to = min(to, float64(p.Right))
		if worst.None {
			drawing = false
			continue
		}
		h := y(worst.Age)
		fmt.Fprintf(&area, "M%.1f %dV%.1fH%.1fV%dZ", from, p.At, h, to, p.At)
		if drawing {
			fmt.Fprintf(&line, "V%.1fH%.1f", h, to)
		} else {
			fmt.Fprintf(&line, "M%.1f %.1fH%.1f", from, h, to)
		}
		drawing = true
		switch {
		case over:
			p.mark(from, to, mark{Y: h - 5, Sign: "▲ past the limit", Bad: true})
		case unknown:
			p.mark(from, to, mark{Y: float64(p.At) - 5, Sign: "? age unknown"})
		}
	}
	p.Area, p.Line = area.String(), line.String()
}

// limits draws the limits that were in force, in steps where they changed.
func (p *picture) limits(r *Report, c *Class, x func(time.Time) float64, y func(time.Duration) float64) {
	var line strings.Builder
	was := time.Duration(0)
	for i, a := range c.Ages {
		if a.Limit != was {
			switch {
			case a.Limit == 0: // held no more
			case was == 0:
				fmt.Fprintf(&line, "M%.1f %.1f", x(r.Hours[i]), y(a.Limit))
			default:
				fmt.Fprintf(&line, "V%.1f", y(a.Limit))
			}
			was = a.Limit
		}
		if next := i + 1; a.Limit > 0 && (next == len(c.Ages) || c.Ages[next].Limit != a.Limit) {
			fmt.Fprintf(&line, "H%.1f", min(x(r.Hours[i].Add(time.Hour)), float64(p.Right)))
		}
	}
	p.Limit = line.String()
}

// mark puts a sign over a run of hours, which ends where the next begins.
func (p *picture) mark(from, to float64, m mark) {
	if n := len(p.Marks) - 1; n >= 0 && p.Marks[n].Bad == m.Bad && from-p.Marks[n].X-p.Marks[n].Width < 0.5 {
		m.Y, from = min(m.Y, p.Marks[n].Y), p.Marks[n].X
		p.Marks = p.Marks[:n]
	}
	m.box = newBox(from, to)
	p.Marks = append(p.Marks, m)
}

// days puts a few dates below.
func (p *picture) days(r *Report, x func(time.Time) float64) {
	const day = 24 * time.Hour
	every := day
	for r.To.Sub(r.From)/every > mostTicks {
		every += day
	}
	for t := r.From.Truncate(day); t.Before(r.To); t = t.Add(every) {
		if !t.Before(r.From) && x(t) < float64(p.Right-40) {
			p.Days = append(p.Days, tick{x(t), t.Format("2 Jan")})
		}
	}
}

// words say what the picture shows.
func (c *Class) words(r *Report) string {
	if c.Worst.None {
		return fmt.Sprintf("At none of %d hours a raw byte was there.", len(c.Ages))
	}
	s := fmt.Sprintf("At most %s, at %s UTC", c.Worst, stamp(c.At))
	if !c.Held {
		return s + "; nothing is erased, and no limit is held."
	}
	s += fmt.Sprintf(", of a limit of %s; %s of %d past it.", units.Age(c.Limit), plural(c.Past, "hour", "hours"), len(c.Ages))
	if d := r.offFor(); d > 0 {
		s += fmt.Sprintf(" swab was off for %s, shown hatched.", units.Age(d))
	}
	return s
}

// dayRows are the oldest of each day, as a table beside the picture.
func (c *Class) dayRows(r *Report) (rows [][]string) {
	for i := 0; i < len(c.Ages); {
		day, worst, over := r.Hours[i].Format(time.DateOnly), Age{None: true}, 0
		for ; i < len(c.Ages) && r.Hours[i].Format(time.DateOnly) == day; i++ {
			a := c.Ages[i]
			if a.None {
				continue
			}
			worst = Age{Age: max(a.Age, worst.Age), Unknown: worst.Unknown || a.Unknown}
			if a.Past {
				over++
			}
		}
		rows = append(rows, []string{day, worst.String(), units.Count(over)})
	}
	return rows
}
