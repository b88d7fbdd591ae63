package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// logEntry is one --log on the way.
type logEntry struct {
	from     assign
	log      Log
	patterns []string // the pattern with its braces expanded
}

// addLog records one --log CLASS=GLOB.
func (d *draft) addLog(a assign) {
	class, glob, found := strings.Cut(a.value, "=")
	switch {
	case !found:
		d.fault(a, "has no class. Write CLASS=GLOB, such as web=/var/log/nginx/*.log")
		return
	case glob == stdinName || strings.HasPrefix(glob, fifoPrefix):
		d.addStream(a, class, glob)
		return
	}
	p, err := absPattern(d.cwd, glob)
	if err == nil && metaAt(p) == len(p) {
		if info, statErr := os.Stat(unescape(p)); statErr == nil && info.IsDir() {
			err = fmt.Errorf("names a directory. Name its files: %s/*.log", p)
		}
	}
	if err != nil {
		d.fault(a, err.Error())
		return
	}
	patterns, _ := expand(p) // absPattern has refused what expands too far
	d.logs = append(d.logs, logEntry{from: a, log: Log{Class: class, Pattern: p, Root: fixedRoot(p)}, patterns: patterns})
}

// addExclude records one --exclude. A pattern without a slash means that name
// in any directory.
func (d *draft) addExclude(a assign) {
	glob := a.value
	if glob != "" && !strings.Contains(glob, "/") {
		glob = "/**/" + glob
	}
	p, err := absPattern(d.cwd, glob)
	if err != nil {
		d.fault(a, err.Error())
		return
	}
	d.cfg.Exclude = append(d.cfg.Exclude, p)
	patterns, _ := expand(p) // absPattern has refused what expands too far
	d.excluded = append(d.excluded, patterns...)
}

// addFollow records one --follow ROOT.
func (d *draft) addFollow(a assign) {
	dir, err := d.absDir(a.value)
	if err != nil {
		d.fault(a, err.Error())
		return
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		d.fault(a, "is no directory. Name the one that the links lead to")
		return
	}
	d.cfg.Follow = append(d.cfg.Follow, dir)
	d.follows = append(d.follows, a)
}

// absDir makes a directory absolute and clean.
func (d *draft) absDir(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("names no directory")
	case strings.ContainsRune(s, 0):
		return "", errors.New("no path has a NUL in it")
	case strings.HasPrefix(s, "~"):
		return "", errors.New(`"~" is not expanded here. Write the whole path`)
	case filepath.IsAbs(s):
		return filepath.Clean(s), nil
	}
	return filepath.Join(d.cwd, s), nil
}

// truePath resolves the symbolic links of the part of a path that is there.
func truePath(p string) string {
	for at := p; at != "" && at != "/" && at != "."; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, strings.TrimPrefix(p, at))
		}
	}
	return p
}

// trueForm is a brace-free pattern with the links of its root resolved.
func trueForm(p string) string {
	root := fixedRoot(p)
	real := truePath(root)
	if real == root {
		return p
	}
	_, rest := doublestar.SplitPattern(p)
	return strings.TrimSuffix(escape(real), "/") + "/" + rest
}

// checkGlobs refuses patterns over the system's own directories, and state and
// store where a pattern could reach them: swab would read what it wrote, and
// erase it.
func (d *draft) checkGlobs() {
	for _, l := range d.logs {
		for _, p := range l.patterns {
			problem := tooWide(p)
			if problem == "" {
				problem = tooWide(trueForm(p))
			}
			if problem != "" && !d.cfg.AllowWideGlob {
				d.fault(l.from, problem)
				break
			}
		}
		d.checkOutside(l, "state", d.cfg.State)
		d.checkOutside(l, "to", d.cfg.To.Dir)
	}
	for i, a := range d.follows {
		if at, ok := systemDir(d.cfg.Follow[i]); ok && !d.cfg.AllowWideGlob {
			d.fault(a, "would let links lead anywhere in "+at+". Name the directory that they lead to, or add --allow-wide-glob if you mean it.")
		}
	}
}

// checkOutside refuses a directory of swab's own that a log's pattern reaches,
// unless an --exclude takes all of it out.
func (d *draft) checkOutside(l logEntry, flag, dir string) {
	if dir == "" {
		return
	}
	for _, p := range l.patterns {
		for _, name := range namesUnder(fixedRoot(p), dir) {
			if reaches(p, name) && !covers(d.excluded, name) {
				d.faultOf(flag, fmt.Sprintf("lies where --log %s could match its files. Choose another directory, or add --exclude '%s/**'",
					printable(l.from.value), escape(name)))
				return
			}
		}
	}
}

// namesUnder lists how a walk from root could come to dir: by its own name,
// and by the name that links above root and above dir give it.
func namesUnder(root, dir string) []string {
	names := []string{dir}
	trueRoot, trueDir := truePath(root), truePath(dir)
	switch {
	case inside(trueDir, trueRoot):
		names = append(names, filepath.Join(root, strings.TrimPrefix(trueDir, trueRoot)))
	case inside(trueRoot, trueDir):
		names = append(names, root)
	}
	return names
}
