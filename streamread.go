package swab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"swab/ledger"
	"swab/tail"
)

// errNothing says that a pipe is empty, and has a writer.
var errNothing = errors.New("nothing to read")

// readStream reads a stream into its buffer until its end. It waits while the
// buffer is full, and with it whoever writes. When the daemon stops, a FIFO is
// read until it is empty: what its writers write later waits in it, or for
// them, until someone opens it again. Standard input is read until its writer
// closes it, which it does when it is told to stop as well; but for at most
// half of --shutdown-timeout, since what was read must be sealed and shipped,
// too. Then it is closed, and a writer that goes on gets EPIPE.
func (d *Daemon) readStream(ctx context.Context, s *stream) {
	err := d.readOn(ctx, s)
	if s.src != nil {
		s.src.Close() // nothing is written to it
	}
	s.mu.Lock()
	s.ended = true
	if err != nil && ctx.Err() == nil {
		s.err = fmt.Errorf("%s: %w", s.name, err)
		d.log.Error("a stream cannot be read any more", "class", s.class, "stream", s.name, "error", d.clean(err))
	}
	s.mu.Unlock()
	s.poke()
}

func (d *Daemon) readOn(ctx context.Context, s *stream) error {
	chunk, free := rawMemory(streamRead)
	defer func() { clear(chunk); free() }()
	var stop time.Time // once the daemon stops
	for ctx.Err() == nil {
		draining := d.draining()
		if draining && stop.IsZero() {
			stop = time.Now().Add(d.cfg.ShutdownTimeout / 2)
		}
		if draining && time.Now().After(stop) {
			d.log.Warn("a stream was not read to its end in time; its writer gets EPIPE", "class", s.class, "stream", s.name)
			return nil
		}
		if !s.hasRoom() {
			d.pause(ctx, s.room)
			continue
		}
		n, err := s.next(chunk, draining)
		switch {
		case n > 0:
			if err := s.take(chunk[:n], d.clock.Now(), d.cfg.BatchSize); err != nil {
				return err
			}
		case errors.Is(err, errNothing):
			if draining && s.kind == ledger.StreamFIFO {
				return nil
			}
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case s.kind == ledger.StreamStdin || draining || d.cfg.Once:
			return nil
		default: // all writers left; another one may come
			s.writersLeft()
			d.reopen(s)
			d.pause(ctx, s.room)
		}
	}
	return nil
}

// reopen takes the FIFO that lies at the place now, where someone removed the
// one that nobody writes any more and made another, or where there was none.
// What lies there is left alone unless it is a FIFO.
func (d *Daemon) reopen(s *stream) {
	f, err := tail.OpenFIFO(s.place)
	if err != nil {
		d.told.say(d.log.Error, "stream/"+s.name, "a named pipe is not there any more; it is tried again", "class", s.class, "stream", s.name, "error", d.clean(err))
		return
	}
	d.told.over("stream/" + s.name)
	if s.src != nil && sameFile(s.src, f) {
		f.Close()
		return
	}
	if s.src != nil {
		s.src.Close()
	}
	s.src = f
}

func sameFile(a, b *os.File) bool {
	was, err := a.Stat()
	now, nerr := b.Stat()
	return err == nil && nerr == nil && os.SameFile(was, now)
}

// pause waits for room, or a moment.
func (d *Daemon) pause(ctx context.Context, room <-chan struct{}) {
	timer := time.NewTimer(lanePoll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-room:
	case <-timer.C:
	}
}

// next reads what is there, and waits a moment for it. It returns io.EOF where
// nobody writes, and errNothing where nothing came. Standard input may block
// in read(2), and nothing ends that: so it is asked by poll(2) first, and
// nothing is taken out of a pipe that is not sealed then.
func (s *stream) next(p []byte, draining bool) (n int, err error) {
	if s.src == nil {
		return 0, io.EOF
	}
	conn, err := s.src.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := conn.Control(func(fd uintptr) {
		if s.kind == ledger.StreamFIFO { // does not block, and knows whether there is a writer
			if n, err = readFD(fd, p); !errors.Is(err, errNothing) || draining {
				return
			}
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if ready, perr := unix.Poll(fds, int(lanePoll/time.Millisecond)); perr != nil || ready == 0 {
			if err = errNothing; perr != nil && !errors.Is(perr, unix.EINTR) {
				err = fmt.Errorf("poll: %w", perr)
			}
			return
		}
		n, err = readFD(fd, p)
	})
	return n, errors.Join(err, cerr)
}

func readFD(fd uintptr, p []byte) (int, error) {
	n, err := unix.Read(int(fd), p)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, errNothing
	case err != nil:
		return 0, fmt.Errorf("read: %w", err)
	}
	return 0, io.EOF
}

// hasRoom tells whether the reader may read on. A line whose writers are gone
// must be out of the buffer before another writer's first line comes in.
func (s *stream) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.hasRoom() && !s.left
}

// take puts what was read into the buffer. A stream that begins like no text
// is refused before any of it is kept: where addresses stand in it, nobody can
// say.
func (s *stream) take(p []byte, now time.Time, batch int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == 0 {
		if what, binary := tail.Binary(p[:min(len(p), tail.SniffSize)]); binary {
			return &tail.RefusedError{Why: what}
		}
	}
	s.buf.add(p, now)
	s.read += int64(len(p))
	if int64(s.buf.held) >= streamBatch(batch) {
		s.poke()
	}
	return nil
}

// streamBatch is at how many bytes a stream's batch is due.
func streamBatch(batch int64) int64 { return min(batch, streamBuffer/2) }

// writersLeft notes the end of a text that another one may follow.
func (s *stream) writersLeft() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left = s.buf.open() || s.buf.held == 0 && s.buf.midline; s.left && s.buf.held == 0 {
		s.left, s.buf.midline = false, false
	}
	if s.left {
		s.poke()
	}
}

// release forgets what was sealed or given up, and lets the reader go on.
func (s *stream) release(n int, line bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.release(n, line)
	s.stalled = false
	if s.buf.held == 0 {
		s.left = false
	}
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// poke tells the lane.
func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
