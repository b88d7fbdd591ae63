package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"swab/units"
)

// count reads the store back from nothing and compares it, line by line, with
// what the services know that they wrote; then it looks at what is left raw.
func (d *demo) count(context.Context) error {
	back := newReadBack(d.writers)
	if err := back.update(d.storeDir()); err != nil {
		return err
	}
	t := back.tally(d.writers)
	d.out.line("\n  read back from the store and compared with what was written")
	d.out.line("    %s", d.out.paint(sgrBold, fmt.Sprintf("%s lines written · %s shipped · %d twice · %d lost · %d addresses left · %d secrets left",
		units.Count(t.written), units.Count(t.shipped), t.twice, t.lost, t.left, t.open)))
	d.out.line("    (%s addresses were cut to their networks, %s cookies, passwords and tokens were blanked, and",
		units.Count(t.addrs), units.Count(t.secrets))
	d.out.line("    nothing else was changed; %s lines keep their addresses by policy)", units.Count(t.kept))
	if err := t.fault(); err != nil {
		return err
	}
	var faults []error
	for _, w := range d.writers {
		faults = append(faults, w.checkErased())
		if w.stays {
			faults = append(faults, w.checkKept(firstBurst))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	d.out.line("    no raw byte left on disk, but for web and server, which are whole and have days to go")
	return d.countRotated()
}

// countRotated fails unless the rotated logs were removed once nothing raw was
// left in them.
func (d *demo) countRotated() error {
	list, err := d.api().logFiles()
	if err != nil {
		return err
	}
	var left []string
	for _, path := range list {
		if path != d.api().path() {
			left = append(left, filepath.Base(path))
		}
	}
	if !d.holes {
		return nil // without leases they stay, empty of raw bytes
	}
	if len(left) > 0 {
		return fmt.Errorf("rotated logs of %s were overwritten but not removed: %s", d.api().class, strings.Join(left, ", "))
	}
	d.out.line("    both rotated logs of %s were removed", d.api().class)
	return nil
}
