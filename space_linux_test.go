package swab

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"swab/ledger"
)

// smallState mounts a file system of 64 MiB for the state and the spool.
func (b *bench) smallState() {
	b.t.Helper()
	if os.Geteuid() != 0 {
		b.t.Skip("a file system of 64 MiB for the state needs root to be mounted")
	}
	mount := filepath.Join(b.dir, "small")
	if err := os.Mkdir(mount, 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=64m,mode=0700"); err != nil {
		b.t.Skipf("no file system of 64 MiB can be mounted: %v", err)
	}
	b.t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			b.t.Error(err)
		}
	})
	b.state = filepath.Join(mount, "state")
}

// fillUp takes all room of the small file system, and returns what gives it
// back.
func (b *bench) fillUp() (free func()) {
	b.t.Helper()
	path := filepath.Join(filepath.Dir(b.state), "ballast")
	f, err := os.Create(path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			b.t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			b.t.Error(err)
		}
	}
}

// noisy are numbered lines that no compression makes much shorter.
func noisy(from, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "line-%08d 203.0.113.77 %016x%016x%016x%016x\n", from+i, rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
	}
	return text.String()
}

// dense are such lines, but longer, and of more that cannot be compressed: a disk
// is full of fewer of them.
func dense(from, n int) string {
	var text []byte
	random := rand.NewChaCha8([32]byte{byte(from)})
	noise := make([]byte, 192)
	for i := range n {
		random.Read(noise)
		text = fmt.Appendf(text, "line-%08d 203.0.113.77 ", from+i)
		text = append(base64.RawStdEncoding.AppendEncode(text, noise), '\n')
	}
	return string(text)
}

// eachOnce fails unless the store holds each of n numbered lines once, in order.
func (b *bench) eachOnce(n int) {
	b.t.Helper()
	next := 0
	for line := range strings.Lines(b.shipped()) {
		if want := fmt.Sprintf("line-%08d 203.0.113.0 ", next); !strings.HasPrefix(line, want) {
			b.t.Fatalf("line %d in the store is another one", next)
		}
		next++
	}
	if next != n {
		b.t.Errorf("%d lines in the store, want %d", next, n)
	}
}

// Invariant 8, with the store away: sealed batches fill the disk that state and
// spool are on. Reading stops, it is told, the raw bytes stay; when the store is
// back, all goes on, each line once.
func TestInvariant8AFullDiskStopsReadingAndAllGoesOn(t *testing.T) {
	b := newBench(t)
	b.smallState()
	path := b.write("a.log", noisy(0, 10))
	stop := b.daemonOn("api", "--batch-age", "20ms", "--batch-size", "8MiB", "--sweep", "100ms", "--shutdown-timeout", "30s")
	eventually(t, "the first lines to be erased", func() bool { return raw(t, path) == "" })
	away := b.out + ".away"
	if err := os.Rename(b.out, away); err != nil {
		t.Fatal(err)
	}
	total := 10
	for range 18 { // 7.3 MB each, which become 5
		dryAppend(t, path, dense(total, 26_000))
		total += 26_000
	}
	var st unix.Statfs_t
	eventually(t, "the disk to be full", func() bool {
		return unix.Statfs(filepath.Dir(b.state), &st) == nil && int64(st.Bavail)*st.Bsize < 8<<20
	})
	size, same := int64(0), 0
	eventually(t, "reading to stop", func() bool {
		if now := spoolBytes(b.state); now != size {
			size, same = now, 0
		}
		same++
		return same > 400
	})
	if left := raw(t, path); !strings.HasSuffix(left, "\n") || !strings.Contains(left, fmt.Sprintf("line-%08d 203.0.113.77", total-1)) {
		t.Error("raw bytes that no batch has are gone")
	}
	if err := os.Rename(away, b.out); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all to be shipped and erased", func() bool { return endErased(t, path) && raw(t, path) == "" })
	said := stop()
	if n := strings.Count(said, "the disk of the spool is full"); n < 1 || n > 3 {
		t.Errorf("the full disk is told %d times:\n%s", n, said)
	}
	b.eachOnce(total)
	if a := b.check().State.Account("api"); a.Expired+a.Lost+a.Removed != 0 {
		t.Errorf("account: %+v", a)
	}
}

