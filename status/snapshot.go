package status

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"swab/ledger"
)

// Source tells what the daemon knows. Snapshot is called once a request, from
// several goroutines at a time, and must not wait for a store or a disk.
type Source interface {
	Snapshot() Snapshot
}

// Snapshot is what the daemon knows at one moment; plain data. Whoever fills
// it has put every name and every error text through the scrubber.
type Snapshot struct {
	Version, Host, Node string
	At                  time.Time // of the snapshot
	Started             time.Time // of the process

	// Store is the store in a word or two, without path, address or
	// credentials.
	Store string
	// StoreMet: the store took or confirmed a put since Started.
	StoreMet       bool
	StoreDownSince time.Time // zero while the store is up
	StoreError     string    // the last one, while the store is down
	StoreTries     int       // failed in a row, while the store is down
	// Conditional: the store honours If-None-Match (RFC 9110, 13.1.2). It says
	// nothing before StoreMet.
	Conditional bool

	SpoolBytes, SpoolLimit int64

	Classes []Class
	// Problems are those that the rest of the snapshot does not imply already,
	// see [Snapshot.AllProblems].
	Problems []Problem
	Devices  []Device
	Refused  int // files that are not taken
	// Uncovered counts the files beside the logs that no flag names.
	Uncovered int
}

// Class is one row of the page. Its Name is unique in a snapshot.
type Class struct {
	Name  string
	Files int
	// Unerasable counts the files that can be read but not written.
	Unerasable int

	// OldestRaw is the age of the oldest raw byte still on the host; 0 is none.
	OldestRaw time.Duration
	// OldestUnknown: nothing tells how old some raw bytes are. They count as
	// the oldest they can be, and OldestRaw is only the least it can be.
	OldestUnknown bool
	Limit         time.Duration
	LimitHeld     bool // false with --erase off
	// NearUnsealed and NearSealed are raw bytes past four fifths of the limit that
	// are in no batch yet, and those that are sealed and not in the store.
	NearUnsealed, NearSealed int64
	Backlog                  int64 // unread bytes

	Account                       ledger.Account
	SealedBatches, ShippedBatches uint64    // ever
	LastShip                      time.Time // zero: never

	State string // "ok", or in words what is wrong
}

// Problem is something to do for the operator.
type Problem struct {
	What, Do string
	Red      bool // turns /readyz red
}

// Device is a file system that holds raw bytes, and what overwriting a byte
// there is worth.
type Device struct {
	FS, Note string
	Reaches  bool // an overwrite reaches the place where the byte lay
}

// read takes a snapshot in which every text is one line of printable
// characters. A name may hold control characters that move a terminal's
// cursor, direction marks that make it read as another name, or bytes that are
// no UTF-8, which the Prometheus format does not take.
func read(src Source) Snapshot {
	s := src.Snapshot()
	printable(&s.Version, &s.Host, &s.Node, &s.Store, &s.StoreError)
	s.Classes = slices.Clone(s.Classes)
	for i := range s.Classes {
		printable(&s.Classes[i].Name, &s.Classes[i].State)
	}
	s.Problems = slices.Clone(s.Problems)
	for i := range s.Problems {
		printable(&s.Problems[i].What, &s.Problems[i].Do)
	}
	s.Devices = slices.Clone(s.Devices)
	for i := range s.Devices {
		printable(&s.Devices[i].FS, &s.Devices[i].Note)
	}
	return s
}

func printable(texts ...*string) {
	for _, text := range texts {
		*text = strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return unicode.ReplacementChar
			}
			return r
		}, *text)
	}
}
