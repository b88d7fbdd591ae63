package ledger

import (
	"fmt"
	"slices"
	"time"
)

// NewState returns the fold of no events, for a fold that no segment holds; see
// [State.Apply].
func NewState() *State { return newState() }

// Apply folds one event of a time into a state that is nobody's evidence: that
// of a forecast, or of a test of the rules. The chain's sums are left out. The
// error says why the event cannot have happened.
func (s *State) Apply(e Event, at time.Time) error {
	var err error
	e.At = at
	if e.Kind, err = e.content(); err != nil {
		return err
	}
	return s.apply(&e, "")
}

// apply folds one event into the state, or returns why the event cannot have
// happened and leaves the state as it was. sum is the chain's sum of the
// event's line, in hex.
func (s *State) apply(e *Event, sum string) error {
	if e.At.Before(s.LastAt) {
		return fmt.Errorf("%s at %s, before the event before it", e.Kind, e.At.Format(time.RFC3339Nano))
	}
	var err error
	switch e.Kind {
	case KindStart:
		s.applyStart(e)
	case KindFork:
		err = s.applyFork(e.Fork)
	case KindPolicy:
		s.applyPolicy(e.Policy)
	case KindOpen:
		err = s.applyOpen(e)
	case KindSeen:
		err = s.applySeen(e)
	case KindSeal:
		err = s.applySeal(e, sum)
	case KindShip:
		err = s.applyShip(e)
	case KindErase:
		err = s.applyErase(e)
	case KindErased:
		err = s.applyErased(e.Erased)
	case KindExpire:
		err = s.applyExpire(e, sum)
	case KindLost:
		err = s.applyLost(e.Lost)
	case KindCopied:
		err = s.applyCopied(e, sum)
	case KindJoined:
		err = s.applyJoined(e, sum)
	case KindRecalled:
		err = s.applyRecalled(e.Recalled)
	case KindPacked:
		err = s.applyPacked(e, sum)
	case KindClose:
		err = s.applyClose(e.Close)
	case KindKey:
		s.applyKey(e.Key)
	case KindAnchor:
		err = s.applyAnchor(e.Anchor)
	case KindStop:
		err = s.applyStop(e)
	case KindSnapshot, KindRefused, KindUncovered, KindReveal, KindCut:
	default:
		err = fmt.Errorf("unknown kind %q", e.Kind)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.Kind, err)
	}
	s.LastAt = e.At
	return nil
}

func (s *State) applyStart(e *Event) {
	if s.Begun.IsZero() {
		s.Begun = e.At
		s.Host, s.Node = e.Start.Host, e.Start.Node
	}
	s.Home = e.Start.Home
	s.Store, s.Machine, s.Boot, s.Stopped = e.Start.Store, e.Start.Machine, e.Start.Boot, false
	s.Sure, s.Up = e.Start.Sure, e.Start.Up
	for name, r := range e.Start.Policies {
		s.Policies[name] = r
		s.class(name)
	}
	s.limitPseudonyms(e.Start.Policies)
}

func (s *State) applyStop(e *Event) error {
	for _, name := range e.Stop.Unsealed {
		if s.Classes[name] == nil {
			return fmt.Errorf("class %q is not known", name)
		}
	}
	for _, name := range e.Stop.Unsealed {
		if c := s.Classes[name]; c.Unsealed == 0 {
			c.Unsealed = e.At.Unix()
		}
	}
	s.Stopped = len(e.Stop.Unsealed) == 0
	return nil
}

func (s *State) applyFork(f *Fork) error {
	if s.Begun.IsZero() || f.Node == "" || f.Node == s.Node || f.WasHost != s.Host || f.WasNode != s.Node {
		return fmt.Errorf("from %s-%s to %s-%s, but this is %s-%s", f.WasHost, f.WasNode, f.Host, f.Node, s.Host, s.Node)
	}
	s.Host, s.Node = f.Host, f.Node
	return nil
}

func (s *State) applyPolicy(p *Policy) {
	if p.New != nil {
		s.Policies[p.Class] = *p.New
	}
}

func (s *State) applyOpen(e *Event) error {
	o := e.Open
	if o.File != s.NextFile {
		return fmt.Errorf("file %d, want number %d", o.File, s.NextFile)
	}
	if !o.legalStream() {
		return fmt.Errorf("file %d: no stream %q", o.File, o.Stream)
	}
	if !o.legalPacked() {
		return fmt.Errorf("file %d: no archive", o.File)
	}
	if o.Size < 0 || o.Class == "" || !IsObject(o.Class) {
		return fmt.Errorf("file %d: size %d, class %q", o.File, o.Size, o.Class)
	}
	f := &File{
		Class: o.Class, ID: o.ID, After: o.After, Stream: o.Stream, Head: o.Head, Size: o.Size,
		First: Point{At: sizeAt(o.SizeAt, e), Size: o.Size},
	}
	if err := s.follow(f, o); err != nil {
		return err
	}
	if o.Packed != nil {
		f.Packed = new(*o.Packed)
	}
	s.NextFile++
	s.Files[o.File] = f
	s.class(o.Class).Account.grow(o.Size)
	return nil
}

