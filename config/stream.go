package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stream is one --log CLASS=- or CLASS=fifo:PATH: lines that come through a
// pipe and lie in no file.
type Stream struct {
	Class string
	FIFO  string // the FIFO's absolute path, cleaned; empty for standard input
}

// What stands for a glob in a --log that names a stream.
const (
	stdinName  = "-"
	fifoPrefix = "fifo:"
)

// streamEntry is one such --log on the way.
type streamEntry struct {
	from   assign
	stream Stream
}

// addStream records one --log that names a stream.
func (d *draft) addStream(a assign, class, source string) {
	s := Stream{Class: class}
	if path, ok := strings.CutPrefix(source, fifoPrefix); ok {
		var err error
		if s.FIFO, err = d.fifoPath(path); err != nil {
			d.fault(a, err.Error())
			return
		}
	}
	if i := slices.IndexFunc(d.streams, func(e streamEntry) bool { return e.stream.FIFO == s.FIFO }); i >= 0 {
		what := "standard input"
		if s.FIFO != "" {
			what = "that FIFO"
		}
		d.fault(a, fmt.Sprintf("%s is read already, by --log %s", what, printable(d.streams[i].from.value)))
		return
	}
	d.streams = append(d.streams, streamEntry{a, s})
}

// fifoPath checks the path of a FIFO. One that is not there yet is the run's
// own trouble.
func (d *draft) fifoPath(path string) (string, error) {
	switch {
	case path == "" || strings.HasSuffix(path, "/"):
		return "", errors.New("names no FIFO. Write CLASS=fifo:PATH, such as api=fifo:/run/app/log")
	case metaAt(path) < len(path):
		return "", errors.New("a FIFO is named in full, without a pattern")
	}
	full, err := d.absDir(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Lstat(full); err == nil && info.Mode()&fs.ModeNamedPipe == 0 {
		return "", errors.New("is no FIFO. Make one with mkfifo, or leave fifo: out for a file")
	}
	return filepath.Clean(full), nil
}

// resolveStreams gives each stream its class.
func (d *draft) resolveStreams(classes map[string]Class) {
	for _, s := range d.streams {
		class, ok := d.classOf(s.from, s.stream.Class, classes)
		switch {
		case !ok:
		case class.Opaque:
			d.fault(s.from, fmt.Sprintf("class %s takes whole files as they are, and a stream is none. Choose a class of lines", class.Name))
		case d.cfg.DryRun:
			d.fault(s.from, "a dry run cannot look at what is not written yet. Leave this --log out; swab scrub shows what becomes of a line")
		default:
			d.cfg.Streams = append(d.cfg.Streams, s.stream)
			d.cfg.Classes[class.Name] = class
		}
	}
}
