package tail

import (
	"bytes"

	"swab/ledger"
)

// minHole is how long a hole is at least that is not read, bytes. A writer
// without O_APPEND goes on at its old place behind somebody else's truncation,
// and leaves one of any length: it must cost no time and no sums. What is
// shorter is read as the zeros that it is.
const minHole = 16 << 20

// hole tells whether p, which was read at off, begins a hole, and where in
// [off, to) that is to end as a range of its own; 0 if not. At least its last
// byte stays outside and is read: it parts what stands before a hole from what
// stands behind, and whatever a range ends with is there to be marked. f.mu is
// held.
func (f *File) hole(p []byte, off, to int64) int64 {
	if to-off < minHole || f.rule.Opaque || f.archive != nil || !zeros(p) {
		return 0
	}
	fd, err := f.fd()
	if err != nil {
		return 0 // reading will tell
	}
	data := min(holeEnd(fd, off, to), to)
	end := (data - 1) / ledger.BlockSize * ledger.BlockSize
	if end-off < minHole {
		return 0
	}
	return end
}

// written is where the hole ends that off lies in, as [File.hole] has it; off, if it
// lies in none. f.mu is held.
func (f *File) written(off int64) int64 {
	if f.size-off < minHole || f.rule.Opaque || f.archive != nil {
		return off
	}
	p := make([]byte, ledger.TailBytes)
	if f.readFull(p, off) != nil {
		return off // reading will tell
	}
	return max(off, f.hole(p, off, f.size))
}

// zeros tells whether p is nothing else.
func zeros(p []byte) bool {
	return len(p) > 0 && p[0] == 0 && bytes.Count(p, p[:1]) == len(p)
}
