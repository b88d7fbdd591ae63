package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"swab/ledger"
	"swab/ship"
)

// book is what a ledger says should be in the store. It holds 40 bytes a batch;
// what they are short for is read again where something does not agree.
type book struct {
	o     Options
	store string // of the last start
	nodes map[streamNode]bool
	// left are names that the state directory gave up at a fork, with the last
	// number of each class until then: what came later is the original's.
	left map[streamNode]map[string]uint64
	keep map[string]time.Duration // by class; 0 is as the operator says

	mu      sync.Mutex
	classes map[string]*shelf
	// doubts are objects that are not what the ledger said when it was read;
	// since then a daemon may have shipped them.
	doubts    map[string]doubt // by key
	beyond    int64            // objects of which there is too much doubt to keep
	elsewhere int64            // batches beneath another prefix
	repaired  bool
	leftOut   map[uint64]bool // segments of the ledger that a repair left out
}

type streamNode struct{ host, node string }

// shelf is the batches of a class, by number.
type shelf struct {
	first   uint64 // number of entries[0]
	entries []entry
	begins  uint64 // the first number whose seal the ledger still has
	sealed  uint64 // the last number
	shipped uint64 // the last number that the store took
	some    bool   // an object of it is in the store
}

// entry is a batch in short.
type entry struct {
	sum  [16]byte // of key, SHA-256, size and lines
	seal [8]byte  // the first bytes of the seal's sum
	hour uint32   // of the key, hours since 1970
	// sealed and shipped are when, Unix seconds; shipped is 0 before.
	sealed, shipped uint32
	state           entryState
}

type entryState uint8

const (
	unknown entryState = iota // not in the ledger, or not to verify
	awaited                   // in the ledger
	met                       // in the store
	agreed                    // in the store, and there as in the ledger
)

// doubt is what an object says of itself.
type doubt struct {
	id         ledger.BatchID
	size       int64
	sum, lines string
	seal       string // empty if it does not say
}

// mostDoubts bounds what is kept of objects that are not as in the ledger.
const mostDoubts = 100_000

// openBook reads the ledger of a state directory, beside a daemon that runs.
func openBook(o Options) (*book, error) {
	b := &book{
		o: o, nodes: map[streamNode]bool{}, left: map[streamNode]map[string]uint64{}, keep: map[string]time.Duration{},
		classes: map[string]*shelf{}, doubts: map[string]doubt{}, leftOut: map[uint64]bool{},
	}
	if err := b.walk(b.read); err != nil {
		return nil, err
	}
	return b, nil
}

// walk reads the ledger. A torn end is what a daemon is writing.
func (b *book) walk(fn func(e *ledger.Event, sum string) error) error {
	err := ledger.Walk(b.o.State, fn)
	var bad *ledger.CorruptionError
	if errors.As(err, &bad) {
		if bad.Torn {
			return nil
		}
		return fmt.Errorf("%w; swab ledger check tells more", err)
	}
	return err
}

func (b *book) read(e *ledger.Event, sum string) error {
	switch {
	case e.Start != nil:
		b.store = e.Start.Store
		b.node(e.Start.Host, e.Start.Node)
		for class, p := range e.Start.Policies {
			b.keep[class] = p.Keep.Duration()
		}
	case e.Fork != nil:
		b.fork(e.Fork)
	case e.Policy != nil && e.Policy.New != nil:
		b.keep[e.Policy.Class] = e.Policy.New.Keep.Duration()
	case e.Snapshot != nil:
		b.snapshot(e.Snapshot)
	case e.Seal != nil:
		s := b.shelf(e.Seal.Batch.Class)
		if s.begins == 0 {
			s.begins = e.Seal.Batch.Number
		}
		s.sealed = e.Seal.Batch.Number
		b.seal(e.Seal.Batch, e.Seal.Key, e.Seal.SHA256, e.Seal.Size, e.Seal.Lines, sum, e.At)
	case e.Anchor != nil:
		b.anchor(e.Anchor, e.At)
	case e.Ship != nil:
		s := b.shelf(e.Ship.Batch.Class)
		s.shipped = max(s.shipped, e.Ship.Batch.Number)
		if entry := s.at(e.Ship.Batch.Number); entry != nil {
			entry.shipped = uint32(e.At.Unix())
		}
	}
	return nil
}

