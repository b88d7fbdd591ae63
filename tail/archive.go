package tail

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"swab/ledger"
)

// archive is what a file has that is a compressed archive. It is read as its
// content: offsets and sizes of the file are those of the content, and the
// content never grows.
type archive struct {
	kind    string
	content *Content // nil as long as nothing is read
	// packed and modTime are of the file as it lies on the disk: when it was
	// measured, or compared with its sum last.
	packed, modTime int64
	sum             ledger.Mark // of all of it, when it gets its number

	// As long as it has no number.
	measured measured
	known    bool // measured is
	grown    time.Time
	seen     int64 // its size on the disk at the last look
	measure  *measuring
}

// archiveKinds are what archives begin with (RFC 1952, RFC 8878, and bzip2's
// own manual).
var archiveKinds = []struct{ ext, kind, magic string }{
	{".gz", kindGzip, "\x1f\x8b"},
	{".zst", kindZstd, "\x28\xb5\x2f\xfd"},
	{".bz2", kindBzip2, "BZh"},
}

// ArchiveKind tells of which kind the archive is that has a name and begins
// with head; "" for none. A head that is short may be that of one in the
// making.
func ArchiveKind(name string, head []byte) string {
	for _, k := range archiveKinds {
		if !strings.HasSuffix(name, k.ext) || len(name) == len(k.ext) {
			continue
		}
		n := min(len(head), len(k.magic))
		if string(head[:n]) == k.magic[:n] || k.kind == kindZstd && skippable(head) {
			return k.kind
		}
	}
	return ""
}

// skippable tells whether head begins a frame of zstd without content, as pzstd
// writes them first.
func skippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18"
}

// bareName is an archive's name without its extension, and the name itself of
// any other file.
func bareName(name string) string {
	for _, k := range archiveKinds {
		if bare, ok := strings.CutSuffix(name, k.ext); ok && bare != "" {
			return bare
		}
	}
	return name
}

// asArchive makes f, which nobody knows yet, an archive if it is one.
func (f *File) asArchive() {
	if f.rule.Opaque || bareName(f.place.Name) == f.place.Name {
		return
	}
	var head [4]byte
	n, err := f.rawAt(head[:], 0)
	if err != nil && err != io.EOF {
		return
	}
	if kind := ArchiveKind(path.Base(f.place.Name), head[:n]); kind != "" {
		f.archive = &archive{kind: kind}
	}
}

// packedFile is the file of a [Content] as it lies on the disk.
type packedFile struct{ *File }

func (p packedFile) ReadAt(b []byte, off int64) (int, error) { return p.rawAt(b, off) }

// readAt reads the file, or what is packed in it.
func (f *File) readAt(p []byte, off int64) (int, error) {
	a := f.archive
	if a == nil {
		return f.rawAt(p, off)
	}
	if a.content == nil {
		a.content = NewContent(a.kind, packedFile{f}, a.packed)
	}
	n, err := a.content.ReadAt(p, off)
	if err == io.EOF && n < len(p) && a.known && off+int64(n) < a.measured.length {
		err = errChanged
	}
	return n, err
}

var errChanged = refuse("an archive that holds less than it did")

// length is the size of what the file holds.
func (f *File) length(info fs.FileInfo) int64 {
	if f.archive == nil {
		return info.Size()
	}
	return f.archive.measured.length
}

// packedSize is how long the file is on the disk, as of the last look.
func (f *File) packedSize() int64 {
	if f.archive == nil {
		return f.size
	}
	return f.archive.packed
}

// rest gives back what reading an archive needs. f.mu is held, or nobody else
// has f.
func (f *File) rest() {
	if f.archive != nil && f.archive.content != nil {
		f.archive.content.Close()
		f.archive.content = nil
	}
}

// idleContent is how long an archive that is not read keeps its place.
const idleContent = 10 * time.Second

// restIdle gives back what archives need that nobody reads at the moment.
func (s *Set) restIdle() {
	for _, f := range s.openFiles() {
		f.mu.Lock()
		if a := f.archive; a != nil && a.content != nil && time.Since(a.content.used) > idleContent {
			f.rest()
		}
		f.mu.Unlock()
	}
}

// asKnown makes f the archive that the ledger knows.
func (f *File) asKnown(rec *ledger.File) {
	if p := rec.Packed; p != nil {
		f.archive = &archive{
			kind: p.Kind, packed: p.Size, modTime: p.ModTime, known: true, measured: measured{length: rec.Size},
		}
	}
}

// packedIntact tells whether the archive is what it was: by its size and the
// time of its last change, or by a sum of all of it. From when its sums are made on,
// it is overwritten, and holds no content any more.
func (f *File) packedIntact(rec *ledger.File) (bool, error) {
	fd, err := f.fd()
	if err != nil {
		return false, err
	}
	info, err := fd.Stat()
	if err != nil {
		return false, pathless(err)
	}
	p := rec.Packed
	if p == nil || info.Size() != p.Size {
		return false, nil
	}
	if rec.Gone.Len() == rec.Size && rec.Size > 0 {
		return f.packedBare(rec.Packed.Size)
	}
	if p.Sums != (ledger.BatchID{}) || info.ModTime().UnixNano() == f.archive.modTime {
		return true, nil
	}
	key, err := f.set.keys.Get(p.Sum.Day)
	if errors.Is(err, ledger.ErrNoKey) {
		return true, nil // nothing left to compare with
	}
	if err != nil {
		return false, err
	}
	mark, _, err := f.packedSum(key)
	if err == nil && mark.Sum == p.Sum.Sum {
		f.archive.modTime = info.ModTime().UnixNano()
		return true, nil
	}
	return false, err
}

// packedBare tells whether nothing but zeros is left on the disk of an archive.
func (f *File) packedBare(size int64) (bool, error) {
	return onlyZeros(packedFile{f}, size)
}

// onlyZeros tells whether the first size bytes of raw are zeros.
func onlyZeros(raw io.ReaderAt, size int64) (bool, error) {
	buf := make([]byte, scanChunk)
	for off := int64(0); off < size; off += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), size-off)]
		if n, err := raw.ReadAt(p, off); n < len(p) {
			return false, pathless(err)
		}
		if len(bytes.TrimLeft(p, "\x00")) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// HalfArchive says what a file of size bytes is that has an archive's name and
// begins with zeros, but holds something else, too: somebody cut off, or wrote
// to, what was being overwritten. The rest of it is no text, whatever its bytes
// look like.
func HalfArchive(name string, raw io.ReaderAt, size int64) (what string, is bool) {
	var first [1]byte
	if bareName(name) == name {
		return "", false
	}
	if n, _ := raw.ReadAt(first[:], 0); n == 0 || first[0] != 0 {
		return "", false
	}
	bare, err := onlyZeros(raw, size)
	return "the rest of an archive that was overwritten in part", err == nil && !bare
}

// packedSum is a keyed sum of the archive as it lies on the disk, and one for
// this run.
func (f *File) packedSum(key *ledger.SumKey) (mark ledger.Mark, sum uint64, err error) {
	var h maphash.Hash
	h.SetSeed(f.set.seed)
	all := io.NewSectionReader(packedFile{f}, 0, f.archive.packed)
	mark, err = key.MarkAll(io.TeeReader(all, &h))
	return mark, h.Sum64(), pathless(err)
}

// ReadPacked reads what lies at off of the archive numbered num on the disk,
// all of p, or returns [ErrRewritten].
func (f *File) ReadPacked(num uint64, p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != num || f.archive == nil {
		return ErrRewritten
	}
	n, err := f.rawAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == io.EOF:
		return ErrRewritten
	}
	return pathless(err)
}
