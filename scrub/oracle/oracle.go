// Package oracle finds IP addresses in text, slowly and plainly. It shares no
// code with the scanner of package scrub, and is built another way, from
// regular expressions and [netip.ParseAddr] tried at every place, so that each
// of the two holds the other to the rules both follow.
//
// [Find] is all there is to call. It is made for reading what was scrubbed: a
// truncated address is found as well as a whole one, and whether its host bits
// are zero is for the caller to say. It is thousands of times slower than the
// scanner: reckon with some 100 KB a second, whatever the lengths of the lines,
// and give it samples of what is large.
package oracle

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Span is an address and where it stands in the text: [Start, End) bytes.
type Span struct {
	Start, End int
	// Addr is the address; of a reverse name that is no whole address, its
	// network with zero host bits. Family and mapping are as written.
	Addr netip.Addr
	// Dotted says that an IPv6 address ends in four decimal octets.
	Dotted bool
}

// What joins octets and groups, plain or encoded, and what a number stands in.
const (
	dot   = `(?:\.|%(?:25){0,4}2[eE]|\\{1,5}(?:[uU]002[eE]|x2[eE]|\.)|&(?:[aA][mM][pP];)?#(?:0*46|[xX]0*2[eE]);)`
	colon = `(?:\:|%(?:25){0,4}3[aA]|\\{1,5}(?:[uU]003[aA]|x3[aA]|:)|&(?:[aA][mM][pP];)?#(?:0*58|[xX]0*3[aA]);)`
	oct   = `([0-9]{1,3})`
	hex   = `[0-9A-Fa-f]`
)

var (
	dotRE     = regexp.MustCompile(dot)
	colonRE   = regexp.MustCompile(colon)
	quadRE    = regexp.MustCompile(`^` + oct + dot + oct + dot + oct + dot + oct)
	dashedRE  = regexp.MustCompile(`^` + oct + `-` + oct + `-` + oct + `-` + oct)
	scoredRE  = regexp.MustCompile(`^` + oct + `_` + oct + `_` + oct + `_` + oct)
	tuple4RE  = regexp.MustCompile(`^` + oct + `, ?` + oct + `, ?` + oct + `, ?` + oct + `\}`)
	tuple8RE  = regexp.MustCompile(`^(?:[0-9]{1,5}, ?){7}[0-9]{1,5}\}`)
	nibblesRE = regexp.MustCompile(`^(?i)(?:` + hex + `\.){2,32}ip6\.(?:arpa|int)(?:[^0-9a-z]|$)`)
	groupsRE  = regexp.MustCompile(`^(?:` + hex + `{1,4}|` + colon + `|` + dot + `)+`)
	dashesRE  = regexp.MustCompile(`^` + hex + `{1,4}(?:--?` + hex + `{1,4})*(?:--)?`)
	literalRE = regexp.MustCompile(`^(?i)(?:s[0-9a-z]*)?\.(?:ipv6-literal\.net|sslip\.io|nip\.io)`)
	escapeRE  = regexp.MustCompile(`(?:\\[A-Za-z]|%(?:25)*` + hex + hex + `|\\x` + hex + hex + `|\\u` + hex + `{4})$`)
	colourRE  = regexp.MustCompile(`\[[0-9;]*[mK]$`)
)

// Find gives the addresses in a text of any number of lines, from left to right,
// apart from each other; none spans a newline. A version by the rules that both
// finders follow (v1.2.3.4, Chrome/120.0.0.0) is none, nor is the unspecified
// address "::", but before a port. Nothing of text is kept. It may be called from
// many goroutines at once.
func Find(text []byte) (spans []Span) {
	at := 0
	for line := range strings.Lines(string(text)) {
		for _, s := range findLine(strings.TrimSuffix(line, "\n")) {
			s.Start, s.End = s.Start+at, s.End+at
			spans = append(spans, s)
		}
		at += len(line)
	}
	return spans
}

func findLine(line string) (spans []Span) {
	from := 0
	for i := 0; i < len(line); {
		s, ok := findAt(line, from, i)
		if !ok {
			i++
			continue
		}
		spans = append(spans, s)
		i, from = s.End, s.End
	}
	return spans
}

// mayBegin reports whether an address can begin a text: it takes no expression
// to see that most places of a line are none. One begins with a separator of
// groups, plain or encoded, or with a number and what parts it from the next.
func mayBegin(text string) bool {
	n := 0
	for n < len(text) && n <= maxNumber && isHex(text[n]) {
		n++
	}
	if n == 0 {
		return strings.IndexByte(`:%\&`, text[0]) >= 0
	}
	return n <= maxNumber && n < len(text) && strings.IndexByte(`.:-_,%\&`, text[n]) >= 0
}

// The rules look at so many bytes of the text before and after the place where an
// address may begin: more than any of them needs, and few enough that a long
// line takes no more time a byte than a short one.
const (
	lookBehind = 256
	lookAhead  = 512
	// maxNumber is the length of the longest number in an address, digits: that
	// of a group in decimal.
	maxNumber = 5
	// maxEscape is the length of the longest escape, bytes; as often as anyone
	// would encode a percent sign.
	maxEscape = 24
)

