package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// State is the fold of the events: what swab knows. It is written whole into
// the snapshot that begins a segment. Read it inside [Ledger.View]; do not
// keep pointers into it.
type State struct {
	Host string `json:"host"`
	Node string `json:"node"`
	// Store, Machine, Boot and Home of the last start.
	Store   string `json:"store,omitempty"`
	Machine string `json:"machine"`
	Boot    string `json:"boot"`
	Home    string `json:"home,omitempty"`
	// Sure and Up of the last start.
	Sure int64   `json:"sure,omitempty"`
	Up   Seconds `json:"up,omitempty"`
	// Begun is the time of the first start, LastAt that of the last event.
	Begun  time.Time `json:"begun"`
	LastAt time.Time `json:"last_at"`
	// FirstShip is when the store first took a batch; zero before.
	FirstShip time.Time `json:"first_ship"`
	// Stopped: the last event of the daemon was an orderly stop.
	Stopped bool `json:"stopped"`

	NextFile   uint64 `json:"next_file"`
	NextExpire uint64 `json:"next_expire"`
	// Copies counts the batches "copy/NUMBER" that there were.
	Copies uint64 `json:"copies,omitempty"`
	// Anchored is the number of the last segment that is in the store.
	Anchored int `json:"anchored,omitempty"`
	// Joins counts the batches "joined/NUMBER" that there were.
	Joins uint64 `json:"joins,omitempty"`
	// Packs counts the batches "packed/NUMBER" that there were.
	Packs uint64 `json:"packs,omitempty"`

	Policies map[string]Retention `json:"policies"`
	Classes  map[string]*Class    `json:"classes"`
	Files    map[uint64]*File     `json:"files"`
	Batches  map[BatchID]*Batch   `json:"batches"`
	// Keys are the days whose key of the sums is there.
	Keys []string `json:"keys"`
	// Pseudonyms are the keys of pseudonyms that are there, by day; PseudonymLimit
	// is the shortest limit of the classes that write them now, 0 for none;
	// PseudonymsGone is the latest day whose key was destroyed.
	Pseudonyms     []PseudonymKey `json:"pseudonyms,omitempty"`
	PseudonymLimit Seconds        `json:"pseudonym_limit,omitempty"`
	PseudonymsGone string         `json:"pseudonyms_gone,omitempty"`
	// Ratchet is the day that the ratchet was seeded for; empty where there is none.
	Ratchet string `json:"ratchet,omitempty"`
}

// Class counts the batches and the bytes of a class. Bytes of all its files,
// ended ones too.
type Class struct {
	Sealed  uint64 `json:"sealed"`  // number of the last sealed batch
	Shipped uint64 `json:"shipped"` // number of the last shipped batch
	// LastKey is the time in the last key: keys of a class never go back.
	LastKey   time.Time `json:"last_key"`
	ShippedAt time.Time `json:"shipped_at"`
	// Unsealed is when a run first ended since no batch of the class could be
	// sealed, Unix seconds; 0 when one was sealed since.
	Unsealed int64   `json:"unsealed,omitempty"`
	Account  Account `json:"account"`
}

// Account is the two accounts of a class, in bytes; Lines in lines.
type Account struct {
	Written int64 `json:"written"`

	Unread       int64 `json:"unread"`
	SealedBytes  int64 `json:"sealed"` // sealed and not shipped yet
	ShippedBytes int64 `json:"shipped"`
	Expired      int64 `json:"expired"`
	Lost         int64 `json:"lost"` // at least
	// Copied bytes are accounted for in another file, of which or to which they
	// were copied.
	Copied int64 `json:"copied,omitempty"`

	Present int64 `json:"present"`
	Erased  int64 `json:"erased"`
	Removed int64 `json:"removed"`
	// Streamed bytes came through a pipe: they never lay on a disk.
	Streamed int64 `json:"streamed,omitempty"`

	Lines        int64 `json:"lines"` // sealed, ever
	LinesShipped int64 `json:"lines_shipped"`
}

// Content is what the first account comes to; it must equal Written.
func (a Account) Content() int64 {
	return a.Unread + a.SealedBytes + a.ShippedBytes + a.Expired + a.Lost + a.Copied
}

// Raw is what the second account comes to; it must equal Written.
func (a Account) Raw() int64 { return a.Present + a.Erased + a.Removed + a.Streamed }

