package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"swab/ledger"
	"swab/tail"
)

// homeFile holds the path where the state directory was used last, outside the
// chain as all true paths are.
const homeFile = "home"

// forkFile in the state directory asks for a new node: an operator knows of
// restored snapshots that nothing else shows.
const forkFile = "fork"

// identity says where a state directory is used.
type identity struct {
	machine string // of [machine]; "" where there is no machine id
	home    string // of [homeOf]; "" in ledgers of earlier versions
}

// homeOf identifies a directory: what a rename keeps and no copy shares.
func homeOf(dir string) (string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer f.Close()
	id, err := tail.Identify(f)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(homeForm, id.FS, id.Ino, id.Gen, id.Born), nil
}

// homeForm is how a home is written: file system, inode, generation, birth.
const homeForm = "%s/%d/%d/%d"

// sameHome tells whether two homes are one directory, whatever number its device
// had when either was written down.
func sameHome(a, b string) bool {
	if a == b {
		return true
	}
	x, xok := parseHome(a)
	y, yok := parseHome(b)
	return xok && yok && x.Gen != 0 && x.Born != 0 && tail.SameButForDevice(x, y)
}

func parseHome(home string) (id ledger.FileID, ok bool) {
	fs, rest, _ := strings.Cut(home, "/")
	n, err := fmt.Sscanf(rest, strings.TrimPrefix(homeForm, "%s/"), &id.Ino, &id.Gen, &id.Born)
	id.FS = fs
	return id, n == 3 && err == nil
}

// forkWhy tells why a state directory that was used as was is not to go on under
// the name it has, or "". beside: the one that it was copied from is still
// there. stopped: the last thing that it holds is an orderly stop.
//
// The name of a node and a number stand for one batch for ever, so a copy must
// not use the name that its original goes on to use. What was merely moved
// keeps it: renamed (the same directory), or carried to another file system of
// this machine after an orderly stop, and not there any more. What was copied
// while a daemon wrote it lacks what came afterwards.
func forkWhy(was, now identity, beside, stopped bool) string {
	switch {
	case was.machine != "" && now.machine != "" && was.machine != now.machine:
		return "another machine"
	case was.home == "" || sameHome(was.home, now.home):
		return ""
	case beside:
		return "a copy, whose original is still there"
	case !stopped:
		return "a copy of a state directory in use, or one restored from it"
	}
	return ""
}

// originalBeside tells whether the directory that was identified as home is
// still where it was used last, or has another name beside that or beside dir.
func originalBeside(dir, home string) bool {
	places := []string{dir}
	if last, err := os.ReadFile(filepath.Join(dir, homeFile)); err == nil && len(last) > 0 {
		places = append(places, string(last))
	}
	for _, place := range places {
		parent := filepath.Dir(place)
		entries, _ := os.ReadDir(parent)
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			if is, err := homeOf(filepath.Join(parent, e.Name())); err == nil && sameHome(is, home) {
				return true
			}
		}
	}
	return false
}

// identify finds out whether this state directory is the one that it was at its
// last start, and gives it a new name where it is not: the events for that, to
// be written with the start event, and the identity that is recorded there.
func (d *Daemon) identify() ([]ledger.Event, identity, error) {
	now := identity{machine: machine()}
	var err error
	if now.home, err = homeOf(d.cfg.State); err != nil {
		return nil, now, fmt.Errorf("--state %s: identity: %w", d.cfg.State, err)
	}
	var was identity
	var host, node string
	var stopped bool
	d.ledger.View(func(s *ledger.State) {
		was, host, node, stopped = identity{s.Machine, s.Home}, s.Host, s.Node, s.Stopped
	})
	d.host, d.node = host, node
	if node == "" {
		d.host, d.node = hostName(d.names), randomHex(4)
		return nil, now, nil
	}
	moved := was.home != "" && !sameHome(was.home, now.home)
	why := forkWhy(was, now, moved && originalBeside(d.cfg.State, was.home), stopped)
	if _, err := os.Lstat(filepath.Join(d.cfg.State, forkFile)); err == nil {
		why = "asked to"
	}
	if why == "" && d.ahead != "" {
		why = "older than its spool: " + d.ahead
	}
	if why == "" {
		if moved {
			d.log.Warn("the state directory was moved, or restored from a copy that was made after an orderly stop; "+
				"if it was used after that copy was made, lines that were read then ship twice", "node", node)
		}
		return nil, now, nil
	}
	d.host, d.node = hostName(d.names), randomHex(4)
	d.log.Warn("the state directory is not what it was at its last start: it ships under a new name from now on; "+
		"lines that were read under the old name after the copy was made, or that the original still reads, ship twice",
		"why", why, "was", host+"-"+node, "is", d.host+"-"+d.node)
	return []ledger.Event{{Fork: &ledger.Fork{Host: d.host, Node: d.node, WasHost: host, WasNode: node, Why: why}}}, now, nil
}

// settle notes where the state directory is used, and that a new node was drawn
// where one was asked for. It comes after the start event: the place of before tells the next start where an original may be, as
// long as the ledger says that this is another directory.
func (d *Daemon) settle() {
	if err := os.Remove(filepath.Join(d.cfg.State, forkFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("the next start draws a new node, too", "error", d.clean(err))
	}
	path, err := filepath.Abs(d.cfg.State)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	file := filepath.Join(d.cfg.State, homeFile)
	if last, rerr := os.ReadFile(file); err != nil || rerr == nil && string(last) == path {
		return
	}
	if err := os.WriteFile(file, []byte(path), 0o600); err != nil {
		d.log.Warn("the place of the state directory could not be noted; a copy may not be noticed", "error", d.clean(err))
	}
}
