package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"swab/config"
	"swab/tail"
)

// beside lists the files that lie where logs lie and that no --log names.
func (c *caster) beside(found []*target) {
	s := newSurroundings(c.rules)
	for _, t := range found {
		s.covers(t.Path)
		s.covered[t.Place.Path()] = true
	}
	for _, r := range c.out.Refused {
		s.covers(r.Path)
	}
	s.uncovered(c.cfg.Exclude, func(path string, info fs.FileInfo) {
		c.out.Uncovered = append(c.out.Uncovered, ForecastUncovered{path, info.Size()})
	})
}

// unmatched says of each --log without a file why that is, most likely.
func (c *caster) unmatched(found []*target) {
	with := map[tail.Rule]bool{}
	for _, t := range found {
		if t.rest {
			continue
		}
		rule := t.Rule
		with[rule] = true
		rule.Class = "" // a known file keeps the class of its first sight
		with[rule] = true
	}
	for _, rule := range c.rules {
		nameless := rule
		nameless.Class = ""
		if !with[rule] && !with[nameless] {
			c.out.Unmatched = append(c.out.Unmatched, ForecastGlob{rule.Class, rule.Pattern, c.whyNone(rule)})
			c.out.Refused = slices.DeleteFunc(c.out.Refused, func(r ForecastRefusal) bool { return r.Path == rule.Root })
		}
	}
}

// whyNone looks for the likely reason that a rule has no file.
func (c *caster) whyNone(rule tail.Rule) string {
	opts := tail.Options{Rules: []tail.Rule{rule}, Follow: c.cfg.Follow}
	refused := 0
	all := tail.Expand(opts, func(string, error) { refused++ })
	opts.Exclude = c.cfg.Exclude
	left := tail.Expand(opts, func(string, error) {})
	info, err := os.Stat(rule.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missingDir(rule.Root)
	case err != nil:
		return fmt.Sprintf("%s cannot be examined: %v", rule.Root, plainError(err))
	case !info.IsDir():
		return rule.Root + " is not a directory"
	case len(left) > 0:
		return "another --log with a shorter or equal limit has its files"
	case len(all) > 0:
		return fmt.Sprintf("--exclude leaves out all it matches (%d)", len(all))
	}
	entries, err := os.ReadDir(rule.Root)
	switch {
	case err != nil:
		return fmt.Sprintf("%s cannot be read: %s. Run as a user who can", rule.Root, whoami())
	case refused > 0:
		return "what it matches is not taken, see there"
	case len(entries) == 0:
		return rule.Root + " is empty"
	}
	return fmt.Sprintf("nothing in %s matches (%d entries)", rule.Root, len(entries))
}

// missingDir names the first directory of a path that is not there, and one
// beside it that may have been meant.
func missingDir(dir string) string {
	for {
		above := filepath.Dir(dir)
		if _, err := os.Stat(above); err == nil || above == dir {
			entries, _ := os.ReadDir(above)
			var names []string
			for _, e := range entries {
				if e.IsDir() {
					names = append(names, e.Name())
				}
			}
			if near, ok := config.Nearest(filepath.Base(dir), names); ok {
				return fmt.Sprintf("there is no directory %s. Did you mean %s?", dir, filepath.Join(above, near))
			}
			return "there is no directory " + dir
		}
		dir = above
	}
}
