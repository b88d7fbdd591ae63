package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The wall clock of one process cannot be moved from outside: the kernel hands
// it out without a call. So the swab of a run that moves it is built with
// another time.Now, by go build -overlay: it adds the seconds that stand in a
// file that the harness writes. All of the process has that clock, its requests
// and their signatures, too; elapsed time stays the kernel's. The tree knows
// nothing of it.

const (
	clockEnv  = "TORTURE_CLOCK" // names the file in the built swab
	clockName = "clock"         // the file in the directory of a run
)

// clockSource is added to package time.
const clockSource = `package time

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

func wallMoved() int64 { return atomic.LoadInt64(wallOffset()) }

var wallOffset = sync.OnceValue(func() *int64 {
	path, ok := syscall.Getenv("` + clockEnv + `")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("the clock of the torture: " + err.Error())
	}
	p, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("the clock of the torture: " + err.Error())
	}
	syscall.Close(fd)
	return (*int64)(unsafe.Pointer(&p[0]))
})
`

// clockRead is what stands once in time.go, at the head of Now, and clockMoved
// what takes its place.
const (
	clockRead  = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	clockMoved = clockRead + "\tsec += wallMoved()\n"
)

var errClock = errors.New("this Go's time.Now is not the one that can be replaced")

// clockOverlay writes what go build -overlay reads into dir, and returns its
// path.
func clockOverlay(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	if bytes.Count(text, []byte(clockRead)) != 1 {
		return "", errClock
	}
	text = bytes.Replace(text, []byte(clockRead), []byte(clockMoved), 1)
	replace := map[string]string{}
	for name, text := range map[string][]byte{"time.go": text, "moved.go": []byte(clockSource)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(source, name)] = path
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// buildMoved builds the swab whose wall clock can be moved, and sets the clock
// to the host's.
func (r *run) buildMoved(ctx context.Context) error {
	dir := filepath.Join(r.dir, "overlay")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	overlay, err := clockOverlay(ctx, dir)
	if err != nil {
		return err
	}
	if err := r.build(ctx, "-overlay", overlay); err != nil {
		return err
	}
	path := filepath.Join(r.dir, clockName)
	r.env = append(r.env, clockEnv+"="+path)
	return os.WriteFile(path, make([]byte, 8), 0o600)
}

// moveClock sets swab's wall clock apart from the host's by so much.
func (r *run) moveClock(by time.Duration) error {
	f, err := os.OpenFile(filepath.Join(r.dir, clockName), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(int64(by/time.Second))))
	return errors.Join(err, f.Close())
}

func noClock(r *run) string {
	switch {
	case r.clockLack != "":
		return r.clockLack
	case runtime.GOOS != "linux":
		return "wants Linux: elsewhere nobody tried"
	}
	return ""
}

// jump is how far a clock jumps: a second to thirty days, each order of
// magnitude as often as the others, either way.
func (r *run) jump() time.Duration {
	const farthest = 30 * 24 * 60 * 60
	by := time.Duration(math.Pow(farthest, r.rng.Float64())) * time.Second
	if r.rng.IntN(2) == 0 {
		return -by
	}
	return by
}

// clock lets the wall clock jump, sometimes while swab is down, and back up to
// ten seconds later, sometimes by way of another time.
func clock(ctx context.Context, r *run) error {
	by, then, down, twice := r.jump(), r.jump(), r.rng.IntN(3) == 0, r.rng.IntN(3) == 0
	stays := 200*time.Millisecond + r.moment(min(10*time.Second, r.o.For/6))
	if down {
		r.end()
		r.f.Kills++
	}
	if err := r.moveClock(by); err != nil {
		return err
	}
	r.f.Jumps++
	r.note("clock: %s", by)
	back := func() error { return r.moveClock(0) }
	if twice {
		r.later("clock", 2*stays, back)
		r.later("clock again", stays, func() error {
			r.note("clock: %s", then)
			r.f.Jumps++
			return r.moveClock(then)
		})
	} else {
		r.later("clock", stays, back)
	}
	if down {
		return r.start()
	}
	return nil
}