// sizeAt is when a size was read: never later than its event.
func sizeAt(at int64, e *Event) int64 {
	if at == 0 {
		return e.At.Unix()
	}
	return min(at, e.At.Unix())
}

// grow books new bytes on both accounts.
func (a *Account) grow(n int64) {
	a.Written += n
	a.Unread += n
	a.Present += n
}

// growTo books that f reaches to size.
func (s *State) growTo(f *File, size int64) {
	if size <= f.Size {
		return
	}
	a, n := &s.class(f.Class).Account, size-f.Size
	if f.Size = size; f.Stream != "" {
		a.growStream(n)
		return
	}
	a.grow(n)
}

func (s *State) applySeen(e *Event) error {
	for _, g := range e.Seen.Files {
		if s.Files[g.File] == nil {
			return fmt.Errorf("unknown file %d", g.File)
		}
	}
	for _, g := range e.Seen.Files {
		f := s.Files[g.File]
		if g.Quiet > 0 && g.Size > f.Size {
			f.Points.Add(Point{At: g.Quiet, Size: f.Size}, f.Cursor)
		}
		s.growTo(f, g.Size)
		f.Points.Add(Point{At: sizeAt(g.SizeAt, e), Size: f.Size}, f.Cursor)
	}
	return nil
}

// advance checks that r begins where its file's account ends.
func (s *State) advance(r Range, cursors map[uint64]int64) error {
	f := s.Files[r.File]
	if f == nil {
		return fmt.Errorf("unknown file %d", r.File)
	}
	if of := f.Follows(); of != 0 {
		return fmt.Errorf("file %d is a copy of file %d, which is read", r.File, of)
	}
	cursor, ok := cursors[r.File]
	if !ok {
		cursor = f.Cursor
	}
	if r.From != cursor || r.To <= r.From || r.Lines < 0 {
		return fmt.Errorf("file %d: range [%d, %d), but the cursor is at %d", r.File, r.From, r.To, cursor)
	}
	if r.Hole && (r.Lines > 0 || r.Cut || f.Stream != "" || f.Packed != nil) {
		return fmt.Errorf("file %d: range [%d, %d) cannot be a hole", r.File, r.From, r.To)
	}
	cursors[r.File] = r.To
	return nil
}

// advanceTo moves f's cursor to the end of r.
func (s *State) advanceTo(f *File, r Range) {
	s.growTo(f, r.To)
	f.Cursor, f.Tail, f.Cut = r.To, r.Tail, r.Cut
	f.grownOld(r.Oldest)
	if r.Hole {
		a, n := &s.class(f.Class).Account, f.Gone.Add(Extent{r.From, r.To})
		a.Present -= n
		a.Removed += n
	}
	if f.Head == nil && r.From == 0 {
		f.Head = r.Head
	}
	if r.EndAt > 0 {
		f.Points.Add(Point{At: r.EndAt, Size: r.To}, f.Cursor)
	}
}

func (s *State) applySeal(e *Event, sum string) error {
	seal := e.Seal
	c := s.Classes[seal.Batch.Class]
	if c == nil || !IsObject(seal.Batch.Class) {
		return fmt.Errorf("batch %s of a class that has no files", seal.Batch)
	}
	if seal.Batch.Number != c.Sealed+1 {
		return fmt.Errorf("batch %s, want number %d", seal.Batch, c.Sealed+1)
	}
	cursors := map[uint64]int64{}
	var raw, lines int64
	for _, r := range seal.Ranges {
		if err := s.advance(r, cursors); err != nil {
			return fmt.Errorf("batch %s: %w", seal.Batch, err)
		}
		if class := s.Files[r.File].Class; class != seal.Batch.Class {
			return fmt.Errorf("batch %s: file %d is of class %q", seal.Batch, r.File, class)
		}
		raw += r.Len()
		lines += r.Lines
	}
	if raw != seal.Raw || lines != seal.Lines || raw == 0 {
		return fmt.Errorf("batch %s: ranges come to %d bytes and %d lines, not %d and %d", seal.Batch, raw, lines, seal.Raw, seal.Lines)
	}
	b := &Batch{
		Key: seal.Key, SHA256: seal.SHA256, Size: seal.Size, Raw: raw, Lines: lines,
		SealedAt: e.At, SealSum: sum, Sums: seal.Sums, SumsKey: seal.SumsKey, Scrub: seal.Scrub,
	}
	for _, r := range seal.Ranges {
		f := s.Files[r.File]
		s.advanceTo(f, r)
		a := &s.class(f.Class).Account
		a.Unread -= r.Len()
		a.SealedBytes += r.Len()
		a.Lines += r.Lines
		b.Ranges = append(b.Ranges, BatchRange{Range: r, Class: f.Class, Gone: f.Stream != "" || r.Hole})
	}
	c.Sealed, c.Unsealed = seal.Batch.Number, 0
	c.LastKey = e.At
	s.Batches[seal.Batch] = b
	return nil
}

