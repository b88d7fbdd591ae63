package tail

import (
	"path"
	"slices"
	"strings"

	"swab/ledger"
)

// copyName tells whether name can be that of a copy of the log called of: with
// something added (a.log.1, a.log-20261123), or with a number or a date before
// its extension (a-20261123.log).
func copyName(name, of string) bool {
	if name == of || of == "" {
		return false
	}
	if strings.HasPrefix(name, of) {
		return true
	}
	ext := path.Ext(of)
	stem := strings.TrimSuffix(of, ext)
	if stem == "" || ext == "" || len(name) <= len(of) || !strings.HasPrefix(name, stem) || !strings.HasSuffix(name, ext) {
		return false
	}
	middle := name[len(stem) : len(name)-len(ext)]
	return strings.ContainsAny(middle[:1], "-._") && strings.Trim(middle, "0123456789-._T:") == ""
}

// original is a generation that a stranger may be a copy of.
type original struct {
	num   uint64
	rec   ledger.File
	file  *File // nil where it is not open
	place ledger.Place
}

// originals lists the generations whose names fit a copy at place: those in
// its own directory first.
func (s *Set) originals(place ledger.Place, not uint64) []original {
	name := path.Base(place.Name)
	var list []original
	s.ledger.View(func(st *ledger.State) {
		for num, rec := range st.Files {
			if num == not || rec.Follows() != 0 || rec.Stream != "" {
				continue
			}
			at, names := s.lies(num)
			fits := copyNameOf(name, names)
			if rec.Packed != nil { // unpacked, or packed in another way
				fits = bareName(path.Base(at.Name)) == bareName(name)
			}
			if fits {
				o := original{num: num, rec: *rec, file: s.files[num], place: at}
				if rec.Packed != nil && rec.Packed.Sums != (ledger.BatchID{}) {
					o.file = nil // it is overwritten
				}
				o.rec.Gone, o.rec.Intent = slices.Clone(rec.Gone), slices.Clone(rec.Intent)
				list = append(list, o)
			}
		}
	})
	dir := path.Dir(place.Path())
	slices.SortFunc(list, func(a, b original) int {
		abeside, bbeside := path.Dir(a.place.Path()) == dir, path.Dir(b.place.Path()) == dir
		switch {
		case abeside && !bbeside:
			return -1
		case bbeside && !abeside:
			return 1
		}
		return int(a.num) - int(b.num)
	})
	return list
}

// lies is where a generation lies, or lay last, and what it is or was called.
func (s *Set) lies(num uint64) (at ledger.Place, names []string) {
	at, _ = s.paths.Get(num)
	home, unknown := at, s.paths.Away(num)
	if f := s.files[num]; f != nil {
		at, home = f.place, f.home // changed by who holds s.changing alone
		unknown = f.unnamed || home == (ledger.Place{})
	}
	names = []string{path.Base(at.Name), path.Base(home.Name)}
	bare := bareName(names[0])
	if bare != names[0] { // an archive: what was packed, as it was called
		names = append(names, bare)
	}
	if unknown { // a start does not know what was renamed before the last one
		names[1] = logName(bare)
	}
	return at, names
}

// logName is what a rotated log was called before: a name without the numbers
// and dates at its end, or before its extension.
func logName(name string) string {
	const added = "0123456789-._T:"
	if bare := strings.TrimRight(name, added); bare != name && bare != "" {
		return bare
	}
	ext := path.Ext(name)
	if bare := strings.TrimRight(strings.TrimSuffix(name, ext), added); bare != "" {
		return bare + ext
	}
	return name
}

// family is what a log is or was called. Archives are renamed time and again.
func family(name string) string {
	if log, ok := rotatedName(name); ok {
		return log
	}
	return name
}

// copyNameOf is [copyName] for any of several names.
func copyNameOf(name string, of []string) bool {
	bare := bareName(name)
	return slices.ContainsFunc(of, func(o string) bool {
		return copyName(name, o) || bare != name && (copyName(bare, o) || family(bare) == family(o))
	})
}
