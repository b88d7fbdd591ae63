package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"swab/ledger"
	"swab/ship"
)

// readBack is what stands in a store directory, line by line.
type readBack struct {
	ids     *regexp.Regexp
	objects map[string]bool         // by key: those that were read
	lines   map[string]*shippedLine // by id
	strange int                     // lines without an id
}

// shippedLine is a line as it stands in the store.
type shippedLine struct {
	text  string
	key   ship.KeyParts
	times int
}

func newReadBack(writers []*writer) *readBack {
	var classes []string
	for _, w := range writers {
		classes = append(classes, w.class)
	}
	return &readBack{
		ids:     regexp.MustCompile(`(?:` + strings.Join(classes, "|") + `)-[0-9]{6}`),
		objects: map[string]bool{}, lines: map[string]*shippedLine{},
	}
}

// update reads the objects in dir that were not there before. Objects appear
// whole and never change.
func (r *readBack) update(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || r.objects[name] {
			return err
		}
		key, err := ship.ParseKey(filepath.ToSlash(name))
		if err != nil || key.Class == ledger.LedgerClass {
			return nil // the store's own files, and the ledger's if midnight passes
		}
		r.objects[name] = true
		return r.object(path, key)
	})
}

func (r *readBack) object(path string, key ship.KeyParts) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	body, err := ship.CodecOf(path).NewReader(f)
	if err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	defer body.Close()
	scan := bufio.NewScanner(body)
	for scan.Scan() {
		id := r.ids.FindString(scan.Text())
		switch known := r.lines[id]; {
		case id == "":
			r.strange++
		case known != nil:
			known.times++
		default:
			r.lines[id] = &shippedLine{text: scan.Text(), key: key, times: 1}
		}
	}
	if err := scan.Err(); err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	return nil
}

// tally is what comes out when the store is compared with what was written.
type tally struct {
	written, shipped int // lines; shipped counts each copy
	twice, lost      int
	left, addrs      int // addresses that still stand there, of those to take out
	open, secrets    int // secrets that still stand there, of those to blank
	changed          int // lines that differ in more than their addresses and secrets
	strange          int // lines that nobody wrote
	kept             int // lines whose addresses stay by policy
}

// tally compares all that writers wrote with the store.
func (r *readBack) tally(writers []*writer) tally {
	t := tally{strange: r.strange}
	known := 0
	for _, w := range writers {
		for i, m := range w.lines {
			t.written++
			if w.keeps {
				t.kept++
			} else {
				t.addrs += len(m.addrs)
			}
			t.secrets += len(m.secrets)
			s := r.lines[lineID(w.class, i)]
			if s == nil {
				t.lost++
				continue
			}
			known++
			t.shipped += s.times
			if s.times > 1 {
				t.twice++
			}
			if s.text != w.wanted(m) || s.key.Class != w.class {
				t.changed++
			}
			for _, ip := range m.addrs {
				if !w.keeps && strings.Contains(s.text, ip.String()) {
					t.left++
				}
			}
			for _, secret := range m.secrets {
				if strings.Contains(s.text, secret) {
					t.open++
				}
			}
		}
	}
	t.strange += len(r.lines) - known
	return t
}

// fault says what is wrong with the tally, or nil.
func (t tally) fault() error {
	var faults []error
	for _, c := range []struct {
		n    int
		what string
	}{
		{t.lost, "lost"}, {t.twice, "in the store more than once"}, {t.changed, "changed in more than their addresses and secrets"}, {t.strange, "in the store that nobody wrote"},
	} {
		if c.n > 0 {
			faults = append(faults, fmt.Errorf("%s %s", counted(c.n, "line"), c.what))
		}
	}
	if t.left > 0 {
		faults = append(faults, fmt.Errorf("addresses left in the store: %d", t.left))
	}
	if t.open > 0 {
		faults = append(faults, fmt.Errorf("secrets left in the store: %d", t.open))
	}
	return errors.Join(faults...)
}
