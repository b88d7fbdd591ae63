package retain

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync writes the file's content, and of its metadata what is needed to
// read it back, but not its times: fdatasync(2).
func datasync(f *os.File) error { return control(f, unix.Fdatasync) }
