package swab

import (
	"io"
	"io/fs"
	"os"
	"path"

	"swab/ledger"
	"swab/tail"
)

// unpack returns what is to be read of a file, and how much that is: of an
// archive, its content, which is unpacked once to know its length. An archive
// that is being overwritten has none any more.
func (c *caster) unpack(f *os.File, t *target, info fs.FileInfo) (text io.ReaderAt, size int64, err error) {
	if t.rec != nil && t.rec.Packed != nil {
		t.away = true
		p := t.rec.Packed
		if p.Sums != (ledger.BatchID{}) {
			return nil, t.rec.Size, nil
		}
		if info.Size() == p.Size {
			return tail.NewContent(p.Kind, f, p.Size), t.rec.Size, nil
		}
		t.num, t.rec = 0, nil // another file by now
	}
	if t.Rule.Opaque || t.rec != nil {
		return f, info.Size(), nil
	}
	n, err := f.ReadAt(c.buf[:4], 0)
	if err != nil && err != io.EOF {
		return f, info.Size(), nil // reading will tell
	}
	kind := tail.ArchiveKind(path.Base(t.Place.Name), c.buf[:n])
	if kind == "" || n == 0 {
		return f, info.Size(), nil
	}
	length, oldest, err := tail.MeasureContent(kind, f, info.Size(), c.now)
	if err != nil {
		return nil, 0, err
	}
	t.packed, t.away = &ledger.Packed{Kind: kind, Size: info.Size(), Oldest: oldest}, true
	return tail.NewContent(kind, f, info.Size()), length, nil
}
