package evidence

import (
	"fmt"
	"slices"

	"swab/units"
)

// fact is one line of the summary. Bad is what an auditor has to look at.
type fact struct {
	Bad  bool
	What string
}

// Mark says in a word what a colour would.
func (f fact) Mark() string {
	if f.Bad {
		return "look"
	}
	return "ok"
}

// facts are the answers to what is asked first.
func (r *Report) facts() []fact {
	var list []fact
	say := func(bad bool, format string, args ...any) {
		list = append(list, fact{bad, fmt.Sprintf(format, args...)})
	}
	if len(r.Problems) == 0 {
		say(false, "The ledger holds: every sum fits, and every byte is accounted for.")
	}
	for _, p := range r.Problems {
		say(true, "The ledger does not hold: %s", p)
	}
	if r.Begun.IsZero() || r.Begun.After(r.From) {
		say(true, "The ledger begins at %s: nothing is known of the time before.", stamp(r.Begun))
	}
	past, held := 0, 0
	for _, c := range r.Classes {
		past += c.Past
		switch {
		case !c.Held:
			say(true, "Class %s: nothing is erased, and no limit is held.", c.Name)
		default:
			held++
		}
		if c.Worst.Unknown {
			say(true, "Class %s: the age of some raw bytes was not known.", c.Name)
		}
	}
	switch {
	case past > 0:
		say(true, "Raw bytes were past their limit at %s.", plural(past, "full hour", "full hours"))
	case held > 0:
		say(false, "At no full hour was a raw byte past its limit, in any class whose limit is held.")
	}
	if r.lossless() {
		say(false, "No line was lost: none expired, and none was gone before it was read.")
	} else {
		say(true, "Lines were lost, see below.")
	}
	if d := r.offFor(); d > 0 {
		say(true, "swab was off for %s, in %s.", units.Age(d), plural(len(r.Off), "pause", "pauses"))
	} else {
		say(false, "swab ran all the time.")
	}
	for _, d := range r.Devices {
		if !d.Reaches {
			say(true, "On %s overwriting does not reach the old blocks.", d.FS)
		}
	}
	if n := len(r.Refused); n > 0 {
		say(true, "%s refused.", plural(n, "file was", "files were"))
	}
	if n := r.Looks.Files; n > 0 {
		say(true, "%s beside the logs, covered by no glob.", plural(n, "file lies", "files lie"))
	}
	if len(r.Gaps) > 0 {
		say(true, "The ledger has gaps, see below.")
	}
	if n := len(r.Reveals); n > 0 {
		say(true, "%s turned back.", plural(n, "pseudonym was", "pseudonyms were"))
	}
	slices.SortStableFunc(list, func(a, b fact) int { // what has to be looked at first
		switch {
		case a.Bad == b.Bad:
			return 0
		case a.Bad:
			return -1
		}
		return 1
	})
	return list
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return units.Count(n) + " " + more
}

// silence is what a report cannot say, and its reader must know.
func (r *Report) silence() []string {
	return []string{
		"It is swab's own record. Between two anchors it is self-attested: swab ledger check --store holds it against the sums and times that the store keeps of it.",
		"It knows the files that a glob named, and those beside them whose directory or name says that they are logs. What lies elsewhere is not in it.",
		"While swab was off nobody looked: files may have come and gone.",
		"It knows nothing of copies: snapshots, journals of file systems, worn blocks of an SSD, backups, and what other programs read.",
		"It certifies nothing. docs/evidence.md says what each event shows, and what it does not.",
	}
}

// about is what the report is of, by name and value.
func (r *Report) about() [][2]string {
	list := [][2]string{
		{"host", r.Host + ", node " + r.Node},
		{"time", stamp(r.From) + " to " + stamp(r.To) + " UTC"},
		{"ships to", r.Store},
		{"swab", r.Version},
	}
	state := "until " + stamp(r.Last)
	if r.Running {
		state += ", and a swab is at work on it"
	}
	list = append(list, [2]string{"ledger", "from " + stamp(r.Begun) + " " + state})
	if r.Events > 0 {
		list = append(list, [2]string{"events", fmt.Sprintf("%s, number %s to %s", units.Count(r.Events), units.Count(r.First), units.Count(r.LastEvent))},
			[2]string{"sum of the last", r.Sum})
	}
	var said [][2]string
	for _, l := range list {
		if l[1] != "" {
			said = append(said, l)
		}
	}
	return said
}
