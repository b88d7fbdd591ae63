package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"
)

// Place is where a file lies: Name beneath Root, the fixed directory of its
// glob. Both may hold addresses, so they stand outside the chain.
type Place struct {
	Root string `json:"root"`
	Name string `json:"name"`
}

// Path joins the two.
func (p Place) Path() string { return filepath.Join(p.Root, p.Name) }

// Paths is the file STATE/paths, 0600: the true places of the files that the
// ledger knows by number. An entry goes when its file does.
type Paths struct {
	path string

	mu    sync.Mutex
	known map[uint64]Place
	away  map[uint64]bool // not where they were first seen
	dirty bool
}

type pathLine struct {
	File uint64 `json:"f"`
	Place
	// Away: it does not lie where it was first seen.
	Away bool `json:"away,omitempty"`
	// Bytes is set where a name is no UTF-8, which JSON cannot carry, and then
	// goes before Place.
	Bytes *placeBytes `json:"bytes,omitempty"`
}

// placeBytes is a place in base64.
type placeBytes struct {
	Root []byte `json:"root"`
	Name []byte `json:"name"`
}

const pathsName = "paths"

// OpenPaths reads STATE/paths of the state directory dir. A missing file is an
// empty one.
func OpenPaths(dir string) (*Paths, error) {
	p := &Paths{path: filepath.Join(dir, pathsName), known: map[uint64]Place{}, away: map[uint64]bool{}}
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("paths of the files: %w", err)
	}
	for line := range bytes.Lines(text) {
		var l pathLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("paths of the files: %s is not what swab wrote", p.path)
		}
		if b := l.Bytes; b != nil {
			l.Place = Place{Root: string(b.Root), Name: string(b.Name)}
		}
		p.known[l.File] = l.Place
		if l.Away {
			p.away[l.File] = true
		}
	}
	return p, nil
}

// Set notes where a file lies; [Paths.Save] makes it durable.
func (p *Paths) Set(file uint64, place Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.known[file]; !ok || old != place {
		p.known[file], p.dirty = place, true
	}
}

// SetAway notes whether a file, which must have a place, lies elsewhere than
// where it was first seen; [Paths.Save] makes it durable.
func (p *Paths) SetAway(file uint64, away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known[file]; !ok || p.away[file] == away {
		return
	}
	p.dirty = true
	if away {
		p.away[file] = true
	} else {
		delete(p.away, file)
	}
}

// Away tells what SetAway noted.
func (p *Paths) Away(file uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away[file]
}

// Drop forgets a file.
func (p *Paths) Drop(file uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known[file]; ok {
		delete(p.known, file)
		delete(p.away, file)
		p.dirty = true
	}
}

// Get returns where a file lay last.
func (p *Paths) Get(file uint64) (Place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	place, ok := p.known[file]
	return place, ok
}

// All returns a copy of what is known.
func (p *Paths) All() map[uint64]Place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.known)
}

// Save writes the file where something changed.
func (p *Paths) Save() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dirty {
		return nil
	}
	var text []byte
	for _, file := range slices.Sorted(maps.Keys(p.known)) {
		l := pathLine{File: file, Place: p.known[file], Away: p.away[file]}
		if !utf8.ValidString(l.Root) || !utf8.ValidString(l.Name) {
			l.Bytes = &placeBytes{[]byte(l.Root), []byte(l.Name)}
		}
		line, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("paths of the files: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	if err := writeFileSync(p.path, text); err != nil {
		return fmt.Errorf("paths of the files: %w", err)
	}
	p.dirty = false
	return nil
}
