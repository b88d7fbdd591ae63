package tail

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"swab/ledger"
)

// measured is what unpacking an archive once has shown.
type measured struct {
	packed, modTime int64 // of the file, as it lay on the disk
	length          int64 // of the content, bytes
	sum             uint64
	oldest          int64 // time of the first line that has one, Unix seconds, 0 for none
	bad             error // why it is not taken
	pass            uint64
}

// measuring is an archive on its way through the unpacker.
type measuring struct {
	stat fs.FileInfo
	raw  io.Reader
	hash maphash.Hash
	from io.Reader
	stop func()

	length int64
	text   []byte // the begin of the content, without the zeros before it
	buf    []byte
}

// measureTime is how long one pass measures. What takes longer goes on in the
// next one: other files wait for it.
const measureTime = 500 * time.Millisecond

// timedText is how much of the begin of a content is searched for a line with a
// time, bytes.
const timedText = 64 << 10

// unpacked measures an archive once nobody writes it any more; wait: it is not
// that far.
func (s *Set) unpacked(f *File, now time.Time) (wait bool, err error) {
	a := f.archive
	if a.known {
		return false, a.measured.bad
	}
	closed, ok := f.idle()
	info, _, err := f.glance()
	if err != nil {
		return false, pathless(err)
	}
	if a.grown.IsZero() || a.seen != info.Size() {
		a.seen, a.grown = info.Size(), now
	}
	quiet := now.Sub(a.grown)
	if ok && !closed || !ok && quiet < copyQuiet {
		return true, nil
	}
	if info.Size() == 0 { // whoever wanted to write it is gone, or not there yet
		f.stranger.idle = quiet >= copyQuiet
		return true, nil
	}
	if !s.measure(f, info, now) {
		s.sweep.measuring = true
		return true, nil
	}
	a.packed, a.modTime = a.measured.packed, a.measured.modTime
	return false, a.measured.bad
}

// measure goes on measuring, and tells whether it is done.
func (s *Set) measure(f *File, info fs.FileInfo, now time.Time) bool {
	a := f.archive
	if m, ok := s.measured[f.id]; ok && m.packed == info.Size() && m.modTime == info.ModTime().UnixNano() {
		m.pass = s.passes
		s.measured[f.id] = m
		a.measured, a.known = m, true
		return true
	}
	if a.measure != nil && (a.measure.stat.Size() != info.Size() || !a.measure.stat.ModTime().Equal(info.ModTime())) {
		a.measure.end()
		a.measure = nil
	}
	if s.sweep.until.IsZero() {
		s.sweep.until = time.Now().Add(measureTime)
	}
	var err error
	if a.measure == nil {
		a.measure, err = s.newMeasuring(f, info)
	}
	for err == nil {
		if time.Now().After(s.sweep.until) {
			return false
		}
		err = a.measure.some()
	}
	m := measured{packed: info.Size(), modTime: info.ModTime().UnixNano(), pass: s.passes}
	if a.measure != nil {
		m.length, m.sum, m.oldest = a.measure.length, a.measure.hash.Sum64(), firstTime(a.measure.text, now, nil)
		a.measure.end()
		a.measure = nil
	}
	if err != io.EOF {
		m.bad = err
	}
	s.measured[f.id] = m
	a.measured, a.known = m, true
	return true
}

func (s *Set) newMeasuring(f *File, info fs.FileInfo) (*measuring, error) {
	m, err := newMeasuring(f.archive.kind, packedFile{f}, info.Size(), s.seed)
	if err != nil {
		return nil, err
	}
	m.stat = info
	return m, nil
}

func newMeasuring(kind string, raw io.ReaderAt, size int64, seed maphash.Seed) (*measuring, error) {
	m := &measuring{buf: make([]byte, unpackChunk)}
	m.hash.SetSeed(seed)
	m.raw = io.TeeReader(io.NewSectionReader(raw, 0, size), &m.hash)
	var err error
	if m.from, m.stop, err = unpack(kind, m.raw); err != nil {
		return nil, damaged(kind, err)
	}
	m.from = kindReader{m.from, kind}
	return m, nil
}

