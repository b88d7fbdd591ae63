// Package verify reads a store back and proves from it what swab promised: each
// object holds the bytes that were sealed, the numbers of each host and class
// have no gap and no double, and no address is left. With a ledger it compares
// the two, and [Anchors] asks the store no more than what vouches for a ledger.
// It changes nothing, and needs to list and to read alone.
//
// What is wrong is told by key, line and column, never by what stands there.
package verify

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"swab/ship"
)

// Store is what is read: it lists and gives, and is asked for nothing else.
type Store interface {
	ship.Lister
	ship.Getter
}

// Options say what to verify. The zero value verifies all that lies in the root
// of the store.
type Options struct {
	// To is the store as --to names it, to be compared with what the ledger says;
	// empty is not.
	To string
	// Prefix is that of the keys, without slashes at its ends.
	Prefix string
	// Classes are those to verify, none for all.
	Classes []string
	// Since and Until bound the days (UTC, at midnight) of the keys, both days
	// included; zero does not.
	Since, Until time.Time
	// Sample looks for addresses in one line of so many, 1 in every line, 0 in
	// none. All else is verified of every object.
	Sample int
	// Hosts are the names of hosts that should have objects.
	Hosts []string
	// State is the state directory whose ledger is compared, empty for none.
	State string
	// Workers is how many objects are read side by side, 0 for one a processor.
	Workers int
	// Progress is told now and then how far it has come, by one goroutine at a
	// time; nil for nobody.
	Progress func(Progress)
	// Now is what the age of objects is measured by; zero is the clock's.
	Now time.Time
}

// Progress is how far a run has come.
type Progress struct {
	Objects int64
	Stored  int64 // bytes read from the store
	Text    int64 // bytes of what they decompress to
	Lines   int64
}

// progressEvery is how often Progress is called.
const progressEvery = 100 * time.Millisecond

// Run reads the store back. What is wrong with it stands in the report; the
// error is for a store, or a ledger, that cannot be read.
func Run(ctx context.Context, store Store, o Options) (*Report, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	r := newRun(store, o)
	r.getter, r.each = store, r.object
	if o.Sample > 1 {
		r.offset = rand.IntN(o.Sample)
	}
	if o.State != "" {
		var err error
		if r.book, err = openBook(o); err != nil {
			return nil, err
		}
	}
	if err := r.readAll(ctx); err != nil {
		return nil, err
	}
	r.judgeStreams()
	if r.book != nil {
		if err := r.book.finish(r.tally); err != nil {
			return nil, err
		}
	}
	if err := r.judgeHosts(); err != nil {
		return nil, err
	}
	r.judgeEmpty()
	r.notes()
	return r.tally.report(r.progress()), nil
}

// run is one verification on its way.
type run struct {
	lister ship.Lister
	getter ship.Getter // of Run
	header Header      // of Anchors
	each   func(ctx context.Context, j job, buf []byte) error
	o      Options
	book   *book // nil without a ledger
	offset int   // of the lines of a sample
	tally  *tally

	// Of the one goroutine that lists.
	streams map[streamID]*stream
	foreign int64
	example string // key of one foreign object
	others  int64  // objects of other state directories, which Anchors leaves alone

	objects, stored, text, lines atomic.Int64
	gone, archived               atomic.Int64
}

func newRun(lister ship.Lister, o Options) *run {
	return &run{lister: lister, o: o, tally: newTally(), streams: map[streamID]*stream{}}
}

// job is an object to read.
type job struct {
	key      string
	parts    ship.KeyParts
	modified time.Time // by the store, zero if it does not say
}

