package swab

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// openBy notes who else has one of the files open, as far as proc_pid_fd(5)
// shows it: other users' processes only to root. Files that are mapped and
// closed are not seen. Where there is no /proc, nothing is.
func (c *caster) openBy(ctx context.Context, files []*target) error {
	c.open = map[inode][]ForecastProcess{}
	wanted, names := map[inode]bool{}, map[string]bool{}
	for _, t := range files {
		wanted[t.id] = true
		names[filepath.Base(t.Place.Name)] = true
	}
	procs, _ := os.ReadDir("/proc")
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		fds, err := os.ReadDir(filepath.Join("/proc", p.Name(), "fd"))
		if os.IsPermission(err) {
			c.out.Unseen++
		}
		for _, fd := range fds {
			c.openFD(pid, fd.Name(), wanted, names)
		}
	}
	return nil
}

// openFD looks at one descriptor. The link's last name is compared before the
// file behind it is examined, which could hang on a dead file server; its
// directory may have another path in the process's own mount namespace.
func (c *caster) openFD(pid int, fd string, wanted map[inode]bool, names map[string]bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	link, err := os.Readlink(filepath.Join(dir, "fd", fd))
	if err != nil || !strings.HasPrefix(link, "/") || !names[filepath.Base(link)] {
		return
	}
	info, err := os.Stat(filepath.Join(dir, "fd", fd))
	if err != nil || !wanted[inodeOf(info)] {
		return
	}
	id, writes := inodeOf(info), openForWriting(filepath.Join(dir, "fdinfo", fd))
	list := c.open[id]
	if i := slices.IndexFunc(list, func(p ForecastProcess) bool { return p.PID == pid }); i >= 0 {
		list[i].Writes = list[i].Writes || writes
		return
	}
	comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
	c.open[id] = append(list, ForecastProcess{PID: pid, Name: strings.TrimSuffix(string(comm), "\n"), Writes: writes})
}

// openForWriting reads the flags of proc_pid_fdinfo(5), octal open(2) flags.
func openForWriting(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(value), 8, 64)
			return err == nil && flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}
	}
	return false
}

// written tells whether someone has the file open for writing.
func (c *caster) written(id inode) bool {
	return slices.ContainsFunc(c.open[id], func(p ForecastProcess) bool { return p.Writes })
}