// endErased tells whether the last block of a file holds no raw byte: it goes last,
// and until then a look at it spares one at all of a large file.
func endErased(t testing.TB, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, min(info.Size(), 4096))
	if _, err := f.ReadAt(p, info.Size()-int64(len(p))); err != nil {
		t.Fatal(err)
	}
	return withoutZeros(p) == ""
}

func spoolBytes(state string) (n int64) {
	list, _ := os.ReadDir(spoolDir(state))
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Invariant 4 on a disk that someone else has filled: what is near its limit is
// sealed and erased out of the reserve; the rest waits, raw, until there is room.
func TestInvariant4OnAFullDiskIsHeldOutOfTheReserve(t *testing.T) {
	b := newBench(t)
	b.smallState()
	path := b.write("a.log", "")
	d := b.open("--log", "api="+b.logs+"/*", "--raw-limit", "10h", "--batch-age", "1s")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	turn := func() error {
		h.pass(2 * time.Second)
		if err := d.sweep(); err != nil {
			t.Logf("sweep: %v", err)
		}
		_, err := d.collect(t.Context(), d.lanes[0], false)
		return err
	}
	if err := turn(); err != nil {
		t.Fatal(err)
	}
	free := b.fillUp()
	dryAppend(t, path, noisy(0, 20_000)) // 2 MB
	for range 3 {
		if err := turn(); err != nil {
			t.Error(err)
		}
	}
	if a := d.account("api"); a.SealedBytes+a.ShippedBytes != 0 || a.Unread == 0 && strings.Count(raw(t, path), "\n") != 20_000 {
		t.Errorf("something was sealed that could wait: %+v", a)
	}
	h.pass(9 * time.Hour)
	for range 200 {
		if err := turn(); err != nil && !fullDisk(err) {
			t.Error(err)
		}
	}
	if a := d.account("api"); a.Unread != 0 || a.SealedBytes == 0 || a.Expired != 0 {
		t.Errorf("near the limit, with a reserve: %+v", a)
	}
	h.pass(time.Hour)
	if err := d.erase(t.Context()); err != nil {
		t.Error(err)
	}
	if left := raw(t, path); left != "" {
		t.Errorf("%d raw bytes are left at their limit", len(left))
	}
	free()
	dryAppend(t, path, noisy(20_000, 10))
	if err := d.Once(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if r, err := d.spool.Room(); err != nil || r.Reserve != r.Whole {
		t.Errorf("the reserve is not whole again: %+v (%v)", r, err)
	}
	d.Close()
	b.eachOnce(20_010)
	b.check()
}

// What cannot be sealed for want of room expires at its limit: the last of the
// reserve is for its sums.
func TestInvariant4OnAFullDiskWithoutAReserveExpires(t *testing.T) {
	b := newBench(t)
	b.smallState()
	b.write("b.log", noisy(0, 10))
	d := b.open("--log", "api="+b.logs+"/*", "--raw-limit", "10h", "--first-grace", "0s")
	h := &hands{wall: time.Now(), boot: time.Hour}
	d.clock = h.clock(time.Time{})
	if err := d.Once(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	path := b.write("a.log", noisy(10, 60_000)) // 6 MB: more than the reserve takes
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	b.fillUp()
	h.pass(10*time.Hour + time.Minute)
	for range 300 {
		if _, err := d.collect(t.Context(), d.lanes[0], false); err != nil && !fullDisk(err) {
			t.Error(err)
		}
		if err := d.erase(t.Context()); err != nil && !fullDisk(err) {
			t.Error(err)
		}
	}
	if left := raw(t, path); left != "" {
		t.Errorf("%d raw bytes are left at their limit", len(left))
	}
	d.Close()
	a := b.check().State.Account("api")
	if a.Present != 0 || a.Removed != 0 || a.Expired+a.SealedBytes+a.ShippedBytes != a.Written {
		t.Errorf("account: %+v", a)
	}
	t.Logf("account: %+v", a)
}

func (d *Daemon) account(class string) (a ledger.Account) {
	d.ledger.View(func(s *ledger.State) { a = s.Account(class) })
	return a
}
