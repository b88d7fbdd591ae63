package swab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"swab/ledger"
	"swab/retain"
	"swab/tail"
)

// file forecasts one file. The error is ctx's.
func (c *caster) file(ctx context.Context, t *target) error {
	f, err := tail.OpenPlace(t.Place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since the directory was read
	}
	if err != nil {
		c.refuseFile(t, err)
		return nil
	}
	defer f.Close()
	noAccessTime(f)
	info, err := f.Stat()
	if err != nil {
		c.refuse(t.Path, err)
		return nil
	}
	text, size, err := c.unpack(f, t, info)
	if what, binary := c.sniff(text, t, size); err == nil && binary {
		err = &tail.RefusedError{Why: what}
	}
	if err != nil {
		c.refuse(t.Path, err)
		return nil
	}
	if t.rec != nil && !c.known.holds(text, t.rec, size) {
		t.num, t.rec = 0, nil // rewritten: its next generation begins
	}
	out := FileForecast{
		Path: t.Path, Owner: owner(info), Class: t.Rule.Class, Size: size, OpenBy: c.open[t.id],
		FileSystem: c.device(t),
	}
	s := c.scale(t, &out)
	out.Writable, out.WriteError = tryWrite(t, info, s.mode)
	for _, v := range c.known.planned(t.num, c.now) {
		s.sealed(v, c.known.unshipped[v.Batch])
	}
	if err := c.unread(ctx, text, t, info, s); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.refuse(t.Path, err)
		return nil
	}
	s.conclude()
	c.out.List = append(c.out.List, out)
	return nil
}

// sniff looks at the file's begin, as a run does before it takes a file.
func (c *caster) sniff(f io.ReaderAt, t *target, size int64) (what string, binary bool) {
	if t.Rule.Opaque || f == nil {
		return "", false
	}
	n, err := f.ReadAt(c.buf[:tail.SniffSize], 0)
	if err != nil && err != io.EOF {
		return "", false // reading will tell
	}
	if t.packed == nil && t.rec == nil {
		if what, half := tail.HalfArchive(t.Place.Name, f, size); half {
			return what, true
		}
	}
	return tail.Binary(c.buf[:n])
}

// tryWrite opens the file as erasing will, if it ever will.
func tryWrite(t *target, info fs.FileInfo, mode string) (writable, why string) {
	if mode == "off" {
		return "not needed", ""
	}
	err := tail.TryWrite(t.Place)
	if err == nil {
		return "yes", ""
	}
	return "no", strings.TrimPrefix(unwritable(t.Path, info, err).Error(), t.Path+": ")
}

// device asks once a directory what overwriting reaches there, and counts.
func (c *caster) device(t *target) string {
	key := placeKey{t.id.dev, filepath.Dir(t.Place.Path())}
	d, ok := c.devices[key]
	if !ok {
		promise, err := retain.Promise(t.Place.Path())
		d = ForecastDevice{FileSystem: promise.FS, Reaches: promise.Reaches, Note: promise.Note}
		if err != nil {
			d = ForecastDevice{FileSystem: "unknown", Note: err.Error()}
		}
		c.devices[key] = d
	}
	for i := range c.out.Devices {
		have := &c.out.Devices[i]
		if have.FileSystem == d.FileSystem && have.Reaches == d.Reaches && have.Note == d.Note {
			have.Files++
			return d.FileSystem
		}
	}
	d.Files = 1
	c.out.Devices = append(c.out.Devices, d)
	return d.FileSystem
}

// scale makes the scale that the file's raw bytes are weighed on.
func (c *caster) scale(t *target, out *FileForecast) *scale {
	s := &scale{out: out, now: c.now, file: t}
	class, lane := c.cfg.Classes[t.Rule.Class]
	s.lane = lane
	if lane {
		s.policy = retention(class)
	} else {
		s.policy = c.known.state.Policies[t.Rule.Class] // a class of an earlier run
	}
	s.mode = t.Rule.Erase
	if s.mode == "" {
		s.mode = s.policy.Erase
	}
	s.expires = s.policy.OnLimit == "expire" && c.mayExpire()
	return s
}

// mayExpire is the safe first start, as in [Daemon.mayExpire].
func (c *caster) mayExpire() bool {
	begun, shipped := c.now, false
	if st := c.known.state; st != nil {
		begun, shipped = st.Begun, !st.FirstShip.IsZero()
	}
	return shipped || c.now.Sub(begun) >= c.cfg.FirstGrace
}

// record is what the ledger knows of the file, or will once it is opened.
func (c *caster) record(t *target, size int64) ledger.File {
	if t.rec != nil {
		return *t.rec
	}
	return ledger.File{
		Class: t.Rule.Class, ID: ledger.FileID{Born: t.born}, Packed: t.packed,
		First: ledger.Point{At: c.now.Unix(), Size: size},
	}
}

// refuse notes why a path is not taken.
func (c *caster) refuse(path string, err error) {
	r := ForecastRefusal{Path: path}
	var refused *tail.RefusedError
	var perr *fs.PathError
	switch {
	case errors.As(err, &refused):
		r.Why = refused.Why
	case errors.Is(err, fs.ErrPermission):
		r.Why = fmt.Sprintf("cannot be read: %s", whoami())
	case errors.As(err, &perr):
		r.Why = perr.Err.Error()
	default:
		r.Why = err.Error()
	}
	r.Target, _ = os.Readlink(path)
	c.out.Refused = append(c.out.Refused, r)
}

// refuseFile tells of a file that could not be opened.
func (c *caster) refuseFile(t *target, err error) {
	if errors.Is(err, fs.ErrPermission) {
		err = &tail.RefusedError{Why: fmt.Sprintf("cannot be read (owner %s, mode %#o; %s). Run as its owner, or add CAP_DAC_READ_SEARCH",
			owner(t.Info), t.Info.Mode().Perm(), whoami())}
	}
	c.refuse(t.Path, err)
}
