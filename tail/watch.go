package tail

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Watch tells when files appear in, or vanish from, the directories beneath
// some roots. It only makes a sweep come sooner: what it misses (an overflow,
// a network file system, a directory made a moment ago) the next one finds.
// Appends are no news: sizes are looked at anyway.
type Watch struct {
	roots   []string
	changed chan struct{}

	mu  sync.Mutex
	w   *fsnotify.Watcher
	err error
	wg  sync.WaitGroup
}

// NewWatch watches every directory beneath roots. What keeps it from that is
// told by Err.
func NewWatch(roots []string) *Watch {
	t := &Watch{roots: roots, changed: make(chan struct{}, 1)}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.err = err
		return t
	}
	t.w = w
	for _, root := range roots {
		t.add(root)
	}
	t.wg.Go(t.listen)
	return t
}

// add watches dir and what is beneath it.
func (t *Watch) add(dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil
		}
		if d.IsDir() {
			return t.w.Add(path)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
	}
}

func (t *Watch) listen() {
	for {
		select {
		case e, ok := <-t.w.Events:
			if !ok {
				return
			}
			if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Rename) && !e.Has(fsnotify.Remove) {
				continue
			}
			if e.Has(fsnotify.Create) {
				t.add(e.Name)
			}
		case _, ok := <-t.w.Errors: // an overflow: sweep
			if !ok {
				return
			}
		}
		select {
		case t.changed <- struct{}{}:
		default:
		}
	}
}

// Changed receives when something appeared or vanished.
func (t *Watch) Changed() <-chan struct{} { return t.changed }

// Err is what keeps directories from being watched, or nil.
func (t *Watch) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close ends the watch.
func (t *Watch) Close() error {
	if t.w == nil {
		return nil
	}
	err := t.w.Close()
	t.wg.Wait()
	return err
}
