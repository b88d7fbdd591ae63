package swab

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"swab/ledger"
	"swab/testdata/crashtest"
)

// device is a file system on a loop device, whose power can be cut: then all
// is gone that the kernel had not written to the device yet.
type device struct {
	t       *testing.T
	fs      string
	options string
	image   string // the file that is the device
	point   string // where it is mounted
	loop    string // "" while it is not
}

// newDevice makes and mounts one, or skips the test, saying why.
func newDevice(t *testing.T, fs, options string, size int64) *device {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a file system on a loop device needs root")
	}
	mkfs := "mkfs." + fs
	if _, err := exec.LookPath(mkfs); err != nil {
		t.Skipf("no %s here: %v", mkfs, err)
	}
	dir := crashtest.Dir(t)
	d := &device{t: t, fs: fs, options: options, image: filepath.Join(dir, "image"), point: filepath.Join(dir, "mnt")}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close(), os.Mkdir(d.point, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkfs, "-q", d.image).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mkfs, err, out)
	}
	t.Cleanup(d.unmount)
	if err := d.mount(); err != nil {
		t.Skipf("%s cannot be mounted: %v", fs, err)
	}
	return d
}

func (d *device) mount() error {
	out, err := exec.Command("losetup", "--find", "--show", d.image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("losetup: %w: %s", err, out)
	}
	d.loop = strings.TrimSpace(string(out))
	if err := unix.Mount(d.loop, d.point, d.fs, 0, d.options); err != nil {
		exec.Command("losetup", "--detach", d.loop).Run()
		d.loop = ""
		return err
	}
	return nil
}

func (d *device) unmount() {
	if d.loop == "" {
		return
	}
	if err := unix.Unmount(d.point, 0); err != nil {
		d.t.Errorf("unmounting: %v", err)
	}
	if out, err := exec.Command("losetup", "--detach", d.loop).CombinedOutput(); err != nil {
		d.t.Errorf("losetup: %v: %s", err, out)
	}
	d.loop = ""
}

// cut brings the device back as it is now, without what waits in memory to be
// written to it. Nobody may use it.
func (d *device) cut() {
	d.t.Helper()
	now := d.image + ".now"
	if err := copySparse(d.image, now); err != nil {
		d.t.Fatalf("copy of the device: %v", err)
	}
	d.unmount() // writes all to the image, which nobody looks at any more
	if err := os.Rename(now, d.image); err != nil {
		d.t.Fatal(err)
	}
	if err := d.mount(); err != nil {
		d.t.Fatalf("after the power cut: %v", err)
	}
}

// copySparse copies a file and leaves out its holes: most of an image is one.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	for end := int64(0); ; {
		begin, err := in.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but a hole is left
			return out.Close()
		}
		if err == nil {
			end, err = in.Seek(begin, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = in.Seek(begin, io.SeekStart)
		}
		if err == nil {
			_, err = out.Seek(begin, io.SeekStart)
		}
		if err == nil {
			_, err = io.CopyN(out, in, end-begin)
		}
		if err != nil {
			return err
		}
	}
}

// careful is a writer that syncs now and then, and remembers what it synced.
type careful struct {
	numbered
	from   int          // first line of the current file that is not synced
	synced map[int]bool // lines
}

func (w *careful) turn() error {
	before := w.rotations
	if err := w.step(); err != nil {
		return err
	}
	if w.rotations > before {
		w.from = w.next // what was in the old file, nobody synced
		return nil
	}
	if w.rng.IntN(8) > 0 {
		return nil
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	for ; w.from < w.next; w.from++ {
		w.synced[w.from] = true
	}
	return nil
}

// start opens the log as it was found, and ends the line in which it may stop.
func (w *careful) start() error {
	if err := w.open(); err != nil {
		return err
	}
	w.from = w.next
	p, err := os.ReadFile(filepath.Join(w.dir, w.name))
	if err == nil && len(p) > 0 && p[len(p)-1] != '\n' {
		_, err = w.f.WriteString("\n")
	}
	return err
}

// Invariant 5 through power cuts: what the writers and swab had not synced is
// gone, and of the rest, each line is in the store once, and nothing is raw.
func TestInvariant5ThroughPowerCuts(t *testing.T) {
	for _, row := range []struct {
		name, fs, options string
		size              int64
		storeToo          bool // the store lies on the device, too
	}{
		{"ext4", "ext4", "commit=300", 64 << 20, false},
		{"ext4 with the store", "ext4", "commit=300", 64 << 20, true},
		{"xfs", "xfs", "", 320 << 20, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDevice(t, row.fs, row.options, row.size)
			b := benchIn(t, d.point)
			if !row.storeToo {
				b.out = filepath.Join(crashtest.Dir(t), "out")
			}
			b.powerCuts(d)
		})
	}
}

