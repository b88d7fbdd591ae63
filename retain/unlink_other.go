//go:build !linux

package retain

import "os"

func unlink(*os.Root, string, func(os.FileInfo) bool) error { return ErrNoLease }

func isIdle(*os.File) (bool, error) { return false, ErrNoLease }
