package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// checkState looks at the state directory, if a run would use it. Whether it
// can be made and written is for the run itself to find out.
func (d *draft) checkState() {
	dir := d.cfg.State
	if dir == "" || d.cfg.DryRun && !d.isGiven("state") {
		return
	}
	if slices.Contains(sharedRoots(), dir) || slices.Contains(mixedRoots(), dir) {
		d.faultOf("state", "is a directory of the system. Name one of swab's own in it, such as /var/lib/swab")
		return
	}
	if info, err := os.Stat(dir); err == nil {
		switch {
		case !info.IsDir():
			d.faultOf("state", "is a file. Name a directory")
			return
		case info.Mode().Perm()&0o022 != 0:
			d.faultOf("state", fmt.Sprintf("others can write to it (mode %04o). Take that from them (chmod 0700), or name a directory in it, which swab makes", info.Mode().Perm()))
		case !ownedSafely(info):
			d.faultOf("state", fmt.Sprintf("it belongs to another user, who can write to it. Give it to the user that runs swab (uid %d)", os.Geteuid()))
		}
	}
	roots := make([]string, len(d.logs))
	for i, l := range d.logs {
		roots[i] = l.log.Root
	}
	if !d.cfg.EphemeralState && throwAway(deviceOf, nearestThere, dir, roots) {
		d.faultOf("state", "goes when the container goes, and the logs stay: they would be shipped again. Name a directory on a volume, or add --ephemeral-state if you mean it.")
	}
}

// device is the file system that a path lies on.
type device struct {
	id      uint64
	overlay bool
}

// throwAway says whether the state lies on a container's own layer, which is
// the overlay mounted at its root, while a log does not. Elsewhere than in a
// container the root is no overlay. What at finds stands for a path that may
// not be there yet.
func throwAway(of func(string) (device, bool), at func(string) string, state string, roots []string) bool {
	root, ok := of("/")
	if !ok || !root.overlay {
		return false
	}
	onLayer := func(p string) bool {
		dev, ok := of(at(p))
		return ok && dev.id == root.id
	}
	return onLayer(state) && slices.ContainsFunc(roots, func(r string) bool { return !onLayer(r) })
}

// nearestThere is the path, or the closest directory above it that is there.
func nearestThere(p string) string {
	for {
		if _, err := os.Stat(p); err == nil || p == "/" || p == "." {
			return p
		}
		p = filepath.Dir(p)
	}
}
