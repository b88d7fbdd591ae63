package swab

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheSameTroubleIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		n := 0
		log := func(string, ...any) { n++ }
		for range 5 {
			told.say(log, "store", "down", "tries", n, "error", errors.New("503"))
		}
		if n != 1 {
			t.Errorf("said %d times at once, want once", n)
		}
		told.say(log, "store", "down", "error", errors.New("403"))
		if n != 2 {
			t.Error("another error was not told")
		}
		<-time.After(sayAgain) // the bubble's time
		told.say(log, "store", "down", "error", errors.New("403"))
		if n != 3 {
			t.Error("it was not told again after a minute")
		}
		told.over("store")
		told.say(log, "store", "down", "error", errors.New("403"))
		if n != 4 {
			t.Error("it came again after it was over, and was not told")
		}
	})
}

// Invariant 8: what is remembered of troubles is bounded, and goes with time.
func TestInvariant8ToldTroublesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		n := 0
		log := func(string, ...any) { n++ }
		for i := range 10 * maxSaid {
			told.say(log, fmt.Sprint("finish/", i), "left where it is")
		}
		if n != maxSaid || len(told.said) != maxSaid {
			t.Errorf("%d said, %d remembered, want %d", n, len(told.said), maxSaid)
		}
		<-time.After(sayAgain)
		told.say(log, "another", "left where it is")
		if n != maxSaid+1 || len(told.said) != 1 {
			t.Errorf("%d said, %d remembered a minute later", n, len(told.said))
		}
	})
}
