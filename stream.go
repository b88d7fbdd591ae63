package swab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
	"swab/status"
	"swab/tail"
)

// stream is a source whose raw bytes swab alone has: standard input, or a named
// pipe. One goroutine reads it into the buffer, the lane of its class seals
// what is there (streamseal.go). What a crash loses is what was read and not
// sealed: nobody can read it again.
type stream struct {
	class string
	kind  string       // as in [ledger.FileOpen]
	name  string       // for messages
	place ledger.Place // of a FIFO
	num   uint64
	src   *os.File // the reader's; nil while a FIFO is not there
	free  func()
	wake  chan struct{} // of the lane: something is due, or at its end
	room  chan struct{} // of the reader: something was sealed

	mu    sync.Mutex
	buf   rawBuffer
	read  int64 // offset behind what was read
	ended bool  // nothing more is read
	left  bool  // a FIFO's writers left in mid-line: nobody ends that line
	err   error // why reading ended before the input did
	// closed: all is sealed, and the ledger knows that nothing follows.
	closed bool
	// stalled: what is due cannot be sealed, and the writer has to wait.
	stalled bool
	// open is as lane.open has it.
	open scrub.Streams
}

// openStreams begins a number for each stream, after those that no orderly end
// closed. Nothing is read yet.
func (d *Daemon) openStreams() error {
	if err := d.closeCutStreams(); err != nil {
		return err
	}
	for _, c := range d.cfg.Streams {
		s := &stream{class: c.Class, kind: ledger.StreamStdin, name: "standard input", src: os.Stdin, room: make(chan struct{}, 1)}
		if c.FIFO != "" { // missing is no reason not to hold the files' limits; a first start has refused it
			s.kind, s.place, s.name = ledger.StreamFIFO, fifoPlace(c), d.names.String(c.FIFO)
			var err error
			if s.src, err = tail.OpenFIFO(s.place); errors.Is(err, fs.ErrNotExist) {
				d.log.Error("a named pipe is not there yet; it is tried again", "class", s.class, "stream", s.name)
			} else if err != nil {
				return fmt.Errorf("--log %s=fifo:%s: %w", c.Class, c.FIFO, err)
			}
		}
		d.streams = append(d.streams, s)
		s.buf.mem, s.free = rawMemory(streamBuffer)
		d.ledger.View(func(st *ledger.State) { s.num = st.NextFile })
		if err := d.ledger.Append(ledger.Event{Open: &ledger.FileOpen{File: s.num, Class: s.class, Stream: s.kind}}); err != nil {
			return err
		}
		if c.FIFO != "" {
			d.paths.Set(s.num, s.place)
		}
		for _, l := range d.lanes {
			if l.class.Name == s.class && !l.orphan {
				l.streams = append(l.streams, s)
				s.wake = l.woken
			}
		}
	}
	return d.paths.Save()
}

func fifoPlace(c config.Stream) ledger.Place {
	return ledger.Place{Root: filepath.Dir(c.FIFO), Name: filepath.Base(c.FIFO)}
}

// checkStreams looks at the FIFOs before anything is changed.
func (d *Daemon) checkStreams() error {
	var faults []error
	for _, c := range d.cfg.Streams {
		if c.FIFO == "" {
			continue
		}
		if err := tail.CheckFIFO(fifoPlace(c)); err != nil {
			faults = append(faults, fmt.Errorf("--log %s=fifo:%s: %w", c.Class, c.FIFO, err))
		}
	}
	return errors.Join(faults...)
}

// closeCutStreams closes the streams of a daemon that came to no orderly end.
// What it had read and not sealed is lost, and how much of it the ledger heard
// of is what it can say.
func (d *Daemon) closeCutStreams() error {
	var events []ledger.Event
	var cut int
	var lost int64
	d.ledger.View(func(st *ledger.State) {
		for num, f := range st.Files {
			if f.Stream == "" {
				continue
			}
			if n := f.Unread(); n > 0 {
				lost += n
				events = append(events, ledger.Event{Lost: &ledger.Lost{File: num, From: f.Cursor, To: f.Size, Why: "read, and not sealed when swab was cut off"}})
			}
			events = append(events, ledger.Event{Close: &ledger.FileClose{File: num, Why: ledger.StreamCut}})
			d.paths.Drop(num)
			cut++
		}
	})
	if cut == 0 {
		return nil
	}
	d.log.Warn("the last run was cut off while it read a stream: what it had read and not sealed is lost", "streams", cut, "at_least_bytes", lost)
	return d.ledger.Append(events...)
}

// greetStreams says what a crash can lose.
func (d *Daemon) greetStreams() {
	for _, s := range d.streams {
		d.log.Info("reading a stream; its raw bytes are in memory alone, and a crash loses what was read and not sealed",
			"class", s.class, "stream", s.name, "sealed_within", d.cfg.BatchAge, "at_most_bytes", streamBuffer)
	}
}

