package config

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestAStateDirectoryOfOnesOwnIsTaken(t *testing.T) {
	dir := place(t)
	for _, mode := range []os.FileMode{0o700, 0o750, 0o755} {
		if err := os.MkdirAll(dir+"/state", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir+"/state", mode); err != nil {
			t.Fatal(err)
		}
		parsed(t, withRest(dir, "--log", "api=/srv/l/*.log"), nil)
	}
}

func TestADryRunLooksAtAStateOnlyWhenItIsNamed(t *testing.T) {
	dir := place(t)
	write(t, dir+"/file", "")
	parsed(t, []string{"--dry-run", "--log", "api=" + dir + "/*.log"}, nil)
	if got := faults(t, []string{"--dry-run", "--log", "api=" + dir + "/l/*.log", "--state", dir + "/file"}, nil); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestStateThatGoesBeforeItsLogs(t *testing.T) {
	container := map[string]device{"/": {1, true}, "/var": {1, true}, "/logs": {2, false}, "/other": {3, true}}
	host := map[string]device{"/": {1, false}, "/var": {1, false}, "/logs": {2, false}, "/other": {3, true}}
	for _, c := range []struct {
		name  string
		on    map[string]device
		state string
		logs  []string
		want  bool
	}{
		{"state in the container, logs on a volume", container, "/var", []string{"/logs"}, true},
		{"one of the logs on a volume", container, "/var", []string{"/var", "/logs"}, true},
		{"both in the container", container, "/var", []string{"/var"}, false},
		{"both on volumes", container, "/logs", []string{"/logs"}, false},
		{"state on an overlay that is no root", container, "/other", []string{"/logs"}, false},
		{"no container", host, "/var", []string{"/logs"}, false},
		{"nothing known", nil, "/var", []string{"/logs"}, false},
	} {
		of := func(path string) (device, bool) {
			d, ok := c.on[path]
			return d, ok
		}
		at := func(path string) string { return path }
		if got := throwAway(of, at, c.state, c.logs); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTheNearestPathThatIsThere(t *testing.T) {
	dir := place(t)
	for _, p := range []string{dir, dir + "/a", dir + "/a/b/c"} {
		if got := nearestThere(p); got != dir {
			t.Errorf("nearest to %s is %s", p, got)
		}
	}
	if got := nearestThere("/"); got != "/" {
		t.Errorf("nearest to / is %s", got)
	}
}

// ownedBy is a directory as a user's.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestOnlyRootAndThisUserOwnAState(t *testing.T) {
	me := uint32(os.Geteuid())
	for uid, want := range map[uint32]bool{0: true, me: true, me + 1: false} {
		if got := ownedSafely(ownedBy{uid: uid}); got != want {
			t.Errorf("owner %d for user %d: %v, want %v", uid, me, got, want)
		}
	}
}

func TestDirectoriesBecomeAbsolute(t *testing.T) {
	d := &draft{cwd: "/w"}
	for in, want := range map[string]string{"/a//b/../c/": "/a/c", "x": "/w/x", "../y": "/y", ".": "/w"} {
		if got, err := d.absDir(in); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "~/x", "a\x00"} {
		if got, err := d.absDir(in); err == nil {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}
