package oracle

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	digitsRE  = regexp.MustCompile(`^[0-9]{1,3}`)
	tokenRE   = regexp.MustCompile(hex + `+|` + colon + `|` + dot)
	longRE    = regexp.MustCompile(`[0-9]{4}`)
	zerosRE   = regexp.MustCompile(`(^|[.:])0+([0-9])`)
	sixRE     = regexp.MustCompile(`(?::` + hex + `{2}){6}$`)
	nextRE    = regexp.MustCompile(`^` + colon + hex)
	nextTwoRE = regexp.MustCompile(`^` + colon + hex + hex + `(?:[^0-9A-Fa-f]|$)`)
	nameRE    = regexp.MustCompile(`^[0-9A-Za-z]{0,23}[g-zG-Z]`)
	scopeRE   = regexp.MustCompile(`[0-9A-Za-z]::$`)
	openRE    = regexp.MustCompile(`(?:%(?:25)*` + hex + `?|\\x` + hex + `?|\\u` + hex + `{0,3})$`)
	startRE   = regexp.MustCompile(`^%` + hex + hex)
	hexEndRE  = regexp.MustCompile(hex + `$`)
)

// Ranges that are in use for hosts and groups of them.
var (
	inUse = []netip.Prefix{
		netip.MustParsePrefix("2000::/3"), netip.MustParsePrefix("fe80::/10"),
		netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("ff00::/8"),
	}
	multicast = netip.MustParsePrefix("ff00::/8")
)

func within(a netip.Addr, nets ...netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(netip.AddrFrom16(a.As16())) {
			return true
		}
	}
	return false
}

// reading is the longest address at the beginning of a text.
type reading struct {
	addr   netip.Addr
	plain  string // with plain separators
	length int    // in the text
}

const (
	// maxTokens is how many groups and separators are looked at; an address has
	// 17 at most, and stands among others.
	maxTokens = 40
	// maxDashed holds ten groups with their dashes, bytes; more are no address.
	maxDashed = 64
)

// read tries every beginning of the text that is made of groups and
// separators, the longest first.
func read(rest string) (reading, bool) {
	run := groupsRE.FindString(rest)
	if !strings.ContainsAny(run, `:%\&`) {
		return reading{}, false
	}
	var ends []int
	end, tooLong := 0, false
	var plain strings.Builder
	var plains []string
	for _, m := range tokenRE.FindAllStringIndex(rest[:min(len(rest), len(run)+4)], maxTokens+2) {
		t := rest[m[0]:m[1]]
		if m[0] != end {
			break
		}
		end = m[1]
		switch {
		case hexEndRE.MatchString(t) && !strings.ContainsAny(t[:1], `%\&`):
			if len(t) > 4 {
				tooLong = true
			}
		case colonRE.MatchString(t):
			t = ":"
		default:
			t = "."
		}
		if head := digitsRE.FindString(t); head != "" && len(head) < len(t) && !isDigit(t[len(head)]) && strings.Contains(plain.String(), ".") {
			// Four octets may end in the middle of what looks like a group.
			ends, plains = append(ends, m[0]+len(head)), append(plains, plain.String()+head)
		}
		plain.WriteString(t)
		ends, plains = append(ends, m[1]), append(plains, plain.String())
		if tooLong || len(ends) > maxTokens {
			break
		}
	}
	for k := len(ends) - 1; k >= 0; k-- {
		if a, ok := parse(plains[k]); ok {
			return reading{a, plains[k], ends[k]}, true
		}
	}
	return reading{}, false
}