// File is one generation of one file.
type File struct {
	Class string `json:"class"`
	ID    FileID `json:"id"`
	After uint64 `json:"after,omitempty"`
	// Stream is set for a stream, as in [FileOpen].
	Stream string `json:"stream,omitempty"`
	// Origin is set for a copy.
	Origin *Origin `json:"origin,omitempty"`
	// Packed is set for an archive.
	Packed *Packed `json:"packed,omitempty"`
	// Heir is the copy that has what was unread when the file ended.
	Heir uint64 `json:"heir,omitempty"`
	// First is the time and the size of first sight.
	First Point `json:"first"`
	Head  *Mark `json:"head,omitempty"`
	// Cursor: the content before it is sealed, expired or lost.
	Cursor int64 `json:"cursor"`
	// Tail marks the last bytes before Cursor, of the seal that moved it.
	Tail []Mark `json:"tail,omitempty"`
	// Cut: the cursor stands in the middle of a line.
	Cut bool `json:"cut,omitempty"`
	// Size is the largest end known.
	Size int64 `json:"size"`
	// Points bound the age of unread bytes: at Point.At the size was
	// Point.Size. Ascending; see [File.Oldest].
	Points Points `json:"points,omitempty"`
	// Gone is what is not raw any more: overwritten, or freed by others.
	Gone Extents `json:"gone,omitempty"`
	// Intent is what an erase intent is open for.
	Intent Extents `json:"intent,omitempty"`
}

// Point is a size at a time (Unix seconds).
type Point struct {
	At   int64 `json:"at"`
	Size int64 `json:"size"`
}

// Unread is how many bytes no event accounts for yet.
func (f *File) Unread() int64 { return f.Size - f.Cursor }

// Batch is a sealed batch until it is shipped and its raw bytes are gone.
type Batch struct {
	Key       string       `json:"key,omitempty"`
	SHA256    string       `json:"sha256,omitempty"`
	Size      int64        `json:"size"`
	Raw       int64        `json:"raw"`
	Lines     int64        `json:"lines"`
	SealedAt  time.Time    `json:"sealed_at"`
	SealSum   string       `json:"seal_sum"` // the chain's sum of the seal event
	Shipped   bool         `json:"shipped"`
	ShippedAt time.Time    `json:"shipped_at"`
	Sums      string       `json:"sums"`
	SumsKey   string       `json:"sums_key"`
	Scrub     string       `json:"scrub,omitempty"`
	Ranges    []BatchRange `json:"ranges"`
	// Copies are shipped when this batch is: copies of its bytes, and of older
	// ones.
	Copies []BatchID `json:"copies,omitempty"`
	// Packs is the archive that the sums are of, 0 for none.
	Packs uint64 `json:"packs,omitempty"`
	// Away is set while the ranges of a batch "joined/NUMBER" stand in its sums
	// file alone; then Ranges is empty.
	Away *AwayRanges `json:"away,omitempty"`
	// Depth of a joined batch: how often its ranges joined others.
	Depth int `json:"depth,omitempty"`
}

// BatchRange is a range of a batch and how far its erasing came.
type BatchRange struct {
	Range
	Class  string `json:"class"`            // of the file
	Intent Reason `json:"intent,omitempty"` // an erase intent is open
	Gone   bool   `json:"gone,omitempty"`   // nothing of it is raw any more, or it joined others
}

// RawLeft tells whether any range of the batch is still raw.
func (b *Batch) RawLeft() bool {
	return b.Packs != 0 || b.Away.any() || slices.ContainsFunc(b.Ranges, func(r BatchRange) bool { return !r.Gone })
}

// PlainRanges returns the ranges alone.
func (b *Batch) PlainRanges() []Range {
	out := make([]Range, len(b.Ranges))
	for i, r := range b.Ranges {
		out[i] = r.Range
	}
	return out
}

func newState() *State {
	return &State{
		NextFile: 1, NextExpire: 1,
		Policies: map[string]Retention{},
		Classes:  map[string]*Class{},
		Files:    map[uint64]*File{},
		Batches:  map[BatchID]*Batch{},
	}
}

