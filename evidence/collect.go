package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"swab/ledger"
)

// Options say of which time to tell.
type Options struct {
	From, To time.Time
	// Now is when the ledger is read: the time ends there.
	Now time.Time
	// Live: a daemon has the ledger. Else swab is off since its last event.
	Live bool
}

// Read makes the report of the ledger of a state directory. Damage ends it, and
// stands in the report. The error is for a ledger that cannot be read at all.
func Read(dir string, o Options) (*Report, error) {
	c := newCollector(o)
	err := ledger.Walk(dir, c.add)
	var bad *ledger.CorruptionError
	if errors.As(err, &bad) {
		if !bad.Torn || !o.Live {
			c.report.Problems = append(c.report.Problems, bad.Error())
		}
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return c.finish(), nil
}

// collector folds the events, and notes what those of the time say.
type collector struct {
	o      Options
	report *Report
	state  *ledger.State
	// begin and end are the accounts at both ends of the time, by class.
	begin, end map[string]ledger.Account
	classes    map[string]*Class
	erases     map[eraseID]*tallied
	refused    map[[2]string]int // index in report.Refused
	uncovered  map[string]int    // index in report.Looks.Uncovered, or past its end
	keys       map[string]*Keys
	numbers    map[string]uint64 // the last sealed, by class
	next       time.Time         // the next full hour to look at
	heard      time.Time         // of the last event that shows that it runs
	stopped    string            // why, of a stop that no start followed
	started    bool
	ended      bool // whether swab was on at the end of the time is known
}

type eraseID struct{ class, reason string }

func newCollector(o Options) *collector {
	o.To = earlier(o.To, o.Now)
	r := &Report{From: o.From, To: o.To, Unlisted: map[string]int64{}, Running: o.Live}
	return &collector{
		o: o, report: r, classes: map[string]*Class{}, erases: map[eraseID]*tallied{}, refused: map[[2]string]int{}, uncovered: map[string]int{},
		keys: map[string]*Keys{}, numbers: map[string]uint64{}, next: o.From,
	}
}

// add takes the next event. What comes after the time is folded no more.
func (c *collector) add(e *ledger.Event, sum string) error {
	if c.begin == nil && !e.At.Before(c.o.From) {
		c.begin = c.accounts()
	}
	if !e.At.Before(c.o.To) {
		if c.end == nil {
			c.hours(c.o.To)
			c.end = c.accounts()
		}
		if !c.ended && runs(e) {
			c.ended = true // whether swab was on at the end is known now
			if c.stopped != "" || e.Start != nil {
				c.pause(e.At)
			}
		}
		return nil
	}
	c.hours(e.At)
	during := c.begin != nil
	if during {
		c.count(e, sum)
	}
	c.run(e)
	if e.Erased != nil && during {
		c.erased(e)
	}
	if err := c.fold(e); err != nil {
		return err
	}
	if during {
		c.note(e)
	}
	c.report.Last = e.At
	if runs(e) {
		c.heard = e.At
	}
	return nil
}

func (c *collector) count(e *ledger.Event, sum string) {
	if c.report.Events == 0 {
		c.report.First = e.N
	}
	c.report.Events++
	c.report.LastEvent, c.report.Sum = e.N, sum
}

// fold moves the state on. A snapshot is the fold already, but where something
// before it is missing.
func (c *collector) fold(e *ledger.Event) error {
	if e.Snapshot == nil {
		if e.Seal != nil {
			c.numbers[e.Seal.Batch.Class] = e.Seal.Batch.Number
		}
		return c.state.Apply(*e, e.At)
	}
	before := c.state
	c.state = e.Snapshot.State
	if before == nil && e.N > 1 {
		c.report.Gaps = append(c.report.Gaps, fmt.Sprintf("the ledger begins with event %d: what came before is not here", e.N))
	}
	for _, name := range slices.Sorted(maps.Keys(c.state.Classes)) {
		if last := c.state.Classes[name].Sealed; before != nil && last != c.numbers[name] {
			c.report.Gaps = append(c.report.Gaps, fmt.Sprintf("class %s: batches %d to %d were sealed where the ledger is missing", name, c.numbers[name]+1, last))
		}
		c.numbers[name] = c.state.Classes[name].Sealed
	}
	return nil
}

func (c *collector) accounts() map[string]ledger.Account {
	list := map[string]ledger.Account{}
	if c.state != nil {
		for name, class := range c.state.Classes {
			list[name] = class.Account
		}
	}
	return list
}

func (c *collector) class(name string) *Class {
	if c.classes[name] == nil {
		c.classes[name] = &Class{Name: name}
	}
	return c.classes[name]
}

// run notes when swab ran.
func (c *collector) run(e *ledger.Event) {
	r := c.report
	switch {
	case e.Start != nil:
		if r.Begun.IsZero() {
			r.Begun = e.At
		}
		if c.started {
			c.pause(e.At)
		}
		c.started, c.stopped = true, ""
		r.Host, r.Node, r.Version, r.Store = e.Start.Host, e.Start.Node, e.Start.Version, e.Start.Store
		r.Devices = e.Start.Devices
	case e.Fork != nil:
		r.Host, r.Node = e.Fork.Host, e.Fork.Node
	case e.Stop != nil:
		c.stopped = cmp.Or(e.Stop.Why, "stop")
	case e.Snapshot != nil && c.state == nil && !e.Snapshot.State.Begun.IsZero():
		s := e.Snapshot.State
		r.Begun, r.Host, r.Node, r.Store, c.started = s.Begun, s.Host, s.Node, s.Store, true
		c.heard = s.LastAt
		if s.Stopped {
			c.stopped = "stop"
		}
	}
}

// off notes what of a pause lies in the time.
func (c *collector) off(o Off) {
	o.From, o.To = later(o.From, c.o.From), earlier(o.To, c.o.To)
	if !o.From.Before(o.To) {
		return
	}
	if len(c.report.Off) == mostListed {
		c.report.Unlisted["off"]++
		return
	}
	c.report.Off = append(c.report.Off, o)
}

// pause notes that swab was off since it was last heard of.
func (c *collector) pause(until time.Time) {
	c.off(Off{From: c.heard, To: until, Why: c.stopped, Unsaid: c.stopped == ""})
}

// runs tells whether an event shows that a daemon is at work. Others are written
// before its start, or by commands while there is none.
func runs(e *ledger.Event) bool {
	switch e.Kind {
	case ledger.KindSnapshot, ledger.KindCut, ledger.KindFork, ledger.KindReveal, ledger.KindRefused:
		return false
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// finish closes the accounts.
func (c *collector) finish() *Report {
	r := c.report
	if c.begin == nil {
		c.begin = c.accounts()
	}
	if c.end == nil { // the time reaches past the last event
		c.hours(c.o.To)
		c.end = c.accounts()
	}
	if !c.ended && c.started && !c.o.Live {
		c.pause(c.o.To)
	}
	for name := range c.end {
		c.close(c.class(name))
	}
	for _, name := range slices.Sorted(maps.Keys(c.classes)) {
		r.Classes = append(r.Classes, *c.classes[name])
	}
	if c.state != nil {
		for use, n := range map[string]int{ledger.UseSums: len(c.state.Keys), ledger.UsePseudonyms: len(c.state.Pseudonyms)} {
			if n > 0 {
				c.keysOf(use).Left = n
			}
		}
	}
	for _, use := range slices.Sorted(maps.Keys(c.keys)) {
		r.Keys = append(r.Keys, *c.keys[use])
	}
	if c.state != nil {
		r.Problems = append(r.Problems, c.state.Imbalances()...)
	}
	return r
}

// close fills in a class.
func (c *collector) close(k *Class) {
	a, b := c.begin[k.Name], c.end[k.Name]
	k.Written, k.Shipped, k.Erased = b.Written-a.Written, b.ShippedBytes-a.ShippedBytes, b.Erased-a.Erased
	k.Expired, k.Lost, k.Removed = b.Expired-a.Expired, b.Lost-a.Lost, b.Removed-a.Removed
	k.Copied, k.Streamed, k.Lines = b.Copied-a.Copied, b.Streamed-a.Streamed, b.LinesShipped-a.LinesShipped
	k.Before, k.After = a.Present, b.Present
	if p, known := c.state.Policies[k.Name]; known {
		k.Limit, k.Held, k.Rule = p.RawLimit.Duration(), p.Erase != "off", rule(p)
	}
	if s := c.state.Classes[k.Name]; s != nil {
		k.Waiting = s.Sealed - s.Shipped
	}
	k.Worst = Age{None: true}
	for len(k.Ages) < len(c.report.Hours) { // a class that was not there yet
		k.Ages = slices.Insert(k.Ages, 0, Age{None: true})
	}
	for i, age := range k.Ages {
		if age.Past {
			k.Past++
		}
		if !age.None && (k.Worst.None || age.Age > k.Worst.Age || age.Unknown && !k.Worst.Unknown) {
			k.Worst = Age{Unknown: k.Worst.Unknown || age.Unknown, Age: max(k.Worst.Age, age.Age)}
			k.At = c.report.Hours[i]
		}
	}
	for _, reason := range reasons {
		if e := c.erases[eraseID{k.Name, reason}]; e != nil {
			k.Erases = append(k.Erases, e.done())
		}
	}
}
