package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"swab/scrub"
)

// EraseMode says when a shipped range is overwritten.
type EraseMode string

// EraseLive overwrites ranges of growing files; EraseRotated waits until the
// file is finished, though never past the limit; EraseOff only ships, and then
// the limit is not held.
const (
	EraseLive    EraseMode = "live"
	EraseRotated EraseMode = "rotated"
	EraseOff     EraseMode = "off"
)

// Fill says what stands where raw bytes were.
type Fill string

// FillZero leaves zeros and a hole; FillBlank leaves spaces and keeps the
// newlines, for readers that stop at a NUL.
const (
	FillZero  Fill = "zero"
	FillBlank Fill = "blank"
)

// OnLimit says what becomes of bytes that reach the limit unshipped.
type OnLimit string

// OnLimitSeal seals them into the spool and then erases them; OnLimitExpire
// erases them unsealed, which is a loss that the ledger records.
const (
	OnLimitSeal   OnLimit = "seal"
	OnLimitExpire OnLimit = "expire"
)

// Class is one row of the retention table, or what flags made of it.
type Class struct {
	Name string
	Like string // the preset that a class of the operator's own started from

	// RawLimit is the age past which no raw byte stays on the host.
	RawLimit time.Duration
	// EraseAfter is how long shipped bytes stay readable where they lie, from
	// their shipping on. EraseAtLimit replaces it: they stay until RawLimit.
	EraseAfter   time.Duration
	EraseAtLimit bool
	// Erase is the class's own choice or --erase. A Log carries what holds for
	// its files, see Log.Erase.
	Erase EraseMode
	Fill  Fill

	Scrub scrub.Policy // what becomes of addresses, and which fields are blanked

	Keep    time.Duration // in the store; 0 for as long as the operator says
	OnLimit OnLimit
	Opaque  bool // whole closed files of bytes that are no lines
}

const (
	day = 24 * time.Hour
	// Never shorter than the years of the policy, so leap days count.
	threeYears = (3*365 + 1) * day
	sixYears   = (6*365 + 2) * day
)

// Scrubbing says in a few words what becomes of the class's lines on their way.
func (c Class) Scrubbing() string {
	if c.Opaque {
		return "opaque bytes, nothing scrubbed"
	}
	p := c.Scrub
	var what string
	switch p.Mode {
	case scrub.Keep:
		what = "addresses stay"
	case scrub.Truncate:
		what = fmt.Sprintf("addresses cut to /%d and /%d", cmp.Or(p.IPv4Prefix, scrub.DefaultIPv4Prefix), cmp.Or(p.IPv6Prefix, scrub.DefaultIPv6Prefix))
	case scrub.Mask:
		what = "addresses masked"
	default:
		what = "addresses: " + p.Mode.String()
	}
	switch n := len(p.KeepNets); {
	case n == 1 && p.Mode != scrub.Keep:
		what += " but for 1 network"
	case n > 1 && p.Mode != scrub.Keep:
		what += fmt.Sprintf(" but for %d networks", n)
	}
	if len(p.IPFields) > 0 && p.Mode != scrub.Keep {
		what += ", numbers in " + someNames(p.IPFields) + " too"
	}
	if len(p.Redact) == 0 {
		return what + ", no field blanked"
	}
	return what + ", " + someNames(p.Redact) + " blanked"
}

// someNames lists names as people do, the first few of many.
func someNames(names []string) string {
	const most = 5
	n := len(names)
	switch {
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// Presets returns the retention table, one row a class, sorted by name. The
// caller owns what it gets.
func Presets() []Class {
	rows := []Class{
		{Name: "admin", Scrub: scrub.Policy{Mode: scrub.Keep, Redact: []string{"secrets"}}},
		{Name: "api", Scrub: scrub.Policy{Mode: scrub.Truncate, Redact: []string{"secrets"}}},
		{Name: "audit", Scrub: scrub.Policy{Mode: scrub.Truncate, Redact: []string{"secrets"}}, Keep: threeYears},
		{Name: "dashboard", Scrub: scrub.Policy{Mode: scrub.Keep, Redact: []string{"secrets"}}},
		{Name: "media", Scrub: scrub.Policy{Mode: scrub.Truncate, Redact: []string{"secrets"}}},
		{Name: "messaging", Scrub: scrub.Policy{Mode: scrub.Truncate, Redact: []string{"secrets"}}},
		{Name: "recording", Scrub: scrub.Policy{Mode: scrub.Keep}, RawLimit: 2 * time.Hour, Keep: 72 * time.Hour, Opaque: true},
		{Name: "request", Scrub: scrub.Policy{Mode: scrub.Keep, Redact: []string{"secrets"}}, Keep: sixYears},
		{Name: "server", Scrub: scrub.Policy{Mode: scrub.Truncate}, EraseAtLimit: true},
		{Name: "web", Scrub: scrub.Policy{Mode: scrub.Truncate, Redact: []string{"cookies", "secrets"}}, EraseAtLimit: true},
	}
	for i := range rows {
		row := &rows[i]
		if row.RawLimit == 0 {
			row.RawLimit = PolicyRawLimit
		}
		row.Scrub.IPv4Prefix, row.Scrub.IPv6Prefix = scrub.DefaultIPv4Prefix, scrub.DefaultIPv6Prefix
		row.Scrub.MaskText = scrub.DefaultMaskText
		row.Erase, row.Fill, row.OnLimit = EraseLive, FillZero, OnLimitSeal
	}
	return rows
}

// preset finds a row of the table.
func preset(name string) (Class, bool) {
	for _, row := range Presets() {
		if row.Name == name {
			return row, true
		}
	}
	return Class{}, false
}

func presetNames() []string {
	var names []string
	for _, row := range Presets() {
		names = append(names, row.Name)
	}
	return names
}
