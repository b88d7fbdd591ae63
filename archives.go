package swab

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"swab/ledger"
	"swab/retain"
	"swab/ship"
	"swab/tail"
)

// packSums makes the sums of the archives in the plan that have none yet: half
// an archive cannot be unpacked any more, so that what a crash leaves of one is
// compared as it lies on the disk. The archives that it fails for are left out
// of what it returns, and added to failed. Crash windows: before the event the
// sums are an orphan; after it, nothing is overwritten without an intent.
func (d *Daemon) packSums(plan []retain.Verdict, failed map[uint64]bool) (left []retain.Verdict, errs error) {
	for i, v := range plan {
		if !v.Packed || i > 0 && plan[i-1].Range.File == v.Range.File {
			continue
		}
		if err := d.packSum(v.Range.File); err != nil {
			failed[v.Range.File] = true
			if !errors.Is(err, tail.ErrRewritten) { // else the next sweep sees what it is
				errs = errors.Join(errs, err)
			}
		}
	}
	return slices.DeleteFunc(plan, func(v retain.Verdict) bool { return failed[v.Range.File] }), errs
}

// packSum makes the sums of one archive, unless they are there. It must be what
// was unpacked, to the byte: all of it is read and compared with the sum of that.
func (d *Daemon) packSum(num uint64) error {
	var packed *ledger.Packed
	id := ledger.BatchID{Class: ledger.PackedClass}
	d.ledger.View(func(s *ledger.State) {
		id.Number = s.Packs + 1
		if f := s.Files[num]; f != nil && f.Packed != nil {
			packed = new(*f.Packed)
		}
	})
	f := d.files.File(num)
	if packed == nil || packed.Sums != (ledger.BatchID{}) || f == nil {
		return nil // a file that is not open is told of by who overwrites
	}
	was, err := d.keys.Get(packed.Sum.Day)
	if err != nil {
		return fmt.Errorf("%s: sum of the archive: %w", d.fileName(f), err)
	}
	key, done, err := d.dayKey(d.clock.Now())
	if err != nil {
		return err
	}
	defer done()
	draft, err := d.spool.Create(ship.ID(id), ship.Codec{})
	if err != nil {
		return err
	}
	sums := ledger.NewSumWriter(sumsOf{draft}, key)
	sums.Begin(0)
	mark, err := was.MarkAll(&packedReader{file: f, num: num, size: packed.Size, copy: sums})
	if err == nil && mark.Sum != packed.Sum.Sum {
		err = tail.ErrRewritten
	}
	if err = cmp.Or(err, sums.End(), sums.Flush()); err != nil {
		return errors.Join(err, draft.Discard())
	}
	sealed, err := draft.Seal()
	if err != nil {
		return err
	}
	d.reached(stepPacking)
	event := ledger.PackedSums{File: num, Batch: id, Sums: hex.EncodeToString(sealed.SumsSHA256[:]), SumsKey: key.Day}
	if err := d.ledger.Append(ledger.Event{Packed: &event}); err != nil {
		if d.ledger.Broken() == nil && d.ended(num) {
			err = tail.ErrRewritten
		}
		return errors.Join(err, d.withdraw(id))
	}
	d.haveSums(id)
	d.reached(stepPacked)
	return d.spool.RemoveBody(ship.ID(id), false)
}

// packedReader reads an archive as it lies on the disk, and makes its sums.
type packedReader struct {
	file     *tail.File
	num      uint64
	at, size int64
	copy     *ledger.SumWriter
}

func (r *packedReader) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.size-r.at)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	if err := r.file.ReadPacked(r.num, p, r.at); err != nil {
		return 0, err
	}
	r.at += int64(len(p))
	return r.copy.Write(p)
}

// overwritePacked overwrites an archive as a whole: written, synced, punched,
// recorded, like ranges of any other file. list are all of its ranges.
func (d *Daemon) overwritePacked(f *tail.File, num uint64, list []retain.Verdict) error {
	var size, length int64
	var id ledger.BatchID
	var all bool
	d.ledger.View(func(s *ledger.State) {
		if file := s.Files[num]; file != nil && file.Packed != nil {
			size, length, id = file.Packed.Size, file.Size, file.Packed.Sums
			all = file.Intent.Len() == file.Size
		}
	})
	if !all || id == (ledger.BatchID{}) {
		return nil // closed, or not all of it is to go: the next plan knows
	}
	sums, err := d.packedSums(id, size)
	if err != nil {
		return fmt.Errorf("%s: %w", d.fileName(f), err)
	}
	defer sums.file.Close()
	var result retain.Result
	whole := ledger.Extent{To: size}
	err = f.Erase(num, func(w *os.File, lock sync.Locker) error {
		if result, err = retain.Overwrite(w, whole, sums.all, retain.FillZero, lock); err != nil {
			return err
		}
		d.reached(stepWritten)
		if err := d.sync(w); err != nil {
			return err
		}
		d.reached(stepSynced)
		err := retain.Punch(w, whole, nil)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		return err
	})
	if err == nil && len(result.Skipped) == 0 {
		err = f.Alone(num, func(w *os.File) error {
			return retain.PunchEnd(w, size, func(ledger.Extent) bool { return true })
		})
	}
	switch {
	case errors.Is(err, tail.ErrOtherGeneration):
		return nil // its ranges are closed with it; the next plan knows
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%s: %w", d.fileName(f), err)
	}
	d.reached(stepPunched)
	event := ledger.Erased{Refs: refs(list)}
	if len(result.Skipped) > 0 { // which bytes of the content those were, nobody knows
		event.Skipped = []ledger.Span{{File: num, To: length}}
		d.log.Warn("an archive was changed by someone else while it was erased; what is not as it was is left", "file", d.fileName(f))
	}
	if err := d.ledger.Append(ledger.Event{Erased: &event}); err != nil {
		return err
	}
	d.reached(stepErased)
	return nil
}

// packSumsFile is the open sums file of an archive.
type packSumsFile struct {
	file *os.File
	all  *ledger.RangeSums
}

// packedSums opens the sums of an archive of size bytes.
func (d *Daemon) packedSums(id ledger.BatchID, size int64) (packSumsFile, error) {
	var day string
	d.ledger.View(func(s *ledger.State) {
		if b := s.Batches[id]; b != nil {
			day = b.SumsKey
		}
	})
	key, err := d.keys.Get(day)
	if err != nil {
		return packSumsFile{}, err
	}
	file, err := d.spool.Sums(ship.ID(id))
	if err != nil {
		return packSumsFile{}, fmt.Errorf("sums of batch %s: %w", id, err)
	}
	return packSumsFile{file, ledger.NewRangeSums(file, key, []ledger.Range{{To: size}}, 0)}, nil
}
