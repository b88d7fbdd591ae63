package swab

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"swab/ledger"
	"swab/retain"
	"swab/tail"
)

// left is what one pass leaves raw of a class, and why.
type left struct {
	class string // empty for what belongs to none
	why   string
	level slog.Level
	files map[string]bool // by number, or by path; none where ranges are joined
	name  string          // of the last one, fit for messages; may be empty
	bytes int64
}

// leavings collects it.
type leavings map[[2]string]*left

func (l leavings) add(level slog.Level, class, why, file, name string, bytes int64) {
	at := l[[2]string{class, why}]
	if at == nil {
		at = &left{class: class, why: why, level: level, files: map[string]bool{}}
		l[[2]string{class, why}] = at
	}
	if file != "" {
		at.files[file] = true
	}
	at.name = cmp.Or(name, at.name)
	at.bytes += bytes
}

// total sums the accounts of all classes up.
func (d *Daemon) total() (a ledger.Account) {
	d.ledger.View(func(s *ledger.State) {
		for _, c := range s.Classes {
			a.SealedBytes += c.Account.SealedBytes
			a.ShippedBytes += c.Account.ShippedBytes
			a.Expired += c.Account.Expired
			a.Lost += c.Account.Lost
			a.Erased += c.Account.Erased
			a.LinesShipped += c.Account.LinesShipped
		}
	})
	return a
}

// tellLeft says what one pass did since the accounts were as before, and what it
// leaves raw: a line a class and reason, so that nothing stays in silence.
func (d *Daemon) tellLeft(before ledger.Account, whole bool) {
	list := d.leavings()
	var raw int64
	for _, l := range list {
		raw += l.bytes
	}
	did := "read to the end"
	if !whole {
		did = "ended before all was done; the next run goes on"
	}
	now := d.total()
	args := []any{
		"read_bytes", now.SealedBytes + now.ShippedBytes - before.SealedBytes - before.ShippedBytes,
		"shipped_bytes", now.ShippedBytes - before.ShippedBytes, "shipped_lines", now.LinesShipped - before.LinesShipped,
		"overwritten_bytes", now.Erased - before.Erased,
	}
	if lost := now.Expired + now.Lost - before.Expired - before.Lost; lost > 0 {
		args = append(args, "lost_bytes", lost)
	}
	d.log.Info(did, append(args, "unshipped_batches", d.unshipped(), "raw_bytes_left", raw)...)
	for _, l := range list {
		args := []any{"why", l.why}
		if l.class != "" {
			args = append(args, "class", l.class)
		}
		if len(l.files) > 0 {
			args = append(args, "files", len(l.files))
		}
		if len(l.files) == 1 && l.name != "" {
			args = append(args, "file", l.name)
		}
		d.log.Log(context.Background(), l.level, "raw bytes stay", append(args, "bytes", l.bytes)...)
	}
}

// leavings are in the order of classes and reasons.
func (d *Daemon) leavings() []*left {
	found := leavings{}
	open := map[uint64]*tail.File{}
	for _, f := range d.files.Files() {
		open[f.Num()] = f
	}
	d.leftSealed(found, open)
	d.leftUnread(found, open)
	for path, why := range d.files.Refused() {
		var size int64
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		found.add(slog.LevelWarn, "", "not taken: "+why, path, d.names.String(path), size)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *left) int {
		return cmp.Or(strings.Compare(a.class, b.class), strings.Compare(a.why, b.why))
	})
}

// keptRange is a range that was read and is still raw.
type keptRange struct {
	retain.Verdict
	raw     int64 // bytes
	shipped bool
}

