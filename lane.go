package swab

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/scrub"
	"swab/ship"
	"swab/tail"
)

// lane carries one class from its files to sealed batches. It has one buffer,
// however many files the class has.
type lane struct {
	class config.Class
	codec ship.Codec
	scrub *scrub.Writer // nil: bytes pass as they are
	rules string        // the scrub policy, for the record
	// open are the streams on which a file's last batch ended within a message
	// of a container: at the limit, where none is waited for. A restart forgets
	// it.
	open  map[*tail.File]scrub.Streams
	whole func([]byte) int // where a text ends within no such message; nil: bytes pass as they are
	buf   []byte
	// orphan: no --log names the class any more. Its unread bytes are sealed
	// when they come near their limit, and not before.
	orphan bool
	unread error // why a file could not be read, of the last one
	failed bool  // a batch could not be sealed, and that ends the process
	// failing is since when none could be; zero: the last one was.
	failing time.Time
	budget  int64 // of raw bytes, for a batch: less on a full disk
	tried   int64 // the budget of the last batch
	// retry is until when such files are left alone: what waits in them would
	// make every look's batch due.
	retry map[*tail.File]time.Time
	// key is the scrubber's, in a class with pseudonyms; older is what reading
	// has shown of the age of bytes that wait, Unix seconds.
	key   textKey
	older map[*tail.File]int64
	// streams are those of the class (stream.go); woken tells that one of them
	// has something, and streamed that the last batch was of one.
	streams  []*stream
	woken    chan struct{}
	streamed bool
}

// laneBuffer is how much is read at once, bytes.
const laneBuffer = 256 << 10

// lanePoll is how often a lane looks whether a batch is due.
const lanePoll = 250 * time.Millisecond

func newLane(c config.Class, codec config.Codec, budget int64) (*lane, error) {
	l := &lane{
		budget: budget, class: c, codec: ship.Codec{Name: codec.Name, Level: codec.Level},
		buf: make([]byte, laneBuffer), rules: c.Scrub.String(), retry: map[*tail.File]time.Time{}, older: map[*tail.File]int64{},
		woken: make(chan struct{}, 1),
	}
	if c.Opaque {
		l.codec, l.rules = ship.Codec{Name: ship.CodecNone}, "none"
		return l, nil
	}
	var err error
	l.open, l.whole = map[*tail.File]scrub.Streams{}, scrub.WholeMessages
	l.scrub, err = scrub.NewWriter(io.Discard, c.Scrub)
	return l, err
}

// ext is the end of the class's object names.
func (l *lane) ext() string {
	if l.class.Opaque {
		return ".bin"
	}
	return ".log" + l.codec.Ext()
}

// laneLoop collects batch after batch; draining, it ends when all is read.
func (d *Daemon) laneLoop(ctx context.Context, l *lane) error {
	tick := time.NewTicker(lanePoll)
	defer tick.Stop()
	for drain := d.drain; ctx.Err() == nil; {
		draining := d.draining() // asked before collecting: the last pass takes all
		sealed, err := d.collect(ctx, l, draining)
		if err != nil {
			if err = d.sealTrouble(l, err); err != nil {
				return err
			}
		}
		if sealed {
			continue
		}
		if draining && streamsClosed(l.streams) {
			return nil
		}
		if draining {
			drain = nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-l.woken:
		case <-drain:
		}
	}
	return nil
}

// sealTrouble decides whether a batch that could not be sealed ends the
// process (a failed sync does: what is on the disk is not known any more), or
// is tried again: a full disk, a file that cannot be read.
func (d *Daemon) sealTrouble(l *lane, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if d.fatal(err) != nil {
		l.failed = true
		return err
	}
	d.told.say(d.log.Error, "collect/"+l.class.Name, "nothing could be sealed; the raw bytes wait where they are", "class", l.class.Name, "error", d.clean(err))
	return nil
}

