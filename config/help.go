package config

import (
	"strings"
	"unicode/utf8"

	"swab/scrub"
)

const helpHead = `swab run reads logs as they grow, takes the IP addresses out, ships the lines, and erases them.

  swab run --log CLASS=GLOB --to STORE [flags]
  swab run --dry-run --log web='/var/log/nginx/*.log'     changes nothing
`

const helpFoot = `
What --class may set          like=PRESET (begins a new class)   raw-limit=DURATION
                              erase-after=DURATION|limit         erase=live|rotated|off
                              scrub=MODE (as --scrub)            fill=zero|blank
                              keep=DURATION (in the store)       redact=NAME|NAME, or none
                              on-limit=seal|expire

Each flag is also a variable: --raw-limit is SWAB_RAW_LIMIT. Those marked … may be given again, and
take one value a line in their variable. The command line is heard before the variable, then comes
--flags-from, then the default. Durations: 90s, 30m, 24h, 7d. Sizes: bytes, or with KiB, MiB, GiB,
TiB (1024) or kB, MB, GB, TB (1000).
`

// Columns of the help: flags to the left, words to the right.
const (
	helpIndent = 30
	helpWidth  = 100
)

// RunUsage is the help text of `swab run`: all flags, group by group.
func RunUsage() string {
	var b strings.Builder
	b.WriteString(helpHead)
	group := ""
	for _, f := range Flags() {
		if f.Group != group {
			group = f.Group
			b.WriteString("\n" + group + "\n")
		}
		left := "  --" + f.Name
		if f.Value != "" {
			left += " " + f.Value
		}
		if f.Repeat {
			left += " …"
		}
		words := f.Usage
		if f.Default != "" {
			words += " Default " + f.Default + "."
		}
		writeColumns(&b, left, words)
	}
	b.WriteString("\nClasses, as the policy has them\n")
	for _, row := range Presets() {
		writeColumns(&b, "  "+row.Name, rowWords(row))
	}
	b.WriteString(helpFoot)
	return b.String()
}

// rowWords says in a line what a row of the retention table does.
func rowWords(c Class) string {
	words := []string{"erased once shipped, after " + formatDuration(c.RawLimit) + " at the latest"}
	if c.EraseAtLimit {
		words[0] = "erased after " + formatDuration(c.RawLimit)
	}
	switch {
	case c.Opaque:
		words = append(words, "whole closed files, nothing scrubbed")
	case c.Scrub.Mode == scrub.Keep:
		words = append(words, "addresses stay")
	}
	if len(c.Scrub.Redact) > 0 {
		words = append(words, someNames(c.Scrub.Redact)+" blanked")
	}
	if c.Keep > 0 {
		words = append(words, "kept "+formatDays(c.Keep))
	}
	return strings.Join(words, "; ")
}

// writeColumns sets words beside left, or below it where left is too long.
func writeColumns(b *strings.Builder, left, words string) {
	b.WriteString(left)
	at := utf8.RuneCountInString(left)
	if at+2 > helpIndent {
		at = helpWidth
	}
	for _, word := range strings.Fields(words) {
		n := utf8.RuneCountInString(word)
		switch {
		case at < helpIndent:
			b.WriteString(strings.Repeat(" ", helpIndent-at))
			at = helpIndent
		case at+1+n > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", helpIndent))
			at = helpIndent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
}
