package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const damagedName = "ledger.damaged"

// ErrSound says that there is nothing to repair.
var ErrSound = errors.New("the ledger is sound; a torn end is cut by the next start")

// RepairReport says what [Repair] did.
type RepairReport struct {
	// Damaged are the faults found, a sentence a segment.
	Damaged []string
	// Moved are the paths under which the damaged segments are kept.
	Moved []string
	// Last is the number of the last good event, Sum its sum in hex. Events
	// after it are not in the new chain: the state is what it was at Last.
	Last uint64
	Sum  string
	// Lost counts the lines after the last good event. What they told of is
	// done again: batches that were sealed there ship a second time.
	Lost int
	// Segment begins the new chain; 0 where an earlier repair had begun it and
	// only its moving of files was finished.
	Segment int
}

// Repair begins a new chain after damage that [Open] and [Check] refuse: a new
// segment whose snapshot quotes the last good sum, with the fold up to the
// last good event. The damaged segments are moved into STATE/ledger.damaged;
// good ones stay where they are. The new segment is on the disk before the
// first one is moved, so a crash leaves a ledger that opens, and the next
// repair moves the rest.
//
// It needs the ledger for itself ([ErrLocked]); [ErrSound] says that there is
// nothing to do, and that nothing was done.
func Repair(dir string, now time.Time) (*RepairReport, error) {
	if _, err := os.Stat(filepath.Join(dir, dirName)); err != nil {
		return nil, fmt.Errorf("ledger directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	s, err := survey(filepath.Join(dir, dirName))
	if err != nil {
		return nil, err
	}
	if len(s.bad) == 0 && len(s.missing) == 0 {
		return nil, ErrSound
	}
	if s.good.state == nil {
		return nil, fmt.Errorf("no segment in %s begins with a readable snapshot: there is nothing to begin a new chain with", s.dir)
	}
	r := &RepairReport{Damaged: s.faults, Last: s.good.at.n, Sum: hex.EncodeToString(s.good.at.sum[:]), Lost: s.lost}
	if !leftOut(s.dir, s.list).has(s.bad, s.missing) {
		if s.torn != nil {
			// Once it is not the last segment any more, no start would cut it.
			if _, err := cutTorn(s.torn.Path, s.torn.Offset, filepath.Join(dir, tornName)); err != nil {
				return nil, err
			}
		}
		r.Segment = s.list[len(s.list)-1] + 1
		if err := s.begin(r.Segment, now); err != nil {
			return nil, err
		}
	}
	r.Moved, err = moveAside(s.dir, filepath.Join(dir, damagedName), s.bad)
	return r, err
}

// damage is what a look at all segments found.
type damage struct {
	dir     string
	list    []int // all segments that are there
	bad     []int // of these, the ones that are not good
	missing []int
	faults  []string
	good    folded // of the newest segment that begins with a good snapshot
	lost    int
	torn    *CorruptionError // the last segment's end, where a crash left it so
}

// survey looks at each segment alone, from its own snapshot on, and at how
// they follow each other.
func survey(dir string) (*damage, error) {
	list, err := segments(dir)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no ledger in %s", dir)
	}
	s := &damage{dir: dir, list: list}
	known := leftOut(dir, list)
	var before link // of the segment before, where it is good
	next := 1
	for i, n := range list {
		for ; next < n; next++ {
			before = link{}
			if !known[next] {
				s.missing = append(s.missing, next)
				s.faults = append(s.faults, fmt.Sprintf("segment %d is missing", next))
			}
		}
		next = n + 1
		one, err := foldSegment(segmentPath(dir, n))
		var bad *CorruptionError
		if err != nil && !errors.As(err, &bad) {
			return nil, err
		}
		last := i == len(list)-1
		if err == nil && before.known && !follows(segmentPath(dir, n), before) {
			// The one before ended early: its last lines are gone.
			s.blame(list[i-1], fmt.Errorf("segment %d does not follow on segment %d", n, list[i-1]))
		}
		before = link{}
		switch {
		case err == nil:
			before = one.at
		case bad.Torn && last:
			s.torn = bad
		default:
			s.blame(n, fmt.Errorf("segment %d is damaged at byte %d: %w", n, bad.Offset, bad.Err))
		}
		if one.state != nil {
			s.good, s.lost = one, 0
		}
		if err != nil {
			lost, err := linesFrom(segmentPath(dir, n), one.size)
			if err != nil {
				return nil, err
			}
			s.lost += lost
		}
	}
	return s, nil
}

func (s *damage) blame(n int, why error) {
	s.bad = append(s.bad, n)
	s.faults = append(s.faults, why.Error())
}

// follows tells whether the segment at path begins where at stands.
func follows(path string, at link) bool {
	e := snapshotOf(path)
	return e != nil && e.N == at.n+1 && e.Snapshot.Prev == hex.EncodeToString(at.sum[:])
}

// snapshotOf reads the first event of a segment, nil where it is damaged.
func snapshotOf(path string) *Event {
	var first *Event
	var at link
	enough := errors.New("enough")
	_ = scanSegment(path, &at, func(e *Event, _ string, _ int64) error {
		first = e
		return enough
	})
	return first
}

// linesFrom counts the lines of a file from a byte on.
func linesFrom(path string, offset int64) (int, error) {
	p, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("ledger segment: %w", err)
	}
	rest := string(p[offset:])
	n := strings.Count(rest, "\n")
	if rest != "" && !strings.HasSuffix(rest, "\n") {
		n++
	}
	return n, nil
}

