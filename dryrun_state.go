package swab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"swab/ledger"
	"swab/retain"
	"swab/ship"
	"swab/tail"
)

// known is what an earlier run left in the state directory. The zero value is
// a first start.
type known struct {
	state *ledger.State
	paths *ledger.Paths
	keys  *ledger.Keys
	byIno map[uint64][]uint64 // numbers of files by inode number
	// unshipped are the batches that are sealed and not in the store.
	unshipped map[ledger.BatchID]bool
	// plan holds what the ledger's own ranges would have now, by file.
	plan map[uint64][]retain.Verdict
	// away are the files that are not where they were first seen; mode is when
	// their --log has them erased.
	away map[uint64]bool
	mode map[uint64]string
}

// target is a file to forecast.
type target struct {
	tail.Found
	id   inode
	born int64 // ns since 1970, 0 unknown

	num    uint64       // in the ledger; 0 for a file it does not know
	rec    *ledger.File // what the ledger knows of it
	away   bool
	rest   bool           // no glob leads to it
	packed *ledger.Packed // of an archive that the ledger does not know
}

func inodeOf(info fs.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(st.Dev), st.Ino}
	}
	return inode{}
}

// readState loads the ledger, if there is one, without opening it for writing.
func (c *caster) readState() {
	s := &c.out.State
	s.Path = c.cfg.State
	if c.cfg.State == "" {
		return
	}
	_, err := os.Stat(filepath.Join(c.cfg.State, "ledger"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		s.Notes = "nothing there yet: this is a first start"
		return
	}
	var report *ledger.Report
	if err == nil {
		report, err = ledger.Check(c.cfg.State)
	}
	if err == nil {
		err = c.known.load(c.cfg.State, report.State)
	}
	if err != nil {
		c.known = known{}
		s.Notes = fmt.Sprintf("cannot be read (%s): %v. This is the forecast of a first start", whoami(), plainError(err))
		return
	}
	s.Used = true
	if len(report.Problems) > 0 {
		s.Notes = fmt.Sprintf("the ledger has %d faults, the first: %s. A run may not start", len(report.Problems), report.Problems[0])
	}
	c.now = later(c.now, c.known.state.LastAt).In(c.now.Location())
	for name, class := range c.cfg.Classes {
		c.known.state.Policies[name] = retention(class)
	}
	c.known.ship(c.now)
}

// load takes over a ledger's fold, which nobody else has. It creates nothing.
func (k *known) load(dir string, state *ledger.State) error {
	if state == nil {
		return errors.New("the ledger holds nothing that can be read")
	}
	var err error
	if k.paths, err = ledger.OpenPaths(dir); err != nil {
		return err
	}
	// OpenKeys would make a missing directory.
	if info, err := os.Stat(keysDir(dir)); err == nil && info.IsDir() {
		if k.keys, err = ledger.OpenKeys(keysDir(dir)); err != nil {
			return err
		}
	}
	if err := recallAll(dir, state); err != nil {
		return err
	}
	k.state = state
	k.byIno, k.away, k.mode = map[uint64][]uint64{}, map[uint64]bool{}, map[uint64]string{}
	for _, num := range slices.Sorted(maps.Keys(state.Files)) {
		if state.Files[num].Stream != "" {
			continue
		}
		ino := state.Files[num].ID.Ino
		k.byIno[ino] = append(k.byIno[ino], num)
	}
	return nil
}

// recallAll brings back the ranges that stand in sums files alone.
func recallAll(dir string, state *ledger.State) error {
	for id, b := range state.Batches {
		if b.Away == nil {
			continue
		}
		f, err := os.Open(filepath.Join(spoolDir(dir), ship.ID(id).SumsName()))
		if err != nil {
			return err
		}
		joined, err := ledger.OpenJoined(f)
		if err == nil {
			var ranges []ledger.Range
			if ranges, _, err = joined.Ranges(0); err == nil {
				err = state.Apply(ledger.Event{Recalled: &ledger.Recalled{Batch: id, Ranges: ranges}}, state.LastAt)
			}
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// ship does in the fold what the run will do first: put what is sealed into
// the store.
func (k *known) ship(now time.Time) {
	k.unshipped = map[ledger.BatchID]bool{}
	for id, b := range k.state.Batches {
		if b.Shipped {
			continue
		}
		k.unshipped[id] = true
		if id.Class != ledger.ExpireClass {
			b.Shipped, b.ShippedAt = true, now
		}
	}
}

// recognize finds the ledger's number of a file. Inode and birth time must
// agree; whether the content is what was read, [known.holds] tells.
func (k *known) recognize(t *target) {
	t.born = birthTime(t.Place.Path())
	list := k.byIno[t.id.ino]
	for i := len(list) - 1; i >= 0; i-- { // the latest generation
		rec := k.state.Files[list[i]]
		if rec.ID.Born != 0 && t.born != 0 && rec.ID.Born != t.born {
			continue
		}
		t.num, t.rec = list[i], rec
		if was, ok := k.paths.Get(t.num); ok {
			t.away = was != t.Place
			k.away[t.num] = t.away
		}
		t.Rule.Class = rec.Class // fixed at first sight
		k.mode[t.num] = t.Rule.Erase
		return
	}
}

// rest are the files that the ledger knows, that are where they were, and that
// no glob leads to: they are held to their limit all the same.
func (k *known) rest(rules []tail.Rule, seen map[inode]bool) []*target {
	var list []*target
	if k.state == nil {
		return nil
	}
	for _, num := range slices.Sorted(maps.Keys(k.state.Files)) {
		rec := k.state.Files[num]
		place, ok := k.paths.Get(num)
		if !ok || rec.Stream != "" {
			continue
		}
		info, err := os.Lstat(place.Path())
		if err != nil || !info.Mode().IsRegular() || inodeOf(info).ino != rec.ID.Ino || seen[inodeOf(info)] {
			continue
		}
		rule := tail.Rule{Class: rec.Class}
		if i := slices.IndexFunc(rules, func(r tail.Rule) bool { return r.Class == rec.Class }); i >= 0 {
			rule = rules[i]
		}
		t := &target{Found: tail.Found{Rule: rule, Place: place, Path: place.Path(), Info: info}, id: inodeOf(info), rest: true}
		if k.recognize(t); t.num == num {
			list = append(list, t)
		}
	}
	return list
}

// planned returns what the ledger's plan says of a known file's sealed ranges.
func (k *known) planned(num uint64, now time.Time) []retain.Verdict {
	if num == 0 {
		return nil
	}
	if k.plan == nil {
		k.plan = map[uint64][]retain.Verdict{}
		verdicts := retain.Plan(k.state, now, retain.Hints{
			Mode: func(num uint64) string { return k.mode[num] },
			Away: func(num uint64) bool { return k.away[num] },
		})
		for _, v := range verdicts {
			k.plan[v.Range.File] = append(k.plan[v.Range.File], v)
		}
	}
	return k.plan[num]
}

// holds tells whether an open file still has the generation that the ledger
// knows: it reaches to the cursor, and the marked bytes are what they were, or
// overwritten by us.
func (k *known) holds(f io.ReaderAt, rec *ledger.File, size int64) bool {
	if rec.Packed != nil && rec.Packed.Sums != (ledger.BatchID{}) {
		return true // it is being overwritten
	}
	if size < rec.Cursor {
		return false
	}
	marks := slices.Clone(rec.Tail)
	if rec.Head != nil {
		marks = append(marks, *rec.Head)
	}
	for _, m := range marks {
		p := make([]byte, m.Len)
		if n, _ := f.ReadAt(p, m.Off); n < m.Len {
			return false
		}
		at := ledger.Extent{From: m.Off, To: m.Off + int64(m.Len)}
		if rec.Gone.Covered(at)+rec.Intent.Covered(at) > 0 {
			if rec.Gone.Covered(at) == at.To-at.From && !ledger.Filled(m.Off, p) {
				return false
			}
			continue
		}
		if k.keys == nil {
			continue
		}
		if ok, err := k.keys.MarkMatches(m, p); err == nil && !ok {
			return false
		}
	}
	return true
}

// plainError leaves out what the reader has before his eyes: the operation.
func plainError(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return fmt.Errorf("%s: %w", strings.TrimSuffix(perr.Path, "/"), perr.Err)
	}
	return err
}
