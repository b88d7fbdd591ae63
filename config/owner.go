package config

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedSafely says whether a directory's owner is this user or root.
func ownedSafely(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || st.Uid == 0 || int(st.Uid) == os.Geteuid()
}
