package status

import (
	_ "embed" // for page.html
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"swab/units"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// page is what page.html is filled with: texts, ready to read.
type page struct {
	Nonce               string
	Version, Host, Node string
	Running, At, AtISO  string
	Red                 bool
	Problems            []Problem
	Store, StoreState   string
	Conditional         string
	Spool               string
	SpoolBar            *bar
	Classes             []row
	Devices             []Device
}

// row is one class.
type row struct {
	Name              string
	Files             int
	Oldest            string // against the limit
	Bar               *bar
	Backlog, Shipped  string
	LastObject, State string
	OK                bool
}

// bar is a meter from 0 to Max, filled to Value, which is never more. It
// repeats what the text beside it says. It has no colours for high values: a
// class that keeps its bytes up to the limit stands near it all the time.
type bar struct{ Max, Value int64 }

// newBar is nil where there is nothing to measure against.
func newBar(value, limit int64) *bar {
	if limit <= 0 {
		return nil
	}
	return &bar{Max: limit, Value: min(max(value, 0), limit)}
}

func writePage(w io.Writer, s Snapshot, nonce string) error {
	p := page{
		Nonce: nonce, Version: s.Version, Host: s.Host, Node: s.Node,
		Running: units.Age(s.At.Sub(s.Started)), At: stamp(s.At), AtISO: s.At.UTC().Format(time.RFC3339),
		Problems: s.AllProblems(),
		Store:    s.Store, StoreState: s.storeState(), Conditional: s.conditional(),
		Spool: units.Size(s.SpoolBytes), SpoolBar: newBar(s.SpoolBytes, s.SpoolLimit),
		Devices: s.Devices,
	}
	p.Red = slices.ContainsFunc(p.Problems, func(p Problem) bool { return p.Red })
	if s.SpoolLimit > 0 {
		p.Spool += " of " + units.Size(s.SpoolLimit)
	}
	for _, c := range s.Classes {
		p.Classes = append(p.Classes, newRow(c, s.At))
	}
	return pageTemplate.Execute(w, p)
}

func newRow(c Class, now time.Time) row {
	r := row{
		Name: c.Name, Files: c.Files, Oldest: c.oldest(),
		Backlog: units.Size(c.Backlog), Shipped: units.About(c.Account.LinesShipped),
		LastObject: ago(now, c.LastShip), State: c.state(),
	}
	r.OK = r.State == "ok"
	switch {
	case c.OldestUnknown:
		r.Oldest += ", limit " + units.Age(c.Limit)
	case c.OldestRaw > 0:
		r.Oldest += " of " + units.Age(c.Limit)
	}
	filled := c.OldestRaw
	if c.OldestUnknown {
		filled = c.Limit
	}
	r.Bar = newBar(int64(filled/time.Second), int64(c.Limit/time.Second))
	return r
}

// oldest is the age of the oldest raw byte in words.
func (c Class) oldest() string {
	switch {
	case c.OldestUnknown && c.OldestRaw > 0:
		return "unknown, at least " + units.Age(c.OldestRaw)
	case c.OldestUnknown:
		return "unknown"
	case c.OldestRaw <= 0:
		return "none"
	}
	return units.Age(c.OldestRaw)
}

func (s Snapshot) storeState() string {
	if s.StoreDownSince.IsZero() && s.StoreMet {
		return "up"
	}
	text := "not met yet"
	if s.StoreMet {
		text = "down"
	}
	if !s.StoreDownSince.IsZero() {
		text += fmt.Sprintf(" since %s (%s)", stamp(s.StoreDownSince), units.Age(s.At.Sub(s.StoreDownSince)))
	}
	switch {
	case s.StoreTries == 1:
		text += ", 1 try"
	case s.StoreTries > 1:
		text += fmt.Sprintf(", %d tries", s.StoreTries)
	}
	return joinNonEmpty(": ", text, s.StoreError)
}

func (s Snapshot) conditional() string {
	switch {
	case !s.StoreMet:
		return "not known yet"
	case s.Conditional:
		return "yes: an object is never overwritten"
	}
	return "no: two swabs with one state directory could overwrite each other's objects"
}

// stamp is a time as the page shows it, always UTC like the objects' keys.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// ago is how long before now t was; a zero t is never.
func ago(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < time.Second:
		return "now"
	}
	return units.Age(now.Sub(t)) + " ago"
}
