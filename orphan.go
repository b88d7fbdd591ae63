package swab

import (
	"slices"
	"strings"

	"swab/scrub"
)

// orphanPolicy is how lines of a class that no flag names any more are scrubbed
// if they have to leave: truncated, cookies and secrets blanked, and with them
// the fields that the class blanked or took for addresses when it was last
// configured, by the ledger's record of it.
func orphanPolicy(recorded string) scrub.Policy {
	p := scrub.Policy{Mode: scrub.Truncate, Redact: []string{"cookies", "secrets"}}
	for word := range strings.FieldsSeq(recorded) {
		// What this version would refuse came from another one.
		if list, ok := strings.CutPrefix(word, "redact="); ok {
			p.Redact = addKnown(p.Redact, list, scrub.CheckRedact)
		}
		if list, ok := strings.CutPrefix(word, "ip-fields="); ok {
			p.IPFields = addKnown(p.IPFields, list, scrub.CheckIPField)
		}
	}
	return p
}

// addKnown adds the names in list, which stand apart by commas, that check
// takes.
func addKnown(names []string, list string, check func(string) error) []string {
	for name := range strings.SplitSeq(list, ",") {
		if check(name) == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
