package tail

import (
	"path"
	"slices"
)

// postpone leaves those out of the new files that begin as another new file
// does, of which they can be copies by their names: a log and its archive, or its
// copy, may be met by one pass. The log gets its number first; the next pass
// knows its copy by that.
func (s *Set) postpone(fresh []*File) []*File {
	return slices.DeleteFunc(slices.Clone(fresh), func(f *File) bool {
		if !s.hasTwin(f, fresh) {
			return false
		}
		f.stranger.judged = false
		s.making[f.id], s.sweep.again = f, true
		return true
	})
}

// hasTwin tells whether another new file holds all that f does, and can be its
// original.
func (s *Set) hasTwin(f *File, fresh []*File) bool {
	if f.copyOf != 0 || f.rule.Opaque {
		return false
	}
	f.mu.Lock()
	info, _, err := f.glance()
	var size int64
	if err == nil {
		size = f.length(info)
	}
	f.mu.Unlock()
	if size == 0 {
		return false
	}
	name := path.Base(f.place.Name)
	return slices.ContainsFunc(fresh, func(g *File) bool {
		of := path.Base(g.place.Name)
		if g == f || g.archive != nil || g.rule.Opaque || path.Dir(g.place.Path()) != path.Dir(f.place.Path()) ||
			!copyNameOf(name, []string{of}) || f.archive == nil && copyNameOf(of, []string{name}) {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		defer f.rest()
		return f.sameAs(g, 0, size)
	})
}
