package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"swab/ledger"
)

// Found is a place that a rule matches, as a sweep met it.
type Found struct {
	Rule  Rule
	Place ledger.Place
	Path  string // as the glob matched it
	Info  fs.FileInfo
}

// Expand lists what the rules match, each path once, with the first rule that
// does: rules are in the order of their limits. Places that no rule can read
// come to refuse.
func Expand(opts Options, refuse func(path string, err error)) []Found {
	seen := map[string]bool{}
	var list []Found
	for _, rule := range opts.Rules {
		root, err := os.OpenRoot(rule.Root)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				refuse(rule.Root, err)
			}
			continue
		}
		_, rel := doublestar.SplitPattern(rule.Pattern) // Root is the other part, unescaped
		err = doublestar.GlobWalk(root.FS(), rel, func(name string, d fs.DirEntry) error {
			path := filepath.Join(rule.Root, name)
			if seen[path] || d.IsDir() || excluded(opts.Exclude, path) {
				return nil
			}
			seen[path] = true
			if found, ok := meet(root, rule, name, path, opts, refuse); ok {
				list = append(list, found)
			}
			return nil
		}, doublestar.WithNoFollow())
		if err != nil {
			refuse(rule.Root, err)
		}
		root.Close()
	}
	return list
}

// meet stats one match; a link is replaced by what it leads to.
func meet(root *os.Root, rule Rule, name, path string, opts Options, refuse func(string, error)) (Found, bool) {
	found := Found{Rule: rule, Path: path, Place: ledger.Place{Root: rule.Root, Name: name}}
	info, err := root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if found.Place, err = follow(path, opts.Follow); err == nil {
			if excluded(opts.Exclude, found.Place.Path()) {
				return found, false
			}
			info, err = os.Lstat(found.Place.Path())
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return found, false // gone since the directory was read
	}
	if err == nil {
		err = takeable(info)
	}
	if err != nil {
		refuse(path, err)
		return found, false
	}
	found.Info = info
	return found, true
}

func excluded(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := doublestar.PathMatch(p, path)
		return err == nil && ok
	})
}
