package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"swab/scrub"
	"swab/ship"
)

// streamID names what is numbered without a gap: the batches of one class from
// one state directory.
type streamID struct{ class, host, node string }

func (id streamID) String() string { return fmt.Sprintf("%s of %s-%s", id.class, id.host, id.node) }

func compareStreams(a, b streamID) int {
	return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.host, b.host), cmp.Compare(a.node, b.node))
}

// stream is the numbers of a stream, as its keys came in their order.
type stream struct {
	runs numberRuns
	last uint64 // the highest number so far
}

// numberRuns are runs of numbers without a gap, ascending and apart: one for a
// stream in which nothing is missing.
type numberRuns []numberRun

type numberRun struct{ from, to uint64 } // both included

// add puts a number in, and tells whether it was there.
func (r *numberRuns) add(n uint64) (twice bool) {
	list := *r
	i, in := slices.BinarySearchFunc(list, n, func(run numberRun, n uint64) int {
		switch {
		case run.to < n:
			return -1
		case run.from > n:
			return 1
		}
		return 0
	})
	before, after := i > 0 && list[i-1].to == n-1, i < len(list) && n+1 == list[i].from
	switch {
	case in:
		return true
	case before && after:
		list[i-1].to = list[i].to
		list = slices.Delete(list, i, i+1)
	case before:
		list[i-1].to = n
	case after:
		list[i].from = n
	default:
		list = slices.Insert(list, i, numberRun{n, n})
	}
	*r = list
	return false
}

// numbers says a run in words.
func (r numberRun) String() string {
	if r.from == r.to {
		return fmt.Sprintf("number %d", r.from)
	}
	return fmt.Sprintf("numbers %d to %d", r.from, r.to)
}

// number takes what a key tells. Keys come in their order, and so must the
// numbers of a stream (invariant 7).
func (r *run) number(j job) {
	k := j.parts
	id := streamID{k.Class, k.Host, k.Node}
	s := r.streams[id]
	if s == nil {
		s = &stream{}
		r.streams[id] = s
	}
	switch {
	case s.runs.add(k.Number):
		r.tally.wrong(Finding{Class: k.Class, Kind: KindTwice, Where: j.key, What: fmt.Sprintf("another object has number %d too", k.Number)})
	case k.Number < s.last:
		r.tally.wrong(Finding{Class: k.Class, Kind: KindOrder, Where: j.key, What: fmt.Sprintf("it stands behind number %d, in a later hour", s.last)})
	}
	s.last = max(s.last, k.Number)
}

// judgeStreams finds the gaps. What is missing at the beginning may have been
// old enough to go, or lie before the first day.
func (r *run) judgeStreams() {
	hosts := map[string]map[string]bool{} // by class
	var later []string
	for _, id := range slices.SortedFunc(maps.Keys(r.streams), compareStreams) {
		runs := r.streams[id].runs
		if hosts[id.class] == nil {
			hosts[id.class] = map[string]bool{}
		}
		hosts[id.class][id.host] = true
		r.tally.change(id.class, func(c *Class) { c.Gaps += len(runs) - 1 })
		for i, next := range runs[1:] {
			gap := numberRun{runs[i].to + 1, next.from - 1}
			if r.book != nil && r.book.tells(id, gap) {
				continue // it says the same, and more
			}
			if r.book != nil && r.book.repairedAway(id, gap) {
				r.tally.note("%s: %s, left out of the ledger by a repair", id, areMissing(gap))
				continue
			}
			r.tally.wrong(Finding{Class: id.class, Kind: KindGap, Where: id.String(), What: areMissing(gap)})
		}
		if first := runs[0].from; first > 1 && r.o.Since.IsZero() {
			later = append(later, fmt.Sprintf("%s begins with number %d", id, first))
		}
	}
	for class, list := range hosts {
		r.tally.change(class, func(c *Class) { c.Hosts = len(list) })
	}
	if len(later) > 0 {
		r.tally.note("older objects are gone, as a lifecycle rule leaves it: %s", some(later, 5))
	}
}

func areMissing(r numberRun) string {
	if r.from == r.to {
		return r.String() + " is missing"
	}
	return fmt.Sprintf("%s are missing", r)
}

// some is a list in words, cut after most.
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// judgeHosts finds the hosts that have no object, and a ledger of another
// store.
func (r *run) judgeHosts() error {
	names, err := scrub.New(scrub.Policy{})
	if err != nil {
		return err
	}
	if r.book != nil && r.o.To != "" && r.book.store != "" && r.book.store != names.String(r.o.To) {
		r.tally.note("the ledger's swab ships to %s", r.book.store)
	}
	there := map[string]bool{}
	for id := range r.streams {
		there[id.host] = true
	}
	what := "it never reported: no object is its"
	if !r.o.Since.IsZero() {
		what = "it has not reported since " + r.o.Since.Format(time.DateOnly)
	}
	sameName := map[string]string{}
	folded := 0
	for _, host := range r.o.Hosts {
		key := keyHost(names, host)
		if other, ok := sameName[key]; ok && other != host {
			folded++
		}
		sameName[key] = host
		if !there[key] {
			r.tally.wrong(Finding{Kind: KindHost, Where: "host " + host, What: what})
		}
	}
	if folded > 0 {
		r.tally.note("%d of the hosts have the name of another once addresses are taken out: one of them reporting is enough for all", folded)
	}
	return nil
}

// keyHost is a host's name as it stands in keys: without addresses, and without
// what no key holds.
func keyHost(names *scrub.Scrubber, host string) string {
	k, err := ship.ParseKey(ship.Key("", "c", time.Unix(0, 0), names.String(host), "n", 1, [32]byte{}, ""))
	if err != nil {
		return host
	}
	return k.Host
}

// judgeEmpty finds it wrong that there is nothing to verify: most often it is
// another store, or prefix, than was meant.
func (r *run) judgeEmpty() {
	empty := func(class, what string) {
		if r.book != nil && r.book.expectsNothing(class) {
			r.tally.note("%s, and the ledger shipped none", what)
			return
		}
		r.tally.wrong(Finding{Class: class, Kind: KindEmpty, What: what})
	}
	if len(r.o.Classes) == 0 && len(r.streams) == 0 {
		what := "there is no object of swab's"
		if r.header != nil {
			what = "there is no object of this state directory's"
		}
		empty("", what)
	}
	for _, class := range r.o.Classes {
		there := false
		for id := range r.streams {
			there = there || id.class == class
		}
		if !there {
			empty(class, "there is no object of class "+class)
		}
	}
}

// notes tells what was not verified.
func (r *run) notes() {
	t := r.tally
	if r.foreign > 0 {
		t.note("%s not of swab's form, or beneath another prefix, and left alone: %q is one", are(r.foreign), r.example)
	}
	if r.others > 0 {
		t.note("%s of other state directories, which other ledgers tell of", are(r.others))
	}
	if n := r.gone.Load(); n > 0 {
		t.note("%s removed while they were to be read", were(n))
	}
	if n := r.archived.Load(); n > 0 {
		t.note("%s in an archive's storage class and cannot be read: their keys alone were verified", are(n))
	}
	switch {
	case r.o.Sample == 0:
		t.note("addresses were not looked for")
	case r.o.Sample > 1:
		t.note("addresses were looked for in one line of %d", r.o.Sample)
	}
}

func are(n int64) string {
	if n == 1 {
		return "1 object is"
	}
	return fmt.Sprintf("%d objects are", n)
}

func were(n int64) string {
	if n == 1 {
		return "1 object was"
	}
	return fmt.Sprintf("%d objects were", n)
}
