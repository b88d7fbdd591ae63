package tail

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// Watch tells when files appear in, or vanish from, the directories beneath
// some roots. It only makes a sweep come sooner: what it misses (an overflow,
// a network file system, a directory made a moment ago) the next one finds.
// Appends are no news: sizes are looked at anyway.
type Watch struct {
	roots   []string
	changed chan struct{}

	mu sync.Mutex
	w  *fsnotify.Watcher // nil while there is none to be had
	// lacking are the directories of which something is not watched, and why.
	lacking map[string]error
	err     error // why there is no watcher
	closed  bool
	wg      sync.WaitGroup
}

// maxLacking bounds what is remembered of directories that are not watched: past
// it all roots are walked again.
const maxLacking = 64

// NewWatch watches every directory beneath roots. What keeps it from that is
// told by Err.
func NewWatch(roots []string) *Watch {
	t := &Watch{roots: roots, changed: make(chan struct{}, 1), lacking: map[string]error{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	return t
}

// begin makes the watcher. The kernel has a limit of watchers a user, too
// (inotify(7), max_user_instances). t.mu is held.
func (t *Watch) begin() {
	w, err := fsnotify.NewWatcher()
	if t.err = err; err != nil {
		return
	}
	t.w = w
	for _, root := range t.roots {
		t.add(root)
	}
	t.wg.Go(func() { t.listen(w) })
}

// Retry tries again to watch what could not be watched. Err is what is still in
// the way. A file that came meanwhile is found by the sweep that follows.
func (t *Watch) Retry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
	case t.w == nil:
		t.begin()
	default:
		for dir := range maps.Clone(t.lacking) {
			t.add(dir)
		}
	}
}

// add watches dir and what is beneath it. A directory that cannot be watched
// keeps no other, but at the limit of watches (ENOSPC) there are none for the
// rest either. t.mu is held.
func (t *Watch) add(dir string) {
	var failed error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil
		}
		if !d.IsDir() {
			return nil
		}
		if err := t.w.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = cmp.Or(failed, err)
			if errors.Is(err, syscall.ENOSPC) {
				return fs.SkipAll
			}
		}
		return nil
	})
	if failed = cmp.Or(failed, err); failed == nil || errors.Is(failed, fs.ErrNotExist) {
		delete(t.lacking, dir)
		return
	}
	if t.lacking[dir] = failed; len(t.lacking) > maxLacking {
		clear(t.lacking)
		for _, root := range t.roots {
			t.lacking[root] = failed
		}
	}
}

func (t *Watch) listen(w *fsnotify.Watcher) {
	for {
		select {
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Rename) && !e.Has(fsnotify.Remove) {
				continue
			}
			if e.Has(fsnotify.Create) {
				t.mu.Lock()
				t.add(e.Name)
				t.mu.Unlock()
			}
		case _, ok := <-w.Errors: // an overflow: sweep
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

// Err is what keeps directories from being watched now, or nil. The error names
// none of them.
func (t *Watch) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.err
	}
	for _, err := range t.lacking {
		return pathless(err)
	}
	return nil
}

// Close ends the watch.
func (t *Watch) Close() error {
	t.mu.Lock()
	w := t.w
	t.closed = true
	t.mu.Unlock()
	if w == nil {
		return nil
	}
	err := w.Close()
	t.wg.Wait()
	return err
}