// whole refuses a state of a snapshot that lacks what a fold always has.
func (s *State) whole() error {
	if s == nil || s.Policies == nil || s.Classes == nil || s.Files == nil || s.Batches == nil {
		return errors.New("snapshot without a state")
	}
	for num, f := range s.Files {
		if f == nil || s.Classes[f.Class] == nil {
			return fmt.Errorf("snapshot without file %d or its class", num)
		}
	}
	for id, b := range s.Batches {
		if b == nil {
			return fmt.Errorf("snapshot without batch %s", id)
		}
	}
	for name, c := range s.Classes {
		if c == nil {
			return fmt.Errorf("snapshot without class %q", name)
		}
	}
	return nil
}

// class returns the class's counters and makes them where there are none.
func (s *State) class(name string) *Class {
	c := s.Classes[name]
	if c == nil {
		c = &Class{}
		s.Classes[name] = c
	}
	return c
}

// Account returns the accounts of one class, by name.
func (s *State) Account(class string) Account {
	if c := s.Classes[class]; c != nil {
		return c.Account
	}
	return Account{}
}

// Oldest returns the earliest time (Unix seconds) at which the byte at off of
// f can have been written, as far as sizes tell; 0 is unknown.
func (f *File) Oldest(off int64) int64 {
	born := f.born()
	if off < f.First.Size {
		return born
	}
	return max(born, f.First.At, f.Points.Oldest(off))
}

// maxPoints bounds the points of a file: 16 bytes each in memory, so that a
// file stays under 2 KiB even when nothing can be sealed for a week.
const maxPoints = 32

// Points are sizes at times, ascending.
type Points []Point

// Oldest returns the time of the last point at which the byte at off was not
// there yet, or 0.
func (p Points) Oldest(off int64) int64 {
	oldest := int64(0)
	for _, point := range p {
		if point.Size > off {
			break
		}
		oldest = max(oldest, point.At)
	}
	return oldest
}

// Add notes a point. Points before the cursor say nothing about unread bytes,
// but for the last one. Dropping a point makes bytes count as older, never as
// younger.
func (p *Points) Add(point Point, cursor int64) {
	list := *p
	if n := len(list); n > 0 && list[n-1].Size >= point.Size {
		if list[n-1].Size == point.Size {
			list[n-1].At = max(list[n-1].At, point.At)
		}
	} else {
		list = append(list, point)
	}
	first := 0
	for first+1 < len(list) && list[first+1].Size <= cursor {
		first++
	}
	list = slices.Delete(list, 0, first)
	if len(list) > maxPoints {
		kept := make(Points, 0, maxPoints+1) // what append made room for is twice that
		for i, point := range list {
			if i%2 == 0 || i == len(list)-1 {
				kept = append(kept, point)
			}
		}
		list = kept
	}
	*p = list
}

// Clone copies the file for readers that may keep it: no event changes the copy.
func (f *File) Clone() *File {
	c := *f
	c.Tail = slices.Clone(f.Tail)
	c.Points = slices.Clone(f.Points)
	c.Gone = slices.Clone(f.Gone)
	c.Intent = slices.Clone(f.Intent)
	if f.Head != nil {
		c.Head = new(*f.Head)
	}
	if f.Origin != nil {
		c.Origin = new(*f.Origin)
	}
	if f.Packed != nil {
		c.Packed = new(*f.Packed)
	}
	return &c
}

// Clone copies the state for readers that may keep it.
func (s *State) Clone() *State {
	c := *s
	c.Policies = maps.Clone(s.Policies)
	c.Keys = slices.Clone(s.Keys)
	c.Pseudonyms = slices.Clone(s.Pseudonyms)
	c.Classes = make(map[string]*Class, len(s.Classes))
	for name, class := range s.Classes {
		copied := *class
		c.Classes[name] = &copied
	}
	c.Files = make(map[uint64]*File, len(s.Files))
	for num, file := range s.Files {
		c.Files[num] = file.Clone()
	}
	c.Batches = make(map[BatchID]*Batch, len(s.Batches))
	for id, batch := range s.Batches {
		copied := *batch
		copied.Ranges = slices.Clone(batch.Ranges)
		copied.Copies = slices.Clone(batch.Copies)
		if batch.Away != nil {
			away := *batch.Away
			away.Files = slices.Clone(away.Files)
			copied.Away = &away
		}
		c.Batches[id] = &copied
	}
	return &c
}
