package scrub

// Character classes, one bit each.
const (
	isDigit   = 1 << iota // 0-9
	isHex                 // 0-9 a-f A-F
	isLetter              // a-z A-Z
	isEscape              // may begin an encoded separator: % \ &
	isOpen                // before a number, leaves no doubt that it stands alone
	isClose               // after a number, the same
	isVersion             // may end the word version, or what stands between it and a number
)

const isAlnum = isDigit | isLetter

// class holds the classes of every byte. It is never written after the
// program has started.
var class = classes()

// hexValue holds the value of every hexadecimal digit, and noHex for others.
var hexValue = hexValues()

const noHex = 0xff

func classes() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = isDigit | isHex
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = isLetter, isLetter
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c] |= isHex
		t[c-'a'+'A'] |= isHex
	}
	for _, c := range []byte("%\\&") {
		t[c] |= isEscape
	}
	for _, c := range []byte("\n\t |<>@[,=\"'({:") {
		t[c] |= isOpen
	}
	for _, c := range []byte("\n\r\t |<>@],;=\"')}:/#") {
		t[c] |= isClose
	}
	for _, c := range []byte("nNrRvV =:\"'(-_\\") {
		t[c] |= isVersion
	}
	return t
}

func hexValues() (t [256]uint8) {
	for i := range t {
		t[i] = noHex
	}
	for i := range 10 {
		t['0'+i] = uint8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = uint8(10+i), uint8(10+i)
	}
	return t
}

func is(c byte, bits uint8) bool { return class[c]&bits != 0 }

// lower folds an ASCII letter.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// view is the part of a text that one decision may look at. What lies outside
// reads as a newline, which no address spans; so a decision is the same
// wherever the text was split, as long as the view is whole.
type view struct {
	src      []byte
	lo, hi   int
	products bool // NAME/1.2.3.4 is a version
}

func (v *view) at(i int) byte {
	if i < v.lo || i >= v.hi {
		return '\n'
	}
	return v.src[i]
}

// has reports whether the lower-case word stands at i, in any case.
func (v *view) has(i int, word string) bool {
	if i < v.lo || i+len(word) > v.hi {
		return false
	}
	for k := range len(word) {
		if lower(v.src[i+k]) != word[k] {
			return false
		}
	}
	return true
}

// hasWord is has, where the word also ends there.
func (v *view) hasWord(i int, word string) bool {
	return v.has(i, word) && !is(v.at(i+len(word)), isAlnum)
}

// hexBefore gives the start of the run of hexadecimal digits that ends at i,
// looking at most max digits back.
func (v *view) hexBefore(i, max int) int {
	b := i
	for i-b < max && is(v.at(b-1), isHex) {
		b--
	}
	return b
}
