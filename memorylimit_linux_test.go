package swab

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"swab/config"
)

// cgroupRoot is a root directory with the files of a machine in it.
func cgroupRoot(t *testing.T, groups, mounts string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("proc/self/cgroup", groups)
	put("proc/self/mountinfo", mounts)
	for name, text := range files {
		put(filepath.Join("sys/fs/cgroup", name), text)
	}
	return root
}

func TestInvariant8TheControlGroupsLimitIsFound(t *testing.T) {
	const v2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
	const v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
	const none1 = "9223372036854771712"
	tests := []struct {
		name, groups, mounts string
		files                map[string]string
		want                 int64
	}{
		{"none", "0::/a", v2, map[string]string{"a/memory.max": "max", "a/memory.high": "max"}, 0},
		{"own", "0::/a/b", v2, map[string]string{"a/b/memory.max": "268435456", "a/memory.max": "max"}, 268435456},
		{"one above is less", "0::/a/b", v2, map[string]string{"a/b/memory.max": "268435456", "a/memory.max": "134217728"}, 134217728},
		{"throttled before", "0::/a", v2, map[string]string{"a/memory.max": "268435456", "a/memory.high": "100000000"}, 100000000},
		{"another group's", "0::/a", v2, map[string]string{"a/memory.max": "max", "ab/memory.max": "1000000"}, 0},
		{"container with a namespace", "0::/", v2, map[string]string{"memory.max": "67108864"}, 67108864},
		{"of another namespace", "0::/../b", v2, map[string]string{"memory.max": "67108864", "b/memory.max": "1000000"}, 67108864},
		{
			"container without a namespace", "0::/pod\\x2d1/c", `29 23 0:26 /pod\134x2d1 /sys/fs/cgroup rw - cgroup2 cgroup rw`,
			map[string]string{"c/memory.max": "67108864"}, 67108864,
		},
		{"version 1", "4:memory:/a\n1:cpu:/", v1, map[string]string{"memory/a/memory.limit_in_bytes": "67108864", "memory/memory.limit_in_bytes": none1}, 67108864},
		{"version 1, none", "4:memory:/a\n0::/", v1, map[string]string{"memory/a/memory.limit_in_bytes": none1}, 0},
		{"version 1 beside 2", "4:cpu,memory:/a\n0::/", v2 + "\n" + v1, map[string]string{"memory/a/memory.limit_in_bytes": "67108864"}, 67108864},
		{"version 1 in a container", "4:memory:/docker/c", strings.Replace(v1, " / ", " /docker/c ", 1), map[string]string{"memory/memory.limit_in_bytes": "67108864"}, 67108864},
		{"torn", "4:memory\n0", "29 23\n- cgroup2", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := memoryAllowed(cgroupRoot(t, tt.groups, tt.mounts, tt.files)); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
	if got := memoryAllowed(t.TempDir()); got != 0 {
		t.Errorf("without a /proc: %d bytes, want none", got)
	}
}

func TestInvariant8TheCollectorsLimitHasAMargin(t *testing.T) {
	for _, tt := range []struct {
		allowed int64
		streams int
		want    int64
	}{
		{100 << 20, 0, 90 << 20},
		{100 << 20, 2, 58 << 20},
		{100 << 20, 5, 50 << 20},
	} {
		if got := collectorLimit(tt.allowed, tt.streams); got != tt.want {
			t.Errorf("of %d bytes with %d streams: %d, want %d", tt.allowed, tt.streams, got, tt.want)
		}
	}
}

func TestGOMEMLIMITGoesBeforeTheControlGroup(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	const allowed = 3 << 30
	root := cgroupRoot(t, "0::/a", "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", map[string]string{"a/memory.max": fmt.Sprint(allowed)})
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	LimitMemory(root, "off", &config.Config{}, log)
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("with GOMEMLIMIT set: %d, want %d", got, before)
	}
	LimitMemory(root, "", &config.Config{}, log)
	if got, want := debug.SetMemoryLimit(-1), collectorLimit(allowed, 0); got != want {
		t.Errorf("without it: %d, want %d", got, want)
	}
	if want := fmt.Sprintf("msg=memory control_group_bytes=%d GOMEMLIMIT=%d", allowed, collectorLimit(allowed, 0)); strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), want) {
		t.Errorf("it said %q, want %q once", said.String(), want)
	}
}
