package ship

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// most and least are the ends of full jitter.
func most(n int64) int64 { return n - 1 }
func least(int64) int64  { return 0 }

func TestBackoffDoublesItsBoundUpToTheCap(t *testing.T) {
	b := Backoff{Rand: most}
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
	for i, w := range want {
		if got := b.Next(errors.New("down")); got != w {
			t.Errorf("wait %d: %v, want %v", i+1, got, w)
		}
	}
	for range 10_000 { // an outage of a week
		if got := b.Next(nil); got != time.Minute {
			t.Fatalf("%v after a long outage, want 1m0s", got)
		}
	}
	b.Reset()
	if got := b.Next(nil); got != want[0] {
		t.Errorf("after Reset: %v, want %v", got, want[0])
	}
}

func TestBackoffTakesJitterInFull(t *testing.T) {
	b := Backoff{Rand: least}
	for range 5 {
		if got := b.Next(nil); got != 0 {
			t.Errorf("%v at the low end of the jitter, want 0", got)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	c := Backoff{Base: time.Minute, Cap: time.Minute, Rand: rng.Int64N}
	low, high := 0, 0
	for range 1000 {
		got := c.Next(nil)
		if got < 0 || got > time.Minute {
			t.Fatalf("%v is outside of [0, 1m]", got)
		}
		if got < 15*time.Second {
			low++
		}
		if got > 45*time.Second {
			high++
		}
	}
	if low < 150 || high < 150 {
		t.Errorf("%d of 1000 in the first quarter, %d in the last", low, high)
	}
}

func TestBackoffHonoursRetryAfterUpToItsCap(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		7 * time.Second: 7 * time.Second, 24 * time.Hour: 15 * time.Minute, 0: 0, -time.Hour: 0,
	} {
		b := Backoff{Rand: least}
		if got := b.Next(&Error{Code: "SlowDown", RetryAfter: asked}); got != want {
			t.Errorf("asked for %v: %v, want %v", asked, got, want)
		}
		b = Backoff{Rand: most}
		if got := b.Next(&Error{Code: "SlowDown", RetryAfter: asked}); got != want+500*time.Millisecond {
			t.Errorf("asked for %v: %v, want the jitter on top of %v", asked, got, want)
		}
	}
}

func TestBackoffIsSlowAtOnceForPermanentErrors(t *testing.T) {
	b := Backoff{Rand: most}
	if got := b.Next(&Error{Code: CodeNoSuchBucket}); got != time.Minute {
		t.Errorf("%v, want 1m0s", got)
	}
	if got := b.Next(&Error{Code: "SlowDown"}); got != time.Second {
		t.Errorf("%v after it, want the second bound, 1s", got)
	}
}
