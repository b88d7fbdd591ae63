package tail

import (
	"cmp"
	"errors"
	"hash/maphash"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"swab/ledger"
)

// Rule is one --log: the files of a class.
type Rule struct {
	Class   string
	Pattern string // absolute; doublestar syntax
	Root    string // its fixed directory
	// Limit decides which class has a file that two rules match: the shorter.
	Limit time.Duration
	// Opaque: any bytes, taken whole once nobody writes them.
	Opaque bool
	// Erase is when shipped ranges go: live, rotated, off. Where it is not off,
	// it is tried whether the files can be opened for writing.
	Erase string
	// Blank: overwritten bytes are blanks, and not zeros.
	Blank bool
}

// Options of a Set.
type Options struct {
	Rules   []Rule
	Exclude []string // absolute patterns
	Follow  []string // absolute roots that symbolic links may lead into
	// Name makes a path fit for the ledger and for messages.
	Name func(path string) string
	// Scrubbed text only: neither gets a true path.
	Warn func(msg string, args ...any)
	// Descriptors is how many files may be open at once; 0: as many as the
	// process may have, less what the rest of swab needs.
	Descriptors int
	// Born is a birth time as it counts, of what the file system says (both ns
	// since 1970), where that is another clock's; nil is that clock's.
	Born func(ns int64) int64
}

// Set is all files of all classes.
type Set struct {
	opts   Options
	ledger *ledger.Ledger
	keys   *ledger.Keys
	paths  *ledger.Paths

	// changing is held by whoever opens, closes or numbers files: a sweep,
	// above all, which waits for the ledger's disk meanwhile. Locks are taken
	// in the order changing, File.mu, the ledger's own, mu.
	changing sync.Mutex
	sweep    sweep                      // what the running sweep has learned
	missed   map[uint64]int             // in how many sweeps in a row a known file was not found
	rules    map[Rule]*Rule             // of the files, each once
	wiping   map[uint64]time.Time       // since when open files without a name wait to be overwritten
	making   map[ledger.FileID]*File    // may become copies: open, and without a number
	measured map[ledger.FileID]measured // archives that have no number
	passes   uint64                     // over the directories
	seed     maphash.Seed               // of sums that stay in memory
	locks    locks
	held     map[ledger.FileID]heldLock // of the open files

	descriptors descriptorPool

	// mu guards what is below. Nothing is called while it is held, so that the
	// files can be asked for inside [ledger.Ledger.View], too.
	mu      sync.Mutex
	files   map[uint64]*File  // changed by who holds changing as well
	refused map[string]string // path → why
}

// sweep is what is known for the length of one sweep.
type sweep struct {
	refused   map[string]bool                          // paths that were refused again
	events    []ledger.Event                           // refusals to write down
	again     bool                                     // something moved while it was looked at
	strangers []*File                                  // whom nobody knew
	measuring bool                                     // an archive is not measured yet
	until     time.Time                                // of measuring
	unopened  unopened                                 // the ledger's files that are not open
	stale     map[ledger.FileID]*File                  // open, but not to be looked at
	names     map[ledger.Place]map[uint64]ledger.Place // directory → inode number → place
}

// New makes a Set that opens nothing yet; [Set.Sweep] does.
func New(opts Options, led *ledger.Ledger, keys *ledger.Keys, paths *ledger.Paths) *Set {
	opts.Rules = slices.Clone(opts.Rules)
	slices.SortStableFunc(opts.Rules, func(a, b Rule) int { return cmp.Compare(a.Limit, b.Limit) })
	files, dirs := descriptorLimits()
	if opts.Descriptors > 0 {
		files = opts.Descriptors
	}
	return &Set{
		opts: opts, ledger: led, keys: keys, paths: paths, files: map[uint64]*File{}, refused: map[string]string{}, missed: map[uint64]int{},
		rules: map[Rule]*Rule{}, wiping: map[uint64]time.Time{}, making: map[ledger.FileID]*File{}, held: map[ledger.FileID]heldLock{},
		measured: map[ledger.FileID]measured{},
		seed:     maphash.MakeSeed(), descriptors: descriptorPool{max: files, open: map[*File]struct{}{}}, locks: locks{max: dirs},
	}
}

// identify tells which file f is.
func (s *Set) identify(f *os.File) (ledger.FileID, error) {
	id, err := identify(f)
	if s.opts.Born != nil && id.Born != 0 {
		id.Born = s.opts.Born(id.Born)
	}
	return id, err
}

// Sweep looks at the directories and at every file: it opens what is new,
// closes what is gone and begins generations. It is synchronous; the daemon
// calls it every few seconds and when a directory changed. What is wrong with
// one file is told by Warn and keeps no other from being read; an error is the
// ledger's.
func (s *Set) Sweep(now time.Time) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	defer s.keepLocks()
	defer s.restIdle()
	for range maxPasses {
		if again, err := s.pass(now); err != nil || !again {
			return err
		}
	}
	return nil
}

// maxPasses bounds the passes of a sweep: each begins with a new list of the
// directories. A copy is made before its original is truncated, so that the
// list that is read after that was seen holds it; and a copy may have been
// written over another file, whose end is seen by then.
const maxPasses = 4

// pass looks at the directories and at every file once; again tells that there
// is news of ends, so that another one would learn more.
func (s *Set) pass(now time.Time) (again bool, err error) {
	s.passes++
	s.sweep = sweep{refused: map[string]bool{}, unopened: s.unopened(), stale: map[ledger.FileID]*File{}, names: map[ledger.Place]map[uint64]ledger.Place{}}
	held, strangers := s.match(inOrder(Expand(s.opts, s.refuse)), now)
	s.sweep.strangers = strangers
	if err := s.adoptRest(now); err != nil {
		return false, err
	}
	for num, f := range maps.Clone(s.files) {
		met, err := s.revisit(num, f, held[f], now)
		if err != nil {
			return false, err
		}
		again = again || met
	}
	if err := s.meet(strangers, now); err != nil {
		return false, err
	}
	begun, err := s.endAll(now)
	if err != nil {
		return false, err
	}
	s.retire(now)
	s.endRefusals()
	s.forgetMeasured()
	return again || begun || s.sweep.again, s.paths.Save()
}

// Files returns the open files, by number.
func (s *Set) Files() []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*File, 0, len(s.files))
	for _, num := range slices.Sorted(maps.Keys(s.files)) {
		list = append(list, s.files[num])
	}
	return list
}

// File returns the open file of a number, or nil.
func (s *Set) File(num uint64) *File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[num]
}

// rule is one copy of r, for all files that have it. s.changing is held.
func (s *Set) rule(r Rule) *Rule {
	if one := s.rules[r]; one != nil {
		return one
	}
	one := new(r)
	s.rules[r] = one
	return one
}

// put gives an open file its number, in place of the one it had (0: none).
func (s *Set) put(num, before uint64, f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, before)
	delete(s.wiping, before)
	s.files[num] = f
}

// drop forgets an open file.
func (s *Set) drop(num uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, num)
	delete(s.wiping, num)
}

// Close closes the descriptors.
func (s *Set) Close() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	err := errors.Join(releaseAll(s.files), releaseAll(s.making))
	for num := range maps.Clone(s.files) {
		s.drop(num)
	}
	clear(s.making)
	s.locks.close()
	clear(s.held)
	return err
}

func nlink(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// inode tells open files apart while they are open.
type inode struct{ dev, ino uint64 }

func inodeOf(info fs.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(st.Dev), st.Ino}
	}
	return inode{}
}