// anchor notes a segment of the ledger, numbered like the batches of a class.
func (b *book) anchor(a *ledger.Anchor, at time.Time) {
	id := ledger.BatchID{Class: ledger.LedgerClass, Number: uint64(a.Segment)}
	s := b.shelf(id.Class)
	if s.begins == 0 {
		s.begins = id.Number
	}
	s.sealed, s.shipped = id.Number, id.Number
	b.seal(id, a.Key, a.SHA256, a.Size, a.Events, a.Sum, a.Until)
	if e := s.at(id.Number); e != nil {
		e.shipped = uint32(at.Unix())
	}
}

// node notes a name under which the state directory ships, as keys have it.
func (b *book) node(host, node string) {
	if name, ok := inKeys(host, node); ok {
		b.nodes[name] = true
	}
}

// inKeys is a name as keys have it.
func inKeys(host, node string) (streamNode, bool) {
	k, err := ship.ParseKey(ship.Key("", "c", time.Unix(0, 0), host, node, 1, [32]byte{}, ""))
	return streamNode{k.Host, k.Node}, err == nil
}

// fork notes the name that a copied state directory gave up.
func (b *book) fork(f *ledger.Fork) {
	name, ok := inKeys(f.WasHost, f.WasNode)
	if !ok {
		return
	}
	b.left[name] = map[string]uint64{}
	for class, s := range b.classes {
		b.left[name][class] = s.sealed
	}
}

// has tells whether a batch is one of this ledger's.
func (b *book) has(name streamNode, class string, number uint64) bool {
	last, left := b.left[name]
	return b.nodes[name] && (!left || number <= last[class])
}

// snapshot takes what only a snapshot tells, where segments before it are gone.
func (b *book) snapshot(s *ledger.Snapshot) {
	if s.Repair != nil {
		b.repaired = true
		for _, n := range s.Repair.Segments {
			b.leftOut[uint64(n)] = true
		}
	}
	if s.State == nil {
		return
	}
	if s.State.Host != "" {
		b.store = s.State.Store
		b.node(s.State.Host, s.State.Node)
	}
	for class, p := range s.State.Policies {
		b.keep[class] = p.Keep.Duration()
	}
	if n := uint64(s.State.Anchored); n > 0 {
		shelf := b.shelf(ledger.LedgerClass)
		shelf.sealed, shelf.shipped = max(shelf.sealed, n), max(shelf.shipped, n)
	}
	for class, c := range s.State.Classes {
		if c != nil && c.Sealed > 0 {
			shelf := b.shelf(class)
			shelf.sealed = max(shelf.sealed, c.Sealed)
			shelf.shipped = max(shelf.shipped, c.Shipped)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.State.Batches), func(x, y ledger.BatchID) int {
		return strings.Compare(fmt.Sprintf("%s/%020d", x.Class, x.Number), fmt.Sprintf("%s/%020d", y.Class, y.Number))
	}) {
		if p := s.State.Batches[id]; p != nil && id.HasObject() && b.shelf(id.Class).at(id.Number) == nil {
			b.seal(id, p.Key, p.SHA256, p.Size, p.Lines, p.SealSum, p.SealedAt)
			if entry := b.shelf(id.Class).at(id.Number); entry != nil && p.Shipped {
				entry.shipped = uint32(p.ShippedAt.Unix())
			}
		}
	}
}

func (b *book) shelf(class string) *shelf {
	s := b.classes[class]
	if s == nil {
		s = &shelf{}
		b.classes[class] = s
	}
	return s
}

