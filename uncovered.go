package swab

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"swab/ledger"
	"swab/tail"
)

// How often a run looks for logs that no flag names, and how often the ledger
// hears of the same ones again: so the report of any day has them.
const (
	uncoveredEvery = time.Hour
	uncoveredAgain = 24 * time.Hour
)

// mostUncovered bounds the files that one event names; it counts the others.
const mostUncovered = 100

// uncoveredLogs is what a run knows of them. The goroutine that sweeps has it,
// but for the number.
type uncoveredLogs struct {
	looked, said time.Time // zero, and so long ago: not in this run
	last         ledger.Uncovered
	files        atomic.Int64
}

// noteUncovered writes down, now and then, which files lie beside the logs and
// no --log names. It comes after a sweep, which knows a log's copies.
func (d *Daemon) noteUncovered() error {
	u, now := &d.uncovered, d.clock.Now()
	if now.Sub(u.looked) < uncoveredEvery || d.ledger.Cramped() {
		return nil
	}
	u.looked = now
	found := d.lookBeside()
	u.files.Store(int64(found.Files))
	news := !sameNames(u.last, found)
	if !news && now.Sub(u.said) < uncoveredAgain {
		return nil
	}
	if err := d.ledger.Append(ledger.Event{Uncovered: &found}); err != nil {
		return d.ledger.Broken() // else the next look tries it again
	}
	u.last, u.said = found, now
	if news && found.Files > 0 {
		d.log.Warn("files beside the logs that no --log names: neither shipped nor erased",
			"files", found.Files, "bytes", found.Bytes, "file", found.List[0].Name)
	}
	return nil
}

// sameNames leaves sizes aside: they grow.
func sameNames(a, b ledger.Uncovered) bool {
	return a.Files == b.Files && slices.EqualFunc(a.List, b.List, func(a, b ledger.UncoveredFile) bool { return a.Name == b.Name })
}

func (d *Daemon) lookBeside() ledger.Uncovered {
	s := newSurroundings(d.rules())
	for _, f := range d.matched() {
		s.covers(f.Path)
		s.covered[f.Place.Path()] = true
	}
	for _, f := range d.files.Files() {
		s.covered[f.Place().Path()] = true
	}
	for path := range d.files.Refused() {
		s.covers(path)
	}
	var u ledger.Uncovered
	s.uncovered(d.cfg.Exclude, func(path string, info fs.FileInfo) {
		u.Files++
		u.Bytes += info.Size()
		if len(u.List) < mostUncovered {
			since := birthTime(path) / int64(time.Second)
			u.List = append(u.List, ledger.UncoveredFile{Name: d.names.String(path), Size: info.Size(), Since: since})
		}
	})
	return u
}

// surroundings are the directories in which logs lie, and what is known there.
type surroundings struct{ covered, dirs map[string]bool }

// newSurroundings begins with the directories whose files a rule names: those
// have a say without any file, too.
func newSurroundings(rules []tail.Rule) surroundings {
	s := surroundings{map[string]bool{}, map[string]bool{}}
	for _, r := range rules {
		if filepath.Dir(r.Pattern) == r.Root {
			s.dirs[r.Root] = true
		}
	}
	return s
}

// covers takes a path that a glob named. Where it is a directory, which could
// not be read, its neighbours are no logs for that.
func (s surroundings) covers(path string) {
	s.covered[path] = true
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		s.dirs[filepath.Dir(path)] = true
	}
}

// uncovered calls each file that is likely a log and not covered, by path.
// What --exclude names was meant to be left out.
func (s surroundings) uncovered(exclude []string, each func(path string, info fs.FileInfo)) {
	for _, dir := range slices.Sorted(maps.Keys(s.dirs)) {
		entries, _ := os.ReadDir(dir) // whether it can be read, the globs have said
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if !e.Type().IsRegular() || s.covered[path] || excluded(exclude, path) || !likeLog(dir, e.Name()) {
				continue
			}
			if info, err := e.Info(); err == nil && info.Size() > 0 {
				each(path, info)
			}
		}
	}
}

func excluded(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
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
