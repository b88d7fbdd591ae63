package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hourGlass says what time it is whenever it is asked.
const hourGlass = `package main

import (
	"bufio"
	"os"
	"time"
)

func main() {
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadByte(); err != nil {
			return
		}
		os.Stdout.WriteString(time.Now().Format(time.RFC3339) + "\n")
	}
}
`

// A program that is built as the harness builds swab has the clock that the
// harness gives it, at once, either way, and the host's without it.
func TestTheClockOfABuiltProgramMoves(t *testing.T) {
	t.Parallel()
	if noClock(&run{}) != "" {
		t.Skip(noClock(&run{}))
	}
	dir := t.TempDir()
	overlay, err := clockOverlay(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	main, file := filepath.Join(dir, "main.go"), filepath.Join(dir, clockName)
	if err := os.WriteFile(main, []byte(hourGlass), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, make([]byte, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, main).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, moved := range []bool{true, false} {
		cmd := exec.Command(program)
		if moved {
			cmd.Env = append(os.Environ(), clockEnv+"="+file)
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for _, by := range []time.Duration{0, 30 * 24 * time.Hour, -30 * 24 * time.Hour, 0} {
			if err := (&run{dir: dir}).moveClock(by); err != nil {
				t.Fatal(err)
			}
			in.Write([]byte{'\n'})
			said.Scan()
			got, err := time.Parse(time.RFC3339, said.Text())
			if !moved {
				by = 0
			}
			if off := time.Until(got) - by; err != nil || off.Abs() > time.Minute {
				t.Errorf("moved by %s (%v): %s off, %v", by, moved, off, err)
			}
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// The clock jumps by up to thirty days, either way, while swab runs and while
// it is down.
func TestInvariant5WhenTheClockJumps(t *testing.T) {
	r, s := short(t, "--for", "6s", "--every", "200ms", "--only", "clock,outage", "--outage", "1s")
	if strings.Contains(strings.Join(r.lacking, " "), "clock") {
		t.Skip(r.lacking)
	}
	if r.f.Jumps == 0 || s.Shipped != s.Written {
		t.Errorf("%d jumps; %d lines of %d", r.f.Jumps, s.Shipped, s.Written)
	}
}

// Syncs fail now and then, for good or once: swab ends and says so, or tries
// again, and the next one goes on.
func TestInvariant5WhenSyncsFail(t *testing.T) {
	r, s := short(t, "--for", "6s", "--every", "200ms", "--only", "failsync")
	if r.f.Syncs == 0 {
		t.Skip("strace is not here, or may not trace")
	}
	if r.byItself() == 0 || s.Shipped != s.Written {
		events, _ := os.ReadFile(filepath.Join(r.dir, "events.log"))
		t.Errorf("%d ends in %d times of failing syncs; %d lines of %d\n%s", r.byItself(), r.f.Syncs, s.Shipped, s.Written, events)
	}
}