// collect seals one batch of the class, if one is due or force says so. It
// tells whether one was sealed.
func (d *Daemon) collect(ctx context.Context, l *lane, force bool) (bool, error) {
	now := d.clock.Now()
	if err := l.forgetKey(now); err != nil {
		return false, err
	}
	if sealed, err := d.collectStreams(ctx, l, now); sealed || err != nil {
		return sealed, err
	}
	waiting, err := d.files.Pending(l.class.Name, now)
	if err != nil {
		return false, err
	}
	waiting = l.takeable(waiting, now, func(w tail.Waiting) bool { return d.halfTime(l, w, now) })
	if !l.due(waiting, d.cfg, now, force) {
		return false, nil
	}
	all := waiting
	if waiting = d.room(l, all, now); len(waiting) == 0 {
		d.warnNear(l, all, now)
		if d.contact.isUp() || !d.storeIsDown(l, all, now) {
			return false, nil // the next put makes room: sealing comes before expiring
		}
		return false, d.expire(l, all, now, "the spool is full")
	}
	if l.class.OnLimit == config.OnLimitExpire {
		if err := d.expire(l, waiting, now, "the class is not sealed at its limit"); err != nil {
			return false, err
		}
	}
	sealed, rewritten, err := d.seal(ctx, l, waiting, now)
	d.crampedBy(l, err, now)
	if err == nil && rewritten {
		err = d.sweep() // the next generation begins; nothing was taken of this one
	}
	if err != nil {
		return false, d.notSealed(ctx, l, waiting, now, err)
	}
	if l.failing = (time.Time{}); sealed {
		d.told.over("collect/" + l.class.Name)
		d.wake()
	}
	return sealed, nil
}

// seal closes one batch of what waits. A file that is rewritten as it is read,
// or that cannot be read, is left out, and keeps no other from being sealed.
func (d *Daemon) seal(ctx context.Context, l *lane, waiting []tail.Waiting, now time.Time) (sealed, rewritten bool, err error) {
	l.tried = d.batchBudget(l)
	for {
		sealed, err = d.sealFiles(ctx, l, waiting, now)
		if errors.Is(err, errOlder) {
			continue // each time a file turns out older, which ends
		}
		if errors.Is(err, ship.ErrNoRoom) {
			l.tried = max(1, l.tried/2)
			continue // which ends with a line that is let pass
		}
		var bad *fileError
		if !errors.As(err, &bad) {
			return sealed, rewritten, err
		}
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(w tail.Waiting) bool { return w.File == bad.file })
		if errors.Is(bad.err, tail.ErrRewritten) {
			rewritten = true
			continue
		}
		name := d.fileName(bad.file)
		l.unread, l.retry[bad.file] = fmt.Errorf("%s: cannot be read: %w", name, bad.err), now.Add(retryEvery)
		d.told.say(d.log.Error, "read/"+l.class.Name, "a log cannot be read; its raw bytes stay, and the others go on", "file", name, "error", d.clean(bad.err))
	}
}

// fileError says which file a batch cannot be made of.
type fileError struct {
	file *tail.File
	err  error
}

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// sealFiles reads the files one after another into one batch and closes it. Crash
// windows: before the spool's renames nothing happened; between them and the
// ledger's event the spool file is an orphan and the lines are read again;
// after it the batch is sealed and the cursors have moved, in one event.
func (d *Daemon) sealFiles(ctx context.Context, l *lane, waiting []tail.Waiting, now time.Time) (bool, error) {
	waiting, keyDay := d.byKey(l, waiting, now)
	if len(waiting) == 0 {
		return false, nil
	}
	rules, err := d.setKey(l, keyDay)
	if err != nil {
		return false, err
	}
	key, done, err := d.dayKey(now)
	if err != nil {
		return false, err
	}
	defer done()
	var last ledger.Class
	d.ledger.View(func(s *ledger.State) {
		if c := s.Classes[l.class.Name]; c != nil {
			last = *c
		}
	})
	id := ledger.BatchID{Class: l.class.Name, Number: last.Sealed + 1}
	draft, err := d.spool.Create(ship.ID(id), l.codec)
	if err != nil {
		return false, err
	}
	if l.tried > 1 {
		draft.Within(d.spoolMost())
	}
	b := &building{
		lane: l, draft: draft, keyDay: l.key.day, sums: ledger.NewSumWriter(sumsOf{draft}, key), open: map[*tail.File]scrub.Streams{},
	}
	if err := d.fill(ctx, b, waiting, now, key); err != nil || len(b.ranges) == 0 {
		return false, errors.Join(err, draft.Discard())
	}
	if err := b.sums.Flush(); err != nil {
		return false, errors.Join(err, draft.Discard())
	}
	for _, f := range b.files {
		err := f.SyncData()
		if errors.Is(err, tail.ErrRewritten) { // parked, and not where it was
			return false, errors.Join(&fileError{f, err}, draft.Discard())
		}
		if err != nil {
			return false, errors.Join(fmt.Errorf("file %d: sync of its lines: %w", f.Num(), err), draft.Discard())
		}
	}
	if err := d.record(b, id, last.LastKey, key.Day, rules, now); err != nil {
		return false, err
	}
	return true, nil
}