// streamGrowth lists the streams of which more was read than the ledger knows.
func (d *Daemon) streamGrowth() []ledger.Growth {
	var grown []ledger.Growth
	now := d.clock.Now().Unix()
	d.ledger.View(func(st *ledger.State) {
		for _, s := range d.streams {
			f := st.Files[s.num]
			if read := s.readTo(); f != nil && read > f.Size {
				grown = append(grown, ledger.Growth{File: s.num, Size: read, SizeAt: now})
			}
		}
	})
	return grown
}

func (s *stream) readTo() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read
}

// streamsClosed tells whether all of the list are.
func streamsClosed(list []*stream) bool {
	for _, s := range list {
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if !closed {
			return false
		}
	}
	return true
}

// endStreams closes what is not closed when the daemon ends. What was read and
// could not be sealed is lost, and that is an error.
func (d *Daemon) endStreams() error {
	var errs error
	for _, s := range d.streams {
		s.mu.Lock()
		closed, held := s.closed, s.buf.held
		s.mu.Unlock()
		if closed || d.ledger.Broken() != nil {
			continue
		}
		errs = errors.Join(errs, d.wipe(s, "read, and not sealed within --shutdown-timeout"), d.closeStream(s, ledger.StreamStopped))
		if held > 0 {
			errs = errors.Join(errs, fmt.Errorf("%s: %d bytes were read and could not be sealed in time; they are lost", s.name, held))
		}
	}
	return errs
}

// wipe gives up what a stream's buffer holds, and books it as lost.
func (d *Daemon) wipe(s *stream, why string) error {
	s.mu.Lock()
	held, to := s.buf.held, s.read
	s.mu.Unlock()
	if held == 0 {
		return nil
	}
	if err := d.ledger.Append(ledger.Event{Lost: &ledger.Lost{File: s.num, From: to - int64(held), To: to, Why: why}}); err != nil {
		return err
	}
	d.log.Error("bytes of a stream are lost", "class", s.class, "stream", s.name, "bytes", held, "why", why)
	s.release(held, false)
	return nil
}

// closeStream ends the stream's number.
func (d *Daemon) closeStream(s *stream, why string) error {
	if err := d.ledger.Append(ledger.Event{Close: &ledger.FileClose{File: s.num, Why: why}}); err != nil {
		return err
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	d.paths.Drop(s.num)
	if streamsClosed(d.streams) {
		d.lastStream.Do(func() { close(d.streamsDone) })
	}
	return d.paths.Save()
}

// streamsErr is why a stream could not be read to its end.
func (d *Daemon) streamsErr() error {
	var errs error
	for _, s := range d.streams {
		s.mu.Lock()
		errs = cmp.Or(errs, s.err)
		s.mu.Unlock()
	}
	return errs
}

// allRead is closed when there is nothing more to follow, nor will be: all
// input came through streams, and they are read and sealed to their end. With
// --once, files do not keep the run waiting.
func (d *Daemon) allRead() <-chan struct{} {
	if len(d.streams) == 0 || len(d.cfg.Logs) > 0 && !d.cfg.Once {
		return nil
	}
	return d.streamsDone
}

// endOfStreams closes the streams at the daemon's end and says what is wrong
// with it: bytes lost, input that could not be read, or, where the input's own
// end was the reason and nobody asked to stop, batches that nobody will ship
// until the next start.
func (d *Daemon) endOfStreams(ctx context.Context) error {
	errs := errors.Join(d.endStreams(), d.streamsErr())
	if n := d.unshipped(); n > 0 && ctx.Err() == nil && len(d.streams) > 0 && !d.cfg.Once {
		errs = errors.Join(errs, fmt.Errorf("the input has ended, and %d batches are sealed and not shipped; nothing is lost, the next start ships them", n))
	}
	return errs
}

// freeStreams lets go of the buffers; nobody uses them any more.
func (d *Daemon) freeStreams() {
	for _, s := range d.streams {
		s.mu.Lock()
		clear(s.buf.mem[:s.buf.held])
		s.buf = rawBuffer{}
		s.free()
		s.mu.Unlock()
	}
	d.streams = nil
}

// showStreams adds the streams to their classes' rows: what waits in memory is
// backlog, as far as the ledger does not count it as unread yet.
func (d *Daemon) showStreams(classes map[string]*status.Class, now time.Time) {
	for _, g := range d.streamGrowth() {
		d.ledger.View(func(st *ledger.State) {
			if f := st.Files[g.File]; f != nil && classes[f.Class] != nil {
				classes[f.Class].Backlog += max(0, g.Size-f.Size)
			}
		})
	}
	for _, s := range d.streams {
		c := classes[s.class]
		s.mu.Lock()
		since, stalled, closed := s.buf.since(), s.stalled, s.closed
		s.mu.Unlock()
		if c == nil || closed {
			continue
		}
		c.Files++
		if !since.IsZero() {
			older(c, since.Unix(), now)
		}
		if stalled {
			c.State = "a stream's writer waits: nothing can be sealed"
		}
	}
}