// leftSealed asks the plan about what was read.
func (d *Daemon) leftSealed(found leavings, open map[uint64]*tail.File) {
	now, hints := d.clock.Now(), d.hints()
	var list []keptRange
	var joined map[string]string
	rest := map[string]int64{} // by class: what the plan does not speak of, since it is joined
	d.ledger.View(func(s *ledger.State) {
		for name, c := range s.Classes {
			rest[name] = c.Account.Present - c.Account.Unread
		}
		for _, v := range retain.Plan(s, now, hints) {
			rec := s.Files[v.Range.File]
			if rec == nil {
				continue
			}
			raw := v.Range.Len() - rec.Gone.Covered(ledger.Extent{From: v.Range.From, To: v.Range.To})
			if raw > 0 {
				list = append(list, keptRange{v, raw, s.Batches[v.Batch].Shipped})
				rest[v.Class] -= raw
			}
		}
		joined = retain.Joined(s, now, hints)
	})
	for _, k := range list {
		name, f := "", open[k.Range.File]
		if f != nil {
			name = d.fileName(f)
		}
		level, why := d.whyKept(k, f)
		found.add(level, k.Class, why, strconv.FormatUint(k.Range.File, 10), name, k.raw)
	}
	for class, raw := range rest {
		if raw > 0 {
			found.add(slog.LevelInfo, class, cmp.Or(joined[class], "read, and kept"), "", "", raw)
		}
	}
}

// whyKept says why a range that was read is still raw. f is nil where its file
// is not open.
func (d *Daemon) whyKept(k keptRange, f *tail.File) (slog.Level, string) {
	switch {
	case k.Erase != "" && f == nil:
		return slog.LevelWarn, "due, and the log is not where it was"
	case k.Erase != "" && f.WriteErr() != nil:
		why := "due, and cannot be overwritten" // the error was told
		if info, err := f.Stat(); err == nil {
			if text := cure(info, f.WriteErr()); text != "" {
				why += ". " + text
			}
		}
		return slog.LevelWarn, why
	case k.Erase != "":
		return slog.LevelWarn, "due, and not overwritten yet"
	case !k.shipped && !d.contact.isUp():
		return slog.LevelWarn, "sealed and not shipped; the store is down"
	case !k.shipped && k.Class != ledger.ExpireClass:
		return slog.LevelWarn, "sealed and not shipped"
	}
	return slog.LevelInfo, k.Keep
}

// leftUnread looks at what no batch has.
func (d *Daemon) leftUnread(found leavings, open map[uint64]*tail.File) {
	now, told := d.clock.Now(), map[uint64]bool{}
	for _, l := range d.lanes {
		waiting, err := d.files.Pending(l.class.Name, now)
		if err != nil {
			continue // the ledger is broken, which was told
		}
		for _, w := range waiting {
			num := w.File.Num()
			told[num] = true
			found.add(slog.LevelWarn, l.class.Name, d.whyUnread(l, w), strconv.FormatUint(num, 10), d.fileName(w.File), w.Bytes)
		}
	}
	type rest struct {
		class string
		num   uint64
		bytes int64
		copy  bool
	}
	var others []rest
	d.ledger.View(func(s *ledger.State) {
		for num, rec := range s.Files {
			if n := rec.Size - rec.Cursor; n > 0 && rec.Stream == "" && !told[num] {
				others = append(others, rest{rec.Class, num, n, rec.Follows() != 0})
			}
		}
	})
	for _, o := range others {
		name, why := "", "unread, and the log is not where it was"
		if f := open[o.num]; f != nil {
			name, why = d.fileName(f), "unread, and the log cannot be looked at"
			if o.copy {
				why = "a copy; it waits for what is unread of its original"
			}
		}
		found.add(slog.LevelWarn, o.class, why, strconv.FormatUint(o.num, 10), name, o.bytes)
	}
}

// whyUnread says why bytes that wait were not sealed.
func (d *Daemon) whyUnread(l *lane, w tail.Waiting) string {
	switch {
	case !l.retry[w.File].IsZero():
		return "unread, and the log cannot be read"
	case l.orphan:
		return "unread, and no --log names the class; sealed when they are near their limit"
	case l.class.Opaque:
		return "unread; somebody has the file open for writing"
	case w.Half:
		return "the last line is not whole"
	case d.spool.Used() >= d.cfg.SpoolLimit:
		return "unread; the spool is full"
	}
	return "unread so far"
}
