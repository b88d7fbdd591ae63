package status

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"swab/ledger"
)

// fixed is a Source that always knows the same.
type fixed Snapshot

func (f fixed) Snapshot() Snapshot { return Snapshot(f) }

const day = 24 * time.Hour

var now = time.Date(2026, 11, 23, 18, 4, 2, 0, time.UTC)

// healthy is a daemon in which all is well.
func healthy() Snapshot {
	return Snapshot{
		Version: "1.2.3", Host: "media-7", Node: "k3f9", At: now, Started: now.Add(-(3*day + 4*time.Hour)),
		Store: "S3", StoreMet: true, Conditional: true, SpoolBytes: 96_000, SpoolLimit: 100_000_000_000,
		Classes: []Class{
			{
				Name: "api", Files: 12, OldestRaw: 4 * time.Second, Limit: 7 * day, LimitHeld: true, Backlog: 96_000,
				Account: ledger.Account{
					Written: 10_000, Unread: 300, SealedBytes: 200, ShippedBytes: 9470, Expired: 20, Lost: 10,
					Present: 500, Erased: 9460, Removed: 40, Lines: 41_200_100, LinesShipped: 41_200_000,
				},
				SealedBatches: 43, ShippedBatches: 42, LastShip: now.Add(-3 * time.Second), State: "ok",
			},
			{
				Name: "server", Files: 3, OldestRaw: 6*day + 23*time.Hour, Limit: 7 * day, LimitHeld: true,
				Account:       ledger.Account{Written: 70, ShippedBytes: 70, Present: 70, Lines: 2, LinesShipped: 2},
				SealedBatches: 1, ShippedBatches: 1, LastShip: now.Add(-8 * time.Second), State: "ok",
			},
			{Name: "audit", Limit: 7 * day, LimitHeld: true, State: "ok"},
		},
		Devices: []Device{{FS: "ext4", Note: "data=ordered", Reaches: true}},
	}
}

// badNight is a daemon in which much is wrong at once.
func badNight() Snapshot {
	s := healthy()
	s.StoreDownSince, s.StoreTries, s.StoreError, s.Conditional = now.Add(-2*time.Hour-2*time.Minute), 412, "503 Service Unavailable", false
	s.SpoolBytes, s.Refused, s.Uncovered = 39_000_000_000, 2, 3
	s.Problems = []Problem{
		{What: "media: 1.1 GB is 5 d 20 h old and not shipped", Do: "Free 12 GB for the spool or mend the store."},
		{What: "the clock and the store's Date disagree by 3 h", Do: "Mend the clock.", Red: true},
	}
	s.Classes[0].OldestRaw, s.Classes[0].Unerasable = 7*day+2*time.Hour, 1
	s.Classes[0].NearUnsealed, s.Classes[2].NearSealed = 1_100_000_000, 3_000
	s.Classes[1].LimitHeld = false
	s.Classes[2].OldestUnknown, s.Classes[2].Files = true, 1
	s.Classes[2].State = "store down, 412 tries; nothing is lost"
	s.Devices = append(s.Devices, Device{FS: "btrfs", Note: "copy on write"})
	return s
}

// errorLog collects what is logged.
type errorLog struct {
	mu   sync.Mutex
	said []error
}

func (l *errorLog) log(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, err)
}

func (l *errorLog) all() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said
}

// noErrors fails the test for anything logged.
func noErrors(t *testing.T) func(error) {
	return func(err error) { t.Errorf("logged: %v", err) }
}

// ask is the answer of a Handler over s.
func ask(t *testing.T, s Snapshot, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(fixed(s), noErrors(t)).ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return w
}
