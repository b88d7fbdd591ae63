package retain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Promise tells what overwriting a file at path, or one in the directory path,
// reaches. The statfs(2) type decides where the mount table is not to be had;
// an error means that path itself could not be examined.
func Promise(path string) (Device, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return Device{}, fmt.Errorf("file system: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Device{}, fmt.Errorf("file system of %s: %w", path, err)
	}
	m, err := mountOf(path)
	if err != nil {
		d := judge(mount{fs: typeName(int64(st.Type))}, false)
		d.Note = strings.TrimPrefix(d.Note+"; its mount options could not be read", "; ")
		return d, nil
	}
	return judge(m, journaled(m, path)), nil
}

var errNoMount = errors.New("no such mount")

// mountOf finds the mount of path by its id (statx(2), Linux 5.8), or by the
// mount points where there is none. Device numbers would not do: those of
// btrfs files are in no mount table.
func mountOf(path string) (mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return mount{}, err
	}
	defer f.Close()
	mounts, err := parseMountinfo(f)
	if err != nil {
		return mount{}, err
	}
	var st unix.Statx_t
	err = unix.Statx(unix.AT_FDCWD, path, unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID != 0 {
		i := slices.IndexFunc(mounts, func(m mount) bool { return m.id == st.Mnt_id })
		if i < 0 {
			return mount{}, errNoMount
		}
		return mounts[i], nil
	}
	m, ok := below(mounts, path)
	if !ok {
		return mount{}, errNoMount
	}
	return m, nil
}

// journaled tells whether ext3 or ext4 writes the content of path into the
// journal. The mount table lacks data=journal where tune2fs made it the
// default; the file system's own list of options has it. chattr +j marks single
// files, and directories for the files to come.
func journaled(m mount, path string) bool {
	if !strings.HasPrefix(m.fs, "ext") {
		return false
	}
	const option = "data=journal"
	if m.has(option) {
		return true
	}
	if disk, err := os.Readlink("/sys/dev/block/" + m.device); err == nil {
		list, err := os.ReadFile(filepath.Join("/proc/fs", m.fs, filepath.Base(disk), "options"))
		if err == nil && slices.Contains(strings.Split(string(list), "\n"), option) {
			return true
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var flags int
	err = control(f, func(fd int) (err error) {
		flags, err = unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
		return err
	})
	return err == nil && flags&journalDataFlag != 0
}

// journalDataFlag is FS_JOURNAL_DATA_FL of linux/fs.h.
const journalDataFlag = 0x4000

// typeName names a statfs(2) type as the mount table does. ext2, ext3 and ext4
// share one.
func typeName(magic int64) string {
	switch magic & 0xffffffff { // f_type is signed on some platforms
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs"
	case unix.MSDOS_SUPER_MAGIC:
		return "vfat"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "cifs"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	}
	return fmt.Sprintf("%#x", magic)
}
