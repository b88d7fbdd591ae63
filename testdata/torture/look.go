package main

import (
	"errors"
	"io/fs"
	"os"
)

// look notices what others did to the file: another one under its name is
// opened, as a program does that logrotate has told to, and a truncation is
// noted. Whether the last chunk stood before or behind the truncation shows in
// the size that is left: a write and a truncation of one file exclude each
// other.
func (w *writer) look() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); size < w.pos {
		end := w.Lines
		if size > 0 { // the last write went into the new content
			end = w.first
		}
		w.Cuts = append(w.Cuts, end)
		w.pos = size
		w.number++
		w.Files++
	}
	named, err := os.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(info, named) {
		return nil
	}
	if err != nil {
		return err
	}
	w.number++
	if err := w.file.Close(); err != nil {
		return err
	}
	return w.open()
}
