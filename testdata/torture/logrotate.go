package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// rotateEvery is how often logrotate runs.
const rotateEvery = time.Second

// rotator runs logrotate(8) over all logs until stopped.
type rotator struct {
	stop context.CancelFunc
	done chan struct{}
	runs int   // after done
	err  error // after done
}

// rotateConfig is logrotate's: names with the second in them, so that nothing
// is renamed twice; and after each rotation the length of what was copied, when
// no byte is added to it any more and before it is compressed.
func rotateConfig(logs []string, mode string, plain bool, sizes string) string {
	how := mode
	switch {
	case plain:
		how += "\n  nocompress"
	case mode == rotateCreate:
		how += "\n  compress\n  delaycompress" // the writer may have the old file open a moment longer
	default:
		how += "\n  compress"
	}
	return fmt.Sprintf(`%s {
  rotate 1000000
  dateext
  dateformat -%%s
  missingok
  notifempty
  %s
  postrotate
    stat -c %%s "$2" >> %s/$(basename "$1") || echo -1 >> %s/$(basename "$1")
  endscript
}
`, strings.Join(logs, "\n"), how, sizes, sizes)
}

// startRotating runs logrotate every second.
func (r *run) startRotating(ctx context.Context) error {
	tool, err := exec.LookPath("logrotate")
	if err != nil {
		return fmt.Errorf("--rotate %s: %w", r.o.Rotate, err)
	}
	sizes, config := filepath.Join(r.dir, "sizes"), filepath.Join(r.dir, "logrotate.conf")
	if err := os.Mkdir(sizes, 0o755); err != nil {
		return err
	}
	var logs []string
	for _, w := range r.writers.config.Writers {
		logs = append(logs, w.Path)
	}
	if err := os.WriteFile(config, []byte(rotateConfig(logs, r.o.Rotate, r.o.Plain, sizes)), 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	t := &rotator{stop: stop, done: make(chan struct{})}
	r.rotating = t
	go func() {
		defer close(t.done)
		for ctx.Err() == nil {
			out, err := exec.Command(tool, "-f", "-s", filepath.Join(r.dir, "logrotate.state"), config).CombinedOutput()
			if err != nil {
				t.err = fmt.Errorf("logrotate: %w: %s", err, bytes.TrimSpace(out))
			}
			t.runs++
			pause(ctx, rotateEvery)
		}
	}()
	return nil
}

// stopRotating waits for the last run. It is for before the writers stop: they
// see the last truncation, too.
func (r *run) stopRotating() {
	t := r.rotating
	if t == nil {
		return
	}
	r.rotating = nil
	t.stop()
	<-t.done
	r.f.Turns = t.runs
	if t.err != nil {
		r.wrong("%v", t.err)
	}
}

// settleGaps tells, from the lengths of the copies and the writers' own
// truncations, which lines logrotate took away between its copy and its
// truncation.
func (r *run) settleGaps() error {
	if r.o.Rotate != rotateCopy {
		return nil
	}
	for i := range r.accounts {
		a := &r.accounts[i]
		sizes, err := readSizes(filepath.Join(r.dir, "sizes", filepath.Base(r.writers.config.Writers[i].Path)))
		if err != nil {
			return err
		}
		if len(sizes) != len(a.Cuts) {
			r.wrong("writer %d saw %d truncations, logrotate made %d copies: what it lost cannot be told", a.Writer, len(a.Cuts), len(sizes))
			continue
		}
		m, from := newLineMaker(r.o.Seed, a.Writer), uint64(0)
		for k, end := range a.Cuts {
			if sizes[k] < 0 {
				r.wrong("writer %d: the copy of its content %d was gone before it was measured", a.Writer, k)
			} else if g := m.gap(from, end, sizes[k]); g.From < g.To {
				a.Gaps = append(a.Gaps, g)
			}
			from = end
		}
	}
	return nil
}

// gap is what is left of lines [from, end) behind their first size bytes.
func (m *lineMaker) gap(from, end uint64, size int64) gap {
	for n := from; n < end; n++ {
		length := int64(len(m.line(0, n)))
		if size < length {
			return gap{From: n, To: end, Torn: uint64(min(size, 1))}
		}
		size -= length
	}
	return gap{From: end, To: end}
}

// readSizes reads a number a line; a file that is not there has none.
func readSizes(path string) ([]int64, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []int64
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("length of a copy: %w", err)
		}
		list = append(list, n)
	}
	return list, nil
}
