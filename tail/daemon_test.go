package tail

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"swab/ledger"
)

// What the daemon does with a Set, by hand.

// piece is one range that was read to its end.
type piece struct {
	ranges    []ledger.Range
	raw, text []byte
	sums      []byte
}

// readAll reads r to its end, with the sums.
func (w *world) readAll(r *Reader) (piece, error) {
	var p piece
	var sums bytes.Buffer
	writer := ledger.NewSumWriter(&sums, r.opts.Key)
	buf := make([]byte, w.buf)
	for {
		c, err := r.Next(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return p, err
		}
		if len(c.Raw) > w.buf || len(c.Text) > len(c.Raw) || c.From != r.from+int64(len(p.raw)) {
			w.t.Fatalf("chunk of %d bytes (%d of text) at %d, want at most %d at %d", len(c.Raw), len(c.Text), c.From, w.buf, r.from+int64(len(p.raw)))
		}
		if c.Begins {
			if err := writer.End(); err != nil {
				return p, err
			}
			writer.Begin(c.From)
		}
		if _, err := writer.Write(c.Raw); err != nil {
			return p, err
		}
		p.raw = append(p.raw, c.Raw...)
		p.text = append(p.text, c.Text...)
	}
	if err := errors.Join(writer.End(), writer.Flush()); err != nil {
		return p, err
	}
	p.ranges, p.sums = r.Ranges(), sums.Bytes()
	return p, nil
}

// sealAll seals what is pending of a class, a batch a file, until nothing
// whole is left, and returns the text of it.
func (w *world) sealAll(class string) string {
	w.t.Helper()
	var all strings.Builder
	for range 1000 {
		text, ok := w.seal(class)
		all.WriteString(text)
		if !ok {
			return all.String()
		}
	}
	w.t.Fatal("it never ends")
	return ""
}

// seal is one collect of the daemon, of the first file that gives something.
func (w *world) seal(class string) (string, bool) {
	w.t.Helper()
	for _, p := range w.pending(class) {
		r, err := p.File.Take(w.options())
		var refused *RefusedError
		if errors.As(err, &refused) {
			if err := w.set.Refuse(p.File, refused); err != nil {
				w.t.Fatal(err)
			}
			continue
		}
		if errors.Is(err, ErrRewritten) {
			w.sweep()
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if r == nil {
			continue
		}
		got, err := w.readAll(r)
		if errors.Is(err, ErrRewritten) {
			w.sweep()
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.record(class, p.File, r, got)
		return string(got.text), true
	}
	return "", false
}

// record appends the seal of what was read and compares it with the file.
func (w *world) record(class string, f *File, r *Reader, p piece) ledger.BatchID {
	w.t.Helper()
	id := ledger.BatchID{Class: class, Number: 1}
	w.ledger.View(func(s *ledger.State) {
		if c := s.Classes[class]; c != nil {
			id.Number = c.Sealed + 1
		}
	})
	seal := &ledger.Seal{Batch: id, Key: id.String(), SHA256: "00", Size: 1, SumsKey: r.opts.Key.Day, Ranges: p.ranges}
	for i, rg := range p.ranges {
		seal.Raw += rg.Len()
		seal.Lines += rg.Lines
		sums := ledger.NewRangeSums(bytes.NewReader(p.sums), r.opts.Key, p.ranges, i)
		for at := rg.From; at < rg.To; {
			end := min(rg.To, (at/ledger.BlockSize+1)*ledger.BlockSize)
			if ok, err := sums.Match(at, p.raw[at-r.from:end-r.from]); !ok || err != nil {
				w.t.Fatalf("sum of [%d, %d): %v, %v", at, end, ok, err)
			}
			at = end
		}
		if len(rg.Tail) == 0 {
			w.t.Fatalf("range %+v has no tail marks", rg)
		}
		for _, m := range rg.Tail {
			buf := make([]byte, m.Len)
			if err := w.reads(f, buf, m.Off); err != nil {
				w.t.Fatal(err)
			}
			if ok, err := w.keys.MarkMatches(m, buf); !ok || err != nil {
				w.t.Fatalf("mark %+v of the range's tail: %v, %v", m, ok, err)
			}
		}
	}
	if int64(len(p.raw)) != seal.Raw || seal.Raw != r.end-r.from {
		w.t.Fatalf("ranges come to %d bytes, read %d of %d", seal.Raw, len(p.raw), r.end-r.from)
	}
	w.append(ledger.Event{Seal: seal})
	w.sums[id] = p.sums
	if w.text[class] == nil {
		w.text[class] = &strings.Builder{}
	}
	w.text[class].Write(p.text)
	return id
}

// sealed is all text of a class so far.
func (w *world) sealed(class string) string {
	if w.text[class] == nil {
		return ""
	}
	return w.text[class].String()
}

// ship ships every sealed batch of a class.
func (w *world) ship(class string) {
	w.t.Helper()
	for {
		var c ledger.Class
		w.ledger.View(func(s *ledger.State) {
			if s.Classes[class] != nil {
				c = *s.Classes[class]
			}
		})
		if c.Shipped == c.Sealed {
			return
		}
		w.append(ledger.Event{Ship: &ledger.Ship{Batch: ledger.BatchID{Class: class, Number: c.Shipped + 1}, How: "stored", Verified: "checksum"}})
	}
}

// shipped lists the shipped ranges of a class that are raw and have no intent.
func (w *world) shipped(class string) (refs []ledger.Ref, ranges []ledger.Range) {
	w.ledger.View(func(s *ledger.State) {
		for id, b := range s.Batches {
			if !b.Shipped || id.Class != class || !b.RawLeft() {
				continue
			}
			refs = append(refs, ledger.Ref{Batch: id})
			for _, r := range b.Ranges {
				if !r.Gone {
					ranges = append(ranges, r.Range)
				}
			}
		}
	})
	return refs, ranges
}

// intend writes the intent to erase all that is shipped.
func (w *world) intend(class string) (refs []ledger.Ref, ranges []ledger.Range) {
	w.t.Helper()
	w.ship(class)
	if refs, ranges = w.shipped(class); len(refs) > 0 {
		w.append(ledger.Event{Erase: &ledger.Erase{Reason: ledger.ReasonShipped, Refs: refs}})
	}
	return refs, ranges
}

// erase ships all that is sealed and overwrites it.
func (w *world) erase(class string) {
	w.t.Helper()
	refs, ranges := w.intend(class)
	for _, r := range ranges {
		f := w.set.File(r.File)
		if f == nil {
			w.t.Fatalf("file %d is not open", r.File)
		}
		err := f.Erase(r.File, func(wr *os.File, lock sync.Locker) error {
			lock.Lock()
			defer lock.Unlock()
			_, err := wr.WriteAt(make([]byte, r.Len()), r.From)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if len(refs) > 0 {
		w.append(ledger.Event{Erased: &ledger.Erased{Refs: refs}})
	}
}

// see is the daemon's noteGrowth.
func (w *world) see() {
	w.t.Helper()
	if grown := w.set.Growth(); len(grown) > 0 {
		w.append(ledger.Event{Seen: &ledger.Seen{Files: grown}})
	}
}

// reads is readAt for who does not have the file. One that was parked, and
// renamed, is found by a sweep.
func (w *world) reads(f *File, p []byte, off int64) error {
	for n := 0; ; n++ {
		f.mu.Lock()
		_, err := f.readAt(p, off)
		f.mu.Unlock()
		if !errors.Is(err, ErrRewritten) || n == maxPasses {
			return err
		}
		if err := w.set.Sweep(w.clock()); err != nil {
			return err
		}
	}
}
