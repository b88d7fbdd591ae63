package scrub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// fieldKind says how the value of a named field is found.
type fieldKind uint8

const (
	plainField  fieldKind = iota // one word, or what is quoted
	wholeField                   // goes on over spaces: a header's value
	ownField                     // named by an operator: a header's value where a header may stand
	turnField                    // counts only near the words of a TURN server
	cryptoField                  // an SDES line of SDP (RFC 4568), with its key behind it
	ipField                      // an address in one of the notations of ipValue
)

// fieldName is one name that a [Policy] blanks, in lower case, without - _ and
// the dot.
type fieldName struct {
	name string
	kind fieldKind
	word bool // must begin a word of the field's name: pass, but not bypass
	all  bool // must be the field's whole name, or what follows a dot in it
}

// The names of the presets. A name counts at the end of a field's name
// (user_password, dbPassword, x-access-token); one in words only where a word
// begins.
const (
	cookieWhole   = "cookie cookies"
	cookiePlain   = "jsessionid phpsessid aspnetsessionid connectsid"
	secretWhole   = "authorization"
	secretPlain   = "password passwords passwd pwd passphrase passcode secret secrets token credential credentials ufrag usernamefragment"
	secretKeys    = "apikey accesskey secretkey privatekey signingkey encryptionkey masterkey authkey sharedkey accountkey subscriptionkey"
	secretMore    = "opentokauth partnerauth passwordhash passwordsalt passwordconfirmation passwordconfirm passwordrepeat tokenvalue secretvalue passwordvalue"
	secretWords   = "pass passwds jwt sig signature creds csrf xsrf"
	identityWhole = "useragent"
	identityPlain = "remoteuser authuser email emailaddress referer referrer"
)

// maxFieldName is the longest name looked for, in bytes as written.
const maxFieldName = 64

// fields are the names of a policy, ready to be looked for. They never change.
type fields struct {
	byLast [256][]fieldName
	// tails has a bit for each three bytes that may end a name, five bits of
	// each: most separators of a log follow no such three, and end there.
	tails [1 << 15 / 64]uint64
	// odd are the bytes that may stand between a name and its separator, and
	// colons those before a colon that is looked at for another reason.
	odd, colons [256]bool
	secrets     bool // also JWTs and passwords of URLs
	identifiers bool // also e-mail addresses and the columns of the combined log format
}

// newFields compiles the names of the scrubber's policy. There are none if
// none is given. A name in both of its lists is blanked.
func newFields(s *Scrubber) *fields {
	names, addresses := s.policy.Redact, s.policy.IPFields
	if s.policy.Mode == Keep {
		addresses = nil
	}
	if len(names)+len(addresses) == 0 {
		return nil
	}
	f := &fields{}
	for _, c := range []byte("\"' \t];27-_.") {
		f.odd[c] = true
	}
	for _, name := range names {
		switch name {
		case "cookies":
			f.addAll(cookieWhole, fieldName{kind: wholeField})
			f.addAll(cookiePlain, fieldName{})
		case "secrets":
			f.secrets = true
			f.colons['e'] = true // candidate:
			f.addAll(secretWhole, fieldName{kind: wholeField})
			f.addAll(secretPlain, fieldName{})
			f.addAll(secretKeys, fieldName{})
			f.addAll(secretMore, fieldName{})
			f.addAll(secretWords, fieldName{word: true})
			f.add(fieldName{name: "username", kind: turnField, word: true})
			f.add(fieldName{name: "crypto", kind: cryptoField, word: true})
		case "identifiers":
			f.identifiers = true
			for c := '0'; c <= '9'; c++ {
				f.colons[c] = true // [17/May/2015:
			}
			f.addAll(identityWhole, fieldName{kind: wholeField})
			f.addAll(identityPlain, fieldName{})
		default:
			f.add(fieldName{name: foldName(name), kind: ownField, all: true})
		}
	}
	for _, name := range addresses {
		f.add(fieldName{name: foldName(name), kind: ipField, all: true})
	}
	return f
}

func (f *fields) addAll(names string, as fieldName) {
	for name := range strings.FieldsSeq(names) {
		as.name = name
		f.add(as)
	}
}

// add puts a name in the table, and what may end it as it is written in its
// filter.
func (f *fields) add(n fieldName) {
	last := n.name[len(n.name)-1]
	f.byLast[last] = append(f.byLast[last], n)
	f.addTails(n.name)
	if n.all {
		return
	}
	for d := byte('0'); d <= '9'; d++ {
		f.addTails(n.name + string(d)) // password2
	}
}

