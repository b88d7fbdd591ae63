package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// JoinedClass is the class of the batches that [Joined] makes.
const JoinedClass = "joined"

// IsObject tells whether the batches of a class become objects. Those of the
// reserved classes hold ranges that go another way, and have no more in the
// spool than their sums; of [LedgerClass] there is no batch at all.
func IsObject(class string) bool {
	return class != ExpireClass && class != CopyClass && class != JoinedClass && class != PackedClass && class != LedgerClass
}

// Joined puts ranges of shipped batches, of one class and one key of the sums,
// under one batch: those that raw bytes are kept of for a while. Neighbours in
// a file become one range there, as old as the oldest. The fold keeps no more
// of them than their digest and whose they are: the ranges stand in the sums
// file until a [Recalled] brings them back.
type Joined struct {
	Batch   BatchID `json:"batch"` // "joined/NUMBER"
	Refs    []Ref   `json:"refs"`
	Sums    string  `json:"sums"`
	SumsKey string  `json:"sums_key"`
}

// Recalled brings the ranges of a joined batch back, since something is to be
// done with them: they must be those that were joined.
type Recalled struct {
	Batch  BatchID `json:"batch"`
	Ranges []Range `json:"ranges"`
}

// AwayRanges is what the fold knows of ranges that it does not hold.
type AwayRanges struct {
	Class  string `json:"class"`  // of their files
	Digest string `json:"digest"` // see [Digest]
	Oldest int64  `json:"oldest"` // of all of them, Unix seconds, 0 where unknown
	// Files are the numbers of their files, those that ended left out.
	Files Extents `json:"files"`
}

func (a *AwayRanges) any() bool { return a != nil && len(a.Files) > 0 }

// Has tells whether some of the ranges are of a file.
func (a *AwayRanges) Has(file uint64) bool {
	return a != nil && a.Files.Covered(fileExtent(file)) > 0
}

// without lets go of a file that ended.
func (a *AwayRanges) without(file uint64) {
	if a.Has(file) {
		a.Files = without(a.Files, fileExtent(file))
	}
}

func fileExtent(file uint64) Extent { return Extent{int64(file), int64(file) + 1} }

// JoinRanges returns what the ranges come to when neighbours in a file are
// joined, by file and offset, and for each the indexes of its parts in order.
func JoinRanges(parts []Range) (joined []Range, of [][]int) {
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(parts[a].File, parts[b].File), cmp.Compare(parts[a].From, parts[b].From))
	})
	for _, i := range order {
		p := parts[i]
		if n := len(joined) - 1; n >= 0 && joined[n].File == p.File && joined[n].To == p.From {
			j := &joined[n]
			j.To, j.Oldest, j.Newest, j.Lines = p.To, min(j.Oldest, p.Oldest), max(j.Newest, p.Newest), j.Lines+p.Lines
			of[n] = append(of[n], i)
			continue
		}
		joined = append(joined, Range{File: p.File, From: p.From, To: p.To, Oldest: p.Oldest, Newest: p.Newest, Lines: p.Lines})
		of = append(of, []int{i})
	}
	return joined, of
}

// Digest is the SHA-256 of ranges as the ledger writes them, in hex.
func Digest(ranges []Range) (string, error) {
	p, err := json.Marshal(ranges)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:]), nil
}

func (s *State) applyJoined(e *Event, sum string) error {
	j := e.Joined
	if (j.Batch != BatchID{JoinedClass, s.Joins + 1}) {
		return fmt.Errorf("batch %s, want %s/%d", j.Batch, JoinedClass, s.Joins+1)
	}
	b := &Batch{SealedAt: e.At, SealSum: sum, Sums: j.Sums, SumsKey: j.SumsKey, Shipped: true, Away: &AwayRanges{}}
	var parts []Range
	seen := map[BatchID]bool{}
	for _, ref := range j.Refs {
		if seen[ref.Batch] {
			return fmt.Errorf("batch %s twice", ref.Batch)
		}
		seen[ref.Batch] = true
		list, err := s.joinable(ref, j.SumsKey, &b.Away.Class)
		if err != nil {
			return err
		}
		parts = append(parts, list...)
		b.ShippedAt = laterTime(b.ShippedAt, s.Batches[ref.Batch].ShippedAt)
		b.Depth = max(b.Depth, s.Batches[ref.Batch].Depth+1)
	}
	if len(parts) == 0 {
		return errors.New("no range")
	}
	joined, _ := JoinRanges(parts)
	b.Away.Oldest = joined[0].Oldest
	for _, r := range joined {
		b.Raw += r.Len()
		b.Lines += r.Lines
		b.Away.Oldest = min(b.Away.Oldest, r.Oldest)
		b.Away.Files.Add(fileExtent(r.File))
	}
	var err error
	if b.Away.Digest, err = Digest(joined); err != nil {
		return err
	}
	s.Joins++
	s.Batches[j.Batch] = b
	for _, ref := range j.Refs {
		from := s.Batches[ref.Batch]
		for _, i := range ref.Only {
			from.Ranges[i].Gone = true
		}
		s.settle(ref.Batch)
	}
	return nil
}

// joinable returns the ranges of ref, if they may join others: shipped, and
// nothing done to them yet. All are of one class, which the first one sets.
func (s *State) joinable(ref Ref, key string, class *string) ([]Range, error) {
	b, list, err := s.ranges(ref)
	if err != nil {
		return nil, err
	}
	if !b.Shipped || b.SumsKey != key || len(ref.Only) == 0 || len(list) != len(ref.Only) || !slices.IsSorted(list) {
		return nil, fmt.Errorf("batch %s: shipped is %t, key of %s, %d of %d ranges are raw", ref.Batch, b.Shipped, b.SumsKey, len(list), len(ref.Only))
	}
	var out []Range
	for n, i := range list {
		r := b.Ranges[i]
		if *class == "" {
			*class = r.Class
		}
		if r.Intent != "" || r.Class != *class || s.Files[r.File] == nil || n > 0 && list[n-1] == i {
			return nil, fmt.Errorf("batch %s range %d: cannot join others", ref.Batch, i)
		}
		out = append(out, r.Range)
	}
	return out, nil
}

func laterTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (s *State) applyRecalled(r *Recalled) error {
	b := s.Batches[r.Batch]
	if b == nil || b.Away == nil {
		return fmt.Errorf("batch %s has no ranges away", r.Batch)
	}
	digest, err := Digest(r.Ranges)
	if err != nil {
		return err
	}
	if digest != b.Away.Digest {
		return fmt.Errorf("batch %s: other ranges than were joined", r.Batch)
	}
	for _, one := range r.Ranges {
		b.Ranges = append(b.Ranges, BatchRange{Range: one, Class: b.Away.Class, Gone: s.Files[one.File] == nil})
	}
	b.Away = nil
	s.settle(r.Batch)
	return nil
}
