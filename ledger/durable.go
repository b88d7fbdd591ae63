package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
