//go:build !linux

package retain

import (
	"errors"
	"math"
	"os"

	"swab/ledger"
)

func allocationUnit(*os.File) (int64, error) { return ledger.BlockSize, nil }

// punchHole does not exist here: erasing is the overwriting alone.
func punchHole(_ *os.File, _, n int64) error {
	if n == 0 {
		return nil
	}
	return errors.ErrUnsupported
}

// allocation knows of no holes.
func allocation(_ *os.File, off int64) (end int64, hole bool, err error) {
	return math.MaxInt64, false, nil
}
