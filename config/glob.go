package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// meta are the characters with a meaning in a pattern, the escape among them.
const meta = `*?[{\`

// maxAlternatives bounds what the braces of one pattern may expand to.
const maxAlternatives = 256

// absPattern makes a pattern absolute and clean. The working directory is
// taken letter for letter, whatever characters it has.
func absPattern(cwd, s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("names no file. Write a path or a pattern, such as /var/log/app/*.log")
	case strings.ContainsRune(s, 0):
		return "", errors.New("no path has a NUL in it")
	case strings.HasPrefix(s, "~"):
		return "", errors.New(`"~" is not expanded here. Write the whole path`)
	case strings.HasSuffix(s, "/"):
		return "", fmt.Errorf("names a directory. Name its files: %s*.log", s)
	case s == "." || strings.HasSuffix(s, "/."):
		return "", errors.New("names a directory. Name its files, such as /var/log/app/*.log")
	case !doublestar.ValidatePattern(s) || slashInClass(s):
		return "", errors.New(`not a pattern: a [ or { is not closed. Write \[ or \{ for the character itself`)
	}
	if s[0] != '/' {
		s = path.Join(escape(cwd), "/") + "/" + s
	}
	cut := strings.LastIndexByte(s[:metaAt(s)], '/') + 1
	fixed, rest := path.Clean(s[:cut]), s[cut:]
	for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/{},", r) }) {
		if part == ".." {
			return "", errors.New(`".." cannot stand behind a pattern or name the file`)
		}
	}
	if root := unescape(fixed); path.Clean(root) != root {
		return "", errors.New(`"." and ".." cannot be escaped`)
	}
	p := path.Join(fixed, rest)
	if _, ok := expand(p); !ok {
		return "", fmt.Errorf("its braces stand for more than %d patterns", maxAlternatives)
	}
	return p, nil
}

// metaAt is where the first unescaped meta character stands, or the end.
func metaAt(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?', '[', '{':
			return i
		}
	}
	return len(s)
}

// slashInClass finds [a/b]: no component of a path could match it, and it
// would take pattern and path apart at different places.
func slashInClass(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			end := classEnd(s, i)
			if strings.Contains(s[i:end], "/") {
				return true
			}
			i = end - 1
		}
	}
	return false
}

// classEnd is the index after the bracket that closes the class at s[i].
func classEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(s)
}

// escape makes a path a pattern that matches only it.
func escape(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if strings.IndexByte(meta+"}],", p[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// unescape takes the backslashes out of a pattern without meta characters.
func unescape(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// fixedRoot is the directory of an absolute pattern that every match lies in.
func fixedRoot(p string) string {
	cut := strings.LastIndexByte(p[:metaAt(p)], '/')
	return unescape(p[:max(cut, 1)])
}

// expand writes a pattern's braces out, at most maxAlternatives times.
func expand(p string) ([]string, bool) {
	todo, done := []string{p}, []string(nil)
	for len(todo) > 0 {
		if len(todo)+len(done) > maxAlternatives {
			return nil, false
		}
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		before, choices, after, found := firstBrace(next)
		if !found {
			done = append(done, next)
			continue
		}
		for _, c := range choices {
			todo = append(todo, before+c+after)
		}
	}
	return done, true
}

// firstBrace parts a valid pattern at its first {a,b}.
func firstBrace(p string) (before string, choices []string, after string, found bool) {
	open, from, depth := -1, 0, 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(p, i) - 1
		case '{':
			if depth++; depth == 1 {
				open, from = i, i+1
			}
		case ',':
			if depth == 1 {
				choices, from = append(choices, p[from:i]), i+1
			}
		case '}':
			if depth--; depth == 0 {
				return p[:open], append(choices, p[from:i]), p[i+1:], true
			}
		}
	}
	return p, nil, "", false
}

// reaches says whether a file beneath dir could match a brace-free pattern. In
// doubt it could: what is left of a pattern after dir counts as matching
// something.
func reaches(p, dir string) bool {
	pattern := parts(p)
	// at[i] says that the first i parts of the pattern can take dir so far.
	at := make([]bool, len(pattern)+1)
	at[0] = true
	skip := func() {
		for i, part := range pattern {
			at[i+1] = at[i+1] || at[i] && part == "**"
		}
	}
	skip()
	for _, name := range parts(dir) {
		next := make([]bool, len(at))
		for i, part := range pattern {
			if !at[i] {
				continue
			}
			if part == "**" {
				next[i] = true
			} else if ok, err := doublestar.Match(part, name); ok || err != nil {
				next[i+1] = true
			}
		}
		at = next
		skip()
	}
	return slices.Contains(at[:len(pattern)], true)
}

// covers says whether one of the expanded patterns matches all that lies
// beneath dir, however deep. In doubt it does not.
func covers(patterns []string, dir string) bool {
	for _, p := range patterns {
		above, all := strings.CutSuffix(p, "/**")
		for at := dir; all; at = path.Dir(at) {
			if ok, err := doublestar.Match(above, at); ok && err == nil {
				return true
			}
			if at == "/" {
				break
			}
		}
	}
	return false
}

// parts are the components of an absolute path or brace-free pattern.
func parts(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}
