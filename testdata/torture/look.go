package main

import (
	"errors"
	"io/fs"
	"os"
)

// cutOff notes that someone truncated the file. Whether the last chunk stood
// before or behind the truncation shows in the size that is left: a write and
// a truncation of one file exclude each other.
func (w *writer) cutOff() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size >= w.pos {
		return nil
	}
	end := w.Lines
	if size > 0 { // the last chunk went into the new content
		end = w.first
	}
	w.Cuts = append(w.Cuts, end)
	w.pos = size
	w.number++
	w.Files++
	return nil
}

// reopen opens another file that stands under the name, as a program does that
// logrotate has told to. It looks before each chunk: between that and the write
// logrotate may rename, and compresses what it renamed a second later.
func (w *writer) reopen() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
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
