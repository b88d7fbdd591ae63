package status

import (
	"fmt"
	"strconv"
	"strings"

	"swab/units"
)

// AllProblems are the given ones and those that the snapshot implies, the red
// ones first. Implied, and red: a store never met, a limit that is not held or
// not kept, raw bytes of unknown age, and files that can be read but not
// erased. Implied, and not red: refused files, files that no flag names, and bytes that are near their
// limit.
func (s Snapshot) AllProblems() []Problem {
	var red, rest []Problem
	for _, p := range append(s.implied(), s.Problems...) {
		if p.Red {
			red = append(red, p)
		} else {
			rest = append(rest, p)
		}
	}
	return append(red, rest...)
}

func (s Snapshot) implied() []Problem {
	var out []Problem
	if !s.StoreMet {
		out = append(out, Problem{
			What: joinNonEmpty(": ", "The store was not met since swab started", s.StoreError),
			Do:   "Check --to, the credentials and the network. swab goes on trying by itself.",
			Red:  true,
		})
	}
	for _, c := range s.Classes {
		out = append(out, c.implied()...)
	}
	if s.Refused > 0 {
		out = append(out, Problem{
			What: fmt.Sprintf("%s refused: swab neither ships nor erases what stands there", files(s.Refused)),
			Do:   "swab run --dry-run names them and says why.",
		})
	}
	if s.Uncovered > 0 {
		out = append(out, Problem{
			What: fmt.Sprintf("%s beside the logs that no --log names: swab neither ships nor erases what stands there", files(s.Uncovered)),
			Do:   "swab run --dry-run names them. Give them a --log, or leave them out by --exclude.",
		})
	}
	return out
}

func (c Class) implied() []Problem {
	var out []Problem
	red := func(what, do string) {
		out = append(out, Problem{What: c.Name + ": " + what, Do: do, Red: true})
	}
	switch {
	case !c.LimitHeld:
		red(fmt.Sprintf("the limit of %s is not held, nothing is erased (oldest raw byte: %s)", units.Age(c.Limit), c.oldest()),
			"Leave out --erase off when nothing else needs the raw bytes.")
	case c.past():
		red(fmt.Sprintf("the oldest raw byte is %s old, past the limit of %s", units.Age(c.OldestRaw), units.Age(c.Limit)),
			"swab's messages say what keeps it from erasing: a file it cannot write, a full spool, or a clock in doubt.")
	case c.OldestUnknown:
		red(fmt.Sprintf("the age of some raw bytes is not known, so they count as past the limit of %s", units.Age(c.Limit)),
			"They are shipped first and then erased. If this stays, the store or the spool holds them up.")
	}
	if c.NearUnsealed+c.NearSealed > 0 {
		out = append(out, c.near())
	}
	if c.Unerasable > 0 {
		red(fmt.Sprintf("%s can be read but not erased", files(c.Unerasable)),
			"Run swab as the owner of the logs, or add CAP_DAC_OVERRIDE, or ship only with --erase off. swab run --dry-run names the files.")
	}
	return out
}

// near is the warning before the limit. It is not red: nothing is lost yet.
func (c Class) near() Problem {
	const beyond = "past four fifths of the limit of "
	if c.NearUnsealed == 0 {
		return Problem{
			What: fmt.Sprintf("%s: %s are not in the store and %s%s", c.Name, units.Size(c.NearSealed), beyond, units.Age(c.Limit)),
			Do:   "Mend the store. At the limit they are erased all the same; the spool holds them until the store takes them.",
		}
	}
	return Problem{
		What: fmt.Sprintf("%s: %s could not be sealed yet and are %s%s", c.Name, units.Size(c.NearUnsealed), beyond, units.Age(c.Limit)),
		Do:   "Mend the store, or raise --spool-limit and free the disk for it. At the limit they are erased, and lost.",
	}
}

// past tells that raw bytes are known to be older than the limit.
func (c Class) past() bool { return c.OldestRaw > c.Limit }

// state is the State, and beside it what the snapshot implies, so that no row
// says "ok" under a red problem of its class.
func (c Class) state() string {
	var implied []string
	switch {
	case c.past():
		implied = append(implied, "past its limit")
	case c.OldestUnknown:
		implied = append(implied, "age unknown")
	}
	if !c.LimitHeld {
		implied = append(implied, "limit not held")
	}
	if c.Unerasable > 0 {
		implied = append(implied, files(c.Unerasable)+" not erasable")
	}
	if len(implied) == 0 {
		return c.State
	}
	said := c.State
	if said == "ok" {
		said = ""
	}
	return joinNonEmpty("; ", said, strings.Join(implied, ", "))
}

// ready is the text of /readyz, and whether it is green.
func ready(s Snapshot) (string, bool) {
	var b strings.Builder
	for _, p := range s.AllProblems() {
		if p.Red {
			b.WriteString(joinNonEmpty(". ", strings.TrimSuffix(p.What, "."), p.Do) + "\n")
		}
	}
	if b.Len() == 0 {
		return "ok\n", true
	}
	return b.String(), false
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return strconv.Itoa(n) + " files"
}

func joinNonEmpty(sep string, parts ...string) string {
	var out string
	for _, p := range parts {
		if out != "" && p != "" {
			out += sep
		}
		out += p
	}
	return out
}