// begin writes the first segment of the new chain.
func (s *damage) begin(n int, now time.Time) error {
	out := numbers{}
	for i := 1; i < n; i++ {
		if !slices.Contains(s.list, i) || slices.Contains(s.bad, i) {
			out[i] = true
		}
	}
	at := s.good.at
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(s.good.state.LastAt) {
		now = s.good.state.LastAt
	}
	e := Event{
		N: at.n + 1, Group: at.group + b2u(at.end), End: true, At: now, Kind: KindSnapshot,
		Snapshot: &Snapshot{
			Prev: hex.EncodeToString(at.sum[:]), State: s.good.state,
			Repair: &Repaired{Segments: out.sorted(), Why: strings.Join(s.faults, "; ")},
		},
	}
	line, _, err := appendLine(nil, at.sum, &e)
	if err != nil {
		return err
	}
	if err := writeFileSync(segmentPath(s.dir, n), line); err != nil {
		return fmt.Errorf("ledger segment: %w", err)
	}
	return nil
}

// moveAside moves segments out of dir and returns where they are now.
func moveAside(dir, aside string, list []int) ([]string, error) {
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return nil, fmt.Errorf("damaged segments: %w", err)
	}
	var moved []string
	for _, n := range list {
		to := segmentPath(aside, n)
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return moved, fmt.Errorf("damaged segment: %s is there already", to)
		}
		if err := os.Rename(segmentPath(dir, n), to); err != nil {
			return moved, fmt.Errorf("damaged segment: %w", err)
		}
		moved = append(moved, to)
	}
	return moved, errors.Join(syncDir(aside), syncDir(dir))
}

// numbers is a set of segments.
type numbers map[int]bool

// leftOut collects what the repairs of the segments in list left out.
func leftOut(dir string, list []int) numbers {
	out := numbers{}
	for _, n := range list {
		if e := snapshotOf(segmentPath(dir, n)); e != nil && e.Snapshot.Repair != nil {
			for _, i := range e.Snapshot.Repair.Segments {
				out[i] = true
			}
		}
	}
	return out
}

func (s numbers) has(lists ...[]int) bool {
	for _, n := range slices.Concat(lists...) {
		if !s[n] {
			return false
		}
	}
	return true
}

func (s numbers) covers(g gap) bool {
	for n := g.from; n <= g.to; n++ {
		if !s[n] {
			return false
		}
	}
	return true
}

func (s numbers) sorted() []int {
	list := make([]int, 0, len(s))
	for n := range s {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}
