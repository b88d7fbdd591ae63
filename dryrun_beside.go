package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"swab/config"
	"swab/tail"
)

// beside lists the files that lie where logs lie and that no --log names. What
// --exclude names was meant to be left out.
func (c *caster) beside(found []*target) {
	covered, dirs := map[string]bool{}, map[string]bool{}
	for _, t := range found {
		covered[t.Path], covered[t.Place.Path()] = true, true
		dirs[filepath.Dir(t.Path)] = true
	}
	for _, r := range c.out.Refused {
		covered[r.Path] = true
		dirs[filepath.Dir(r.Path)] = true
	}
	for _, r := range c.rules {
		if filepath.Dir(r.Pattern) == r.Root {
			dirs[r.Root] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, _ := os.ReadDir(dir) // whether it can be read, the globs have said
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if !e.Type().IsRegular() || covered[path] || c.excluded(path) || !likeLog(dir, e.Name()) {
				continue
			}
			if info, err := e.Info(); err == nil && info.Size() > 0 {
				c.out.Uncovered = append(c.out.Uncovered, ForecastUncovered{path, info.Size()})
			}
		}
	}
}

func (c *caster) excluded(path string) bool {
	return slices.ContainsFunc(c.cfg.Exclude, func(p string) bool {
		ok, err := doublestar.PathMatch(p, path)
		return err == nil && ok
	})
}

// likeLog tells whether a file is likely a log: all are in a directory of
// logs; elsewhere the name says it, whatever rotation put behind it.
func likeLog(dir, name string) bool {
	for _, part := range strings.Split(dir, "/") {
		if part == "log" || part == "logs" {
			return true
		}
	}
	name = strings.ToLower(name)
	if strings.Contains(name, "log") || strings.Contains(name, "access") || strings.Contains(name, "error") {
		return true
	}
	for _, ext := range []string{".out", ".err", ".trace", ".jsonl", ".ndjson"} {
		if strings.HasSuffix(name, ext) || strings.Contains(name, ext+".") || strings.Contains(name, ext+"-") {
			return true
		}
	}
	return false
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
