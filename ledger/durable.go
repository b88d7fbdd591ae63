package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const tempSuffix = ".tmp"

// writeFileSync replaces path with p, mode 0600: temp file, fsync, rename,
// fsync of the directory. A crash before the rename leaves the old file and a
// temp file, which the next call overwrites; after it, the new one.
func writeFileSync(path string, p []byte) error {
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp)) // on a full disk, half a file is in the way
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// removeTemps removes what a crash left in the state directory dir of the paths,
// which may name files that are gone by now, and of segments without a name.
func removeTemps(dir string) error {
	temps := []string{filepath.Join(dir, pathsName+tempSuffix)}
	entries, err := os.ReadDir(filepath.Join(dir, dirName))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), segmentExt+tempSuffix) {
			temps = append(temps, filepath.Join(dir, dirName, e.Name()))
		}
	}
	for _, temp := range temps {
		if rerr := os.Remove(temp); !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

// syncDir makes the directory's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync of %s: %w", dir, err)
	}
	return nil
}
