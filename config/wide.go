package config

import (
	"path"
	"slices"
	"strings"
)

// noLogs are the trees that hold a system and its settings: nothing in them is
// a log, whatever its name.
func noLogs() []string {
	return []string{"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr/bin", "/usr/lib", "/usr/sbin"}
}

// sharedRoots belong to everyone. No pattern may begin in one.
func sharedRoots() []string {
	return []string{"/", "/home", "/Users", "/usr", "/var", "/var/lib"}
}

// mixedRoots hold the files of many programs. A pattern may choose among the
// files that lie right in one, but not among its directories.
func mixedRoots() []string {
	return []string{"/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var/cache", "/var/log", "/var/spool", "/var/tmp"}
}

// systemDir names the directory of the system that dir is, or lies in where
// there are no logs at all.
func systemDir(dir string) (string, bool) {
	for _, tree := range noLogs() {
		if inside(dir, tree) && !inside(dir, "/dev/shm") {
			return tree, true
		}
	}
	return dir, slices.Contains(sharedRoots(), dir)
}

// tooWide says what is wrong with a brace-free pattern that is spread over a
// directory of the system, or nothing.
func tooWide(p string) (problem string) {
	root := fixedRoot(p)
	at, system := systemDir(root)
	home := path.Dir(root) == "/home" || path.Dir(root) == "/Users"
	switch {
	case at != root || slices.Contains(noLogs(), at):
		return "lies in " + at + ", where a system keeps itself and not its logs. Add --allow-wide-glob if you mean it."
	case metaAt(p) == len(p): // one file, named in full
		return ""
	case system, (home || slices.Contains(mixedRoots(), root)) && choosesDirs(p):
		return "spreads over " + root + ", which holds more than one program's files. " +
			"Name that program's directory, such as /var/log/nginx/*.log, or add --allow-wide-glob if you mean it."
	}
	return ""
}

// choosesDirs says whether a brace-free pattern leaves open which directory
// its files lie in.
func choosesDirs(p string) bool {
	c := parts(p)
	for _, dir := range c[:len(c)-1] {
		if metaAt(dir) < len(dir) {
			return true
		}
	}
	return c[len(c)-1] == "**"
}

// inside says whether a cleaned path is dir or lies in it.
func inside(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// containerLogs is where container runtimes keep what containers print:
// kubelet's pod logs and the links to them, Docker's json-file driver.
func containerLogs() []string {
	return []string{"/var/log/pods", "/var/log/containers", "/var/lib/docker/containers"}
}

// reachesContainerLogs says whether one of the expanded patterns could match a
// container runtime's log.
func reachesContainerLogs(patterns []string) bool {
	for _, p := range patterns {
		for _, dir := range containerLogs() {
			if reaches(p, dir) {
				return true
			}
		}
	}
	return false
}
