package retain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"swab/ledger"
)

// allocated returns the bytes that f's blocks take, once they are on the disk.
func allocated(t testing.TB, f *os.File) int64 {
	t.Helper()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// needPunch skips the test where there are no holes to punch, which is not so
// on the usual file systems, and returns the size of the file system's blocks.
func needPunch(t testing.TB) int64 {
	t.Helper()
	f := tempFile(t, make([]byte, 1<<20))
	d, err := Promise(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	err = Punch(f, ledger.Extent{To: 1 << 20}, nil)
	left := allocated(t, f)
	if err != nil || left != 0 {
		message := fmt.Sprintf("%s punches no holes: %v, %d bytes left", d.FS, err, left)
		if slices.Contains([]string{"ext4", "xfs", "tmpfs"}, d.FS) {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	unit, err := allocationUnit(f)
	if err != nil {
		t.Fatal(err)
	}
	return unit
}

func erase(t testing.TB, f *os.File, r ledger.Extent, sums Sums, before func(ledger.Extent) bool) Result {
	t.Helper()
	res := mustOverwrite(t, f, r, sums, FillZero)
	if err := errors.Join(Sync(f), Punch(f, r, before)); err != nil {
		t.Fatal(err)
	}
	return res
}

func TestPunchGivesBackTheBlocksOfARange(t *testing.T) {
	unit := needPunch(t)
	seal := newSealer(t)
	orig := lines(int(1000*unit), 1)
	f := tempFile(t, orig)
	had := allocated(t, f)
	// Two ranges that meet in the middle of a block.
	middle := 300*unit + unit/2
	erase(t, f, ledger.Extent{To: middle}, seal.sums(t, 0, orig[:middle]), nil)
	if freed := had - allocated(t, f); freed < 299*unit {
		t.Errorf("the first range gave back %d bytes, want %d", freed, 300*unit)
	}
	r := ledger.Extent{From: middle, To: 600 * unit}
	before := had - allocated(t, f)
	var asked ledger.Extent
	erase(t, f, r, seal.sums(t, r.From, orig[r.From:r.To]), func(e ledger.Extent) bool { asked = e; return true })
	if want := (ledger.Extent{From: 300 * unit, To: middle}); asked != want {
		t.Errorf("asked whether %v is erased, want %v", asked, want)
	}
	if freed := had - allocated(t, f) - before; freed < 300*unit {
		t.Errorf("the second range gave back %d bytes, want %d, the shared block among them", freed, 300*unit)
	}
	want := bytes.Clone(orig)
	clear(want[:r.To])
	if got := content(t, f); !bytes.Equal(got, want) {
		t.Error("punching changed what the file reads as")
	}
}

func TestPunchKeepsASharedBlockThatIsNotErased(t *testing.T) {
	unit := needPunch(t)
	seal := newSealer(t)
	orig := lines(int(10*unit), 1)
	for name, before := range map[string]func(ledger.Extent) bool{
		"said no": func(ledger.Extent) bool { return false },
		"unknown": nil,
		"a lie":   func(ledger.Extent) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t, orig)
			r := ledger.Extent{From: unit + unit/2, To: 8*unit + unit/2}
			had := allocated(t, f)
			erase(t, f, r, seal.sums(t, r.From, orig[r.From:r.To]), before)
			want := bytes.Clone(orig)
			clear(want[r.From:r.To])
			if got := content(t, f); !bytes.Equal(got, want) {
				t.Error("bytes outside of the range were changed")
			}
			if freed := had - allocated(t, f); freed != 6*unit {
				t.Errorf("%d bytes given back, want %d", freed, 6*unit)
			}
		})
	}
}

func TestPunchOnlyWhatIsOverwritten(t *testing.T) {
	unit := needPunch(t)
	size := 2*punchSize + 10*unit
	orig := lines(int(size), 1)
	r := ledger.Extent{To: size}
	f := tempFile(t, orig)
	had := allocated(t, f)
	if err := Punch(f, r, nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, f); !bytes.Equal(got, orig) || allocated(t, f) != had {
		t.Fatal("raw bytes were punched")
	}
	sums := newSealer(t).sums(t, 0, orig)
	// Two changed blocks of 64 KiB each, which cover whole ones of the file
	// system's and of the sums.
	now := bytes.Clone(orig)
	for _, at := range []int64{256 << 10, punchSize + 512<<10} {
		copy(now[at:at+64<<10], lines(64<<10, 2))
	}
	if _, err := f.WriteAt(now, 0); err != nil {
		t.Fatal(err)
	}
	res := erase(t, f, r, sums, nil)
	want := make([]byte, size)
	for _, s := range res.Skipped {
		copy(want[s.From:s.To], now[s.From:s.To])
	}
	if got := content(t, f); len(res.Skipped) != 2 || !bytes.Equal(got, want) {
		t.Errorf("skipped %v; the file is right: %v", res.Skipped, bytes.Equal(got, want))
	}
	if left := allocated(t, f); left > ledger.Extents(res.Skipped).Len()+2*unit {
		t.Errorf("%d bytes still allocated for %v", left, res.Skipped)
	}
}

func TestPunchNeverStretches(t *testing.T) {
	unit := needPunch(t)
	f := tempFile(t, make([]byte, 3*unit+5))
	if err := Punch(f, ledger.Extent{From: unit, To: 100 * unit}, nil); err != nil {
		t.Fatal(err)
	}
	if got := int64(len(content(t, f))); got != 3*unit+5 {
		t.Errorf("the file is %d bytes long, want %d", got, 3*unit+5)
	}
}

func TestPunchRefusesWhatIsNoRange(t *testing.T) {
	f := tempFile(t, make([]byte, 100))
	for _, r := range []ledger.Extent{{From: -1, To: 1}, {From: 2, To: 1}} {
		if err := Punch(f, r, nil); err == nil {
			t.Errorf("range %v was taken", r)
		}
	}
}

// Redoing an erase on a full disk must not need the space that it gave back.
func TestRedoLeavesHolesAsTheyAre(t *testing.T) {
	unit := needPunch(t)
	orig := lines(int(400*unit), 1)
	f := tempFile(t, orig)
	sums := newSealer(t).sums(t, 0, orig)
	r := ledger.Extent{To: int64(len(orig))}
	erase(t, f, r, sums, nil)
	// The crash was before the last part of the range was overwritten.
	tail := 200 * unit
	if _, err := f.WriteAt(orig[tail:], tail); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(77, 0); err != nil {
		t.Fatal(err)
	}
	had := allocated(t, f)
	res := mustOverwrite(t, f, r, sums, FillZero)
	if got := allocated(t, f); got > had {
		t.Errorf("%d bytes allocated after the redo, %d before", got, had)
	}
	if res.Erased != r.To || !zeros(content(t, f)) {
		t.Errorf("result %+v", res)
	}
	if at, err := f.Seek(0, 1); at != 77 || err != nil {
		t.Errorf("the descriptor's offset is %d, %v; want 77", at, err)
	}
}

func TestSyncNamesTheFileThatFailed(t *testing.T) {
	if err := Sync(tempFile(t, nil)); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe() // nothing that can be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var failed *SyncError
	if err := Sync(w); !errors.As(err, &failed) || failed.Path != w.Name() || errors.Unwrap(failed) == nil {
		t.Errorf("error %v, want a SyncError of %s", err, w.Name())
	}
}
