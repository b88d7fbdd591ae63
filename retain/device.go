package retain

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Device is what the file system below a path makes of overwriting.
type Device struct {
	FS string // ext4, xfs, btrfs, tmpfs, overlayfs, …; as the mount table names it

	// Reaches says that overwritten bytes are overwritten where they lie, as
	// far as the file system decides that. Below it, SSDs, snapshots of
	// volumes and virtual disks may keep old copies, which nothing here sees
	// (NIST SP 800-88r1, 2.4 and appendix A).
	Reaches bool

	Note string // what limits the promise and what to do; may be empty
}

// mount is a line of /proc/self/mountinfo, proc_pid_mountinfo(5).
type mount struct {
	id      uint64
	device  string   // MAJOR:MINOR
	point   string   // where it is mounted, unescaped
	fs      string   // the type, with a subtype after a dot: fuse.sshfs
	options []string // the mount's, then the super block's
}

func (m *mount) has(option string) bool {
	for _, o := range m.options {
		if o == option {
			return true
		}
	}
	return false
}

// parseMountinfo reads a mount table. Lines that are none are left out.
func parseMountinfo(r io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // overlay lists every lower layer
	for lines.Scan() {
		if m, ok := parseMount(lines.Text()); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts, lines.Err()
}

// parseMount reads a line: id, parent, device, root, mount point, options, any
// number of tagged fields, "-", type, source, options of the super block.
func parseMount(line string) (mount, bool) {
	front, back, ok := strings.Cut(line, " - ")
	if !ok {
		return mount{}, false
	}
	first, last := strings.Split(front, " "), strings.Split(back, " ")
	if len(first) < 6 || len(last) < 3 {
		return mount{}, false
	}
	id, err := strconv.ParseUint(first[0], 10, 64)
	if err != nil || !strings.HasPrefix(first[4], "/") {
		return mount{}, false
	}
	m := mount{id: id, device: first[2], point: unescape(first[4]), fs: unescape(last[0])}
	m.options = append(strings.Split(first[5], ","), strings.Split(last[2], ",")...)
	return m, true
}

// unescape undoes \ooo, by which the table writes space, tab, newline and
// backslash. What is no such escape stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// below returns the mount that path, absolute and without links, lies on: the
// one with the longest mount point, the last of equals, which covers the rest.
func below(mounts []mount, path string) (found mount, ok bool) {
	for _, m := range mounts {
		in := m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")
		if in && (!ok || len(m.point) >= len(found.point)) {
			found, ok = m, true
		}
	}
	return found, ok
}

// judge tells what a file system of this mount makes of overwriting. journaled
// says that it, or the file, writes content into its journal.
func judge(m mount, journaled bool) Device {
	d := Device{FS: m.fs}
	kind, _, _ := strings.Cut(m.fs, ".")
	switch kind {
	case "ext2", "ext3", "ext4":
		d.Reaches = !journaled
		if journaled {
			d.Note = "data=journal keeps copies of what was written in the journal: mount with data=ordered"
		}
	case "xfs":
		d.Reaches = true
		d.Note = "blocks shared with a reflink copy stay with the copy"
	case "vfat", "exfat", "jfs", "ntfs3":
		d.Reaches = true
	case "tmpfs", "ramfs":
		d.Reaches = true
		if kind == "tmpfs" && !m.has("noswap") {
			d.Note = "memory; pages that were swapped out may remain in swap: encrypt it or mount with noswap"
		}
	case "btrfs":
		d.Note = "copy on write: old blocks stay until they are reused; keep logs on ext4, xfs or tmpfs"
	case "zfs", "bcachefs", "f2fs", "nilfs2":
		d.Note = "writes never go where the old bytes lie, which stay until they are reused; keep logs on ext4, xfs or tmpfs"
	case "overlay":
		d.FS = "overlayfs"
		d.Note = "depends on the file system of the upper layer, which cannot be seen from here; keep logs on a volume of their own"
	case "nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "afs", "lustre", "glusterfs":
		d.Note = "network: what happens to the old blocks is decided by the server"
	case "fuse", "fuseblk":
		d.Note = "what happens to the old blocks is decided by the program that serves this file system"
	default:
		d.Note = "nothing is known of this file system's overwriting; keep logs on ext4, xfs or tmpfs"
	}
	return d
}
