package ledger

import (
	"fmt"
	"time"
)

// PackedClass is the class of the batches that [PackedSums] makes.
const PackedClass = "packed"

// Packed says that a file is a compressed archive. Its offsets, ranges and
// accounts are those of its content; what lies on the disk can only be
// overwritten as a whole, once nothing of the content is unread.
type Packed struct {
	Kind    string `json:"kind"`  // gzip, zstd, bzip2
	Size    int64  `json:"size"`  // as it lies on the disk, bytes
	ModTime int64  `json:"mtime"` // ns since 1970, when Sum was made
	Sum     Mark   `json:"sum"`   // of all bytes as they lie on the disk
	// Oldest is the earliest time at which a byte of the content can have been
	// written (Unix seconds, 0 unknown), as far as it is read: all of it goes
	// when that one is at its limit.
	Oldest int64 `json:"oldest"`
	// Sums is the batch of the sums of what lies on the disk, once it is there:
	// nothing is overwritten before.
	Sums BatchID `json:"sums,omitzero"`
}

// PackedSums says that the keyed sums of an archive, as it lies on the disk,
// are durable: what an overwriting that a crash cuts short is compared with,
// since half an archive has no content any more.
type PackedSums struct {
	File    uint64  `json:"f"`
	Batch   BatchID `json:"batch"` // "packed/NUMBER"
	Sums    string  `json:"sums"`
	SumsKey string  `json:"sums_key"`
}

// Whole tells whether all of the file's content is accounted for and no
// original is followed: what is packed may go.
func (f *File) Whole() bool { return f.Cursor == f.Size && f.Follows() == 0 }

// legalPacked tells whether an archive can have been opened as o says.
func (o *FileOpen) legalPacked() bool {
	return o.Packed == nil || o.Stream == "" && o.Packed.Size > 0 && o.Packed.Kind != "" && o.Packed.Sums == (BatchID{})
}

// grownOld notes that f has bytes that were written at oldest.
func (f *File) grownOld(oldest int64) {
	if f.Packed != nil {
		f.Packed.Oldest = min(f.Packed.Oldest, oldest)
	}
}

// oldestWith is the age that decides about a range: its own, or that of all
// that is packed with it.
func (s *State) oldestWith(r Range) int64 {
	if f := s.Files[r.File]; f != nil && f.Packed != nil {
		return min(f.Packed.Oldest, r.Oldest)
	}
	return r.Oldest
}

// mayUnpack refuses to overwrite a part of an archive.
func (s *State) mayUnpack(file uint64) error {
	f := s.Files[file]
	if f == nil || f.Packed == nil || f.Whole() && f.Packed.Sums != (BatchID{}) {
		return nil
	}
	return fmt.Errorf("file %d is an archive, of which %d bytes are unread, or whose sums are not made", file, f.Unread())
}

func (s *State) applyPacked(e *Event, sum string) error {
	p := e.Packed
	f := s.Files[p.File]
	if f == nil || f.Packed == nil || f.Packed.Sums != (BatchID{}) || !f.Whole() {
		return fmt.Errorf("file %d is no archive that is read to its end and has no sums", p.File)
	}
	if (p.Batch != BatchID{PackedClass, s.Packs + 1}) {
		return fmt.Errorf("batch %s, want %s/%d", p.Batch, PackedClass, s.Packs+1)
	}
	s.Packs++
	f.Packed.Sums = p.Batch
	s.Batches[p.Batch] = &Batch{
		SealedAt: e.At, SealSum: sum, Sums: p.Sums, SumsKey: p.SumsKey, Shipped: true, ShippedAt: e.At, Packs: p.File,
	}
	return nil
}

// unpacked lets go of the sums of an archive of which nothing is raw any more.
func (s *State) unpacked(f *File) {
	if f.Packed != nil && f.Packed.Sums != (BatchID{}) && f.Gone.Len() == f.Size {
		delete(s.Batches, f.Packed.Sums)
	}
}

// Pack is what decides about an archive as a whole.
type Pack struct {
	Oldest  int64 // Unix seconds, 0 unknown
	Whole   bool  // nothing of it is unread
	Shipped bool  // all that was read of it
	// ShippedAt is when the last of it was.
	ShippedAt time.Time
	// Intended: all of its ranges are to be overwritten.
	Intended bool
	// Away: the fold does not hold all of its ranges.
	Away bool
}

// Archives lists the archives with raw bytes; nil where there are none.
func (s *State) Archives() map[uint64]*Pack {
	var list map[uint64]*Pack
	for num, f := range s.Files {
		if f.Packed == nil || f.Gone.Len() == f.Size {
			continue
		}
		if list == nil {
			list = map[uint64]*Pack{}
		}
		list[num] = &Pack{Oldest: f.Packed.Oldest, Whole: f.Whole(), Shipped: true, Intended: true}
	}
	if list == nil {
		return nil
	}
	for _, b := range s.Batches {
		for _, r := range b.Ranges {
			p := list[r.File]
			if p == nil || r.Gone {
				continue
			}
			p.Shipped = p.Shipped && b.Shipped
			p.Intended = p.Intended && r.Intent != ""
			p.ShippedAt = laterTime(p.ShippedAt, b.ShippedAt)
		}
		if b.Away == nil {
			continue
		}
		for num, p := range list {
			if b.Away.Has(num) {
				p.Intended = false
				p.Away, p.ShippedAt = true, laterTime(p.ShippedAt, b.ShippedAt)
			}
		}
	}
	return list
}