func (b *bench) powerCuts(d *device) {
	seed := uint64(time.Now().UnixNano())
	b.t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	writers := make([]*careful, 2)
	for i := range writers {
		writers[i] = &careful{synced: map[int]bool{}, numbered: numbered{
			dir: b.logs, name: fmt.Sprintf("app%d.log", i), id: i, rng: rand.New(rand.NewPCG(seed, uint64(i+2))),
		}}
	}
	// The logs' directory and the first logs are there; so is the state, whose
	// loss is another matter (DESIGN: exactly once is per state directory).
	at := append([]step{"", ""}, steps[:]...)
	rounds := len(at)
	if testing.Short() {
		rounds = 3
	}
	gaps := 0
	for round := range rounds {
		b.underPower(writers, at[(round+int(seed%uint64(len(at))))%len(at)], rng)
		d.cut()
		gaps += b.gaps()
	}
	for range 3 {
		b.once("api")
	}
	b.verifySynced(writers, gaps)
	b.check()
	b.t.Logf("%d cuts, %d events of torn ledgers", rounds, len(b.events(ledger.KindCut)))
}

// gaps counts the logs that end in zeros that nobody wrote: ext4 may know of a
// file's new size before its new bytes are written.
func (b *bench) gaps() (n int) {
	b.t.Helper()
	entries, err := os.ReadDir(b.logs)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		p, err := os.ReadFile(filepath.Join(b.logs, e.Name()))
		if err != nil {
			b.t.Fatal(err)
		}
		// A rotated one that is all zeros was erased, and is unlinked anew.
		rest := strings.Trim(string(p), "\x00")
		if len(p) > 0 && p[len(p)-1] == 0 && (rest != "" || strings.HasSuffix(e.Name(), ".log")) {
			n++
		}
	}
	return n
}

// underPower runs swab and the writers until swab is killed, at a step or at a
// random moment.
func (b *bench) underPower(writers []*careful, at step, rng *rand.Rand) {
	b.t.Helper()
	for _, w := range writers {
		if err := w.start(); err != nil {
			b.t.Fatal(err)
		}
		defer func() { w.f.Close() }() // the one that it has then
	}
	cmd, said := daemon(b.t, b.args("api", "--batch-age", "60ms", "--sweep", "50ms", "--batch-size", "64KiB")...)
	cmd.Env = append(cmd.Env, crashEnv+"="+string(at))
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	life := time.NewTimer(time.Duration(100+rng.IntN(900)) * time.Millisecond)
	defer life.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for on := true; on; {
		select {
		case <-ended:
			on = false
		case <-life.C:
			cmd.Process.Signal(syscall.SIGKILL)
			<-ended
			on = false
		case <-tick.C:
			for _, w := range writers {
				if err := w.turn(); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
	if text := said.String(); strings.Contains(text, "panic") || strings.Contains(text, "level=ERROR") || strings.Contains(text, "repair") {
		b.t.Errorf("a start after a power cut said:\n%s", text)
	}
}

// wholeLine is a line that no power cut has cut; leaked is an address.
var (
	wholeLine = regexp.MustCompile(`^W(\d+) \d+ (\d{8}) 203\.0\.113\.0 \[2001:db8:1::\]:443 GET /v2/session \d+\n$`)
	leaked    = regexp.MustCompile(`203\.0\.113\.[1-9]|2001:db8:1:2`)
)

// verifySynced reads the store back: what was synced is there once, what was
// not at most once. gaps is how many logs ended in zeros after a cut.
func (b *bench) verifySynced(writers []*careful, gaps int) {
	b.t.Helper()
	seen := make([]map[int]int, len(writers))
	for i := range seen {
		seen[i] = map[int]int{}
	}
	cut, zeros := 0, 0
	for line := range strings.Lines(b.shipped()) {
		if leaked.MatchString(line) {
			b.t.Errorf("an address is in the store")
		}
		if strings.HasPrefix(line, "\x00") {
			zeros++
			continue
		}
		m := wholeLine.FindStringSubmatch(line)
		if m == nil {
			cut++
			continue
		}
		id, _ := strconv.Atoi(m[1]) // digits both
		n, _ := strconv.Atoi(m[2])
		seen[id][n]++
	}
	for id, w := range writers {
		lost, twice, unsynced := 0, 0, 0
		for n := range w.next {
			switch c := seen[id][n]; {
			case c > 1:
				twice++
			case c == 0 && w.synced[n]:
				lost++
			case c == 0:
				unsynced++
			}
		}
		b.t.Logf("writer %d: %d lines, %d synced by it, %d gone with the power before anyone synced them", id, w.next, len(w.synced), unsynced)
		if lost+twice > 0 {
			b.t.Errorf("writer %d: %d lines lost, %d twice", id, lost, twice)
		}
	}
	b.t.Logf("%d lines that a power cut had cut, %d of zeros for what was not written", cut, zeros)
	if zeros > gaps {
		b.t.Errorf("%d lines of zeros, but only %d logs ended in them: erased bytes are in the store", zeros, gaps)
	}
	b.nothingLeft()
}
