package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The sums file of a joined batch begins with its ranges, since nobody else has
// them. All numbers are 8 bytes, little endian:
//
//	"swabjoin", how many ranges R, how many pieces P
//	R times: file, from, to, oldest, newest, lines, index of its first piece
//	P times: to, place of its first sum in this file
//	the sums, as in any sums file
//
// A piece is a range as it was sealed: where two of them meet within a block,
// that block has two sums.
const (
	joinedMagic  = "swabjoin"
	joinedHead   = 24
	joinedRecord = 7 * 8
	joinedPiece  = 2 * 8
	maxJoined    = 1 << 28 // of ranges or pieces: what is more is no such file
)

// Piece is a part of a range that has sums of its own: [From, To), the first
// of them at the offset At of the sums file.
type Piece struct {
	Extent
	At int64
}

// Sums finds a piece's sums in its file.
func (p Piece) Sums(file io.ReaderAt, key *SumKey) *RangeSums {
	return &RangeSums{from: p.From, to: p.To, file: file, at: p.At, key: key}
}

// PieceOf is the one piece of a batch's range that was not joined.
func PieceOf(b *Batch, i int) Piece {
	var before int64
	for _, r := range b.Ranges[:i] {
		before += r.blocks()
	}
	r := b.Ranges[i]
	return Piece{Extent{r.From, r.To}, before * blockSumSize}
}

// Source is a piece with the sums file it stands in.
type Source struct {
	Piece
	File io.ReaderAt
}

// WriteJoined writes the sums file of a joined batch: its ranges, and the
// sources of each in order.
func WriteJoined(w io.Writer, ranges []Range, sources [][]Source) error {
	pieces := 0
	for _, list := range sources {
		pieces += len(list)
	}
	if len(ranges) != len(sources) || len(ranges) > maxJoined || pieces > maxJoined {
		return fmt.Errorf("joined sums: %d ranges, %d pieces", len(ranges), pieces)
	}
	p := append(make([]byte, 0, joinedHead+len(ranges)*joinedRecord), joinedMagic...)
	p = putNumbers(p, int64(len(ranges)), int64(pieces))
	first := int64(0)
	for i, r := range ranges {
		p = putNumbers(p, int64(r.File), r.From, r.To, r.Oldest, r.Newest, r.Lines, first)
		first += int64(len(sources[i]))
	}
	at := int64(len(p)) + first*joinedPiece
	for _, list := range sources {
		for _, s := range list {
			p = putNumbers(p, s.To, at)
			at += Blocks(s.From, s.To) * blockSumSize
		}
	}
	if _, err := w.Write(p); err != nil {
		return err
	}
	for _, list := range sources {
		for _, s := range list {
			want := Blocks(s.From, s.To) * blockSumSize
			if n, err := io.Copy(w, io.NewSectionReader(s.File, s.At, want)); err != nil || n != want {
				return errors.Join(fmt.Errorf("joined sums: %d of %d bytes copied", n, want), err)
			}
		}
	}
	return nil
}

func putNumbers(p []byte, list ...int64) []byte {
	for _, n := range list {
		p = binary.LittleEndian.AppendUint64(p, uint64(n))
	}
	return p
}

// JoinedSums reads the sums file of a joined batch.
type JoinedSums struct {
	file           io.ReaderAt
	ranges, pieces int64
}

// OpenJoined looks at how a file begins.
func OpenJoined(file io.ReaderAt) (*JoinedSums, error) {
	var head [joinedHead]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("joined sums: %w", err)
	}
	j := &JoinedSums{file: file, ranges: number(head[:], 1), pieces: number(head[:], 2)}
	if string(head[:8]) != joinedMagic || j.ranges <= 0 || j.ranges > maxJoined || j.pieces < j.ranges || j.pieces > maxJoined {
		return nil, errors.New("joined sums: not what was written")
	}
	return j, nil
}

func number(p []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(p[i*8:])) }

// Ranges returns all ranges; those of one file alone where file is not 0.
// index is what each is named by in its batch.
func (j *JoinedSums) Ranges(file uint64) (list []Range, index []int, err error) {
	in := io.NewSectionReader(j.file, joinedHead, j.ranges*joinedRecord)
	buf := make([]byte, 512*joinedRecord)
	for i := 0; int64(i) < j.ranges; {
		p := buf[:min(len(buf), int(j.ranges-int64(i))*joinedRecord)]
		if _, err := io.ReadFull(in, p); err != nil {
			return nil, nil, fmt.Errorf("joined sums: %w", err)
		}
		for ; len(p) > 0; p, i = p[joinedRecord:], i+1 {
			r := recorded(p)
			if file == 0 || r.File == file {
				list, index = append(list, r), append(index, i)
			}
		}
	}
	return list, index, nil
}

func recorded(p []byte) Range {
	return Range{
		File: uint64(number(p, 0)), From: number(p, 1), To: number(p, 2),
		Oldest: number(p, 3), Newest: number(p, 4), Lines: number(p, 5),
	}
}

// Pieces returns the pieces of the range of an index, in order.
func (j *JoinedSums) Pieces(index int) ([]Piece, error) {
	if index < 0 || int64(index) >= j.ranges {
		return nil, fmt.Errorf("joined sums: no range %d", index)
	}
	records := make([]byte, 2*joinedRecord)
	if int64(index) == j.ranges-1 {
		records = records[:joinedRecord]
	}
	if _, err := j.file.ReadAt(records, joinedHead+int64(index)*joinedRecord); err != nil {
		return nil, fmt.Errorf("joined sums: %w", err)
	}
	r, first, end := recorded(records), number(records, 6), j.pieces
	if len(records) > joinedRecord {
		end = number(records[joinedRecord:], 6)
	}
	if first < 0 || first >= end || end > j.pieces {
		return nil, errors.New("joined sums: not what was written")
	}
	p := make([]byte, (end-first)*joinedPiece)
	if _, err := j.file.ReadAt(p, joinedHead+j.ranges*joinedRecord+first*joinedPiece); err != nil {
		return nil, fmt.Errorf("joined sums: %w", err)
	}
	var out []Piece
	for at := r.From; len(p) > 0; p = p[joinedPiece:] {
		piece := Piece{Extent{at, number(p, 0)}, number(p, 1)}
		if at = piece.To; piece.From >= piece.To || piece.At < joinedHead {
			return nil, errors.New("joined sums: not what was written")
		}
		out = append(out, piece)
	}
	if out[len(out)-1].To != r.To {
		return nil, errors.New("joined sums: not what was written")
	}
	return out, nil
}
