package swab

import (
	"errors"
	"io/fs"
	"os"

	"swab/ledger"
	"swab/retain"
	"swab/tail"
)

// finishFiles unlinks the files that were renamed away and hold nothing raw
// any more. d.erasing is held.
func (d *Daemon) finishFiles() error {
	for _, f := range d.files.Files() {
		num := f.Num()
		if !f.Away() || f.EraseMode() == "off" || !d.bare(num) {
			continue
		}
		err := f.Unlinking(num, d.clock.Now(), func(place ledger.Place, held os.FileInfo) error {
			if !d.bare(num) { // read on since, to its new end, which is raw
				return tail.ErrOtherGeneration
			}
			root, err := os.OpenRoot(place.Root)
			if err != nil {
				return err
			}
			defer root.Close()
			return retain.Unlink(root, place.Name, func(info os.FileInfo) bool {
				return os.SameFile(info, held) && info.Size() == held.Size() // what is longer holds unread lines
			})
		})
		switch {
		case err == nil:
			d.reached(stepUnlinked)
			if err := d.files.Finish(f); err != nil {
				return err
			}
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, tail.ErrOtherGeneration), errors.Is(err, tail.ErrPacking), errors.Is(err, retain.ErrInUse):
			// Gone already, rewritten, or still written: the next look knows.
		default:
			d.told.say(d.log.Warn, "finish/"+d.fileName(f), "a finished log is left where it is, empty of raw bytes", "file", d.fileName(f), "error", d.clean(err))
		}
	}
	return nil
}

// bare tells whether all that a file held is shipped or expired, and gone.
func (d *Daemon) bare(num uint64) bool {
	bare := false
	d.ledger.View(func(s *ledger.State) {
		f := s.Files[num]
		if f == nil || len(s.CopiesOf(num)) > 0 || f.Size == 0 || f.Cursor != f.Size || f.Gone.Len() != f.Size {
			return
		}
		bare = true
		for _, b := range s.Batches {
			for _, r := range b.Ranges {
				if r.File == num && !b.Shipped && r.Intent != ledger.ReasonExpire {
					bare = false
				}
			}
		}
	})
	return bare
}

// fileName is a file's path, fit for messages.
func (d *Daemon) fileName(f *tail.File) string { return d.names.String(f.Place().Path()) }
