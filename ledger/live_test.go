package ledger

import "testing"

// A check beside a daemon that writes sees a prefix of the ledger, and never
// takes what is half written for damage.
func TestCheckBesideAWriterRaisesNoAlarm(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 20 << 10})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	// The writer has an end, since a check takes the longer the more it wrote.
	const appends = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range int64(appends) {
			size := 3 * i
			if err := l.Append(seenEvent(1, size, 0), seenEvent(1, size+1, 0), seenEvent(1, size+2, 0)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	events := uint64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		r, err := Check(dir)
		if err != nil || len(r.Problems) > 0 || !r.Live || r.Events < events {
			t.Errorf("after %d events: %v, %+v", events, err, r)
			break
		}
		events = r.Events
	}
	<-done
}
