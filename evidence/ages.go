package evidence

import (
	"time"

	"swab/ledger"
)

// hours looks at every full hour of the time up to at, the state being that of
// all events before.
func (c *collector) hours(at time.Time) {
	for ; c.next.Before(c.o.To) && !c.next.After(at); c.next = c.next.Add(time.Hour) {
		if c.state == nil || c.state.Begun.IsZero() {
			continue // nothing is known of that hour
		}
		n := len(c.report.Hours)
		c.report.Hours = append(c.report.Hours, c.next)
		ages := oldest(c.state, c.next)
		for name := range c.state.Classes {
			k := c.class(name)
			for len(k.Ages) < n {
				k.Ages = append(k.Ages, Age{None: true})
			}
			age, raw := ages[name]
			age.None = !raw
			if p, known := c.state.Policies[name]; known && p.Erase != "off" {
				age.Limit = p.RawLimit.Duration()
				age.Past = raw && age.Age > age.Limit+grace
			}
			k.Ages = append(k.Ages, age)
		}
	}
}

// oldest is the age of each class's oldest raw byte, of those that have any.
func oldest(s *ledger.State, now time.Time) map[string]Age {
	ages := map[string]Age{}
	note := func(class string, written int64) {
		a := ages[class]
		if written == 0 {
			a.Unknown = true
		} else {
			a.Age = max(a.Age, now.Sub(time.Unix(written, 0)), 0)
		}
		ages[class] = a
	}
	for _, b := range s.Batches {
		if b.Away != nil && len(b.Away.Files) > 0 {
			note(b.Away.Class, b.Away.Oldest)
		}
		for _, r := range b.Ranges {
			if !r.Gone {
				note(r.Class, r.Oldest)
			}
		}
	}
	for _, f := range s.Files {
		if f.Unread() > 0 && f.Stream == "" {
			note(f.Class, f.Oldest(f.Cursor))
		}
	}
	return ages
}
