package retain

import (
	"path/filepath"
	"strings"
	"testing"
)

const mountTable = `23 28 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
30 28 259:3 / /var/log rw,noatime - ext4 /dev/nvme0n1p3 rw,data=journal
31 28 0:30 / /mnt/with\040space\134 rw shared:2 master:1 propagate_from:3 - fuse.sshfs me@host:/ rw,user_id=0
32 30 0:31 / /var/log/app rw - tmpfs tmpfs rw,size=1024k
33 30 0:32 / /var/log/app rw - xfs /dev/sdb rw
not a mount
34 30 0:33 / /short
35 x 0:33 / /a rw -
`

func TestMountTableIsRead(t *testing.T) {
	mounts, err := parseMountinfo(strings.NewReader(mountTable))
	if err != nil {
		t.Fatal(err)
	}
	if len(mounts) != 6 {
		t.Fatalf("%d mounts, want 6", len(mounts))
	}
	m := mounts[2]
	if m.id != 30 || m.device != "259:3" || m.point != "/var/log" || m.fs != "ext4" || !m.has("noatime") || !m.has("data=journal") {
		t.Errorf("read %+v", m)
	}
	if m := mounts[3]; m.point != `/mnt/with space\` || m.fs != "fuse.sshfs" {
		t.Errorf("read %+v", m)
	}
}

func TestPathLiesOnTheLastLongestMount(t *testing.T) {
	mounts, err := parseMountinfo(strings.NewReader(mountTable))
	if err != nil {
		t.Fatal(err)
	}
	for path, id := range map[string]uint64{
		"/":                28,
		"/var/logs/x":      28,
		"/var/log":         30,
		"/var/log/syslog":  30,
		"/var/log/app/a/b": 33, // mounted over 32
	} {
		if m, ok := below(mounts, path); !ok || m.id != id {
			t.Errorf("%s: mount %d, %v; want %d", path, m.id, ok, id)
		}
	}
	if m, ok := below(nil, "/"); ok {
		t.Errorf("found %+v in no mounts", m)
	}
}

func TestPromiseIsNotMadeWhereOldCopiesStay(t *testing.T) {
	tests := []struct {
		fs        string
		options   []string
		journaled bool
		reaches   bool
		note      string // a word of it
	}{
		{"ext4", nil, false, true, ""},
		{"ext4", nil, true, false, "data=ordered"},
		{"ext3", nil, true, false, "data=ordered"},
		{"xfs", nil, false, true, "reflink"},
		{"tmpfs", nil, false, true, "swap"},
		{"tmpfs", []string{"noswap"}, false, true, ""},
		{"btrfs", nil, false, false, "copy on write"},
		{"zfs", nil, false, false, "reused"},
		{"overlay", nil, false, false, "upper layer"},
		{"nfs4", nil, false, false, "network"},
		{"fuse.sshfs", nil, false, false, "program"},
		{"0x1234", nil, false, false, "nothing is known"},
	}
	for _, tt := range tests {
		d := judge(mount{fs: tt.fs, options: tt.options}, tt.journaled)
		if d.Reaches != tt.reaches || !strings.Contains(d.Note, tt.note) || tt.note == "" && d.Note != "" {
			t.Errorf("%s: %+v, want reaches %v and a note of %q", tt.fs, d, tt.reaches, tt.note)
		}
	}
	if d := judge(mount{fs: "overlay"}, false); d.FS != "overlayfs" {
		t.Errorf("overlay is called %q", d.FS)
	}
}

func TestPromiseNamesTheFileSystem(t *testing.T) {
	d, err := Promise(t.TempDir())
	if err != nil || d.FS == "" || !d.Reaches && d.Note == "" {
		t.Errorf("%+v, %v", d, err)
	}
}

func FuzzMountinfo(f *testing.F) {
	for line := range strings.Lines(mountTable) {
		f.Add(line)
	}
	f.Add("0      -   ") // no mount point
	f.Fuzz(func(t *testing.T, table string) {
		mounts, err := parseMountinfo(strings.NewReader(table))
		if err != nil {
			return
		}
		if len(mounts) > strings.Count(table, "\n")+1 {
			t.Fatalf("%d mounts in %d lines", len(mounts), strings.Count(table, "\n")+1)
		}
		for _, m := range mounts {
			if len(m.options) == 0 || len(m.point) > len(table) {
				t.Fatalf("read %+v", m)
			}
			if d := judge(m, false); !d.Reaches && d.Note == "" {
				t.Fatalf("%q is refused without a word", m.fs)
			}
		}
		if m, ok := below(mounts, "/"); ok && m.point != "/" {
			t.Fatalf("/ is said to lie on %q", m.point)
		}
	})
}

// What is escaped as the kernel does comes out as it went in.
func FuzzUnescape(f *testing.F) {
	f.Add("/mnt/a b\\c\td\n")
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(escape.Replace(s)); got != s {
			t.Fatalf("%q became %q", s, got)
		}
		if got := unescape(s); len(got) > len(s) {
			t.Fatalf("%q grew to %q", s, got)
		}
	})
}

func TestPromiseOfNothingIsAnError(t *testing.T) {
	d, err := Promise(filepath.Join(t.TempDir(), "missing"))
	// Elsewhere than on Linux nothing is examined and nothing promised.
	if err == nil && (d.Reaches || d.FS != "unknown") {
		t.Errorf("promised %+v", d)
	}
}
