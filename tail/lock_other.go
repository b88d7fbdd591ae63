//go:build !linux

package tail

import (
	"errors"
	"os"
)

// Locks of open file descriptions are not to be had here.
func lockHeld(*os.File, int64) (bool, error) { return false, errors.ErrUnsupported }

func setLock(*os.File, int64) error { return errors.ErrUnsupported }

func endLock(*os.File, int64) error { return errors.ErrUnsupported }

// rawSince is not asked for here.
func rawSince(path string) (unixSeconds int64, regular bool) {
	info, err := os.Lstat(path)
	return 0, err == nil && info.Mode().IsRegular()
}
