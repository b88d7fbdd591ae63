package swab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"swab/ledger"
	"swab/retain"
	"swab/ship"
	"swab/tail"
)

// eraseEvery is the rhythm of the eraser. A limit is held to this.
const eraseEvery = time.Second

// erasePass bounds how much is overwritten between two events, bytes.
const erasePass = 1 << 30

func (d *Daemon) eraseLoop(ctx context.Context) error {
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.erase(ctx); err != nil {
			if d.ledger.Broken() != nil {
				return err
			}
			d.told.say(d.log.Error, "erase", "raw bytes could not be overwritten; it is tried again", "error", d.clean(err))
			continue
		}
		d.told.over("erase")
	}
}

// erase does all that the plan says now: intent, overwriting, event; then what
// follows from it: finished files, keys and sums that nothing needs any more.
func (d *Daemon) erase(ctx context.Context) error {
	d.erasing.Lock()
	defer d.erasing.Unlock()
	errs := d.keepPseudonyms() // first: it waits for no file
	errs = errors.Join(errs, d.recallDue())
	failed := map[uint64]bool{}
	raced := 0
	for ctx.Err() == nil {
		var plan []retain.Verdict
		now := d.clock.Now()
		d.ledger.View(func(s *ledger.State) { plan = retain.Now(s, now, d.hints()) })
		plan = slices.DeleteFunc(plan, func(v retain.Verdict) bool {
			return failed[v.Range.File]
		})
		if len(plan) == 0 {
			break
		}
		plan, err := d.packSums(firstPass(plan), failed)
		errs = errors.Join(errs, err)
		if err := d.intend(plan); err != nil {
			if raced++; raced < 3 && d.ledger.Broken() == nil {
				continue // shipped or closed since it was planned: the next plan knows
			}
			return errors.Join(errs, err)
		}
		d.reached(stepIntended)
		bad, err := d.overwrite(plan)
		errs = errors.Join(errs, err)
		for _, num := range bad {
			failed[num] = true
		}
	}
	return errors.Join(errs, d.finishFiles(), d.joinRanges(), d.dropSums(), d.dropKeys())
}

func (d *Daemon) hints() retain.Hints {
	return retain.Hints{
		Mode: func(num uint64) string {
			if f := d.files.File(num); f != nil {
				return f.EraseMode()
			}
			return ""
		},
		Away: func(num uint64) bool {
			f := d.files.File(num)
			return f != nil && f.Away()
		},
		Nameless: func(num uint64) bool {
			f := d.files.File(num)
			return f != nil && f.Forsaken()
		},
	}
}

// firstPass takes so much of the plan as one pass may hold, and at least one
// range.
func firstPass(plan []retain.Verdict) []retain.Verdict {
	var total int64
	for i, v := range plan {
		inside := i > 0 && v.Packed && plan[i-1].Range.File == v.Range.File
		if total += v.Range.Len(); total > erasePass && i > 0 && !inside {
			return plan[:i]
		}
	}
	return plan
}

// intend writes the intents that the ledger does not hold yet, an event a
// reason.
func (d *Daemon) intend(plan []retain.Verdict) error {
	byReason := map[ledger.Reason][]retain.Verdict{}
	for _, v := range plan {
		if !v.Redo {
			byReason[v.Erase] = append(byReason[v.Erase], v)
		}
	}
	var events []ledger.Event
	for _, why := range []ledger.Reason{ledger.ReasonShipped, ledger.ReasonLimit, ledger.ReasonLimitSealed, ledger.ReasonNameless} {
		if list := byReason[why]; len(list) > 0 {
			events = append(events, ledger.Event{Erase: &ledger.Erase{Reason: why, Refs: refs(list)}})
		}
	}
	if err := d.ledger.Append(events...); err != nil {
		return fmt.Errorf("intent to erase: %w", err)
	}
	return nil
}

// refs names the ranges batch by batch.
func refs(list []retain.Verdict) []ledger.Ref {
	at := map[ledger.BatchID]int{}
	var out []ledger.Ref
	for _, v := range list {
		i, ok := at[v.Batch]
		if !ok {
			i = len(out)
			at[v.Batch] = i
			out = append(out, ledger.Ref{Batch: v.Batch})
		}
		out[i].Only = append(out[i].Only, v.Index)
	}
	return out
}

