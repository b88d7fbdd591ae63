package retain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// image is a file system of its own on a loop device, whose bytes can be
// searched.
type image struct {
	path   string // of the file that is the device
	point  string // where it is mounted
	device string
}

const imageSize = 512 << 20

// newImage makes and mounts a file system, or skips the test, saying why.
func newImage(t *testing.T, fs, options string, mkfs ...string) *image {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting an image needs root")
	}
	dir := t.TempDir()
	im := &image{path: filepath.Join(dir, "image"), point: filepath.Join(dir, "mnt")}
	f, err := os.Create(im.path)
	if err == nil {
		err = errors.Join(f.Truncate(imageSize), f.Close(), os.Mkdir(im.point, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	mkfs = append(mkfs, im.path)
	if _, err := exec.LookPath(mkfs[0]); err != nil {
		t.Skipf("no %s here: %v", mkfs[0], err)
	}
	if out, err := exec.Command(mkfs[0], mkfs[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mkfs[0], err, out)
	}
	out, err := exec.Command("losetup", "--find", "--show", im.path).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}
	im.device = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", im.device).CombinedOutput(); err != nil {
			t.Errorf("losetup: %v: %s", err, out)
		}
	})
	if err := unix.Mount(im.device, im.point, fs, 0, options); err != nil {
		t.Skipf("%s cannot be mounted: %v", fs, err)
	}
	t.Cleanup(func() { im.unmount(t) })
	return im
}

// unmount writes all to the image. It may be called twice.
func (im *image) unmount(t *testing.T) {
	t.Helper()
	if im.point == "" {
		return
	}
	if err := unix.Unmount(im.point, 0); err != nil {
		t.Errorf("unmounting: %v", err)
	}
	im.point = ""
}

// find returns where in the device marker stands.
func (im *image) find(t *testing.T, marker string) []int64 {
	t.Helper()
	d, err := os.Open(im.device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	// The device's cache may be older than what the file system wrote past it.
	if err := unix.IoctlSetInt(int(d.Fd()), unix.BLKFLSBUF, 0); err != nil {
		t.Fatal(err)
	}
	var found []int64
	buf := make([]byte, 4<<20+len(marker)-1)
	for at := int64(0); at < imageSize; at += 4 << 20 {
		n, err := d.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for p, off := buf[:n], at; ; {
			i := bytes.Index(p, []byte(marker))
			if i < 0 {
				break
			}
			found = append(found, off+int64(i))
			p, off = p[i+1:], off+int64(i)+1
		}
	}
	return found
}

// marked is a log whose lines each hold word and a number.
func marked(word string, n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "203.0.113.%d GET /%06d %s %064d\n", i%256, i, word, 0)
	}
	return b
}

