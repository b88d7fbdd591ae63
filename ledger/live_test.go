package ledger

import (
	"sync"
	"testing"
)

// A check beside a daemon that writes sees a prefix of the ledger, and never
// takes what is half written for damage.
func TestCheckBesideAWriterRaisesNoAlarm(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 20 << 10})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for size := int64(1); ; size += 3 {
			select {
			case <-stop:
				return
			default:
			}
			if err := l.Append(seenEvent(1, size, 0), seenEvent(1, size+1, 0), seenEvent(1, size+2, 0)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	events := uint64(0)
	for range 100 {
		r, err := Check(dir)
		if err != nil || len(r.Problems) > 0 || !r.Live || r.Events < events {
			t.Errorf("after %d events: %v, %+v", events, err, r)
			break
		}
		events = r.Events
	}
	close(stop)
	writer.Wait()
}
