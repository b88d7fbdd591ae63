package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// writer is a service at work: it appends lines to its log and remembers each.
type writer struct {
	service
	dir   string // log/CLASS, absolute
	maker *maker

	mu    sync.Mutex
	f     *os.File // nil between bursts, when nobody has the log open
	lines []made   // all of them; the index is the number in the id
	err   error    // what ended run
}

// How fast a service writes while it runs: one to burstMost lines a beat.
const (
	beat      = 30 * time.Millisecond
	burstMost = 8
)

func newWriter(s service, root string, seed uint64, number int) (*writer, error) {
	w := &writer{service: s, dir: filepath.Join(root, "log", s.class)}
	w.maker = &maker{rand.New(rand.NewPCG(seed, uint64(number)))}
	return w, os.MkdirAll(w.dir, 0o755)
}

// path is where the log lies.
func (w *writer) path() string { return filepath.Join(w.dir, w.file) }

// name is the log's name for people.
func (w *writer) name() string { return w.class + "/" + w.file }

// old is the log that is 8 days old when it is first seen, of the classes
// whose raw bytes stay until their limit.
func (w *writer) old() string { return filepath.Join(w.dir, "old-"+w.file) }

// lineID is how a line of a class is found again, wherever it stands.
func lineID(class string, number int) string { return fmt.Sprintf("%s-%06d", class, number) }

// append writes n lines of that time to f with one write, as loggers do. w.mu
// is held.
func (w *writer) append(f *os.File, n int, at time.Time) error {
	var text strings.Builder
	for range n {
		m := w.service.line(w.maker, lineID(w.class, len(w.lines)), at)
		// Remembered before it is written: a line found must be a known one.
		w.lines = append(w.lines, m)
		text.WriteString(m.raw + "\n")
	}
	_, err := f.WriteString(text.String())
	return err
}

// burst writes n lines of that time to the log at path and closes it again.
func (w *writer) burst(path string, n int, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := openLog(path)
	if err != nil {
		return err
	}
	return errors.Join(w.append(f, n, at), f.Close())
}

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

// run writes on and on, with the log held open, until ctx ends.
func (w *writer) run(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		w.step()
		select {
		case <-ctx.Done():
			w.close()
			return
		case <-tick.C:
		}
	}
}

func (w *writer) step() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	if w.f == nil {
		if w.f, w.err = openLog(w.path()); w.err != nil {
			return
		}
	}
	w.err = w.append(w.f, 1+w.maker.n(burstMost), time.Now())
}

func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f != nil {
		w.err = errors.Join(w.err, w.f.Close())
		w.f = nil
	}
}

// rotate renames the log and begins a new one, as logrotate does with create;
// an earlier one moves on by a number, unless swab has removed it already.
func (w *writer) rotate() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := os.Rename(w.path()+".1", w.path()+".2")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(w.path(), w.path()+".1"); err != nil {
		return err
	}
	next, err := openLog(w.path())
	if err != nil {
		return err
	}
	if w.f == nil {
		return next.Close()
	}
	err = w.f.Close()
	w.f = next
	return err
}

// written is how many lines there are, and what went wrong with writing.
func (w *writer) written() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, fmt.Errorf("the demo's own %s service: %w", w.class, w.err)
	}
	return len(w.lines), nil
}

// line is the line of a number.
func (w *writer) line(number int) made {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines[number]
}
