package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"swab/ship"
)

// Kind says what sort of thing is wrong.
type Kind string

// The kinds, in the order in which they are told.
const (
	KindEmpty    Kind = "empty"    // there is nothing to verify
	KindSum      Kind = "sum"      // other bytes than were sealed
	KindFrame    Kind = "frame"    // the body does not decompress, or goes on behind its frame
	KindMetadata Kind = "metadata" // none, or not that of the body
	KindLines    Kind = "lines"    // other than the metadata says
	KindGap      Kind = "gap"      // numbers are missing
	KindTwice    Kind = "twice"    // two objects have one number
	KindOrder    Kind = "order"    // a higher number has an earlier key
	KindAddress  Kind = "address"  // one that the policy takes out
	KindLedger   Kind = "ledger"   // the ledger says otherwise
	KindAnchor   Kind = "anchor"   // it names no seal, and so anchors nothing
	KindTime     Kind = "time"     // the store took it at another time than the ledger says
	KindHost     Kind = "host"     // a host has no object
)

var kinds = []Kind{KindEmpty, KindSum, KindFrame, KindMetadata, KindLines, KindGap, KindTwice, KindOrder, KindAddress, KindLedger, KindAnchor, KindTime, KindHost}

// mostListed is how many findings of one kind and class a report names; all of
// them are counted.
const mostListed = 20

// Finding is one thing that is wrong.
type Finding struct {
	Class string
	Kind  Kind
	// Where is an object's key, or a class and a host.
	Where string
	// Line and Column, from 1, are where an address stands in an object's
	// decompressed text, columns in bytes; else 0.
	Line, Column int64
	// What is wrong, without a word of what stands in the store.
	What string
}

func (f Finding) String() string {
	s := f.Where
	if s != "" {
		s += ": "
	}
	if f.Line > 0 {
		s += fmt.Sprintf("line %d, column %d: ", f.Line, f.Column)
	}
	return s + f.What
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.What, b.What))
}

// Unlisted says how many findings of a class and kind the report does not name.
type Unlisted struct {
	Class string
	Kind  Kind
	Count int64
}

// Class is what a class's objects came to.
type Class struct {
	Name           string
	Objects        int64
	Lines          int64
	Stored, Text   int64 // bytes in the store, and decompressed
	Hosts          int
	Gaps           int       // runs of missing numbers between others
	Addresses      int64     // left where none may be
	Searched       int64     // objects in which addresses were looked for
	Unsearched     []string  // modes of objects in which they were not
	Oldest, Newest time.Time // hours of the first key and the last
	Wrong          int64     // findings
}

// Report is what a verification came to.
type Report struct {
	Classes  []Class   // by name
	Findings []Finding // by class and kind, the first of each
	Unlisted []Unlisted
	Wrong    int64 // findings, those that are not listed too
	// Notes are what is no fault but must be known.
	Notes []string
	Read  Progress
	// Anchored is what of the ledger the store vouches for; [Anchors] sets it.
	Anchored Anchored
}

// tally collects a report from several goroutines. What it keeps is bounded by
// the number of classes.
type tally struct {
	mu       sync.Mutex
	classes  map[string]*Class
	modes    map[string]map[string]bool // by class
	findings map[bucket]*bucketed
	notes    []string
}

type bucket struct {
	class string
	kind  Kind
}

// bucketed holds the first findings in their order, whatever order they came in.
type bucketed struct {
	n     int64
	first []Finding
}

func newTally() *tally {
	return &tally{classes: map[string]*Class{}, modes: map[string]map[string]bool{}, findings: map[bucket]*bucketed{}}
}

func (t *tally) class(name string) *Class {
	c := t.classes[name]
	if c == nil {
		c = &Class{Name: name}
		t.classes[name], t.modes[name] = c, map[string]bool{}
	}
	return c
}

// change changes a class's figures.
func (t *tally) change(name string, change func(c *Class)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t.class(name))
}

// object counts an object; looked tells whether addresses are looked for at
// all.
func (t *tally) object(k ship.KeyParts, s *seen, looked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.class(k.Class)
	c.Objects++
	c.Lines += s.lines
	c.Stored += s.size
	c.Text += s.text
	c.Addresses += s.addresses
	if c.Oldest.IsZero() || k.Hour.Before(c.Oldest) {
		c.Oldest = k.Hour
	}
	if k.Hour.After(c.Newest) {
		c.Newest = k.Hour
	}
	if s.rule.looks && looked {
		c.Searched++
	} else if !s.rule.looks && len(t.modes[k.Class]) < 8 {
		t.modes[k.Class][s.rule.name] = true
	}
}

func (t *tally) bucket(class string, kind Kind) *bucketed {
	b := t.findings[bucket{class, kind}]
	if b == nil {
		b = &bucketed{}
		t.findings[bucket{class, kind}] = b
	}
	return b
}

// wrong adds a finding.
func (t *tally) wrong(f Finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.Class != "" {
		t.class(f.Class) // a row in the table, also of nothing
	}
	b := t.bucket(f.Class, f.Kind)
	b.n++
	i, _ := slices.BinarySearchFunc(b.first, f, compareFindings)
	if i < mostListed {
		b.first = slices.Insert(b.first, i, f)
		b.first = b.first[:min(len(b.first), mostListed)]
	}
}

// more counts findings that are not listed.
func (t *tally) more(class string, kind Kind, n int64) {
	if n <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bucket(class, kind).n += n
}

func (t *tally) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// report puts everything in its order.
func (t *tally) report(read Progress) *Report {
	r := &Report{Notes: t.notes, Read: read}
	for b, list := range t.findings {
		r.Wrong += list.n
		if c := t.classes[b.class]; c != nil {
			c.Wrong += list.n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.classes)) {
		c := *t.classes[name]
		c.Unsearched = slices.Sorted(maps.Keys(t.modes[name]))
		r.Classes = append(r.Classes, c)
	}
	order := slices.SortedFunc(maps.Keys(t.findings), func(a, b bucket) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)))
	})
	for _, b := range order {
		list := t.findings[b]
		r.Findings = append(r.Findings, list.first...)
		if left := list.n - int64(len(list.first)); left > 0 {
			r.Unlisted = append(r.Unlisted, Unlisted{b.class, b.kind, left})
		}
	}
	return r
}
