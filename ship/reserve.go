package ship

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reserveName is the file that holds nothing but room, beside the spool's
// directory.
const reserveName = "reserve"

func (s *Spool) reserve() string { return filepath.Join(filepath.Dir(s.dir), reserveName) }

// maxReserve bounds the reserve, bytes; on a small file system it is a 32nd.
const maxReserve = 16 << 20

// Room is how the file system of the spool stands, in bytes.
type Room struct {
	// Free is what may be written; Reserve what is kept for what must not wait,
	// and Whole what that should be.
	Free, Reserve, Whole int64
}

// Room asks the file system.
func (s *Spool) Room() (Room, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(s.self.Fd()), &st); err != nil {
		return Room{}, fmt.Errorf("spool directory: %w", err)
	}
	block := int64(st.Bsize)
	r := Room{Free: int64(st.Bavail) * block, Whole: min(maxReserve, int64(st.Blocks)*block/32)}
	info, err := os.Lstat(s.reserve())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("spool reserve: %w", err)
	}
	if err == nil {
		r.Reserve = info.Size()
	}
	return r, nil
}

// Keep makes the reserve n bytes long, or leaves it as it is where the file
// system does not have them, or cannot give room away beforehand.
func (s *Spool) Keep(n int64) error {
	f, err := os.OpenFile(s.reserve(), os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("spool reserve: %w", err)
	}
	st, err := f.Stat()
	if err == nil && st.Size() > n {
		err = f.Truncate(n)
	} else if err == nil && st.Size() < n {
		if err = allocate(f, n); err != nil {
			err = errors.Join(err, f.Truncate(st.Size()))
		}
	}
	return errors.Join(err, f.Close())
}