// at is the entry of a number that the shelf has a place for.
func (s *shelf) at(n uint64) *entry {
	if s == nil || n < s.first || n-s.first >= uint64(len(s.entries)) {
		return nil
	}
	return &s.entries[n-s.first]
}

// seal notes a batch that is to be verified.
func (b *book) seal(id ledger.BatchID, key, sum string, size, lines int64, sealSum string, at time.Time) {
	k, err := ship.ParseKey(key)
	if err != nil || !wanted(k.Class, b.o) || !inDays(k.Hour, b.o) {
		return
	}
	if k.Prefix != b.o.Prefix {
		b.elsewhere++
		return
	}
	s := b.shelf(id.Class)
	if len(s.entries) == 0 {
		s.first = id.Number
	}
	const most = 1 << 20 // numbers follow each other; a ledger that leaps is not filled up
	if id.Number < s.first || id.Number-s.first > uint64(len(s.entries))+most {
		return
	}
	for s.at(id.Number) == nil {
		s.entries = append(s.entries, entry{})
	}
	e := s.at(id.Number)
	*e = entry{sum: shortSum(key, sum, size, strconv.FormatInt(lines, 10)), hour: uint32(k.Hour.Unix() / 3600), sealed: uint32(at.Unix()), state: awaited}
	e.seal = shortSeal(sealSum)
}

// shortSeal is the first bytes of a sum in hex.
func shortSeal(text string) (seal [8]byte) {
	_, _ = hex.Decode(seal[:], []byte(text[:min(len(text), 2*len(seal))]))
	return seal
}

func shortSum(key, sum string, size int64, lines string) [16]byte {
	full := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %s", key, sum, size, lines))
	return [16]byte(full[:16])
}

// object holds an object against the ledger. What is not sound was told of
// already, and is merely there.
func (b *book) object(j job, o *seen, sound bool) {
	k := j.parts
	if !b.has(streamNode{k.Host, k.Node}, k.Class, k.Number) {
		return
	}
	d := doubt{
		id: ledger.BatchID{Class: k.Class, Number: k.Number}, size: o.size,
		sum: hex.EncodeToString(o.sum[:]), lines: o.metadata[metaLines], seal: o.metadata[metaSeal],
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shelf(k.Class)
	e := s.at(k.Number)
	if e != nil && e.state != unknown {
		e.state, s.some = met, true
		if !sound {
			return
		}
		if e.sum == shortSum(j.key, d.sum, d.size, d.lines) && (d.seal == "" || e.seal == shortSeal(d.seal)) {
			e.state = agreed
			return
		}
	}
	if len(b.doubts) == mostDoubts {
		b.beyond++
		return
	}
	b.doubts[j.key] = d
}

// tells tells whether the ledger knows of all batches in a gap, and so says
// what is missing.
func (b *book) tells(id streamID, gap numberRun) bool {
	s := b.classes[id.class]
	if s == nil || !b.has(streamNode{id.host, id.node}, id.class, gap.to) || gap.to > s.shipped {
		return false
	}
	for n := gap.from; n <= gap.to; n++ {
		if e := s.at(n); e == nil || e.state == unknown {
			return false
		}
	}
	return true
}

// repairedAway tells whether a gap is of segments of the ledger that a repair
// left out.
func (b *book) repairedAway(id streamID, gap numberRun) bool {
	if id.class != ledger.LedgerClass || !b.has(streamNode{id.host, id.node}, id.class, gap.to) {
		return false
	}
	for n := gap.from; n <= gap.to; n++ {
		if !b.leftOut[n] {
			return false
		}
	}
	return true
}

// expectsNothing tells whether no shipped batch of the class, or of any class
// for "", should be in the store.
func (b *book) expectsNothing(class string) bool {
	for name, s := range b.classes {
		for n := s.first; class == "" || name == class; n++ {
			e := s.at(n)
			if e == nil || n > s.shipped {
				break
			}
			if e.state != unknown {
				return false
			}
		}
	}
	return true
}
