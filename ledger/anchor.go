package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// LedgerClass is the class under which closed segments of the ledger itself are
// in the store. No log is of it, and no batch.
const LedgerClass = "ledger"

// Anchor says that a closed segment of this ledger is in the store, byte for
// byte, and how that is known. The object's metadata has Sum, too: it stands
// for all events of the segment and those before.
type Anchor struct {
	Segment int       `json:"segment"`
	Key     string    `json:"key"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`   // bytes
	Events  int64     `json:"events"` // of the segment, its snapshot among them
	Last    uint64    `json:"last"`   // the number of its last event
	Sum     string    `json:"last_sum"`
	Until   time.Time `json:"until"` // of its last event
	// How and Verified are as in [Ship].
	How      string `json:"how"`
	Verified string `json:"verified"`
}

func (s *State) applyAnchor(a *Anchor) error {
	if a.Segment <= s.Anchored || a.Events < 1 || a.Sum == "" {
		return fmt.Errorf("segment %d, of %d events, after segment %d", a.Segment, a.Events, s.Anchored)
	}
	s.Anchored = a.Segment
	return nil
}

// Closed is a segment that nothing is appended to any more.
type Closed struct {
	Number int
	Path   string
	Size   int64
	SHA256 [32]byte
	Events int64
	Last   uint64 // the number of its last event
	Sum    string // the chain's, of its last event, in hex
	// First and Until are the times of its first event and of its last one.
	First, Until time.Time
}

// NextClosed describes the first closed segment after number after of the
// ledger of the state directory dir, and verifies its chain; found is false
// when there is none. A daemon may be writing the last segment meanwhile. A
// [CorruptionError] says that the segment is not what was written.
func NextClosed(dir string, after int) (c Closed, found bool, err error) {
	dir = filepath.Join(dir, dirName)
	list, err := segments(dir)
	if err != nil {
		return c, false, err
	}
	for _, n := range list[:max(len(list)-1, 0)] {
		if n <= after {
			continue
		}
		c = Closed{Number: n, Path: segmentPath(dir, n)}
		err := c.read()
		return c, err == nil, err
	}
	return c, false, nil
}

// read verifies the segment and sums its bytes.
func (c *Closed) read() error {
	var at link
	err := scanSegment(c.Path, &at, func(e *Event, sum string, after int64) error {
		if (e.Snapshot != nil) != (c.Events == 0) {
			return errSnapshotPlace
		}
		if c.Events == 0 {
			c.First = e.At
		}
		c.Events++
		c.Last, c.Sum, c.Until, c.Size = e.N, sum, e.At, after
		return nil
	})
	if err != nil {
		return err
	}
	f, err := os.Open(c.Path)
	if err != nil {
		return fmt.Errorf("ledger segment: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if n, err := io.Copy(h, io.LimitReader(f, c.Size)); err != nil || n != c.Size {
		return fmt.Errorf("ledger segment %s: %d of %d bytes: %w", c.Path, n, c.Size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	h.Sum(c.SHA256[:0])
	return nil
}

// Anchor is the event that says that the segment is in the store under a key.
func (c *Closed) Anchor(key, how, verified string) *Anchor {
	return &Anchor{
		Segment: c.Number, Key: key, SHA256: hex.EncodeToString(c.SHA256[:]), Size: c.Size, Events: c.Events,
		Last: c.Last, Sum: c.Sum, Until: c.Until, How: how, Verified: verified,
	}
}
