package tail

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"swab/ledger"
)

// OpenFIFO opens the named pipe at place for reading, without waiting for a
// writer (O_NONBLOCK). As for files, no symbolic link on the way leads out of
// the root, and the name itself is none; what is no FIFO is refused.
func OpenFIFO(place ledger.Place) (*os.File, error) {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(place.Name)
	if err != nil {
		return nil, err
	}
	if err := isFIFO(info); err != nil {
		return nil, err
	}
	dir, err := root.Open(path.Dir(place.Name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := openLast(dir, path.Base(place.Name))
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(info, opened) {
		err = refuse("it was replaced while it was opened")
	}
	if err = errors.Join(err, isFIFO(opened)); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// CheckFIFO tells whether a named pipe lies at place. It opens none: that
// would let a writer go on that waits for its reader.
func CheckFIFO(place ledger.Place) error {
	root, err := os.OpenRoot(place.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Lstat(place.Name)
	if err != nil {
		return err
	}
	return isFIFO(info)
}

func isFIFO(info fs.FileInfo) error {
	if info == nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return refuse("no named pipe")
	}
	return nil
}
