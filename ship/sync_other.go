//go:build !linux

package ship

import "os"

// datasync waits until the file's content is on disk.
func datasync(f *os.File) error { return f.Sync() }
