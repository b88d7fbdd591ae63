package swab

import (
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"swab/config"
)

// LimitMemory keeps the garbage collector within what the control groups of
// this process allow, and says so, unless asked, the value of GOMEMLIMIT, does
// already. root is "/" but in tests.
func LimitMemory(root, asked string, cfg *config.Config, log *slog.Logger) {
	if asked != "" {
		log.Debug("memory", "GOMEMLIMIT", asked)
		return
	}
	allowed := memoryAllowed(root)
	if allowed == 0 {
		log.Debug("memory: no control group limits it")
		return
	}
	limit := collectorLimit(allowed, len(cfg.Streams))
	debug.SetMemoryLimit(limit)
	log.Info("memory", "control_group_bytes", allowed, "GOMEMLIMIT", limit)
}

// collectorLimit is how much of the allowed bytes the collector may fill. A
// tenth is for what it does not count (the kernel's buffers, the binary), and so
// are the buffers of streams; half is its own in any case: it would do nothing
// but collect.
func collectorLimit(allowed int64, streams int) int64 {
	return max(allowed-allowed/10-int64(streams)*streamBuffer, allowed/2)
}

// memoryAllowed is the least limit of the control groups that this process is
// in, bytes; 0 where there is none, or none can be read (cgroups(7)).
func memoryAllowed(root string) int64 {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return 0
	}
	var least int64
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // number:controllers:path
		if len(parts) < 3 {
			continue
		}
		var files []string
		switch unified := parts[0] == "0" && parts[1] == ""; {
		case unified:
			files = []string{"memory.max", "memory.high"}
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			files = []string{"memory.limit_in_bytes"}
		default:
			continue
		}
		for _, dir := range groupDirs(string(mounts), parts[1], parts[2]) {
			for _, file := range files {
				if n := readLimit(filepath.Join(root, dir, file)); n > 0 && (least == 0 || n < least) {
					least = n
				}
			}
		}
	}
	return least
}

// groupDirs are the directories of a group and of those above it, as far as
// they are mounted. controllers is empty for version 2.
func groupDirs(mounts, controllers, group string) []string {
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ") // proc_pid_mountinfo(5)
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		if v2 := controllers == ""; v2 && kind[0] != "cgroup2" ||
			!v2 && (kind[0] != "cgroup" || !slices.Contains(strings.Split(kind[2], ","), "memory")) {
			continue
		}
		top, mount := unescape(place[3]), unescape(place[4])
		below, ok := strings.CutPrefix(group, strings.TrimSuffix(top, "/"))
		if !ok || below != "" && below[0] != '/' || strings.Contains(below, "/..") {
			below = "" // of another namespace: what is mounted is what can be seen
		}
		dirs := []string{mount}
		for below = path.Clean("/" + below); below != "/"; below = path.Dir(below) {
			dirs = append(dirs, mount+below)
		}
		return dirs
	}
	return nil
}

// unescape undoes what mountinfo does to blanks and backslashes.
func unescape(field string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(field)
}

// readLimit is the number in a file of a group; 0 where there is none, it is
// "max", or more than a machine has: what version 1 writes for none.
func readLimit(name string) int64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= 1<<60 {
		return 0
	}
	return n
}
