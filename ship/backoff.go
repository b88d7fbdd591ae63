package ship

import (
	"cmp"
	"errors"
	"time"
)

// Backoff defaults: doubling with full jitter, as in "Exponential Backoff And
// Jitter" (AWS Architecture Blog, 2015), since hosts that lost the same store
// would otherwise come back at the same moment.
const (
	defaultBackoffBase   = 500 * time.Millisecond
	defaultBackoffCap    = time.Minute
	defaultRetryAfterCap = 15 * time.Minute
)

// Backoff says how long to wait after a failed attempt. It neither sleeps nor
// reads a clock. It is for one goroutine.
type Backoff struct {
	Base          time.Duration // upper bound of the first wait; 0 is 500 ms
	Cap           time.Duration // upper bound of a wait of our own; 0 is 1 min
	RetryAfterCap time.Duration // upper bound of what a store may ask for; 0 is 15 min
	// Rand returns a number in [0, n) for n > 0, as Int64N of math/rand/v2.
	Rand func(n int64) int64

	bound time.Duration // of the last wait; 0 after Reset
}

// Next is the wait before the next attempt, after one that failed with err:
// between 0 and Base, doubled with each failure in a row, up to Cap. For an
// error that is Permanent the bound is Cap at once. A store's Retry-After is
// honoured up to RetryAfterCap, and the jitter comes on top.
func (b *Backoff) Next(err error) time.Duration {
	limit := cmp.Or(b.Cap, defaultBackoffCap)
	if b.bound == 0 {
		b.bound = cmp.Or(b.Base, defaultBackoffBase)
	} else if b.bound < limit {
		b.bound *= 2
	}
	b.bound = min(b.bound, limit)
	bound := b.bound
	if Permanent(err) {
		bound = limit
	}
	wait := time.Duration(b.Rand(int64(bound) + 1))
	if e, ok := errors.AsType[*Error](err); ok {
		wait += min(max(e.RetryAfter, 0), cmp.Or(b.RetryAfterCap, defaultRetryAfterCap))
	}
	return wait
}

// Reset begins again at Base; call it after a success.
func (b *Backoff) Reset() { b.bound = 0 }
