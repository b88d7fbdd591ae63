package evidence

import (
	"fmt"
	"strings"
	"time"

	"swab/ledger"
	"swab/units"
)

// note takes from an event, which is folded already, what lists are made of.
func (c *collector) note(e *ledger.Event) {
	r := c.report
	switch {
	case e.Seal != nil:
		k := c.class(e.Seal.Batch.Class)
		if k.FirstBatch == 0 {
			k.FirstBatch = e.Seal.Batch.Number
		}
		k.LastBatch = e.Seal.Batch.Number
	case e.Policy != nil:
		c.change(e, policyWords(e.Policy))
	case e.Fork != nil:
		c.change(e, fmt.Sprintf("the state directory is a copy of %s-%s, and ships as %s-%s from here on", e.Fork.WasHost, e.Fork.WasNode, e.Fork.Host, e.Fork.Node))
	case e.Cut != nil:
		c.change(e, fmt.Sprintf("the last %s of the ledger, torn by a crash, were moved aside", units.Size(e.Cut.Bytes)))
	case e.Snapshot != nil && e.Snapshot.Repair != nil:
		c.change(e, "a repair began a new chain: "+e.Snapshot.Repair.Why)
		r.Gaps = append(r.Gaps, fmt.Sprintf("segments %s of the ledger were left out by a repair", list(e.Snapshot.Repair.Segments)))
	case e.Expire != nil:
		x := e.Expire
		c.lose(e, Loss{File: x.Range.File, Bytes: x.Range.Len(), Lines: x.Range.Lines, Why: "at its limit and never sealed: " + x.Why})
	case e.Lost != nil:
		c.lose(e, Loss{File: e.Lost.File, Bytes: e.Lost.To - e.Lost.From, Least: true, Why: e.Lost.Why})
	case e.Refused != nil:
		c.refuse(e)
	case e.Uncovered != nil:
		c.look(e)
	case e.Key != nil:
		c.key(e.Key)
	case e.Reveal != nil:
		v := e.Reveal
		if len(r.Reveals) < mostListed {
			r.Reveals = append(r.Reveals, Reveal{At: time.Unix(v.Asked, 0).UTC(), User: v.User, UID: v.UID, Sudo: v.Sudo, Day: v.Day})
		} else {
			r.Unlisted["reveals"]++
		}
	case e.Anchor != nil:
		if len(r.Segments) < mostListed {
			r.Segments = append(r.Segments, Segment{At: e.At, Number: e.Anchor.Segment, Last: e.Anchor.Last, Key: e.Anchor.Key})
		} else {
			r.Unlisted["segments"]++
		}
	}
}

func (c *collector) change(e *ledger.Event, what string) {
	if len(c.report.Changes) == mostListed {
		c.report.Unlisted["changes"]++
		return
	}
	c.report.Changes = append(c.report.Changes, Change{At: e.At, What: what})
}

func (c *collector) lose(e *ledger.Event, l Loss) {
	if len(c.report.Losses) == mostListed {
		c.report.Unlisted["losses"]++
		return
	}
	l.At = e.At
	if f := c.state.Files[l.File]; f != nil {
		l.Class = f.Class
	}
	c.report.Losses = append(c.report.Losses, l)
}

// refuse counts what is said of the same file again.
func (c *collector) refuse(e *ledger.Event) {
	r := c.report
	id := [2]string{e.Refused.Name, e.Refused.Why}
	i, known := c.refused[id]
	if !known {
		if len(r.Refused) == mostListed {
			r.Unlisted["refused"]++
			return
		}
		i = len(r.Refused)
		c.refused[id] = i
		r.Refused = append(r.Refused, Refused{Name: e.Refused.Name, Why: e.Refused.Why, First: e.At, Made: madeAt(e.Refused.Since)})
	}
	r.Refused[i].Last = e.At
	r.Refused[i].Times++
}

// look notes what a look beside the logs found. Those that an event only counts
// have no row.
func (c *collector) look(e *ledger.Event) {
	l := &c.report.Looks
	l.Times++
	l.Last, l.Files, l.Bytes = e.At, e.Uncovered.Files, e.Uncovered.Bytes
	for _, f := range e.Uncovered.List {
		i, known := c.uncovered[f.Name]
		if !known {
			i = len(l.Uncovered)
			c.uncovered[f.Name] = i
			if i < mostListed {
				l.Uncovered = append(l.Uncovered, Uncovered{Name: f.Name, First: e.At})
			} else {
				c.report.Unlisted["uncovered"]++
			}
		}
		if i >= mostListed {
			continue
		}
		row := &l.Uncovered[i]
		row.Last, row.Size, row.Made = e.At, f.Size, madeAt(f.Since)
	}
}

// madeAt is an event's time of a file's making; zero where it is not known.
func madeAt(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

func (c *collector) key(k *ledger.KeyEvent) {
	if k.Use == ledger.UseRatchet {
		return
	}
	if use := c.keysOf(k.Use); k.Did == ledger.KeyMade {
		use.Made++
	} else {
		use.Destroyed++
	}
}

func (c *collector) keysOf(use string) *Keys {
	if c.keys[use] == nil {
		c.keys[use] = &Keys{Use: use}
	}
	return c.keys[use]
}

func policyWords(p *ledger.Policy) string {
	switch {
	case p.New == nil:
		return fmt.Sprintf("%s: no flag names it any more; its files are held to %s", p.Class, rule(*p.Old))
	case p.Old == nil:
		return fmt.Sprintf("%s: new, %s", p.Class, rule(*p.New))
	}
	return fmt.Sprintf("%s: from %s to %s", p.Class, rule(*p.Old), rule(*p.New))
}

// rule is a class's settings in words.
func rule(p ledger.Retention) string {
	words := []string{"erased once shipped"}
	switch {
	case p.Erase == "off":
		words[0] = "never erased"
	case p.AtLimit:
		words[0] = "kept until the limit"
	case p.EraseAfter > 0:
		words[0] = "erased " + units.Age(p.EraseAfter.Duration()) + " after shipping"
	}
	if p.Erase == "rotated" {
		words = append(words, "when rotated")
	}
	words = append(words, "limit "+units.Age(p.RawLimit.Duration()), "fill "+p.Fill, "scrub "+p.Scrub)
	if p.Keep > 0 {
		words = append(words, "kept "+units.Age(p.Keep.Duration())+" in the store")
	}
	return strings.Join(words, ", ")
}

func list(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, ", ")
}