// readAll lists the store in one goroutine and reads its objects in others.
func (r *run) readAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.tell()()
	workers := r.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	jobs := make(chan job)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			buf := make([]byte, readBuffer)
			for j := range jobs {
				if ctx.Err() != nil {
					continue
				}
				if err := r.each(ctx, j, buf); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := r.list(ctx, func(j job) error {
		select {
		case jobs <- j:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(jobs)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// tell calls Progress until what it returns is called.
func (r *run) tell() (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				r.o.Progress(r.progress())
				return
			case <-tick.C:
				r.o.Progress(r.progress())
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (r *run) progress() Progress {
	return Progress{Objects: r.objects.Load(), Stored: r.stored.Load(), Text: r.text.Load(), Lines: r.lines.Load()}
}

// errPast ends a listing behind the last day.
var errPast = errors.New("past the last day")

// list gives every object of swab's to take, and notes what the keys tell.
func (r *run) list(ctx context.Context, take func(job) error) error {
	for _, part := range r.parts() {
		after := part.after
		err := r.patiently(ctx, func(ctx context.Context) error {
			return r.lister.List(ctx, part.prefix, after, func(o ship.Listed) error {
				after = o.Key
				if part.last != "" && o.Key > part.last {
					return errPast
				}
				j, ok := r.mine(o.Key)
				if !ok {
					return nil
				}
				j.modified = o.Modified
				if r.header != nil && !r.book.has(streamNode{j.parts.Host, j.parts.Node}, j.parts.Class, j.parts.Number) {
					r.others++
					return nil
				}
				r.number(j)
				return take(j)
			})
		})
		if err != nil && !errors.Is(err, errPast) {
			return err
		}
	}
	return nil
}

// part is a part of the store to list: keys with the prefix, from behind after
// to last, if there is one.
type part struct{ prefix, after, last string }

// parts are what to list: all beneath the prefix, or the classes asked for,
// and of these no more than the days asked for.
func (r *run) parts() []part {
	base := r.base()
	if len(r.o.Classes) == 0 {
		return []part{{prefix: base}}
	}
	var list []part
	for _, class := range r.o.Classes {
		p := part{prefix: base + "class=" + class + "/"}
		if !r.o.Since.IsZero() {
			p.after = p.prefix + "dt=" + r.o.Since.Format(time.DateOnly)
		}
		if !r.o.Until.IsZero() {
			p.last = p.prefix + "dt=" + r.o.Until.Format(time.DateOnly) + "/~"
		}
		list = append(list, p)
	}
	return list
}

// base is what every key begins with.
func (r *run) base() string {
	if r.o.Prefix == "" {
		return ""
	}
	return r.o.Prefix + "/"
}

// mine tells whether a key is of an object to verify.
func (r *run) mine(key string) (job, bool) {
	k, err := ship.ParseKey(key)
	switch {
	case key == r.base()+"_swab/probe": // put when swab meets a store
		return job{}, false
	case err != nil || k.Prefix != r.o.Prefix:
		if r.foreign++; r.foreign == 1 {
			r.example = key
		}
		return job{}, false
	}
	return job{key: key, parts: k}, inDays(k.Hour, r.o)
}

// inDays tells whether the hour of a key lies in the days to verify.
func inDays(hour time.Time, o Options) bool {
	return !hour.Before(o.Since) && (o.Until.IsZero() || hour.Before(o.Until.AddDate(0, 0, 1)))
}

// mostTries is how often a request is made at most; with the waits between, a
// store that does not answer is given up after about a minute.
const mostTries = 8

// patiently makes tries until one succeeds, or fails for good.
func (r *run) patiently(ctx context.Context, try func(ctx context.Context) error) error {
	wait := ship.Backoff{Rand: rand.Int64N}
	for n := 1; ; n++ {
		err := try(ctx)
		var refused *ship.Error
		if err == nil || !errors.As(err, &refused) || refused.Permanent() || errors.Is(err, ship.ErrNotFound) || n == mostTries {
			return err
		}
		timer := time.NewTimer(wait.Next(err))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// wanted tells whether a class is to be verified.
func wanted(class string, o Options) bool {
	return len(o.Classes) == 0 || slices.Contains(o.Classes, class)
}
