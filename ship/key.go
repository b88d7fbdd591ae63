package ship

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// KeyParts is what an object's key tells.
type KeyParts struct {
	Prefix string // without slashes at its ends; may be empty
	Class  string
	Hour   time.Time // UTC, on the hour
	Host   string
	Node   string
	Number uint64
	Sum    [8]byte // the first eight bytes of the object's SHA-256
	Ext    string  // ".log.zst"
}

// Key is where an object belongs:
//
//	PREFIX/class=api/dt=2026-11-23/hour=18/HOST-NODE-000000000042-1f2e3d4c5b6a7988.log.zst
//
// The directories are in Hive style, at in UTC; the number has twelve digits, so
// that keys sort as numbers do; sum's first eight bytes make the name change
// with the content. Slashes at the ends of prefix are dropped. In class, host
// and node, and in node the hyphen too, what is not a letter, a digit or one of
// "._-" becomes "_". ext begins with a dot and holds lower-case letters, digits
// and dots.
func Key(prefix, class string, at time.Time, host, node string, number uint64, sum [32]byte, ext string) string {
	k := KeyParts{
		Prefix: strings.Trim(prefix, "/"), Class: keyWord(class, true), Hour: at.UTC(),
		Host: keyWord(host, true), Node: keyWord(node, false), Number: number, Sum: [8]byte(sum[:8]), Ext: ext,
	}
	return k.String()
}

// String is the key.
func (k KeyParts) String() string {
	name := fmt.Sprintf("class=%s/dt=%s/hour=%02d/%s-%s-%012d-%x%s",
		k.Class, k.Hour.Format(time.DateOnly), k.Hour.Hour(), k.Host, k.Node, k.Number, k.Sum, k.Ext)
	if k.Prefix == "" {
		return name
	}
	return k.Prefix + "/" + name
}

// keyWord makes s fit to stand in a key. It is cut to 80 bytes, so that a name
// stays below the 255 bytes that file systems take.
func keyWord(s string, hyphen bool) string {
	word := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-' && hyphen {
			return r
		}
		return '_'
	}, s[:min(len(s), 80)])
	if word == "" || word[0] == '.' {
		return "_" + strings.TrimPrefix(word, ".")
	}
	return word
}

// keyTail is a key without its prefix.
var keyTail = regexp.MustCompile(`^class=([\w-][\w.-]*)/dt=(\d{4}-\d\d-\d\d)/hour=(\d\d)/([\w-][\w.-]*)-(\w[\w.]*)-(\d{12,20})-([0-9a-f]{16})((?:\.[a-z0-9]+)*)$`)

// ParseKey is the inverse of Key: it takes keys that Key makes and no others, so
// that k.String() is the key again.
func ParseKey(key string) (KeyParts, error) {
	bad := func() (KeyParts, error) { return KeyParts{}, fmt.Errorf("object key %q: not of swab's form", key) }
	if CheckKey(key) != nil {
		return bad()
	}
	parts := strings.Split(key, "/")
	if len(parts) < 4 {
		return bad()
	}
	cut := len(parts) - 4
	m := keyTail.FindStringSubmatch(strings.Join(parts[cut:], "/"))
	if m == nil {
		return bad()
	}
	k := KeyParts{Prefix: strings.Join(parts[:cut], "/"), Class: m[1], Host: m[4], Node: m[5], Ext: m[8]}
	var err error
	if k.Hour, err = time.Parse(time.DateOnly+" 15", m[2]+" "+m[3]); err != nil {
		return bad()
	}
	if k.Number, err = strconv.ParseUint(m[6], 10, 64); err != nil {
		return bad()
	}
	if _, err := hex.Decode(k.Sum[:], []byte(m[7])); err != nil || k.String() != key {
		return bad()
	}
	return k, nil
}
