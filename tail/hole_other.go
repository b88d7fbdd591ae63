//go:build !linux

package tail

import "os"

// holeEnd knows of no holes here: zeros are read.
func holeEnd(_ *os.File, off, _ int64) int64 { return off }
