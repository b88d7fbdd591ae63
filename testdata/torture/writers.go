package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// writersChild is the parent's side of the process in which all writers run.
type writersChild struct {
	config   writersConfig
	cmd      *exec.Cmd
	in       io.WriteCloser
	done     chan struct{} // closed when it has ended
	err      error         // after done
	accounts []account     // after done
	lines    atomic.Uint64
	bytes    atomic.Uint64
	paused   bool
}

// startWriters runs this program again as the child.
func (r *run) startWriters() error {
	c := writersConfig{Seed: r.o.Seed, Rate: r.o.Rate, Rotate: r.o.Turn}
	list := classes()
	for i := range r.o.Writers {
		class := list[i%len(list)]
		c.Writers = append(c.Writers, writerConfig{
			ID: i, Class: class, Path: filepath.Join(r.dir, logsDir, class, fmt.Sprintf("w%03d.log", i)), Others: r.o.Rotate != rotateRename,
		})
	}
	config, err := json.Marshal(c)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	said, err := os.Create(filepath.Join(r.dir, "writers.log"))
	if err != nil {
		return err
	}
	defer said.Close()
	w := &writersChild{config: c, cmd: exec.Command(exe), done: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), writersEnv+"="+string(config))
	w.cmd.Stderr, w.cmd.SysProcAttr = said, &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the harness
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return fmt.Errorf("start of the writers: %w", err)
	}
	go w.listen(out)
	r.writers = w
	return nil
}

func (w *writersChild) listen(out io.Reader) {
	defer close(w.done)
	words := json.NewDecoder(out)
	for {
		var word writersWord
		if err := words.Decode(&word); err != nil {
			if !errors.Is(err, io.EOF) {
				w.err = err
			}
			break
		}
		w.lines.Store(word.Lines)
		w.bytes.Store(word.Bytes)
		if word.Accounts != nil {
			w.accounts = word.Accounts
		}
	}
	w.err = errors.Join(w.err, w.cmd.Wait())
	if w.accounts == nil {
		w.err = errors.Join(w.err, errors.New("they gave no account"))
	}
}

// hold lets the writers wait, or go on.
func (w *writersChild) hold(paused bool) {
	if paused == w.paused {
		return
	}
	w.paused = paused
	word := wordResume
	if paused {
		word = wordPause
	}
	fmt.Fprintln(w.in, word) // one that is gone is seen by done
}

// stop ends the writers and returns their accounts.
func (w *writersChild) stop() ([]account, error) {
	w.in.Close()
	<-w.done
	if w.err != nil {
		return nil, fmt.Errorf("writers: %w", w.err)
	}
	return w.accounts, nil
}

func (w *writersChild) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}