// findAt looks for an address that begins at i. What stands before from belongs
// to another address.
func findAt(text string, from, i int) (Span, bool) {
	if !mayBegin(text[i:]) {
		return Span{}, false
	}
	left := text[max(from, i-lookBehind):i]
	if from > 0 && from >= i-lookBehind {
		left = "\x00" + left // no word reaches over an address
	}
	rest := text[i:min(len(text), i+lookAhead)]
	for _, try := range []func(left, rest string) (netip.Addr, int, bool){
		reverse6, quad, groups, joined, dashes, tuple,
	} {
		if a, n, ok := try(left, rest); ok {
			return Span{i, i + n, a, a.Is6() && dotRE.MatchString(rest[:n]) && colonRE.MatchString(rest[:n])}, true
		}
	}
	return Span{}, false
}

// number reports that a number may begin after left: no digit stands there, or
// one that ends an escape.
func number(left string) bool {
	return left == "" || !isDigit(left[len(left)-1]) || endsEscape(left)
}

// octets makes an address of four decimal numbers.
func octets(m []string) (netip.Addr, bool) {
	var b [4]byte
	for k, s := range m {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		b[k] = byte(n)
	}
	return netip.AddrFrom4(b), true
}

var (
	chainRE   = regexp.MustCompile(`[0-9]` + dot + `$`)
	reverseRE = regexp.MustCompile(`^(?i)\.in-addr\.arpa(?:[^0-9a-z]|$)`)
	portRE    = regexp.MustCompile(`^\.([0-9]{1,5})(\.[0-9])?`)
	dumpRE    = regexp.MustCompile(`^(?: >|: |` + colon + colon + `)`)
)

// quad finds 203.0.113.7, and 7.113.0.203.in-addr.arpa.
func quad(left, rest string) (netip.Addr, int, bool) {
	m := quadRE.FindStringSubmatch(rest)
	if m == nil || !number(left) || chainRE.MatchString(left) || strings.HasSuffix(left, "%") && len(m[1]) > 2 {
		return netip.Addr{}, 0, false
	}
	a, ok := octets(m[1:])
	n := len(m[0])
	right := rest[n:]
	if !ok || right != "" && isDigit(right[0]) {
		return a, 0, false
	}
	if reverseRE.MatchString(right) {
		b := a.As4()
		return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]}), n, true
	}
	if hasPrefixFold(right, ".ip6.") {
		return a, 0, false
	}
	if p := portRE.FindStringSubmatch(right); p != nil {
		after := right[len(p[0]):]
		port, _ := strconv.Atoi(p[1])
		tcpdump := dumpRE.MatchString(after) || strings.HasSuffix(left, "> ") || strings.HasSuffix(strings.ToLower(left), "ip ")
		if p[2] != "" || port > 65535 || after != "" && isDigit(after[0]) || hasPrefixFold(after, ".ip6.") ||
			a.As4()[0] <= 2 && !tcpdump {
			return a, 0, false
		}
	}
	return a, n, !version(left, right)
}

var (
	partRE  = regexp.MustCompile(`(?:^|[^0-9A-Za-z])[0-9]{1,24}([-_])$`)
	namedRE = regexp.MustCompile(`(?i)(?:ip|ec2)-$`)
)

// joined finds the octets inside a host name: ip-10-1-2-3, 203_0_113_7.
func joined(left, rest string) (netip.Addr, int, bool) {
	m, sep := dashedRE.FindStringSubmatch(rest), byte('-')
	if m == nil {
		m, sep = scoredRE.FindStringSubmatch(rest), '_'
	}
	if m == nil || !number(left) {
		return netip.Addr{}, 0, false
	}
	if p := partRE.FindStringSubmatch(left); p != nil && p[1][0] == sep {
		return netip.Addr{}, 0, false
	}
	a, ok := octets(m[1:])
	right := rest[len(m[0]):]
	more := len(right) > 1 && right[0] == sep && isDigit(right[1])
	if !ok || right != "" && isAlnum(right[0]) || more && !namedRE.MatchString(left) {
		return a, 0, false
	}
	return a, len(m[0]), !version(left, right)
}

// tuple finds {203,0,113,7} and eight numbers, behind the brace.
func tuple(left, rest string) (netip.Addr, int, bool) {
	if !strings.HasSuffix(left, "{") {
		return netip.Addr{}, 0, false
	}
	if m := tuple4RE.FindStringSubmatch(rest); m != nil {
		a, ok := octets(m[1:])
		return a, len(m[0]) - 1, ok
	}
	m := tuple8RE.FindString(rest)
	if m == "" {
		return netip.Addr{}, 0, false
	}
	var b [16]byte
	for k, s := range strings.Split(strings.TrimSuffix(m, "}"), ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		if err != nil {
			return netip.Addr{}, 0, false
		}
		b[2*k], b[2*k+1] = byte(n>>8), byte(n)
	}
	return netip.AddrFrom16(b), len(m) - 1, true
}

// reverse6 finds nibbles under ip6.arpa.
func reverse6(left, rest string) (netip.Addr, int, bool) {
	m := nibblesRE.FindString(rest)
	if m == "" || left != "" && isAlnum(left[len(left)-1]) && !escaped(left) {
		return netip.Addr{}, 0, false
	}
	n := strings.Index(strings.ToLower(m), ".ip6.")
	digits := strings.ReplaceAll(m[:n], ".", "")
	var full [32]byte
	for k := range full {
		full[k] = '0'
	}
	for k := range len(digits) {
		full[len(digits)-1-k] = digits[k]
	}
	var parts []string
	for k := 0; k < 32; k += 4 {
		parts = append(parts, string(full[k:k+4]))
	}
	a, err := netip.ParseAddr(strings.Join(parts, ":"))
	return a, n, err == nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