func (s *State) applyShip(e *Event) error {
	id := e.Ship.Batch
	b, c := s.Batches[id], s.Classes[id.Class]
	if b == nil || c == nil || !IsObject(id.Class) {
		return fmt.Errorf("batch %s is not sealed", id)
	}
	if b.Shipped || id.Number != c.Shipped+1 {
		return fmt.Errorf("batch %s, want number %d", id, c.Shipped+1)
	}
	b.Shipped, b.ShippedAt = true, e.At
	c.Shipped, c.ShippedAt = id.Number, e.At
	if s.FirstShip.IsZero() {
		s.FirstShip = e.At
	}
	for _, r := range b.Ranges {
		a := &s.class(r.Class).Account
		a.SealedBytes -= r.Len()
		a.ShippedBytes += r.Len()
		a.LinesShipped += r.Lines
	}
	s.shipCopies(b, e.At)
	s.settle(id)
	return nil
}

func (s *State) applyLost(l *Lost) error {
	f := s.Files[l.File]
	if f == nil || l.From != f.Cursor || l.To < l.From {
		return fmt.Errorf("file %d: range [%d, %d) is not what is unread", l.File, l.From, l.To)
	}
	s.growTo(f, l.To)
	a := &s.class(f.Class).Account
	a.Unread -= l.To - l.From
	a.Lost += l.To - l.From
	f.Cursor, f.Tail = l.To, nil
	return nil
}

func (s *State) applyClose(c *FileClose) error {
	f := s.Files[c.File]
	if f == nil {
		return fmt.Errorf("unknown file %d", c.File)
	}
	if f.Unread() != 0 {
		return fmt.Errorf("file %d: %d bytes are unread and not accounted for", c.File, f.Unread())
	}
	left := f.raw()
	if c.Why == "unlinked" && left != 0 {
		return fmt.Errorf("file %d: unlinked with %d raw bytes", c.File, left)
	}
	a := &s.class(f.Class).Account
	a.Present -= left
	a.Removed += left
	delete(s.Files, c.File)
	if f.Packed != nil {
		delete(s.Batches, f.Packed.Sums)
	}
	s.release(c.File, f.Heir)
	for id, b := range s.Batches {
		b.Away.without(c.File)
		for i := range b.Ranges {
			if b.Ranges[i].File == c.File {
				b.Ranges[i].Gone = true
			}
		}
		s.settle(id)
	}
	return nil
}

func (s *State) applyKey(k *KeyEvent) {
	switch k.Use {
	case UsePseudonyms:
		s.applyPseudonyms(k)
		return
	case UseRatchet:
		if s.Ratchet = k.Day; k.Did == KeyDestroyed {
			s.Ratchet = ""
		}
		return
	}
	s.Keys = slices.DeleteFunc(s.Keys, func(day string) bool { return day == k.Day })
	if k.Did == KeyMade {
		s.Keys = append(s.Keys, k.Day)
		slices.Sort(s.Keys)
	}
}

// settle drops a batch of which nothing is left to do.
func (s *State) settle(id BatchID) {
	b := s.Batches[id]
	if b != nil && !b.RawLeft() && (b.Shipped || id.Class == ExpireClass) {
		delete(s.Batches, id)
	}
}

// KeysInUse returns the days whose key something still needs: a raw range of a
// batch, or the mark of a live file that could still be compared.
func (s *State) KeysInUse() map[string]bool {
	used := map[string]bool{}
	for _, b := range s.Batches {
		if b.RawLeft() {
			used[b.SumsKey] = true
		}
	}
	for _, f := range s.Files {
		if f.Packed != nil && f.Gone.Len() < f.Size {
			used[f.Packed.Sum.Day] = true
		}
		for _, m := range f.Tail {
			if f.Gone.Covered(Extent{m.Off, m.Off + int64(m.Len)}) < int64(m.Len) {
				used[m.Day] = true
			}
		}
		if h := f.Head; h != nil && f.Gone.Covered(Extent{h.Off, h.Off + int64(h.Len)}) == 0 {
			used[h.Day] = true
		}
	}
	return used
}
