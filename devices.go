package swab

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"swab/ledger"
	"swab/retain"
	"swab/status"
)

// devices are the file systems that the logs lie on, each once.
func (d *Daemon) devices() []status.Device {
	var dirs []string
	for _, f := range d.files.Files() {
		dirs = append(dirs, filepath.Dir(f.Place().Path()))
	}
	var list []status.Device
	for _, p := range promises(d.roots(), dirs) {
		list = append(list, status.Device{FS: p.FS, Note: p.Note, Reaches: p.Reaches})
	}
	return list
}

// firstDevices are those of the files that the first sweep will find, for the
// ledger.
func (d *Daemon) firstDevices() []ledger.Device {
	var dirs []string
	for _, f := range d.matched() {
		dirs = append(dirs, filepath.Dir(f.Place.Path()))
	}
	var list []ledger.Device
	for _, p := range promises(d.roots(), dirs) {
		list = append(list, ledger.Device{FS: p.FS, Note: p.Note, Reaches: p.Reaches})
	}
	return list
}

// deviceOf is the number of a file's device, which tells file systems apart as
// long as none is unmounted.
func deviceOf(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}

// promises asks what overwriting is worth below the roots of the globs, and in
// directories that lie on other file systems than those. Each answer is there
// once; a directory that is not there says nothing.
func promises(roots, dirs []string) []retain.Device {
	var list []retain.Device
	asked := map[uint64]bool{}
	ask := func(dir string, info os.FileInfo) {
		asked[deviceOf(info)] = true
		p, err := retain.Promise(dir)
		if err == nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, dir := range roots {
		if info, err := os.Stat(dir); err == nil {
			ask(dir, info)
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if info, err := os.Stat(dir); err == nil && !asked[deviceOf(info)] {
			ask(dir, info)
		}
	}
	return list
}
