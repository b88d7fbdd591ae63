//go:build !linux

package ship

import (
	"errors"
	"os"
)

// allocate cannot give room away beforehand here.
func allocate(*os.File, int64) error { return errors.ErrUnsupported }