// MeasureContent unpacks an archive of size bytes once, and tells how long what
// is in it is, and the time of the first line that has one, Unix seconds, 0 for
// none. The error says what is wrong with the archive.
func MeasureContent(kind string, raw io.ReaderAt, size int64, now time.Time) (length, oldest int64, err error) {
	m, err := newMeasuring(kind, raw, size, maphash.MakeSeed())
	if err != nil {
		return 0, 0, err
	}
	defer m.end()
	for err == nil {
		err = m.some()
	}
	if err != io.EOF {
		return 0, 0, err
	}
	return m.length, firstTime(m.text, now, nil), nil
}

// kindReader says of errors what they mean.
type kindReader struct {
	io.Reader
	kind string
}

func (r kindReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = damaged(r.kind, err)
	}
	return n, err
}

// some unpacks a little, and returns io.EOF at the end.
func (m *measuring) some() error {
	for range 16 {
		n, err := m.from.Read(m.buf)
		m.length += int64(n)
		if len(m.text) < timedText {
			p := m.buf[:n]
			if len(m.text) == 0 {
				p = bytes.TrimLeft(p, "\x00")
			}
			m.text = append(m.text, p...)
		}
		if err == io.EOF { // behind the last member nothing is left
			if _, err := io.Copy(io.Discard, m.raw); err != nil {
				return pathless(err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *measuring) end() { m.stop() }

// firstTime is the time of the first line of text that has one, Unix seconds,
// 0 for none.
func firstTime(text []byte, now time.Time, loc *time.Location) int64 {
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		if t, ok := LineTime(line, now, loc); ok {
			return max(t.Unix(), 1)
		}
		text = rest
	}
	return 0
}

// From which length on (bytes), and how many times as long as the archive, a
// content is told of: a text hardly ever packs as well as that.
const (
	bombLength = 1 << 30
	bombRatio  = 200
)

// tellBomb says of an archive without end that it is being read. f.mu is held.
func (s *Set) tellBomb(f *File) {
	if n, packed := f.archive.measured.length, f.archive.packed; n >= bombLength && n/bombRatio >= packed {
		s.opts.Warn("an archive holds far more than it takes on the disk; all of it is read and shipped",
			"file", s.opts.Name(f.place.Path()), "bytes", packed, "content", n)
	}
}

// Measuring tells whether an archive is not measured yet that could be: the
// next sweep goes on.
func (s *Set) Measuring() bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	return s.sweep.measuring
}

// forgetMeasured forgets the archives that no pass met any more.
func (s *Set) forgetMeasured() {
	for id, m := range s.measured {
		if m.pass+maxPasses < s.passes {
			delete(s.measured, id)
		}
	}
}

// packing tells whether a file that may turn out to be an archive of a
// generation is not judged yet.
func (s *Set) packing(num uint64) bool {
	var at ledger.Place
	var names []string
	for _, f := range s.unjudged() {
		if names == nil {
			at, names = s.lies(num)
		}
		if f.packs(at, names) && (path.Base(at.Name) == bareName(path.Base(f.place.Name)) || !s.lieAt(f.place)) {
			return true
		}
	}
	return false
}

// packs tells whether f can be an archive of the generation at a place, by its
// names.
func (f *File) packs(at ledger.Place, names []string) bool {
	return copyNameOf(path.Base(f.place.Name), append(slices.Clone(names), path.Base(at.Name)))
}

// unjudged lists the archives of which nobody knows yet what is in them.
func (s *Set) unjudged() []*File {
	var list []*File
	add := func(f *File) {
		if f.archive != nil && f.num == 0 && !f.stranger.judged && !f.stranger.idle && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	for _, f := range s.sweep.strangers {
		add(f)
	}
	for _, f := range s.making {
		add(f)
	}
	return list
}

// lieAt tells whether a generation lies where the archive's name says that what is in it
// lay: then it is no other one's.
func (s *Set) lieAt(place ledger.Place) bool {
	from := bareName(place.Path())
	for _, f := range s.files {
		if f.place.Path() == from {
			return true
		}
	}
	return false
}

// ErrPacking says that beside a file lies what may be an archive of it, which
// no sweep has looked at so far.
var ErrPacking = errors.New("an archive of it is not looked at yet")