// overwrite goes through the plan file by file. It returns the files where it
// failed; what succeeded is in the ledger.
func (d *Daemon) overwrite(plan []retain.Verdict) (failed []uint64, err error) {
	for len(plan) > 0 {
		num := plan[0].Range.File
		n := slices.IndexFunc(plan, func(v retain.Verdict) bool { return v.Range.File != num })
		if n < 0 {
			n = len(plan)
		}
		if ferr := d.overwriteFile(num, plan[:n]); ferr != nil {
			failed = append(failed, num)
			if !errors.Is(ferr, errSought) {
				err = errors.Join(err, ferr)
			}
		}
		plan = plan[n:]
	}
	return failed, err
}

// overwriteFile overwrites ranges of one file: all of them are written, then
// synced, then punched, then recorded. A range that cannot be compared (its
// sums or their key are missing, or it cannot be read) is an error, and keeps
// no other of its file. A crash before the event leaves the intent open, and
// the same is done again, block by block as far as it is still to be done.
func (d *Daemon) overwriteFile(num uint64, list []retain.Verdict) error {
	f := d.files.File(num)
	if f == nil {
		if d.ended(num) {
			return nil // its ranges are closed with it; the next plan knows
		}
		if d.files.Sought(num) {
			return errSought
		}
		return fmt.Errorf("file %d is not open; its raw bytes cannot be overwritten", num)
	}
	err := d.overwriteOpen(f, num, list)
	f.Erasable(err)
	return withCure(f, err)
}

func (d *Daemon) overwriteOpen(f *tail.File, num uint64, list []retain.Verdict) error {
	if list[0].Packed {
		return d.overwritePacked(f, num, list)
	}
	fill, err := d.fillOf(f, list[0].Class)
	if err != nil {
		return err
	}
	event := ledger.Erased{Fill: fill.String()}
	var written []retain.Verdict
	var failed error // the first
	err = f.Erase(num, func(w *os.File, lock sync.Locker) error {
		var done []ledger.Extent
		for _, v := range list {
			result, err := d.overwriteRange(w, v, fill, lock)
			if errors.Is(err, tail.ErrOtherGeneration) {
				return err
			}
			if err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
			written = append(written, v)
			for _, s := range result.Skipped {
				event.Skipped = append(event.Skipped, ledger.Span{File: num, From: s.From, To: s.To})
			}
			if result.Stretched {
				d.log.Error("the file was truncated while it was erased; lines written in that moment may be lost", "file", d.fileName(f))
			}
			done = append(done, ledger.Extent{From: v.Range.From, To: v.Range.To})
		}
		d.reached(stepWritten)
		if err := d.sync(w); err != nil { // written and synced again by the next pass
			return err
		}
		d.reached(stepSynced)
		if fill == retain.FillBlank {
			return nil
		}
		return d.punch(w, num, done)
	})
	if errors.Is(err, tail.ErrOtherGeneration) {
		return nil // its ranges are closed with it; the next plan knows
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.fileName(f), errors.Join(failed, err))
	}
	if failed != nil {
		failed = fmt.Errorf("%s: %w", d.fileName(f), failed)
	}
	if len(written) == 0 {
		return failed
	}
	if fill == retain.FillZero {
		if err := d.punchEnd(f, num, written); err != nil {
			return err
		}
	}
	d.reached(stepPunched)
	event.Refs = refs(written)
	if err := d.ledger.Append(ledger.Event{Erased: &event}); err != nil {
		return errors.Join(failed, err)
	}
	d.reached(stepErased)
	return failed
}

// errSought says that a file was not found so far: the next sweeps tell what
// became of it.
var errSought = errors.New("the file is looked for")

// ended tells whether a generation is no more.
func (d *Daemon) ended(num uint64) (ended bool) {
	d.ledger.View(func(s *ledger.State) { ended = s.Files[num] == nil })
	return ended
}

