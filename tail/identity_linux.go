package tail

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// fsIocGetVersion is FS_IOC_GETVERSION of linux/fs.h on 64-bit: the inode's
// generation number, on ext4, xfs, f2fs and btrfs.
const fsIocGetVersion = 0x80087601

// fsIocGetUUID is FS_IOC_GETFSUUID of linux/fs.h, of Linux 6.9: a length and up
// to 16 bytes.
const fsIocGetUUID = 0x80111500

// xfsIocGeometry is XFS_IOC_FSGEOMETRY_V1 of xfs_fs.h, which every xfs has; the
// UUID stands at xfsUUIDAt of the 112 bytes that it fills.
const (
	xfsIocGeometry = 0x80705864
	xfsGeometryLen = 112
	xfsUUIDAt      = 64
)

// identify tells which file f is. The file system's id comes from statfs,
// since device numbers change at reboots and remounts; where what statfs has
// is made of the device number (xfs), the file system's UUID is taken. Where
// there is none, the device number must do.
func identify(f *os.File) (ledger.FileID, error) {
	fd := int(f.Fd())
	var vol unix.Statfs_t
	if err := unix.Fstatfs(fd, &vol); err != nil {
		return ledger.FileID{}, fmt.Errorf("statfs: %w", err)
	}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return ledger.FileID{}, fmt.Errorf("statx: %w", err)
	}
	id := ledger.FileID{Ino: st.Ino}
	if vol.Fsid.Val[0] != 0 || vol.Fsid.Val[1] != 0 {
		var raw [8]byte
		binary.BigEndian.PutUint32(raw[:4], uint32(vol.Fsid.Val[0]))
		binary.BigEndian.PutUint32(raw[4:], uint32(vol.Fsid.Val[1]))
		id.FS = hex.EncodeToString(raw[:])
	} else {
		id.FS = fmt.Sprintf("dev-%d:%d", st.Dev_major, st.Dev_minor)
	}
	if byDevice(id.FS) {
		if uuid, ok := fsUUID(fd, int64(vol.Type)); ok {
			id.FS = "uuid-" + uuid
		}
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.Born = st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
	}
	if gen, err := unix.IoctlGetUint32(fd, fsIocGetVersion); err == nil {
		id.Gen = uint64(gen)
	}
	return id, nil
}

// fsUUID is the UUID of the file system that fd is on, in hex.
func fsUUID(fd int, kind int64) (uuid string, ok bool) {
	var answer struct {
		len  uint8
		uuid [16]byte
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), fsIocGetUUID, uintptr(unsafe.Pointer(&answer)))
	if errno != 0 && kind == unix.XFS_SUPER_MAGIC {
		var geometry [xfsGeometryLen]byte
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), xfsIocGeometry, uintptr(unsafe.Pointer(&geometry)))
		answer.uuid = [16]byte(geometry[xfsUUIDAt:])
	}
	return hex.EncodeToString(answer.uuid[:]), errno == 0 && answer.uuid != [16]byte{}
}

// idle tells whether nobody has f open for writing; ok is false where the
// system does not say. A read lease is granted only then (fcntl(2), Leases).
// f must be open for reading only.
func idle(f *os.File) (idle, ok bool) {
	fd := f.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
	if err == unix.EAGAIN {
		return false, true
	}
	if err != nil {
		return false, false
	}
	unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
	return true, true
}

// reopen opens for writing the very file that f has open for reading: no path
// is looked up.
func reopen(f *os.File) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
}

// reopenReading opens for reading the very file that f has open.
func reopenReading(f *os.File) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY, 0)
}

// leased calls fn under a write lease on w, which is granted only when w is
// the one descriptor of its file (fcntl(2), Leases).
func leased(w *os.File, fn func(*os.File) error) error {
	fd := w.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return nil
	}
	defer unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
	return fn(w)
}

func fdatasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// changedAt is when a file was last written, truncated, renamed or linked
// (st_ctim), in nanoseconds.
func changedAt(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano()
	}
	return info.ModTime().UnixNano()
}

// readable tells whether the file at path could be opened for reading, as far as
// its permissions go.
func readable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS) == nil
}
