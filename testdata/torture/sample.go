package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// sampler measures what lies on the disks, and holds the writers back when it
// is too much.
type sampler struct {
	mu                  sync.Mutex
	spool, logs         int64 // bytes now
	spoolPeak, logsPeak int64
	resident            []int64       // KiB of swab, a sample a second
	held                time.Duration // how long the writers had to wait
	stop                context.CancelFunc
	done                chan struct{}
}

const sampleEvery = 250 * time.Millisecond

func (r *run) sample(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	s := &sampler{stop: stop, done: make(chan struct{})}
	r.sampler = s
	go func() {
		defer close(s.done)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			s.look(r)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
}

// look measures once. Writers that reached the backlog wait until half of it
// is gone.
func (s *sampler) look(r *run) {
	spool, logs := used(filepath.Join(r.state, "spool")), used(filepath.Join(r.dir, logsDir))
	s.mu.Lock()
	s.spool, s.logs = spool, logs
	s.spoolPeak, s.logsPeak = max(s.spoolPeak, spool), max(s.logsPeak, logs)
	if r.writers.paused && !r.writers.ended() {
		s.held += sampleEvery
	}
	s.mu.Unlock()
	switch {
	case logs > r.o.Backlog:
		r.writers.hold(true)
	case logs < r.o.Backlog/2:
		r.writers.hold(false)
	}
}

// end stops sampling and returns when it has.
func (s *sampler) end() {
	s.stop()
	<-s.done
}

// show prints one line of how it goes, every ten seconds.
func (s *sampler) show(r *run) {
	gone := time.Since(r.began)
	s.resident = append(s.resident, r.swab.resident.Load())
	if int(gone.Seconds())%10 != 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(r.out, "%6.0f s  %s lines written, %d kills, logs %d MiB, spool %d MiB, memory %d MiB\n",
		gone.Seconds(), grouped(r.writers.lines.Load()), r.f.Kills, s.logs>>20, s.spool>>20, r.swab.resident.Load()>>10)
}