// overwriteRange compares and overwrites one range, piece by piece as it was
// sealed.
func (d *Daemon) overwriteRange(w *os.File, v retain.Verdict, fill retain.Fill, lock sync.Locker) (retain.Result, error) {
	var all retain.Result
	sums, err := d.rangeSums(v.Batch, v.Index)
	if err != nil {
		return all, err
	}
	defer sums.file.Close()
	for _, piece := range sums.pieces {
		one, err := retain.Overwrite(w, piece.Extent, piece.Sums(sums.file, sums.key), fill, lock)
		all.Erased += one.Erased
		all.Skipped = append(all.Skipped, one.Skipped...)
		all.Stretched = all.Stretched || one.Stretched
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// punch gives the blocks back, in runs as long as they are.
func (d *Daemon) punch(w *os.File, num uint64, done []ledger.Extent) error {
	var gone ledger.Extents
	d.ledger.View(func(s *ledger.State) {
		if f := s.Files[num]; f != nil {
			gone = slices.Clone(f.Gone)
		}
	})
	var runs ledger.Extents
	for _, e := range done {
		runs.Add(e)
		gone.Add(e)
	}
	for _, run := range runs {
		err := retain.Punch(w, run, func(e ledger.Extent) bool { return gone.Covered(e) == e.To-e.From })
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil
}

// punchEnd gives back the last block of a file that nobody has open, so that
// nothing of it stays allocated.
func (d *Daemon) punchEnd(f *tail.File, num uint64, list []retain.Verdict) error {
	last := list[len(list)-1].Range.To
	var gone ledger.Extents
	d.ledger.View(func(s *ledger.State) {
		if file := s.Files[num]; file != nil && file.Size == last {
			gone = slices.Clone(file.Gone)
			for _, v := range list {
				gone.Add(ledger.Extent{From: v.Range.From, To: v.Range.To})
			}
		}
	})
	if gone == nil {
		return nil
	}
	err := f.Alone(num, func(w *os.File) error {
		return retain.PunchEnd(w, last, func(e ledger.Extent) bool { return gone.Covered(e) == e.To-e.From })
	})
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, tail.ErrOtherGeneration) {
		return nil
	}
	return err
}

// fillOf is what a file's overwritten bytes hold: what its class says, where no
// --log names it.
func (d *Daemon) fillOf(f *tail.File, class string) (retain.Fill, error) {
	if f.EraseMode() != "" {
		if f.Blank() {
			return retain.FillBlank, nil
		}
		return retain.FillZero, nil
	}
	var fill string
	d.ledger.View(func(s *ledger.State) { fill = s.Policies[class].Fill })
	return retain.ParseFill(fill)
}

// dropSums removes the sums of batches that hold nothing raw any more.
func (d *Daemon) dropSums() error {
	var idle []ledger.BatchID
	d.sumsMu.Lock()
	defer d.sumsMu.Unlock()
	d.ledger.View(func(s *ledger.State) {
		for id := range d.sums {
			if b := s.Batches[id]; b == nil || !b.RawLeft() {
				idle = append(idle, id)
			}
		}
	})
	for _, id := range idle {
		if err := d.spool.RemoveSums(ship.ID(id)); err != nil {
			return err
		}
		delete(d.sums, id)
	}
	return nil
}

// haveSums notes that a batch's sums file is in the spool.
func (d *Daemon) haveSums(id ledger.BatchID) {
	d.sumsMu.Lock()
	defer d.sumsMu.Unlock()
	d.sums[id] = true
}

// dropKeys destroys the keys that nothing needs any more. Today's stays.
func (d *Daemon) dropKeys() error {
	days, err := d.keys.Days()
	if err != nil {
		return err
	}
	today := ledger.Day(d.clock.Now())
	d.keysMu.Lock() // a key of yesterday's may be asked for at midnight
	defer d.keysMu.Unlock()
	var used map[string]bool
	d.ledger.View(func(s *ledger.State) { used = s.KeysInUse() })
	for _, day := range days {
		if day >= today || used[day] || d.keysHeld[day] > 0 {
			continue
		}
		if err := d.keys.Destroy(day); err != nil {
			return err
		}
		if err := d.ledger.Append(ledger.Event{Key: &ledger.KeyEvent{Use: "sums", Day: day, Did: "destroyed"}}); err != nil {
			return err
		}
	}
	return nil
}

// spoolKnown tells which files of the spool a batch still needs.
func (d *Daemon) spoolKnown(id ship.ID) (body, sums bool) {
	d.ledger.View(func(s *ledger.State) {
		// A crash leaves the next number at the most: its seal was not written.
		if c := s.Classes[id.Class]; c != nil && id.Number > c.Sealed+1 {
			d.ahead = ledger.BatchID(id).String()
		}
		if b := s.Batches[ledger.BatchID(id)]; b != nil {
			body, sums = !b.Shipped && ledger.IsObject(id.Class), b.RawLeft()
		}
	})
	return body, sums
}
