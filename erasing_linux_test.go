package swab

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eraseBytesEnv is how much is written, in MiB; eraseDirEnv where.
const (
	eraseBytesEnv = "TEST_ERASE_MIB"
	eraseDirEnv   = "TEST_ERASE_DIR"
)

// BenchmarkErasingUnderAWriter writes one log at 50 MB/s while the daemon's own
// loops read, scrub, ship and erase it, and tells what erasing takes: the CPU
// time of its thread, the kernel's in its calls included, that of the writing
// back to the disk left out.
//
//	TEST_ERASE_MIB=10240 go test -run '^$' -bench ErasingUnderAWriter -benchtime 1x .
func BenchmarkErasingUnderAWriter(b *testing.B) {
	total := int64(256 << 20)
	if n, err := strconv.ParseInt(os.Getenv(eraseBytesEnv), 10, 64); err == nil {
		total = n << 20
	}
	for b.Loop() {
		dir, err := os.MkdirTemp(os.Getenv(eraseDirEnv), "swab-bench-")
		if err != nil {
			b.Fatal(err)
		}
		eraseUnderAWriter(b, benchIn(b, dir), total)
		if err := os.RemoveAll(dir); err != nil {
			b.Fatal(err)
		}
	}
}

const eraseRate = 50e6 // bytes a second

func eraseUnderAWriter(tb *testing.B, b *bench, total int64) {
	log := filepath.Join(b.logs, "app.log")
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		tb.Fatal(err)
	}
	d := b.open("--log", "api="+b.logs+"/*")
	if err := d.sweep(); err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	var loops sync.WaitGroup
	start := func(loop func() error) {
		loops.Go(func() {
			if err := loop(); err != nil && ctx.Err() == nil {
				tb.Errorf("a loop of the daemon: %v", err)
			}
		})
	}
	start(func() error { return d.sweepLoop(ctx) })
	for _, l := range d.lanes {
		start(func() error { return d.laneLoop(ctx, l) })
	}
	for _, s := range d.shippers {
		start(func() error { return d.shipLoop(ctx, s) })
	}
	var cost eraseCost
	begun := time.Now()
	start(func() error { return cost.loop(ctx, d) })
	written := writeAtRate(tb, log, total)
	lasted := time.Since(begun)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for d.account("api").Erased < written && !tb.Failed() {
		<-tick.C
	}
	drained := time.Since(begun) - lasted
	stop()
	loops.Wait()
	tb.ReportMetric(float64(written)/1e6/lasted.Seconds(), "MB/s-written")
	tb.ReportMetric(cost.cpu.Seconds()/(float64(written)/1e9), "cpu-s/GB")
	tb.ReportMetric(cost.cpu.Seconds()/(float64(written)/eraseRate)*100, "%core@50MB/s")
	tb.ReportMetric(float64(cost.behind)/1e6, "MB-shipped-and-raw,most")
	tb.ReportMetric(float64(cost.longest.Milliseconds()), "ms-longest-pass")
	tb.ReportMetric(drained.Seconds(), "s-to-drain")
}

// eraseCost is what erasing took.
type eraseCost struct {
	cpu     time.Duration // of its thread
	longest time.Duration // pass
	behind  int64         // bytes that were shipped and not erased, at the most, when a pass began
}

// loop is [Daemon.eraseLoop] on a thread of its own.
func (c *eraseCost) loop(ctx context.Context, d *Daemon) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a := d.account("api")
		c.behind = max(c.behind, a.ShippedBytes-a.Erased)
		before, begun := threadTime(), time.Now()
		if err := d.erase(ctx); err != nil {
			return err
		}
		c.cpu += threadTime() - before
		c.longest = max(c.longest, time.Since(begun))
	}
}

// threadTime is the CPU time of this thread, its own and the kernel's for it.
func threadTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// writeAtRate appends lines of an access log at eraseRate, and returns how many
// bytes it were.
func writeAtRate(tb *testing.B, path string, total int64) (written int64) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	now := time.Now().UTC().Format("02/Jan/2006:15:04:05 +0000") // no line is near its limit
	text := []byte(lines(4000, `203.0.113.77 - - [`+now+`] "GET /v2/session/%08d HTTP/1.1" 200 5316 "-" "Mozilla/5.0 (X11; Linux x86_64)"`))
	begun := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for written < total {
		<-tick.C
		for due := int64(time.Since(begun).Seconds() * eraseRate); written < min(due, total); {
			n, err := f.Write(text)
			if err != nil {
				tb.Fatal(err)
			}
			written += int64(n)
		}
	}
	return written
}
