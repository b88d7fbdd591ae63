package ledger

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// CorruptionError says where a ledger is not what was written.
type CorruptionError struct {
	Path   string
	Offset int64 // of the first wrong line
	// Torn: only the last group is wrong, as a crash leaves it. The next start
	// cuts it.
	Torn bool
	Err  error
}

func (e *CorruptionError) Error() string {
	what := "damaged"
	if e.Torn {
		what = "torn"
	}
	return fmt.Sprintf("ledger %s at %s byte %d: %v", what, e.Path, e.Offset, e.Err)
}

func (e *CorruptionError) Unwrap() error { return e.Err }

const segmentExt = ".jsonl"

var errSnapshotPlace = errors.New("a segment begins with a snapshot and holds no other")

func segmentPath(dir string, n int) string {
	return filepath.Join(dir, fmt.Sprintf("%06d%s", n, segmentExt))
}

// segments lists the numbers of the segments in dir, ascending.
func segments(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("ledger directory: %w", err)
	}
	var list []int
	for _, e := range entries { // sorted by name, and so by number
		name, _ := strings.CutSuffix(e.Name(), segmentExt)
		if n, err := strconv.Atoi(name); err == nil && n > 0 && segmentPath("", n) == e.Name() {
			list = append(list, n)
		}
	}
	return list, nil
}

// link is where a chain stands.
type link struct {
	sum   chainSum
	n     uint64 // of the last event
	group uint64
	end   bool // the last event ended its group
	known bool // false: take sum and n from the first line, a snapshot
}

// next checks that e follows, and moves on.
func (l *link) next(body []byte, sum chainSum, e *Event) error {
	if !l.known {
		if e.Snapshot == nil {
			return errors.New("segment does not begin with a snapshot")
		}
		prev, err := hex.DecodeString(e.Snapshot.Prev)
		if err != nil || len(prev) != 0 && len(prev) != len(l.sum) || (len(prev) == 0) != (e.N == 1) {
			return errors.New("snapshot with a malformed sum")
		}
		*l = link{n: e.N - 1, group: e.Group - 1, end: true, known: true}
		copy(l.sum[:], prev)
	} else if e.Snapshot != nil && e.Snapshot.Prev != hex.EncodeToString(l.sum[:]) {
		return errors.New("snapshot that quotes another sum")
	}
	if chain(l.sum, body) != sum {
		return errors.New("the sum does not fit")
	}
	if e.N != l.n+1 {
		return fmt.Errorf("event %d after event %d", e.N, l.n)
	}
	if want := l.group + b2u(l.end); e.Group != want {
		return fmt.Errorf("event %d of group %d, want %d", e.N, e.Group, want)
	}
	l.sum, l.n, l.group, l.end = sum, e.N, e.Group, e.End
	return nil
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// scanSegment calls fn for every event that follows at, in order, with the
// offset after its line. It returns a *CorruptionError for the first line that
// does not follow; an error of fn is wrapped in one, too.
func scanSegment(path string, at *link, fn func(e *Event, sum string, after int64) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("ledger segment: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	var offset int64
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			if offset == 0 { // a segment has its name only when its snapshot is in it
				return &CorruptionError{Path: path, Err: errSnapshotPlace}
			}
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("ledger segment %s: %w", path, err)
		}
		body, sum, e, perr := parseLine(line)
		if perr == nil {
			perr = at.next(body, sum, e)
		}
		if perr != nil {
			return &CorruptionError{Path: path, Offset: offset, Torn: offset > 0 && torn(line, err, r, at), Err: perr}
		}
		after := offset + int64(len(line))
		if err := fn(e, hex.EncodeToString(sum[:]), after); err != nil {
			return &CorruptionError{Path: path, Offset: offset, Err: err}
		}
		offset = after
	}
}

// torn tells whether what follows a wrong line can be the rest of one group:
// a group begins only after the one before it was synced, so a readable event
// of a later group proves that the wrong line was once on the disk.
// The first line of a segment is synced before it gets its name: it is never
// torn.
func torn(line []byte, err error, rest *bufio.Reader, at *link) bool {
	group := at.group + b2u(at.end)
	for {
		if holdsLater(line, group) {
			return false
		}
		if err != nil { // the end, even if a daemon has written more since
			return true
		}
		line, err = rest.ReadBytes('\n')
	}
}

// holdsLater tells whether a readable event of a group after group ends line.
// It may begin in the middle, where a damaged newline stands before it.
func holdsLater(line []byte, group uint64) bool {
	for from := 0; from < len(line); {
		if _, _, e, err := parseLine(line[from:]); err == nil && e.Group > group {
			return true
		}
		next := bytes.Index(line[from+1:], []byte(lineIntro))
		if next < 0 {
			return false
		}
		from += 1 + next
	}
	return false
}

// cutTorn moves what stands from offset on to tornPath and makes the segment
// end there. A crash between the two leaves a copy in tornPath and the segment
// as it was: the next start does it again.
func cutTorn(path string, offset int64, tornPath string) (int64, error) {
	p, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("torn ledger segment: %w", err)
	}
	rest := p[offset:]
	t, err := os.OpenFile(tornPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("torn ledger segment: %w", err)
	}
	_, err = t.Write(append(bytes.TrimRight(rest, "\n"), '\n'))
	if err = errors.Join(err, t.Sync(), t.Close()); err != nil {
		return 0, fmt.Errorf("torn ledger segment: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("torn ledger segment: %w", err)
	}
	if err := errors.Join(f.Truncate(offset), f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("torn ledger segment: %w", err)
	}
	return int64(len(rest)), nil
}
