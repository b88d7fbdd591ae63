package retain

import (
	"fmt"
	"os"
)

// SyncError is an fdatasync of overwritten bytes that failed. The kernel
// reports a failed write-back once and marks the pages clean all the same
// (fsync(2); "Can Applications Recover from fsync Failures?", USENIX ATC
// 2020), so a second Sync alone may succeed while the device still holds the
// raw bytes: the caller overwrites the range again, which writes it anew, and
// then syncs again. Until that holds, nothing is punched and nothing recorded.
type SyncError struct {
	Path string
	Err  error
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("sync of the bytes overwritten in %s: %v; overwrite them again before the next sync", e.Path, e.Err)
}

func (e *SyncError) Unwrap() error { return e.Err }

// Sync waits until what [Overwrite] wrote is on the device, and returns a
// *SyncError when it cannot know that. It stands between Overwrite and
// [Punch], never left out: see there.
func Sync(f *os.File) error {
	if err := datasync(f); err != nil {
		return &SyncError{Path: f.Name(), Err: err}
	}
	return nil
}
