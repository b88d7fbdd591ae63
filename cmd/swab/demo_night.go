package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// outage is how long the store is away.
const outage = 5 * time.Second

// night is a bad night in seconds, while all services go on writing.
func (d *demo) night(ctx context.Context) error {
	d.out.line("\n  now a bad night in a few seconds, while all nine go on writing")
	running, silence := context.WithCancel(ctx)
	d.silence = silence
	defer silence()
	for _, w := range d.writers {
		d.writing.Go(func() { w.run(running) })
	}
	if err := pause(ctx, outage/5); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.unplug, d.killed, d.rotated, d.killed} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	silence()
	d.writing.Wait()
	if err := d.swab.stop(ctx); err != nil {
		return fmt.Errorf("after SIGTERM: %w", err)
	}
	if err := d.store.update(d.storeDir()); err != nil {
		return err
	}
	if t := d.store.tally(d.writers); t.lost > 0 {
		return fmt.Errorf("after SIGTERM, exit status 0: %s not shipped", saidLines(int64(t.lost)))
	}
	d.out.line("    SIGTERM: the rest was read and shipped before it left, exit status 0")
	if err := d.start("--once"); err != nil {
		return err
	}
	if err := d.swab.wait(ctx); err != nil {
		return err
	}
	d.out.line("    a last swab run --once: exit status 0")
	return nil
}

// unplug takes the store away for a while, with a rotation in the middle, and
// sees that each line is in the store or still where it was written.
func (d *demo) unplug(ctx context.Context) error {
	away := d.storeDir() + ".unplugged"
	if err := os.Rename(d.storeDir(), away); err != nil {
		return err
	}
	before, err := d.written()
	if err != nil {
		return err
	}
	if err := pause(ctx, outage/2); err != nil {
		return err
	}
	if err := d.api().rotate(); err != nil {
		return err
	}
	if err := pause(ctx, outage/2); err != nil {
		return err
	}
	after, err := d.nothingMissing(away)
	if err != nil {
		return err
	}
	if err := os.Rename(away, d.storeDir()); err != nil {
		return err
	}
	d.out.line("    store unplugged for %d s, and %s rotated: %s waited where they were written",
		int(outage.Seconds()), d.api().name(), saidLines(int64(sum(after)-sum(before))))
	return nil
}

// api is the service whose log is rotated and traced.
func (d *demo) api() *writer {
	for _, w := range d.writers {
		if w.class == "api" {
			return w
		}
	}
	return nil
}

// nothingMissing fails unless each line written is raw on the disk or in the
// store, which lies in dir. It returns how many there are of each writer.
func (d *demo) nothingMissing(dir string) ([]int, error) {
	counts, err := d.written()
	if err != nil {
		return nil, err
	}
	raw := map[string]bool{}
	for _, w := range d.writers {
		list, err := w.logFiles()
		if err != nil {
			return nil, err
		}
		for _, path := range list {
			o, err := lookAt(path)
			if err != nil {
				return nil, err
			}
			for _, id := range d.store.ids.FindAllString(o.text, -1) {
				raw[id] = true
			}
		}
	}
	// After the logs: what is gone from them by now must be there.
	if err := d.store.update(dir); err != nil {
		return nil, err
	}
	missing := 0
	for i, w := range d.writers {
		for n := range counts[i] {
			if id := lineID(w.class, n); !raw[id] && d.store.lines[id] == nil {
				missing++
			}
		}
	}
	if missing > 0 {
		return nil, fmt.Errorf("with the store away, %s raw bytes were overwritten that it does not have", counted(missing, "line's"))
	}
	return counts, nil
}

// killed kills swab at a random moment, starts it again, and waits until what
// was written up to then is shipped.
func (d *demo) killed(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), d.seed))
	if err := pause(ctx, time.Duration(rng.IntN(600))*time.Millisecond); err != nil {
		return err
	}
	if d.swab.ended() {
		return fmt.Errorf("%s ended by itself: %s", d.swab, d.swab.fate())
	}
	d.swab.kill()
	counts, err := d.written()
	if err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	if err := d.shipped(ctx, "the lines of before the kill to be shipped", counts); err != nil {
		return err
	}
	d.out.line("    swab killed with kill -9, started again: %s shipped by now", saidLines(int64(len(d.store.lines))))
	return nil
}

func (d *demo) rotated(context.Context) error {
	if err := d.api().rotate(); err != nil {
		return err
	}
	d.out.line("    %s rotated again", d.api().name())
	return nil
}

func sum(list []int) int {
	total := 0
	for _, n := range list {
		total += n
	}
	return total
}
