package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateMounts makes what this process mounts disappear with it: its child is
// run in a mount namespace of its own (unshare(2)).
func privateMounts() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
}

// diesWithParent ends a process with the thread that started it, so that a
// harness that is killed leaves no swab behind. It has a process group of its
// own: a terminal's Ctrl-C is for the harness.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// mayMount tells whether file systems can be mounted here without harm to the
// host.
func mayMount() bool { return os.Geteuid() == 0 && os.Getenv(insideEnv) != "" }

// mountSmall mounts an empty file system of size bytes on dir: ext4 in a sparse
// file at image where mkfs.ext4 is to be had, since that has a journal, real
// syncs and blocks to run out of; else tmpfs.
func mountSmall(dir, image string, size int64) (kind string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if mkfs, err := exec.LookPath("mkfs.ext4"); err == nil {
		if err := mountImage(mkfs, dir, image, size); err == nil {
			return "ext4", os.Chmod(dir, 0o700)
		}
	}
	err = unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
	return "tmpfs", err
}

func mountImage(mkfs, dir, image string, size int64) error {
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return err
	}
	for _, c := range [][]string{{mkfs, "-q", "-m", "0", image}, {"mount", "-t", "ext4", "-o", "loop", image, dir}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", c[0], err, out)
		}
	}
	return os.Remove(filepath.Join(dir, "lost+found"))
}

// bindMount shows the directory from at to.
func bindMount(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return unix.Mount(from, to, "", unix.MS_BIND, "")
}

// readOnly makes a mount point refuse writes, or take them again. It fails
// while a file beneath it is open for writing.
func readOnly(dir string, bind, on bool) error {
	flags := uintptr(unix.MS_REMOUNT)
	if bind {
		flags |= unix.MS_BIND
	}
	if on {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", dir, "", flags, "")
}

// unmount takes a mount away even if something is still open in it.
func unmount(dir string) { unix.Unmount(dir, unix.MNT_DETACH) }

// fill takes every free block of the file system at dir with a file that it
// returns; removing it gives them back.
func fill(dir string) (ballast string, err error) {
	ballast = filepath.Join(dir, ballastName)
	f, err := os.OpenFile(ballast, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ballast, err
	}
	at, piece := int64(0), int64(st.Bavail)*st.Bsize
	for piece >= st.Bsize {
		err := unix.Fallocate(int(f.Fd()), 0, at, piece)
		switch {
		case err == nil:
			at += piece
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSPC):
			piece /= 2
		default:
			return ballast, err
		}
	}
	return ballast, nil
}

// used is how many bytes the files beneath dir take on the disk.
func used(dir string) (total int64) {
	filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == ballastName {
			return nil // gone meanwhile, or the harness's own
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil {
			total += st.Blocks * 512
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
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// rawLeft counts the bytes of a file that are not zero, leaving out its holes.
func rawLeft(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var left, at int64
	buf := make([]byte, 256<<10)
	for {
		from, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return left, nil
		}
		if err != nil {
			return left, err
		}
		n, err := f.ReadAt(buf, from)
		for _, c := range buf[:n] {
			if c != 0 {
				left++
			}
		}
		if n == 0 {
			return left, nil // it shrank
		}
		if err != nil && n < len(buf) && !errors.Is(err, io.EOF) {
			return left, err
		}
		at = from + int64(n)
	}
}