// writeMarked makes a synced log in the image.
func (im *image) writeMarked(t *testing.T, name, word string) (*os.File, []byte) {
	t.Helper()
	p := marked(word, 20_000)
	f, err := os.Create(filepath.Join(im.point, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return f, p
}

func TestErasedBytesAreNotOnTheDevice(t *testing.T) {
	tests := []struct {
		fs, options string
		mkfs        []string
	}{
		{"ext4", "", []string{"mkfs.ext4", "-q"}},
		{"ext4", "", []string{"mkfs.ext4", "-q", "-b", "1024"}},
		{"ext2", "", []string{"mkfs.ext2", "-q"}},
		{"xfs", "", []string{"mkfs.xfs", "-q"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.mkfs, " "), func(t *testing.T) {
			im := newImage(t, tt.fs, tt.options, tt.mkfs...)
			d, err := Promise(im.point)
			if err != nil || d.FS != tt.fs || !d.Reaches {
				t.Errorf("promise %+v, %v", d, err)
			}
			seal := newSealer(t)
			gone, p := im.writeMarked(t, "gone.log", "ERASE-ME")
			kept, _ := im.writeMarked(t, "kept.log", "CONTROL")
			half := int64(len(p)/2/113) * 113 // two ranges, met in mid-block
			eraseHere := func(r ledger.Extent) {
				mustOverwrite(t, gone, r, seal.sums(t, r.From, p[r.From:r.To]), FillZero)
				if err := Sync(gone); err != nil {
					t.Fatal(err)
				}
				err := Punch(gone, r, func(ledger.Extent) bool { return true })
				if err != nil && !errors.Is(err, errors.ErrUnsupported) {
					t.Fatal(err)
				}
			}
			eraseHere(ledger.Extent{To: half})
			eraseHere(ledger.Extent{From: half, To: int64(len(p))})
			gone.Close()
			kept.Close()
			im.unmount(t)
			if n := len(im.find(t, "ERASE-ME")); n != 0 {
				t.Errorf("%d of 20000 lines are on the device still", n)
			}
			if n := len(im.find(t, "CONTROL")); n < 19_000 {
				t.Errorf("only %d of 20000 lines that were not erased were found: the search is wrong", n)
			}
		})
	}
}

// A device that fails a write leaves the pages clean and the raw bytes where
// they were; fdatasync says so once. Here the failure is played by putting the
// raw bytes back behind the file system's back.
func TestRedoAfterAFailedSyncReachesTheDevice(t *testing.T) {
	im := newImage(t, "ext4", "", "mkfs.ext4", "-q")
	f, p := im.writeMarked(t, "gone.log", "ERASE-ME")
	unix.Sync()
	places := im.find(t, "ERASE-ME")
	if len(places) < 19_000 {
		t.Fatalf("only %d of 20000 lines found on the device", len(places))
	}
	r := ledger.Extent{To: int64(len(p))}
	sums := newSealer(t).sums(t, 0, p)
	mustOverwrite(t, f, r, sums, FillZero)
	if err := Sync(f); err != nil {
		t.Fatal(err)
	}
	im.put(t, places, "ERASE-ME")
	if n := len(im.find(t, "ERASE-ME")); n != len(places) {
		t.Fatalf("%d raw lines were put back, want %d", n, len(places))
	}
	mustOverwrite(t, f, r, sums, FillZero)
	if err := errors.Join(Sync(f), Punch(f, r, nil)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	im.unmount(t)
	if n := len(im.find(t, "ERASE-ME")); n != 0 {
		t.Errorf("%d lines are on the device still", n)
	}
}

// put writes marker to places of the device, past the file system.
func (im *image) put(t *testing.T, places []int64, marker string) {
	t.Helper()
	d, err := os.OpenFile(im.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range places {
		if _, err := d.WriteAt([]byte(marker), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestPromiseSeesAJournalOfData(t *testing.T) {
	for name, row := range map[string]struct {
		options string
		prepare []string
	}{
		"mount option":   {"data=journal", nil},
		"default of fs":  {"", []string{"-E", "nodiscard", "-O", "has_journal"}},
		"file attribute": {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			mkfs := append([]string{"mkfs.ext4", "-q"}, row.prepare...)
			im := newImage(t, "ext4", row.options, mkfs...)
			path := im.point
			switch name {
			case "default of fs":
				im.remountWith(t, "tune2fs", "-o", "journal_data", im.device)
			case "file attribute":
				f, err := os.Create(filepath.Join(im.point, "a.log"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
				if err == nil {
					err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|journalDataFlag)
				}
				if err != nil {
					t.Skipf("no attribute for the journal: %v", err)
				}
				path = f.Name()
			}
			d, err := Promise(path)
			if err != nil || d.Reaches || !strings.Contains(d.Note, "data=journal") {
				t.Errorf("promise %+v, %v", d, err)
			}
		})
	}
}

// remountWith unmounts the image, runs a command, and mounts it again.
func (im *image) remountWith(t *testing.T, command ...string) {
	t.Helper()
	if err := unix.Unmount(im.point, 0); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		im.point = ""
		t.Skipf("%v: %v: %s", command, err, out)
	}
	if err := unix.Mount(im.device, im.point, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
}
