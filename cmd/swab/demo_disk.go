package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"swab/ledger"
	"swab/retain"
	"swab/units"
)

// onDisk is what a log holds now, as read back from it.
type onDisk struct {
	text      string
	size      int64 // bytes
	raw       int64 // bytes that are not zero
	allocated int64 // bytes of blocks (stat(2), st_blocks)
}

func lookAt(path string) (onDisk, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return onDisk{}, nil // unlinked: nothing is left
	}
	if err != nil {
		return onDisk{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return onDisk{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return onDisk{}, err
	}
	o := onDisk{text: string(text), size: int64(len(text))}
	o.raw = o.size - int64(strings.Count(o.text, "\x00"))
	o.allocated = blocks(info)
	return o, nil
}

// allocated is how many bytes of blocks a log has, without opening it.
func allocated(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return blocks(info), nil
}

func blocks(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return 0
}

// words are for the row "on disk" of a log that was overwritten.
func (o onDisk) words() string {
	kib := func(n int64) int64 { return (n + 1023) / 1024 }
	return fmt.Sprintf("zeros, %d of %d KiB allocated", kib(o.allocated), kib(o.size))
}

// overwritten tells whether nothing but zeros is left.
func (o onDisk) overwritten() bool { return o.size > 0 && o.raw == 0 }

// canPunch tells whether the file system under dir gives blocks back where a
// hole is made, and the leases that a file's last block needs (fcntl(2)).
func canPunch(dir string) (bool, error) {
	f, err := os.CreateTemp(dir, "hole-")
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const size = 256 << 10
	if _, err := f.Write(make([]byte, size)); err != nil {
		return false, err
	}
	if err := f.Sync(); err != nil {
		return false, err
	}
	err = retain.Punch(f, ledger.Extent{To: size}, nil)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	if err != nil {
		return false, nil
	}
	r, err := os.Open(f.Name())
	if err != nil {
		return false, err
	}
	defer r.Close()
	n, err := allocated(f.Name())
	// f writes to it, and so it is not idle where leases are known.
	idle, lerr := retain.Idle(r)
	return n == 0 && lerr == nil && !idle, err
}

// logFiles lists the logs of a writer, rotated ones too.
func (w *writer) logFiles() ([]string, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		list = append(list, filepath.Join(w.dir, e.Name()))
	}
	return list, nil
}

// checkKept fails unless the log holds its lines from first on, byte for byte.
func (w *writer) checkKept(first int) error {
	o, err := lookAt(w.path())
	if err != nil {
		return err
	}
	var want strings.Builder
	for _, m := range w.lines[first:] {
		want.WriteString(m.raw + "\n")
	}
	if o.text != want.String() {
		return fmt.Errorf("%s is kept for 7 days, but it is not any more as it was written", w.name())
	}
	return nil
}

// checkErased fails unless nothing raw is left in the files of the writer, but
// for the one that is kept.
func (w *writer) checkErased() error {
	list, err := w.logFiles()
	if err != nil {
		return err
	}
	for _, path := range list {
		if w.stays && path == w.path() {
			continue
		}
		o, err := lookAt(path)
		if err != nil {
			return err
		}
		if o.raw > 0 {
			return fmt.Errorf("%s/%s still holds %s that are raw", w.class, filepath.Base(path), units.Size(o.raw))
		}
	}
	return nil
}
