package ledger

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/minio/highwayhash"
)

// BlockSize is the unit of the sums of raw bytes: a page and a file system
// block of the platforms swab runs on. A crash in the middle of an overwriting
// write leaves each page either as it was or overwritten (mm/filemap.c copies
// page by page), so sums by page still tell afterwards which is which.
const BlockSize = 4096

// blockSumSize is the length of one block's sum in a sums file, bytes.
const blockSumSize = 8

// SumKey keys the sums of raw bytes: without it a sum of a short line would
// give the line's address back. HighwayHash is a keyed pseudo-random function
// (Alakuijala, Cox, Wassenberg, 2016, arXiv:1612.06257).
type SumKey struct {
	Day string // UTC, 2026-11-23
	key []byte // 32 bytes
}

// Block returns the 64-bit keyed sum of p.
func (k *SumKey) Block(p []byte) uint64 {
	return highwayhash.Sum64(p, k.key)
}

// Mark returns the keyed sum of p, which stands at off in its file.
func (k *SumKey) Mark(off int64, p []byte) Mark {
	sum := highwayhash.Sum128(p, k.key)
	return Mark{Off: off, Len: len(p), Day: k.Day, Sum: hex.EncodeToString(sum[:])}
}

// MarkAll returns the keyed sum of all that r reads, which stands at 0 in its
// file.
func (k *SumKey) MarkAll(r io.Reader) (Mark, error) {
	h, err := highwayhash.New128(k.key)
	if err != nil {
		return Mark{}, fmt.Errorf("key of %s: %w", k.Day, err)
	}
	n, err := io.Copy(h, r)
	if err != nil {
		return Mark{}, err
	}
	return Mark{Len: int(n), Day: k.Day, Sum: hex.EncodeToString(h.Sum(nil))}, nil
}

// Blocks returns how many blocks [from, to) touches: its blocks are
// [max(from, i*BlockSize), min(to, (i+1)*BlockSize)).
func Blocks(from, to int64) int64 {
	if from >= to {
		return 0
	}
	return (to-1)/BlockSize - from/BlockSize + 1
}

// blocks is how many sums the range has.
func (r Range) blocks() int64 {
	if r.Hole {
		return 0
	}
	return Blocks(r.From, r.To)
}

// TailBytes is how many bytes before a cursor are marked, at the most.
const TailBytes = 64

// TailSpans returns the one or two extents that the marks of a range's tail
// cover: the last TailBytes of [from, to), split where a block begins, since
// a crash may leave one block overwritten and the next not.
func TailSpans(from, to int64) []Extent {
	start := max(from, to-TailBytes)
	if start >= to {
		return nil
	}
	if border := (to - 1) / BlockSize * BlockSize; start < border {
		return []Extent{{start, border}, {border, to}}
	}
	return []Extent{{start, to}}
}

// SumWriter writes a sums file: range after range, the sums of each range's
// blocks, 8 bytes each, little endian.
type SumWriter struct {
	w     *bufio.Writer
	key   *SumKey
	block []byte // the open block's bytes
	room  int    // what the open block still takes
}

// NewSumWriter writes to w; Flush ends it.
func NewSumWriter(w io.Writer, key *SumKey) *SumWriter {
	return &SumWriter{w: bufio.NewWriter(w), key: key, block: make([]byte, 0, BlockSize)}
}

// Begin opens the range that starts at from.
func (s *SumWriter) Begin(from int64) {
	s.block = s.block[:0]
	s.room = int(BlockSize - from%BlockSize)
}

// Write takes raw bytes of the open range, in order.
func (s *SumWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(s.block) == 0 && len(p) >= s.room { // a whole block: no copy
			if err := s.put(p[:s.room]); err != nil {
				return 0, err
			}
			p = p[s.room:]
			s.room = BlockSize
			continue
		}
		take := min(len(p), s.room)
		s.block = append(s.block, p[:take]...)
		s.room -= take
		p = p[take:]
		if s.room == 0 {
			if err := s.End(); err != nil {
				return 0, err
			}
			s.room = BlockSize
		}
	}
	return n, nil
}

// End closes the open range.
func (s *SumWriter) End() error {
	if len(s.block) == 0 {
		return nil
	}
	err := s.put(s.block)
	s.block = s.block[:0]
	return err
}

func (s *SumWriter) put(block []byte) error {
	var sum [blockSumSize]byte
	binary.LittleEndian.PutUint64(sum[:], s.key.Block(block))
	_, err := s.w.Write(sum[:])
	return err
}

// Flush writes what is buffered.
func (s *SumWriter) Flush() error { return s.w.Flush() }

// RangeSums compares blocks of one range with its part of a sums file.
type RangeSums struct {
	from, to int64
	file     io.ReaderAt
	at       int64 // of the range's first sum in file
	key      *SumKey

	window [windowSums * blockSumSize]byte // sums read ahead
	first  int64                           // index of the first sum in window
	held   int64                           // how many sums it holds
}

// windowSums is how many sums are read at once: those of 1 MiB.
const windowSums = 256

// NewRangeSums finds the sums of ranges[i] in a sums file of all ranges.
func NewRangeSums(file io.ReaderAt, key *SumKey, ranges []Range, i int) *RangeSums {
	var before int64
	for _, r := range ranges[:i] {
		before += r.blocks()
	}
	r := ranges[i]
	return &RangeSums{from: r.From, to: r.To, file: file, at: before * blockSumSize, key: key}
}

// Match tells whether p, which stands at off and must be one whole block of
// the range (see [Blocks]), holds what was read when the range was sealed.
func (s *RangeSums) Match(off int64, p []byte) (bool, error) {
	start := max(s.from, off/BlockSize*BlockSize)
	end := min(s.to, (off/BlockSize+1)*BlockSize)
	if off != start || off >= end || off+int64(len(p)) != end {
		return false, fmt.Errorf("block [%d, %d) is none of range [%d, %d)", off, off+int64(len(p)), s.from, s.to)
	}
	sum, err := s.sum(off/BlockSize - s.from/BlockSize)
	return err == nil && sum == s.key.Block(p), err
}

// sum returns the sum of the range's block of an index. Sums are read a window
// ahead: comparing must not wait for the disk right before an overwriting.
func (s *RangeSums) sum(index int64) (uint64, error) {
	if index < s.first || index >= s.first+s.held {
		want := min(windowSums, Blocks(s.from, s.to)-index)
		if _, err := s.file.ReadAt(s.window[:want*blockSumSize], s.at+index*blockSumSize); err != nil {
			s.held = 0
			return 0, fmt.Errorf("sums file: %w", err)
		}
		s.first, s.held = index, want
	}
	return binary.LittleEndian.Uint64(s.window[(index-s.first)*blockSumSize:]), nil
}
