package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// writersEnv makes this program the child in which all writers run; its value
// is a writersConfig as JSON. The child stops when its standard input ends, so
// that no writer outlives the harness.
const writersEnv = "SWAB_TORTURE_WRITERS"

// writersConfig says what the child writes.
type writersConfig struct {
	Seed    uint64
	Writers []writerConfig
	Rate    int           // lines a second and writer; 0 is as fast as it goes
	Rotate  time.Duration // mean time between two rotations of a file by its writer
}

type writerConfig struct {
	ID    int
	Class string
	Path  string
	// Others: someone else rotates the file (logrotate); the writer watches
	// for truncation and for another file under its name.
	Others bool
}

// writersWord is what the child tells its parent: from time to time how far it
// is, and at the end the accounts.
type writersWord struct {
	Lines, Bytes uint64
	Accounts     []account `json:",omitempty"`
}

// Words of the parent, a line each.
const (
	wordPause  = "pause"
	wordResume = "resume"
)

// runWriters is the child: it writes until in ends, then tells the accounts.
func runWriters(config string, in io.Reader, out io.Writer) error {
	var c writersConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("writers' configuration: %w", err)
	}
	var paused, stopped atomic.Bool
	var lines, bytes atomic.Uint64
	var wg sync.WaitGroup
	accounts, errs := make([]account, len(c.Writers)), make([]error, len(c.Writers))
	for i, wc := range c.Writers {
		w := newWriter(c, wc)
		wg.Go(func() {
			errs[i] = w.run(&paused, &stopped, &lines, &bytes)
			accounts[i] = w.account
		})
	}
	ended := make(chan struct{})
	go func() { // the only one that writes to out until wg is done
		defer close(ended)
		tell := json.NewEncoder(out)
		for !stopped.Load() {
			time.Sleep(200 * time.Millisecond)
			tell.Encode(writersWord{Lines: lines.Load(), Bytes: bytes.Load()}) // a parent that is gone ends in, too
		}
	}()
	words := bufio.NewScanner(in)
	for words.Scan() {
		paused.Store(words.Text() == wordPause)
	}
	stopped.Store(true)
	wg.Wait()
	<-ended
	told := json.NewEncoder(out).Encode(writersWord{Lines: lines.Load(), Bytes: bytes.Load(), Accounts: accounts})
	return errors.Join(errors.Join(errs...), told)
}

// writer appends numbered lines to one file and rotates it, or sees it rotated.
type writer struct {
	account
	path   string
	others bool
	rate   int
	rotate time.Duration
	maker  *lineMaker
	rng    *rand.Rand
	file   *os.File
	number uint64 // of the file
	pos    int64  // where its end should be, if nobody truncated it
	chunk  []byte
	first  uint64    // the chunk's first line
	due    time.Time // of the next rotation
	began  time.Time
}

func newWriter(c writersConfig, wc writerConfig) *writer {
	return &writer{
		account: account{Writer: wc.ID, Class: wc.Class}, path: wc.Path, others: wc.Others, rate: c.Rate, rotate: c.Rotate,
		maker: newLineMaker(c.Seed, wc.ID), rng: rand.New(rand.NewPCG(c.Seed, uint64(100+wc.ID))),
	}
}

func (w *writer) run(paused, stopped *atomic.Bool, lines, bytes *atomic.Uint64) error {
	if err := w.open(); err != nil {
		return err
	}
	defer func() { w.file.Close() }()
	w.began = time.Now()
	for !stopped.Load() {
		if paused.Load() || w.ahead() {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		n, size := w.Lines, w.Bytes
		if err := w.step(); err != nil {
			return fmt.Errorf("writer %d: %w", w.Writer, err)
		}
		lines.Add(w.Lines - n)
		bytes.Add(w.Bytes - size)
	}
	if w.others {
		return w.cutOff() // nobody truncates any more
	}
	return nil
}

// ahead tells whether the writer has written more than its rate.
func (w *writer) ahead() bool {
	return w.rate > 0 && float64(w.Lines) > time.Since(w.began).Seconds()*float64(w.rate)
}

func (w *writer) open() error {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	w.file, w.pos = f, 0
	w.Files++
	w.due = time.Now().Add(time.Duration(float64(w.rotate) * (0.2 + w.rng.ExpFloat64())))
	return nil
}

// step writes some lines at once, some of them in two parts, and rotates when
// it is time.
func (w *writer) step() error {
	if w.others {
		if err := w.reopen(); err != nil {
			return err
		}
	}
	count := 1 + w.rng.IntN(64)
	if w.rate > 0 {
		count = min(count, 1+w.rate/50)
	}
	w.chunk, w.first = w.chunk[:0], w.Lines
	last := 0
	for i := range count {
		last = len(w.chunk)
		w.chunk = append(w.chunk, w.maker.line(w.number, w.Lines+uint64(i))...)
	}
	rest := w.chunk
	if !w.others && w.rng.IntN(1000) == 0 { // a program that writes a line in two parts
		w.Halves++
		half := last + w.rng.IntN(len(w.chunk)-last)
		if err := w.write(rest[:half]); err != nil {
			return err
		}
		time.Sleep(time.Duration(w.rng.IntN(200)) * time.Millisecond)
		rest = rest[half:]
	}
	if err := w.write(rest); err != nil {
		return err
	}
	w.Lines += uint64(count)
	w.Bytes += uint64(len(w.chunk))
	if w.others {
		return w.cutOff()
	}
	if w.rotate > 0 && time.Now().After(w.due) {
		return w.turn()
	}
	return nil
}

// write appends p whole: what a full disk did not take is written when it does.
func (w *writer) write(p []byte) error {
	for tries := 0; ; tries++ {
		n, err := w.file.Write(p)
		w.pos += int64(n)
		if err == nil {
			return nil
		}
		if p = p[n:]; tries > 3000 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// turn rotates by rename and create.
func (w *writer) turn() error {
	w.number++
	if err := os.Rename(w.path, fmt.Sprintf("%s.%06d", w.path, w.number)); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	return w.open()
}