// record seals the draft and writes its event: sumsKey is the day of the key
// of its sums, empty where it has none.
func (d *Daemon) record(b *building, id ledger.BatchID, lastKey time.Time, sumsKey, rules string, now time.Time) error {
	l := b.lane
	sealed, err := b.draft.Seal()
	if err != nil {
		return err
	}
	d.reached(stepSpooled)
	at := later(now, lastKey)
	event := ledger.Seal{
		Batch: id, Key: ship.Key(d.cfg.To.Prefix, id.Class, at, d.host, d.node, id.Number, sealed.SHA256, l.ext()),
		SHA256: hex.EncodeToString(sealed.SHA256[:]), Size: sealed.Size,
		Sums: hex.EncodeToString(sealed.SumsSHA256[:]), SumsKey: sumsKey, Scrub: rules, Ranges: b.ranges,
	}
	for _, r := range b.ranges {
		event.Raw += r.Len()
		event.Lines += r.Lines
	}
	if err := d.ledger.Append(ledger.Event{Seal: &event}); err != nil {
		err = errors.Join(err, d.withdraw(id))
		if f := d.endedOf(b); f != nil && d.ledger.Broken() == nil {
			return &fileError{f, tail.ErrRewritten} // since it was read
		}
		return err
	}
	for f, streams := range b.open {
		if delete(l.open, f); streams != 0 {
			l.open[f] = streams
		}
	}
	d.haveSums(id)
	l.sealedOf(b)
	d.reached(stepSealed)
	return nil
}

// withdraw removes a batch from the spool that the ledger refused: a generation
// may have ended since it was read, and nothing was taken. After a failed sync
// the event may be on the disk all the same; the next start, which sees whether
// it is, sweeps the spool.
func (d *Daemon) withdraw(id ledger.BatchID) error {
	if d.ledger.Broken() != nil {
		return nil
	}
	return errors.Join(d.spool.RemoveBody(ship.ID(id), true), d.spool.RemoveSums(ship.ID(id)))
}

// endedOf is a file of a batch whose generation has ended, or nil.
func (d *Daemon) endedOf(b *building) *tail.File {
	for i, num := range b.nums {
		if d.ended(num) {
			return b.files[i]
		}
	}
	return nil
}

// dayKey returns the day's key of the sums, made if need be and in the ledger.
// It stays until done is called, which is when the ledger knows what it is for.
func (d *Daemon) dayKey(now time.Time) (key *ledger.SumKey, done func(), err error) {
	d.keysMu.Lock()
	defer d.keysMu.Unlock()
	key, made, err := d.keys.Make(ledger.Day(now))
	if err == nil && made {
		err = d.ledger.Append(ledger.Event{Key: &ledger.KeyEvent{Use: "sums", Day: key.Day, Did: "made"}})
	}
	if err != nil {
		return nil, nil, err
	}
	d.keysHeld[key.Day]++
	return key, func() {
		d.keysMu.Lock()
		defer d.keysMu.Unlock()
		if d.keysHeld[key.Day]--; d.keysHeld[key.Day] == 0 {
			delete(d.keysHeld, key.Day)
		}
	}, nil
}
