package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// torture lets acts happen until the time is over, then ends all faults.
func (r *run) torture(ctx context.Context) error {
	acts := r.ready()
	end := time.Now().Add(r.o.For)
	r.draw()
	next := r.next(acts, end)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Now().Before(end) && ctx.Err() == nil {
		until := min(time.Until(next), time.Until(end))
		if len(r.pending) > 0 {
			until = min(until, time.Until(r.pending[0].at))
		}
		timer := time.NewTimer(until)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-tick.C:
			r.sampler.show(r)
		case <-r.swab.done:
			if err := r.died(ctx); err != nil {
				return err
			}
		case <-r.writers.done:
			return fmt.Errorf("the writers ended: %w", r.writers.err)
		}
		timer.Stop()
		if err := r.endDue(time.Now()); err != nil {
			return err
		}
		if time.Now().Before(next) || !time.Now().Before(end) {
			continue
		}
		if err := r.happen(ctx, acts); err != nil {
			return err
		}
		r.draw()
		next = r.next(acts, end)
	}
	return r.endDue(time.Now().Add(1000 * time.Hour))
}

// ready are the acts that can be done here, and notes why others can not.
func (r *run) ready() []act {
	var acts []act
	for _, a := range allActs() {
		if !slices.Contains(r.o.Acts, a.name) {
			continue
		}
		if a.lack != nil {
			why := a.lack(r)
			if why != "" && !slices.Contains(strings.Split(r.o.Asked, ","), a.name) && strings.HasPrefix(why, otherStore) {
				continue // nobody thought otherwise
			}
			if why != "" {
				r.lacking = append(r.lacking, a.name+": "+why)
				continue
			}
		}
		if a.weight > 0 {
			acts = append(acts, a)
		}
	}
	return acts
}

// draw begins the choices of the next act: its row of random numbers depends on
// the seed and on its number alone, not on what the acts before it met.
func (r *run) draw() {
	r.turn++
	r.rng = rand.New(rand.NewPCG(r.o.Seed, 1000+r.turn))
}

func (r *run) next(acts []act, end time.Time) time.Time {
	if len(acts) == 0 {
		return end
	}
	return time.Now().Add(10*time.Millisecond + time.Duration(min(r.rng.ExpFloat64(), 6)*float64(r.o.Every)))
}

// happen does one act; one that still lasts is left out.
func (r *run) happen(ctx context.Context, acts []act) error {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	at := r.rng.IntN(total)
	for _, a := range acts {
		if at -= a.weight; at >= 0 {
			continue
		}
		if r.active[a.name] || r.swab.ended() {
			return nil
		}
		r.note("%s", a.name)
		if err := a.do(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		return nil
	}
	return nil
}

// endDue ends the acts whose time is over.
func (r *run) endDue(now time.Time) error {
	for len(r.pending) > 0 && !r.pending[0].at.After(now) {
		e := r.pending[0]
		r.pending = r.pending[1:]
		if err := e.do(); err != nil {
			return fmt.Errorf("the end of %s: %w", e.name, err)
		}
		delete(r.active, e.name)
		r.note("%s is over", e.name)
		if slices.ContainsFunc(allActs(), func(a act) bool { return a.disk && a.name == e.name }) {
			r.trouble = time.Now()
		}
	}
	return nil
}

// died starts swab again after it ended by itself, which it may only when a
// disk failed it.
func (r *run) died(ctx context.Context) error {
	r.ended("itself")
	if wrong := r.unsaid(); wrong != "" {
		r.wrong("%s", wrong)
	} else if r.troubled() {
		r.note("swab ended while a disk failed it: %s", r.swab.fate())
	} else if !r.swab.asked.Load() {
		r.wrong("swab ended by itself: %s: %s", r.swab.fate(), r.lastWord())
	}
	pause(ctx, 300*time.Millisecond)
	return r.start()
}

// lastWord is the last line that swab said.
func (r *run) lastWord() string {
	f, err := os.Open(filepath.Join(r.dir, swabLog))
	if err != nil {
		return ""
	}
	defer f.Close()
	p := make([]byte, 2000)
	size, _ := f.Seek(0, 2)
	n, _ := f.ReadAt(p, max(0, size-int64(len(p))))
	lines := strings.Split(strings.TrimSpace(string(p[:n])), "\n")
	return lines[len(lines)-1]
}

// settle lets swab read and ship everything, with all faults over: SIGTERM to
// the one that runs, then run --once, twice, since what was renamed away during
// the first is finished by the second.
func (r *run) settle(ctx context.Context) error {
	deadline := time.Now().Add(r.o.Drain)
	if r.proxy != nil {
		r.proxy.heal()
	}
	r.swab.asked.Store(true)
	if err := r.swab.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !r.swab.wait(shutdown + time.Minute) {
		r.wrong("at the end: still there %s after SIGTERM", shutdown+time.Minute)
		r.swab.kill()
	}
	r.ended("term")
	for good := 0; good < 2; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p, err := startProcess(r.binary, filepath.Join(r.dir, swabLog), r.env, slices.Concat(r.args, []string{"--once"}))
		if err != nil {
			return err
		}
		r.swab = p
		ended := p.wait(time.Until(deadline))
		p.kill()
		r.ended("once")
		switch {
		case !ended:
			r.wrong("run --once had not read and shipped everything after %s", r.o.Drain)
			return nil
		case p.err == nil:
			good++
		case time.Now().After(deadline):
			r.wrong("run --once: %s: %s", p.fate(), r.lastWord())
			return nil
		default:
			r.note("run --once: %s", p.fate())
			pause(ctx, time.Second)
		}
	}
	return nil
}

// ledgerCheck is swab ledger check and the last line that it says.
func (r *run) ledgerCheck(ctx context.Context) (good bool, said string) {
	return r.ask(ctx, "ledger", "check", "--state", r.state)
}

// verify is swab verify, past the proxy, with the oracle on one line in a
// hundred: the harness looks for addresses in all of them.
func (r *run) verify(ctx context.Context) (good bool, said string) {
	args := []string{"verify", "--to", r.to, "--state", r.state, "--sample", "100"}
	if r.server != nil {
		args = append(args, "--endpoint-url", r.server.Endpoint, "--path-style")
	}
	return r.ask(ctx, args...)
}

// ask runs a command of swab that judges, and returns the last line that it
// says.
func (r *run) ask(ctx context.Context, args ...string) (good bool, said string) {
	cmd := exec.CommandContext(ctx, r.binary, args...)
	cmd.Env = r.env
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	said = lines[len(lines)-1]
	if err != nil {
		r.note("swab %s: %v\n%s", strings.Join(args, " "), err, out)
		return false, fmt.Sprintf("%v: %s", err, said)
	}
	return true, said
}