// parse is netip.ParseAddr for IPv6, but with zeros before an octet, and with
// eight groups around a gap.
func parse(s string) (netip.Addr, bool) {
	if !strings.Contains(s, ":") {
		return netip.Addr{}, false
	}
	if i := strings.LastIndexByte(s, ':'); strings.Contains(s, ".") {
		if longRE.MatchString(s[i:]) {
			return netip.Addr{}, false
		}
		for zerosRE.MatchString(s[i:]) {
			s = s[:i] + zerosRE.ReplaceAllString(s[i:], "$1$2")
		}
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return a, true
	}
	if strings.Count(s, "::") == 1 && strings.Count(s, ":") == 8 && !strings.HasPrefix(s, "::") && !strings.HasSuffix(s, "::") {
		if a, err := netip.ParseAddr(strings.Replace(s, "::", ":", 1)); err == nil {
			return a, true
		}
	}
	if strings.HasPrefix(s, "::") && strings.Count(s, ":") == 9 && !strings.Contains(s[2:], "::") {
		if a, err := netip.ParseAddr(s[2:]); err == nil {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// groups finds 2001:db8::1, its separators plain or encoded.
func groups(left, rest string) (netip.Addr, int, bool) {
	if inGroup(left, rest) {
		return netip.Addr{}, 0, false
	}
	r, ok := read(rest)
	if !ok || r.plain == "::" && !nextRE.MatchString(rest[r.length:]) {
		return netip.Addr{}, 0, false
	}
	return r.addr, r.length, r.accepted(left, rest)
}

// inGroup reports that a group or an escape began before rest.
func inGroup(left, rest string) bool {
	if !isHex(rest[0]) {
		return false
	}
	if left != "" && isHex(left[len(left)-1]) && !escaped(left) {
		return true
	}
	left = left[max(0, len(left)-maxEscape):]
	if !strings.ContainsAny(left, `\%`) {
		return false
	}
	m := openRE.FindString(left)
	if m == "" {
		return false
	}
	both := m + rest[:min(len(rest), 4)]
	for k := len(m) + 1; k <= len(both); k++ {
		if e := escapeRE.FindString(both[:k]); e == both[:k] {
			return true
		}
	}
	return false
}

// escaped reports that what stands before ends an escape or a colour, and so
// touches nothing.
func escaped(left string) bool {
	return endsEscape(left) || (strings.HasSuffix(left, "m") || strings.HasSuffix(left, "K")) && colourRE.MatchString(left)
}

// endsEscape reports that an escape ends left.
func endsEscape(left string) bool {
	left = left[max(0, len(left)-maxEscape):]
	return strings.ContainsAny(left, `\%`) && escapeRE.MatchString(left)
}

func (r reading) accepted(left, rest string) bool {
	right := rest[r.length:]
	words := strings.FieldsFunc(r.plain, func(c rune) bool { return c == ':' })
	gap := strings.Index(r.plain, "::")
	first := ""
	if gap != 0 && len(words) > 0 {
		first = words[0]
	}
	used := len(first) == 4 && within(r.addr, inUse...)
	if !used && gap != 0 && r.later(rest, right, gap) {
		return false
	}
	if strings.Contains(r.plain, ".") {
		return true
	}
	digits := strings.ContainsAny(r.plain, "0123456789")
	if r.glued(left, right, len(words), gap) {
		return digits && used
	}
	if gap < 0 {
		return !r.bytes(right)
	}
	if digits || len(words) > 2 || r.plain == "::" {
		return true
	}
	return strings.HasSuffix(left, "[") && strings.HasPrefix(right, "]") || strings.HasPrefix(right, "%") && !startRE.MatchString(right) || len(right) > 1 && right[0] == '/' && isDigit(right[1]) || used
}

// glued reports that the address touches a word, or the scope of a name.
func (r reading) glued(left, right string, words, gap int) bool {
	open := strings.HasSuffix(r.plain, "::")
	if right != "" && isAlnum(right[0]) && (!open || nameRE.MatchString(right)) {
		return true
	}
	if !open && strings.HasPrefix(right, "::") && nameRE.MatchString(right[2:]) {
		return true
	}
	if left == "" {
		return false
	}
	c := left[len(left)-1]
	if gap == 0 {
		return isAlnum(c) && !escaped(left) || c == '_' ||
			c == ':' && len(left) > 1 && isAlnum(left[len(left)-2]) && words < 3
	}
	return isAlnum(c) && !escaped(left) || scopeRE.MatchString(left)
}

// bytes reports that eight groups are a hardware address or a part of a
// fingerprint.
func (r reading) bytes(right string) bool {
	pairs := 0
	words := strings.Split(r.plain, ":")
	for _, w := range words {
		if len(w) == 2 {
			pairs++
		}
	}
	return pairs >= 6 && len(words[0]) == 2 || sixRE.MatchString(r.plain) && nextTwoRE.MatchString(right)
}

// later reports that an address in use begins with a later group.
func (r reading) later(rest, right string, gap int) bool {
	if gap < 0 && !nextRE.MatchString(right) {
		return false
	}
	head := r.plain
	if gap > 0 {
		head = r.plain[:gap]
	}
	at := 0
	for k, w := range strings.Split(head, ":") {
		if strings.Contains(w, ".") {
			break
		}
		if k > 0 {
			at += len(colonRE.FindString(rest[at:]))
		}
		if k > 0 && len(w) == 4 {
			a, err := netip.ParseAddr(w + "::")
			if err == nil && within(a, inUse...) && !within(a, multicast) {
				if _, ok := read(rest[at:]); ok {
					return true
				}
			}
		}
		at += len(w)
	}
	return false
}

// dashes finds 2001-db8--1, inside a host name.
func dashes(left, rest string) (netip.Addr, int, bool) {
	run := dashesRE.FindString(rest[:min(len(rest), maxDashed)])
	if left != "" && isAlnum(left[len(left)-1]) && !escaped(left) || !strings.Contains(run, "-") || inGroup(left, rest) {
		return netip.Addr{}, 0, false
	}
	words := strings.Split(run, "-")
	if !strings.ContainsAny(words[0], "0123456789") {
		return netip.Addr{}, 0, false
	}
	for k := min(len(words), 10); k > 1; k-- {
		head := strings.Join(words[:k], "-")
		a, err := netip.ParseAddr(strings.ReplaceAll(head, "-", ":"))
		if err != nil {
			continue
		}
		right := rest[len(head):]
		evident := len(words[0]) == 4 && within(a, inUse...) && strings.ContainsAny(head, "abcdefABCDEF") &&
			(right == "" || !isAlnum(right[0]))
		return a, len(head), evident || !strings.HasSuffix(left, "-") && literalRE.MatchString(right)
	}
	return netip.Addr{}, 0, false
}