// addTails puts the endings of a name in the filter: its last three letters,
// or two of them and a sign between, or before them.
func (f *fields) addTails(name string) {
	const signs = "-_."
	k := len(name)
	switch k {
	case 1:
		for a := range 32 {
			for b := range 32 {
				f.addTail(byte(a), byte(b), name[0])
			}
		}
		return
	case 2:
		for a := range 32 {
			f.addTail(byte(a), name[0], name[1])
		}
	default:
		f.addTail(name[k-3], name[k-2], name[k-1])
	}
	for _, sign := range []byte(signs) {
		f.addTail(sign, name[k-2], name[k-1])
		f.addTail(name[k-2], sign, name[k-1])
		for _, other := range []byte(signs) {
			f.addTail(other, sign, name[k-1])
		}
	}
}

func tailIndex(a, b, c byte) int { return int(a&31)<<10 | int(b&31)<<5 | int(c&31) }

func (f *fields) addTail(a, b, c byte) {
	i := tailIndex(a, b, c)
	f.tails[i>>6] |= 1 << (i & 63)
}

// mayEnd reports whether a name may end in the bytes a, b and c.
func (f *fields) mayEnd(a, b, c byte) bool {
	i := tailIndex(a, b, c)
	return f.tails[i>>6]>>(i&63)&1 != 0
}

// plain reports whether no name can end in the last three of the four bytes of
// w, nor anything that may stand between it and a separator.
func (f *fields) plain(w uint32) bool {
	i := w>>8&31<<10 | w>>16&31<<5 | w>>24&31
	return f.tails[i>>6]>>(i&63)&1 == 0 && !f.odd[w>>24]
}

// foldName is a name as it is compared: lower case, without - _ and the dot.
func foldName(name string) string {
	return strings.NewReplacer("-", "", "_", "", ".", "").Replace(asciiLower(name))
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// isNameByte reports whether c may stand in a field's name.
func isNameByte(c byte) bool {
	return is(c, isAlnum) || c == '_' || c == '-' || c == '.' || c >= 0x80
}

// CheckRedact reports what is wrong with a name for [Policy.Redact].
func CheckRedact(name string) error {
	if name == "cookie" || name == "secret" {
		return fmt.Errorf("did you mean %ss? That preset includes the field", name)
	}
	return checkName(name, "cookies, secrets, identifiers, or a field's name")
}

// CheckIPField reports what is wrong with a name for [Policy.IPFields].
func CheckIPField(name string) error { return checkName(name, "a field's name") }

func checkName(name, what string) error {
	if name == "" || len(name) > maxFieldName {
		return fmt.Errorf("must be a name of 1 to %d bytes", maxFieldName)
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return fmt.Errorf("must be %s of letters, digits, - _ and dots", what)
		}
	}
	if foldName(name) == "" {
		return errors.New("must hold a letter or a digit")
	}
	return nil
}

// sortedNames is the list as it stands in a policy's text.
func sortedNames(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// lookup is a field's name as it is written in a text, folded, the last byte
// first.
type lookup struct {
	rev    [maxFieldName + 1]byte
	begins [maxFieldName + 1]bool // a word begins at this byte
	dot    [maxFieldName + 1]bool // a dot stands before this byte, or nothing
	n      int
}

// find gives what the table says of the name.
func (f *fields) find(l *lookup) (fieldKind, bool) {
	if e := f.entry(l); e != nil {
		return e.kind, true
	}
	return 0, false
}

func (f *fields) entry(l *lookup) *fieldName {
	for skip := 0; skip < 2 && skip < l.n; skip++ {
		list := f.byLast[l.rev[skip]]
		for k := range list {
			e := &list[k]
			if e.all && skip > 0 {
				continue
			}
			if l.hasSuffix(e, skip) {
				return e
			}
		}
		if !is(l.rev[skip], isDigit) {
			break
		}
	}
	return nil
}

func (l *lookup) hasSuffix(e *fieldName, skip int) bool {
	n := len(e.name)
	if skip+n > l.n {
		return false
	}
	for k := range n {
		if l.rev[skip+k] != e.name[n-1-k] {
			return false
		}
	}
	first := skip + n - 1
	if e.all {
		return l.dot[first]
	}
	return !e.word || l.begins[first]
}
