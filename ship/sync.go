package ship

import (
	"errors"
	"fmt"
	"os"
)

// SyncError is an fsync or fdatasync in the spool that failed. The kernel may
// have dropped the pages and report success the next time (fsync(2), and
// "Can Applications Recover from fsync Failures?", USENIX ATC 2020), so nothing
// that the process believes of the spool holds any longer: the daemon ends.
type SyncError struct {
	Path string // of the file or directory
	Err  error
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("spool sync of %s: %v; what was written there cannot be trusted", e.Path, e.Err)
}

func (e *SyncError) Unwrap() error { return e.Err }

// syncPath makes the entries of a directory durable.
func syncPath(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		return errors.Join(&SyncError{Path: dir, Err: err}, d.Close())
	}
	return d.Close()
}
