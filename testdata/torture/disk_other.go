//go:build !linux

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Elsewhere than on Linux nothing is mounted, and the faults that need it are
// left out.

var errMount = errors.New("file systems are mounted on Linux alone")

func diesWithParent() *syscall.SysProcAttr             { return nil }
func privateMounts() *syscall.SysProcAttr              { return nil }
func mayMount() bool                                   { return false }
func mountSmall(string, string, int64) (string, error) { return "", errMount }
func bindMount(string, string) error                   { return errMount }
func readOnly(string, bool, bool) error                { return errMount }
func unmount(string)                                   {}
func fill(string) (string, error)                      { return "", errMount }

// used is how many bytes the files beneath dir hold.
func used(dir string) (total int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

// held tells whether a process has the lock of a state directory.
func held(state string) bool {
	f, err := os.Open(filepath.Join(state, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// rawLeft counts the bytes of a file that are not zero.
func rawLeft(path string) (int64, error) {
	p, err := os.ReadFile(path)
	return int64(len(p) - bytes.Count(p, []byte{0})), err
}
