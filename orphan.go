package swab

import (
	"slices"
	"strings"

	"swab/scrub"
)

// orphanPolicy is how lines of a class that no flag names any more are scrubbed
// if they have to leave: truncated, cookies and secrets blanked, and with them
// all that the class blanked when it was last configured, by the ledger's
// record of it.
func orphanPolicy(recorded string) scrub.Policy {
	p := scrub.Policy{Mode: scrub.Truncate, Redact: []string{"cookies", "secrets"}}
	for word := range strings.FieldsSeq(recorded) {
		list, ok := strings.CutPrefix(word, "redact=")
		if !ok {
			continue
		}
		for name := range strings.SplitSeq(list, ",") {
			// What this version would refuse came from another one.
			if scrub.CheckRedact(name) == nil && !slices.Contains(p.Redact, name) {
				p.Redact = append(p.Redact, name)
			}
		}
	}
	return p
}
