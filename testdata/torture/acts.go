package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// act is something that happens to swab, to its disks or to its store.
type act struct {
	name   string
	weight int // how often, beside the others; 0: the proxy does it to requests
	// lack says why it cannot be done here, "" if it can.
	lack func(r *run) string
	do   func(ctx context.Context, r *run) error
	// scenario: not in the default set, since its outcome is not clean by
	// design, or since it leaves time for little else.
	scenario bool
	// disk: swab may end by itself while it lasts.
	disk bool
	says string
}

func allActs() []act {
	acts := []act{
		{name: "kill", weight: 10, do: kill, says: "kill -9, sometimes once more during the start that follows"},
		{name: "term", weight: 3, do: term, says: "SIGTERM, sometimes twice; it must end with status 0"},
		{name: "freeze", weight: 2, do: freeze, says: "SIGSTOP, and SIGCONT up to 3 s later"},
		{name: "second", weight: 1, do: second, says: "another swab on the same state directory: must be refused"},
		{name: "fullspool", weight: 2, lack: small, do: fullSpool, disk: true, says: "no free block on the spool's file system"},
		{name: "fullstate", weight: 2, lack: small, do: fullState, disk: true, says: "no free block on the ledger's file system"},
		{name: "rostate", weight: 1, lack: small, do: readOnlyState, disk: true, says: "the state's file system read-only at a start: must be refused"},
		{name: "rologs", weight: 1, lack: small, do: readOnlyLogs, disk: true, says: "the logs mounted read-only for swab, from a start on"},
		{name: "away", weight: 2, lack: only(storeDir), do: away, says: "the store directory is renamed away"},
		{name: "rostore", weight: 1, lack: readOnlyDir, do: readOnlyStore, says: "the store directory is mounted read-only"},
		{name: faultOutage, weight: 2, lack: only(storeS3), do: outage, says: "every connection to the store is closed"},
		{name: "clock", weight: 2, lack: noClock, do: clock, says: "swab's wall clock jumps, either way"},
		{name: "failsync", weight: 1, lack: noStrace, do: failSync, disk: true, says: "fsync and fdatasync fail"},
	}
	for name, says := range map[string]string{
		faultInternal: "500 InternalError", faultSlowDown: "503 SlowDown with Retry-After",
		faultTimeout: "no answer, then the connection is closed", faultCut: "the connection breaks in the middle of the body",
		faultLost: "stored, but the answer is lost", faultWrongSum: "stored, but the answer names another checksum",
		faultCorrupt: "a bit of the body turns over on its way",
	} {
		acts = append(acts, act{name: name, lack: only(storeS3), says: says})
	}
	return append(acts,
		act{name: "stopped", weight: 1, lack: only(storeS3), scenario: true, do: stopped, says: "the S3 server is killed, and started again after --outage"},
		act{name: "clone", weight: 1, scenario: true, do: clone, says: "a copy of the state directory runs beside its original"},
		act{name: "rollback", weight: 1, scenario: true, do: rollback, says: "the state directory as it was some seconds before"},
		act{name: "others", weight: 1, scenario: true, do: others, says: "a swab with a state directory of its own on the same files"},
	)
}

const otherStore = "wants --store "

func only(store string) func(*run) string {
	return func(r *run) string {
		if r.o.Store != store {
			return otherStore + store
		}
		return ""
	}
}

func small(r *run) string {
	if !r.mounts {
		return "wants root on Linux, to mount small file systems"
	}
	return ""
}

func readOnlyDir(r *run) string {
	if lack := only(storeDir)(r); lack != "" {
		return lack
	}
	return small(r)
}

// moment is a random time up to longest, short ones more often.
func (r *run) moment(longest time.Duration) time.Duration {
	x := r.rng.Float64()
	return time.Duration(x * x * float64(longest))
}

func kill(ctx context.Context, r *run) error {
	again := r.rng.IntN(3) == 0
	down, up := r.moment(500*time.Millisecond), r.moment(200*time.Millisecond)
	r.end()
	r.f.Kills++
	pause(ctx, down)
	if err := r.start(); err != nil || !again {
		return err
	}
	pause(ctx, up)
	if r.swab.ended() {
		return nil // the loop sees it
	}
	r.end()
	r.f.Kills++
	return r.start()
}

// shutdown is --shutdown-timeout of the runs.
const shutdown = 10 * time.Second

func term(ctx context.Context, r *run) error {
	twice, between := r.rng.IntN(4) == 0, r.moment(400*time.Millisecond)
	r.swab.asked.Store(true)
	if err := r.swab.signal(syscall.SIGTERM); err != nil {
		return err
	}
	r.f.Terms++
	if twice {
		r.swab.wait(between)
		if err := r.swab.signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	if !r.swab.wait(shutdown + 20*time.Second) {
		r.wrong("term: still there %s after SIGTERM", shutdown+20*time.Second)
		r.swab.kill()
	}
	if r.swab.err != nil && !twice && !r.troubled() {
		r.wrong("term: %s", r.swab.fate())
	}
	r.ended("term")
	return r.start()
}

func freeze(ctx context.Context, r *run) error {
	if err := r.swab.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	r.f.Freezes++
	pause(ctx, r.moment(3*time.Second))
	return r.swab.signal(syscall.SIGCONT)
}

// second starts another swab with the same flags, once the first has the lock.
func second(ctx context.Context, r *run) error {
	for deadline := time.Now().Add(5 * time.Second); !held(r.state); pause(ctx, 20*time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil || r.swab.ended() {
			return nil
		}
	}
	p, err := startProcess(r.binary, filepath.Join(r.dir, "second.log"), r.env, slices.Concat(r.args, []string{"--once"}))
	if err != nil {
		return err
	}
	r.f.Seconds++
	ended := p.wait(20 * time.Second)
	p.kill()
	if r.swab.ended() {
		return nil // it may have got the lock for good reason
	}
	if !ended || p.err == nil {
		r.wrong("second: another swab on the same state was not refused")
	}
	return nil
}

func outage(_ context.Context, r *run) error {
	r.proxy.outage(true)
	r.f.Outages++
	r.later(faultOutage, time.Second+r.moment(r.o.Outage), func() error { r.proxy.outage(false); return nil })
	return nil
}

// stopped is an outage of the server itself, as long as --outage to the second.
func stopped(_ context.Context, r *run) error {
	r.server.Stop()
	r.f.Outages++
	r.later("stopped", r.o.Outage, r.server.Again)
	return nil
}

func away(_ context.Context, r *run) error {
	dir := r.storeDir()
	if known, err := filepath.Glob(filepath.Join(dir, "class=*")); err != nil || len(known) == 0 {
		return err // a first start may make it anew, and then two are there
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		return err
	}
	r.f.Outages++
	r.later("away", time.Second+r.moment(r.o.Outage), func() error { return os.Rename(dir+".away", dir) })
	return nil
}

// kept tries until nothing is open for writing beneath dir at that moment.
func kept(ctx context.Context, dir string, bind bool) error {
	var err error
	for range 500 {
		if err = readOnly(dir, bind, true); err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, 2*time.Millisecond)
	}
	return fmt.Errorf("mount %s read-only: %w", filepath.Base(dir), err)
}

func readOnlyStore(ctx context.Context, r *run) error {
	mount := filepath.Join(r.dir, seenDisk)
	if err := kept(ctx, mount, true); err != nil {
		r.note("rostore: %v", err)
		return nil
	}
	r.f.Outages++
	r.later("rostore", time.Second+r.moment(r.o.Outage), func() error { return readOnly(mount, true, false) })
	return nil
}
