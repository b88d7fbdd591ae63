package ship

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// ratePiece is how many bytes are let through at once; at low rates they make
// bursts of no more than this.
const ratePiece = 32 << 10

// Rate limits how many bytes a second all bodies together are read at. It
// saves up nothing while idle.
type Rate struct {
	perByte float64 // nanoseconds

	mu   sync.Mutex
	free time.Time // when the bytes let through so far are paid for
}

// NewRate makes a limit of bytesPerSecond, which must be above 0.
func NewRate(bytesPerSecond int64) *Rate {
	return &Rate{perByte: float64(time.Second) / float64(max(bytesPerSecond, 1))}
}

// take books n bytes and returns how long to wait before them.
func (r *Rate) take(n int, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free.Before(now) {
		r.free = now
	}
	wait := r.free.Sub(now)
	r.free = r.free.Add(time.Duration(float64(n) * r.perByte))
	return wait
}

// pace is body at the limit's rate, and how long its reads were made to wait
// so far.
func (r *Rate) pace(ctx context.Context, body io.ReaderAt) (io.ReaderAt, func() time.Duration) {
	var waited atomic.Int64
	read := readerAtFunc(func(p []byte, at int64) (n int, err error) {
		for n < len(p) && err == nil {
			piece := p[n:min(len(p), n+ratePiece)]
			wait := r.take(len(piece), time.Now())
			waited.Add(int64(wait)) // first, so that a deadline in the meantime knows
			if err := sleep(ctx, wait); err != nil {
				return n, err
			}
			var m int
			m, err = body.ReadAt(piece, at+int64(n))
			n += m
		}
		return n, err
	})
	return read, func() time.Duration { return time.Duration(waited.Load()) }
}

// readerAtFunc is a function as an io.ReaderAt.
type readerAtFunc func(p []byte, at int64) (int, error)

func (r readerAtFunc) ReadAt(p []byte, at int64) (int, error) { return r(p, at) }
