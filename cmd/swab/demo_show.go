package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"swab/ledger"
	"swab/retain"
)

const (
	firstBurst = 60                 // lines of a service that are shown in full
	oldAge     = 8 * 24 * time.Hour // of the lines made old
)

// show follows one line of each class from its writing to what is left of it.
func (d *demo) show(ctx context.Context) error {
	for _, w := range d.writers {
		if w.stays {
			if err := w.burst(w.old(), firstBurst, time.Now().Add(-oldAge)); err != nil {
				return err
			}
		}
	}
	if err := d.start(); err != nil {
		return err
	}
	for _, w := range d.writers {
		if err := w.burst(w.path(), firstBurst, time.Now()); err != nil {
			return err
		}
	}
	for _, w := range d.writers {
		d.out.line("")
		if !w.stays {
			if err := d.showLine(ctx, w, w.class, "wrote", 0); err != nil {
				return err
			}
			if err := d.showErased(ctx, w, w.path(), ""); err != nil {
				return err
			}
			continue
		}
		if err := d.showLine(ctx, w, w.class, "wrote", firstBurst); err != nil {
			return err
		}
		if err := d.showKept(ctx, w); err != nil {
			return err
		}
		if err := d.showLine(ctx, w, "", "8 d ago", 0); err != nil {
			return err
		}
		if err := d.showErased(ctx, w, w.old(), " (made 8 days old: gone)"); err != nil {
			return err
		}
	}
	return nil
}

// showLine prints a line as it was written and as it stands in the store.
func (d *demo) showLine(ctx context.Context, w *writer, name, label string, number int) error {
	m, id := w.line(number), lineID(w.class, number)
	from := excerptStart(m.raw, m.marks(), d.out.width-rowIndent)
	d.out.logRow(name, label, m.raw, from, m.marks(), sgrYellow)
	err := d.wait(ctx, "the first "+w.class+" lines to be shipped", func() (bool, error) {
		return d.store.lines[id] != nil, d.store.update(d.storeDir())
	})
	if err != nil {
		return err
	}
	s := d.store.lines[id]
	if s.text != w.wanted(m) {
		return fmt.Errorf("a %s line stands in the store otherwise than it should", w.class)
	}
	d.out.logRow("", "shipped", s.text, from, w.marksOf(m), sgrBold)
	d.out.row("", "into", excerpt(shortKey(s.key), 0, d.out.width-rowIndent))
	if w.keeps {
		d.out.row("", "policy", "this class keeps its addresses in the store, its secrets nowhere; the host keeps neither")
	}
	return nil
}

// showErased waits until the log is overwritten and prints what stands there.
func (d *demo) showErased(ctx context.Context, w *writer, path, note string) error {
	var o onDisk
	err := d.wait(ctx, w.class+" lines to be overwritten and their blocks given back", func() (done bool, err error) {
		// The log's last block goes under a lease that nobody gets while
		// someone has it open: so it is not opened before that.
		if d.holes {
			if n, err := allocated(path); n > 0 || err != nil {
				return false, err
			}
		}
		o, err = lookAt(path)
		return o.overwritten(), err
	})
	if err != nil {
		return err
	}
	d.out.row("", "on disk", excerpt(o.words()+note, 0, d.out.width-rowIndent))
	return nil
}

// showKept prints until when the raw lines of a class stay, after a look
// whether they do.
func (d *demo) showKept(ctx context.Context, w *writer) error {
	var due time.Time
	err := d.wait(ctx, "the limit of "+w.name(), func() (done bool, err error) {
		due, err = d.due(w.path())
		return !due.IsZero(), err
	})
	if err != nil {
		return err
	}
	if err := w.checkKept(firstBurst); err != nil {
		return err
	}
	left := time.Until(due).Round(time.Hour)
	if left <= 6*24*time.Hour || left > 7*24*time.Hour {
		return fmt.Errorf("%s: its limit is %s away, not 7 days", w.name(), left)
	}
	d.out.row("", "on disk", fmt.Sprintf("kept, %d days to go", left/(24*time.Hour)))
	return nil
}

// due is when the first range of a log is at its limit by the ledger, zero
// where it knows of none yet.
func (d *demo) due(path string) (due time.Time, err error) {
	paths, err := ledger.OpenPaths(d.stateDir())
	if err != nil {
		return due, err
	}
	file := fileAt(paths, path)
	var policies map[string]ledger.Retention
	err = walkLedger(d.stateDir(), io.Discard, func(e *ledger.Event, _ string) error {
		switch {
		case e.Start != nil:
			policies = e.Start.Policies
		case e.Seal != nil:
			for _, r := range e.Seal.Ranges {
				if r.File == file && r.From == 0 {
					due = retain.Due(r.Oldest, policies[e.Seal.Batch.Class])
				}
			}
		}
		return nil
	})
	return due, err
}

// fileAt is the ledger's number of the log at path, 0 where it has none.
func fileAt(paths *ledger.Paths, path string) uint64 {
	for num, place := range paths.All() {
		if place.Path() == path {
			return num
		}
	}
	return 0
}
