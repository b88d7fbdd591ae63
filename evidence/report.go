// Package evidence tells from a ledger what became of the raw bytes in a time:
// what was written, shipped, erased and lost, how old the oldest of them was at
// every hour, and what else an auditor asks for. A report is a pure function of
// the events; it is printed as text, or as one page of HTML.
//
// It says what the ledger says. What vouches for the ledger itself, its chain
// and the sums in the store, is checked elsewhere.
package evidence

import (
	"time"

	"swab/ledger"
)

// Report is what a ledger tells of the time from From to To.
type Report struct {
	Host, Node string // of the last start
	Version    string // of the last start, empty if the ledger has none of the time
	Store      string
	Devices    []ledger.Device // of the last start: what the logs lie on
	From, To   time.Time
	Begun      time.Time // of the ledger: nothing is known before
	Last       time.Time // of its last event; after it nothing is known
	Running    bool      // a swab had the ledger when it was read
	// First and LastEvent are the numbers of the events of the time; Events is
	// how many there are, and Sum the chain's, of the last one.
	First, LastEvent uint64
	Events           int64
	Sum              string

	Classes []Class // by name
	Hours   []time.Time
	Off     []Off
	Changes []Change
	Losses  []Loss
	Refused []Refused
	Looks   Looks
	Reveals []Reveal
	Keys    []Keys
	Gaps    []string // numbers that are missing, and segments
	// Segments are those that were put into the store in the time.
	Segments []Segment
	// Unlisted counts what the lists are too short for, by their name.
	Unlisted map[string]int64
	// Problems are what is wrong with the ledger itself, empty if it holds.
	Problems []string
}

// mostListed bounds each list of a report.
const mostListed = 200

// Class is what became of a class's bytes. Bytes are those of the time, but for
// the two Present.
type Class struct {
	Name string
	// Limit of raw bytes, as it stood last; Held is false where nothing is
	// erased, and so the limit is not held.
	Limit time.Duration
	Held  bool
	Rule  string // the settings in words

	Written, Shipped, Erased, Expired, Lost, Removed, Copied, Streamed int64
	Before, After                                                      int64 // raw on the host, at From and at To
	Lines                                                              int64 // shipped
	// Batches that were sealed in the time, FirstBatch to LastBatch; Waiting is
	// how many the store did not have at its end.
	FirstBatch, LastBatch, Waiting uint64

	Ages   []Age // of the oldest raw byte, at each of Report.Hours
	Worst  Age   // of these
	At     time.Time
	Past   int // hours at which a byte was past the limit
	Erases []Erases
}

// Age is how old a class's oldest raw byte was.
type Age struct {
	None    bool // there was none
	Unknown bool // of some bytes no time is known; Age is of the others
	Past    bool // it was past the limit
	Age     time.Duration
	Limit   time.Duration // that was in force, 0 where none was held
}

// grace is how far past the limit a byte may be at a full hour: it is being
// overwritten then.
const grace = time.Minute

// Erases is what was overwritten of a class for one reason.
type Erases struct {
	Reason string // as the ledger has it
	Ranges int64
	Bytes  int64 // those that somebody else had freed left out
	// Oldest is the age of the oldest byte when it was overwritten; Unknown: of
	// some no time is known.
	Oldest  time.Duration
	Unknown bool
	Samples []Sample
}

// Sample is one range that was overwritten, for an auditor to follow.
type Sample struct {
	At       time.Time // when it was overwritten and synced
	Batch    string
	Key      string // of the object, empty for what never was one
	File     uint64
	From, To int64     // bytes of the file
	Written  time.Time // no byte of it is older; zero where unknown
	Shipped  time.Time // when the store had it; zero if it did not yet
}

// Off is a time in which swab did not run.
type Off struct {
	From, To time.Time
	// Why is that of the stop. Unsaid: there was none, and From is the last that
	// was heard of it, so that it was off for this long at most.
	Why    string
	Unsaid bool
}

// Change is something that changed: a policy, a name, the chain.
type Change struct {
	At   time.Time
	What string
}

// Loss is lines that are in no object.
type Loss struct {
	At    time.Time
	Class string
	File  uint64
	Bytes int64 // at least, where Least
	Lines int64 // 0 where nobody counted
	Least bool
	Why   string
}

// Refused is a file that was not taken.
type Refused struct {
	Name, Why   string
	First, Last time.Time // when it was said
	Times       int
	Made        time.Time // no byte of it is older, where that is known
}

// Looks are those for files beside the logs that no glob covers.
type Looks struct {
	Times     int
	Last      time.Time
	Files     int   // at the last look, and their
	Bytes     int64 // sum
	Uncovered []Uncovered
}

// Uncovered is a file that a look named.
type Uncovered struct {
	Name        string
	Size        int64     // when it was named last
	First, Last time.Time // when it was
	Made        time.Time // no byte of it is older, where that is known
}

// Reveal is a pseudonym that was turned back.
type Reveal struct {
	At         time.Time
	User, Sudo string
	UID        int
	Day        string // of the key
}

// Keys counts the keys of one use that were made and destroyed.
type Keys struct {
	Use             string
	Made, Destroyed int
	Left            int // that were there at the end
}

// Segment is a part of the ledger that the store has.
type Segment struct {
	At     time.Time
	Number int
	Last   uint64 // the number of its last event
	Key    string
}

// lossless tells whether nothing was lost in the time.
func (r *Report) lossless() bool {
	for _, c := range r.Classes {
		if c.Expired+c.Lost > 0 {
			return false
		}
	}
	return true
}
