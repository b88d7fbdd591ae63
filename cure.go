package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"swab/tail"
)

// cure says what to do about a log that swab may not, or cannot, overwrite; ""
// where nothing is known.
func cure(info fs.FileInfo, err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "Its file system is mounted read-only. Mount it writable"
	case os.Geteuid() == 0 && errors.Is(err, syscall.EPERM):
		return "It is immutable or append-only: chattr -i -a"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("Run as the log's owner (%s), or add CAP_DAC_OVERRIDE", owner(info))
	case errors.Is(err, syscall.ENOSPC):
		return "Its file system is full, and takes new blocks for what is overwritten (copy on write). Free some space there"
	case errors.Is(err, syscall.EDQUOT):
		return "A quota is used up, and its file system takes new blocks for what is overwritten (copy on write). Raise the quota, or free some of it"
	case errors.Is(err, syscall.EIO):
		return "Its device fails: look at the kernel's messages"
	}
	return ""
}

// withCure adds what to do to an error of overwriting a log.
func withCure(f *tail.File, err error) error {
	if err == nil {
		return nil
	}
	info, serr := f.Stat()
	if serr != nil {
		return err
	}
	if text := cure(info, err); text != "" {
		return fmt.Errorf("%w. %s", err, text)
	}
	return err
}
