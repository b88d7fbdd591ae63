package config

import "golang.org/x/sys/unix"

// deviceOf follows symbolic links. The numbers compare within one boot and
// mount, which is all that is asked of them.
func deviceOf(path string) (device, bool) {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Statfs(path, &fs) != nil || unix.Stat(path, &st) != nil {
		return device{}, false
	}
	return device{id: uint64(st.Dev), overlay: int64(fs.Type) == unix.OVERLAYFS_SUPER_MAGIC}, true
}
