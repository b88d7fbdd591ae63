package evidence

import (
	"time"

	"swab/units"
)

// stamp is a time as reports show it, UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// String is an age for a reader.
func (a Age) String() string {
	switch {
	case a.None:
		return "none"
	case a.Unknown && a.Age == 0:
		return "unknown"
	case a.Unknown:
		return "unknown, at least " + units.Age(a.Age)
	}
	return units.Age(a.Age)
}

// whyWords says a reason of erasing.
func whyWords(reason string) string {
	switch reason {
	case "shipped":
		return "the store has it"
	case "limit":
		return "at its limit, the store has it"
	case "limit-sealed":
		return "at its limit, sealed, not shipped yet"
	case "nameless":
		return "sealed, and no name leads to the file any more"
	case "expire":
		return "at its limit, never sealed: a loss"
	}
	return reason
}
