package main

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
)

// What a copy does not hold of a content, by its length.
func TestGapIsWhatTheCopyLacks(t *testing.T) {
	m := newLineMaker(3, 2)
	length := func(from, to uint64) (n int64) {
		for i := from; i < to; i++ {
			n += int64(len(m.line(9, i)))
		}
		return n
	}
	for _, c := range []struct {
		size int64
		want gap
	}{
		{length(50, 60), gap{60, 60, 0}},
		{length(50, 57), gap{57, 60, 0}},
		{length(50, 57) + 1, gap{57, 60, 1}},
		{length(50, 58) - 1, gap{57, 60, 1}},
		{0, gap{50, 60, 0}},
		{length(50, 60) + 5, gap{60, 60, 0}},
	} {
		if got := m.gap(50, 60, c.size); got != c.want {
			t.Errorf("a copy of %d bytes: %+v, want %+v", c.size, got, c.want)
		}
	}
}

// A writer whose file is truncated or renamed between its chunks gives the
// right account, and goes on.
func TestWriterSeesWhatOthersDoToItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	w := newWriter(writersConfig{Seed: 1}, writerConfig{ID: 3, Path: path, Others: true})
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer func() { w.file.Close() }()
	step := func() {
		t.Helper()
		if err := w.step(); err != nil {
			t.Fatal(err)
		}
	}
	step()
	first := w.Lines
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	step() // the chunk stands behind the truncation
	step()
	second := w.Lines
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := w.cutOff(); err != nil { // the last chunk stood before it
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	step()
	if info, err := os.Stat(path); err != nil || info.Size() != w.pos || w.pos == 0 {
		t.Errorf("the new file: %v, %v, want %d bytes", info.Size(), err, w.pos)
	}
	if want := []uint64{first, second}; !slices.Equal(w.Cuts, want) {
		t.Errorf("cuts at %d, want %d", w.Cuts, want)
	}
	for n, want := range map[uint64]uint64{0: 0, first - 1: 0, first: 1, second - 1: 1, second: 2, second + 9: 2} {
		if got := w.order(7, n); got != want {
			t.Errorf("line %d is of content %d, want %d", n, got, want)
		}
	}
	if (&account{}).order(7, 99) != 7 {
		t.Error("without truncations a file is a content")
	}
}

// A writer stops when it is told to, with whole lines in its file.
func TestWriterStopsWithWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	w := newWriter(writersConfig{Seed: 1}, writerConfig{Path: path})
	var paused, stopped atomic.Bool
	var lines, size atomic.Uint64
	done := make(chan error)
	go func() { done <- w.run(&paused, &stopped, &lines, &size) }()
	waitFor(t, "lines", func() bool { return lines.Load() > 100 })
	stopped.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || text[len(text)-1] != '\n' || uint64(len(text)) != w.Bytes || lines.Load() != w.Lines {
		t.Errorf("%d bytes in the file, %d by the account, %d of %d lines, %v", len(text), w.Bytes, lines.Load(), w.Lines, err)
	}
}
