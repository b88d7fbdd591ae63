//go:build !linux

package retain

import "os"

func datasync(f *os.File) error { return f.Sync() }
