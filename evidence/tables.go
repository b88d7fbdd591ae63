package evidence

import (
	"fmt"
	"strings"
	"time"

	"swab/units"
)

// table is one part of a report, the same as text and on the page.
type table struct {
	ID, Title string
	Note      string // what a reader must know to read it
	Head      []string
	Right     int // how many columns behind the first are numbers
	Rows      [][]string
	None      string // what is said where there is no row
	More      int64  // rows that are left out
}

// Align is the class of a column's cells.
func (t table) Align(i int) string {
	if 1 <= i && i <= t.Right {
		return "n"
	}
	return ""
}

// tables are all parts but the picture, in their order.
func (r *Report) tables() []table {
	return []table{
		r.accountTable(), r.ageTable(), r.eraseTable(), r.sampleTable(), r.lossTable(), r.offTable(), r.ruleTable(), r.changeTable(),
		r.refusedTable(), r.uncoveredTable(), r.batchTable(), r.deviceTable(), r.keyTable(), r.revealTable(), r.segmentTable(),
	}
}

func (r *Report) accountTable() table {
	t := table{
		ID: "bytes", Title: "What became of the bytes",
		Note:  "Bytes of this time. Removed: freed by somebody else, most often a rotation. Copied: accounted for in the file they were copied from. Raw at the begin and at the end: what lay on the host unchanged.",
		Head:  []string{"class", "written", "shipped", "erased", "expired", "lost", "removed", "copied", "streamed", "raw at the begin", "at the end"},
		Right: 10, None: "No class had a file.",
	}
	for _, c := range r.Classes {
		row := []string{c.Name}
		for _, n := range []int64{c.Written, c.Shipped, c.Erased, c.Expired, c.Lost, c.Removed, c.Copied, c.Streamed, c.Before, c.After} {
			row = append(row, units.Size(n))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Report) ageTable() table {
	t := table{
		ID: "ages", Title: "The oldest raw byte, hour by hour",
		Note: "How old the oldest byte was that was still as it had been written, at each full hour. An age is a bound: the byte may be younger, and is never older. " +
			"An hour counts as past the limit from a minute past it on.",
		Head:  []string{"class", "limit", "oldest at any hour", "hours past the limit", "hours", "when it was oldest"},
		Right: 4, None: "No class had a file.",
	}
	for _, c := range r.Classes {
		limit, past := units.Age(c.Limit), units.Count(c.Past)
		if !c.Held {
			limit, past = "not held", "–"
		}
		t.Rows = append(t.Rows, []string{c.Name, limit, c.Worst.String(), past, units.Count(len(c.Ages)), stamp(c.At)})
	}
	return t
}

func (r *Report) eraseTable() table {
	t := table{
		ID: "erased", Title: "Overwritten, by reason",
		Note:  "Every range was compared with the sums of what had been read before it was overwritten, and the overwriting was synced.",
		Head:  []string{"class", "ranges", "bytes", "oldest byte then", "why"},
		Right: 3, None: "Nothing was overwritten.",
	}
	for _, c := range r.Classes {
		for _, e := range c.Erases {
			t.Rows = append(t.Rows, []string{c.Name, units.Count(e.Ranges), units.Size(e.Bytes), Age{Unknown: e.Unknown, Age: e.Oldest}.String(), whyWords(e.Reason)})
		}
	}
	return t
}

func (r *Report) sampleTable() table {
	t := table{
		ID: "samples", Title: "Samples of what was overwritten",
		Note: "Of each class and reason the first, the oldest and the last. swab ledger trace tells all of a file or an object.",
		Head: []string{"class", "why", "written after", "in the store", "overwritten", "file and bytes", "batch, object"},
		None: "Nothing was overwritten.",
	}
	for _, c := range r.Classes {
		for _, e := range c.Erases {
			for _, s := range e.Samples {
				written, shipped, object := stamp(s.Written), stamp(s.Shipped), s.Batch
				if written == "" {
					written = "unknown"
				}
				if shipped == "" {
					shipped = "not yet"
				}
				if s.Key != "" {
					object += " " + s.Key
				}
				t.Rows = append(t.Rows, []string{
					c.Name, e.Reason, written, shipped, stamp(s.At), fmt.Sprintf("#%d %s–%s", s.File, units.Count(s.From), units.Count(s.To)), object,
				})
			}
		}
	}
	return t
}

func (r *Report) lossTable() table {
	t := table{
		ID: "losses", Title: "Lines that are in no object",
		Head: []string{"when", "bytes", "lines", "class", "file", "why"}, Right: 2,
		None: "None: nothing expired, and nothing was gone before it was read.", More: r.Unlisted["losses"],
	}
	for _, l := range r.Losses {
		bytes, lines := units.Size(l.Bytes), "not counted"
		if l.Least {
			bytes = "at least " + bytes
		} else {
			lines = units.Count(l.Lines)
		}
		t.Rows = append(t.Rows, []string{stamp(l.At), bytes, lines, l.Class, fmt.Sprint("#", l.File), l.Why})
	}
	return t
}

func (r *Report) offTable() table {
	t := table{
		ID: "off", Title: "When swab was off",
		Note: "Nothing is read, shipped or overwritten then, and no limit is held. What is overdue goes first when it starts again. Where it ended without a word, it was off for this long at most.",
		Head: []string{"from", "to", "how long", "how it ended"}, None: "Never.", More: r.Unlisted["off"],
	}
	for _, o := range r.Off {
		why, long := o.Why, units.Age(o.To.Sub(o.From))
		if o.Unsaid {
			why, long = "without a word: a crash, a kill or a power loss", long+" at most"
		}
		t.Rows = append(t.Rows, []string{stamp(o.From), stamp(o.To), long, why})
	}
	return t
}

// offFor is how long swab was off in all.
func (r *Report) offFor() (d time.Duration) {
	for _, o := range r.Off {
		d += o.To.Sub(o.From)
	}
	return d
}

func (r *Report) ruleTable() table {
	t := table{
		ID: "rules", Title: "The rules at the end", Head: []string{"class", "rule"}, None: "No class.",
	}
	for _, c := range r.Classes {
		t.Rows = append(t.Rows, []string{c.Name, c.Rule})
	}
	return t
}

func (r *Report) changeTable() table {
	t := table{
		ID: "changes", Title: "What changed", Head: []string{"when", "what"}, None: "No rule, no name and no chain.", More: r.Unlisted["changes"],
	}
	for _, c := range r.Changes {
		t.Rows = append(t.Rows, []string{stamp(c.At), c.What})
	}
	return t
}

func (r *Report) refusedTable() table {
	t := table{
		ID: "refused", Title: "Files that were refused",
		Note: "Their bytes were neither read nor overwritten: no limit is held for them. Names have passed the scrubber.",
		Head: []string{"file", "times", "first said", "last said", "no byte is older than", "why"}, Right: 1,
		None: "None.", More: r.Unlisted["refused"],
	}
	for _, f := range r.Refused {
		t.Rows = append(t.Rows, []string{plain(f.Name), units.Count(f.Times), stamp(f.First), stamp(f.Last), made(f.Made), plain(f.Why)})
	}
	return t
}

func (r *Report) uncoveredTable() table {
	l := r.Looks
	t := table{
		ID: "uncovered", Title: "Files that no glob covers",
		Note: fmt.Sprintf("They lie where the logs lie and are neither shipped nor overwritten. The ledger has %s of them, the last of %s: %s, %s.",
			plural(l.Times, "list", "lists"), stamp(l.Last), plural(l.Files, "file", "files"), units.Size(l.Bytes)),
		Head: []string{"file", "bytes", "first said", "last said", "no byte is older than"}, Right: 1,
		None: "None.", More: r.Unlisted["uncovered"],
	}
	if l.Times == 0 {
		t.Note, t.None = "", "The ledger has no list of them in this time."
	}
	for _, f := range l.Uncovered {
		t.Rows = append(t.Rows, []string{plain(f.Name), units.Count(f.Size), stamp(f.First), stamp(f.Last), made(f.Made)})
	}
	return t
}

// made says when a file was made.
func made(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return stamp(t)
}

func (r *Report) batchTable() table {
	t := table{
		ID: "batches", Title: "Batches and their numbers",
		Note:  "The numbers of a class have no gap: an event that would leave one is refused, and a ledger with one does not hold.",
		Head:  []string{"class", "batches", "first", "last", "lines shipped", "not shipped at the end"},
		Right: 5, None: "No batch.",
	}
	for _, c := range r.Classes {
		if c.FirstBatch > 0 || c.Waiting > 0 || c.Lines > 0 {
			batches, first := "0", "–"
			if c.FirstBatch > 0 {
				batches, first = units.Count(c.LastBatch-c.FirstBatch+1), units.Count(c.FirstBatch)
			}
			last := "–"
			if c.LastBatch > 0 {
				last = units.Count(c.LastBatch)
			}
			t.Rows = append(t.Rows, []string{c.Name, batches, first, last, units.Count(c.Lines), units.Count(c.Waiting)})
		}
	}
	if len(r.Gaps) > 0 {
		t.Note = "Missing: " + strings.Join(r.Gaps, "; ") + "."
	}
	return t
}

func (r *Report) deviceTable() table {
	t := table{
		ID: "devices", Title: "What overwriting is worth there",
		Note: "The file systems that the logs lay on at the last start, as far as swab can see: snapshots and disks it cannot.",
		Head: []string{"file system", "overwriting", "what limits it"}, None: "The ledger does not say.",
	}
	for _, d := range r.Devices {
		reaches := "does not reach the old blocks"
		if d.Reaches {
			reaches = "reaches the device"
		}
		t.Rows = append(t.Rows, []string{d.FS, reaches, d.Note})
	}
	return t
}

func (r *Report) keyTable() table {
	t := table{
		ID: "keys", Title: "Keys",
		Note: "A day's key is made when it is first needed, and overwritten and removed when nothing raw, or no pseudonym within its limit, needs it any more.",
		Head: []string{"of", "made", "destroyed", "there at the end"}, Right: 3, None: "None was there.",
	}
	for _, k := range r.Keys {
		t.Rows = append(t.Rows, []string{k.Use, units.Count(k.Made), units.Count(k.Destroyed), units.Count(k.Left)})
	}
	return t
}

func (r *Report) revealTable() table {
	t := table{
		ID: "reveals", Title: "Pseudonyms that were turned back", Head: []string{"when", "by", "of the day"},
		None: "None by swab reveal.", More: r.Unlisted["reveals"],
	}
	for _, v := range r.Reveals {
		by := fmt.Sprintf("%s (uid %d)", v.User, v.UID)
		if v.Sudo != "" {
			by += ", by sudo from " + v.Sudo
		}
		t.Rows = append(t.Rows, []string{stamp(v.At), by, v.Day})
	}
	return t
}

func (r *Report) segmentTable() table {
	t := table{
		ID: "segments", Title: "Segments of the ledger that went to the store",
		Note: "The store vouches for all events up to the last one of a segment that it has.",
		Head: []string{"segment", "up to event", "when", "object"}, Right: 1, None: "None in this time.", More: r.Unlisted["segments"],
	}
	for _, s := range r.Segments {
		t.Rows = append(t.Rows, []string{units.Count(s.Number), units.Count(s.Last), stamp(s.At), s.Key})
	}
	return t
}
