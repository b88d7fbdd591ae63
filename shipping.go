package swab

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"swab/ledger"
	"swab/ship"
)

// shipper ships one class's batches, in the order of their numbers.
type shipper struct {
	class   string
	rawBody bool // the class leaves addresses in: its spool is overwritten
	backoff ship.Backoff
	wake    chan struct{}
	hurry   chan struct{} // try at once, however long the store was to be left alone
	tries   int
	since   time.Time // of the first failed try in a row
}

// shipLoop ships whatever is sealed, for ever: a batch is never dropped.
func (d *Daemon) shipLoop(ctx context.Context, s *shipper) error {
	for ctx.Err() == nil {
		shipped, err := d.shipNext(ctx, s)
		if fatal := d.fatal(err); fatal != nil {
			return fatal
		}
		wait := time.Hour
		switch {
		case err != nil:
			wait = s.backoff.Next(err)
			d.storeDown(s, err)
		case shipped:
			continue
		}
		timer := time.NewTimer(wait)
		woken := s.wake
		if err != nil {
			woken = nil // a new batch is no reason to hurry a store that is down
		}
		select {
		case <-ctx.Done():
		case <-woken:
		case <-s.hurry:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// shipAll ships what is sealed, within the shutdown timeout of failures.
func (d *Daemon) shipAll(ctx context.Context, progress func(Progress)) error {
	deadline := time.Now().Add(d.cfg.ShutdownTimeout)
	for _, s := range d.shippers {
		for {
			shipped, err := d.shipNext(ctx, s)
			if fatal := d.fatal(err); fatal != nil {
				return fatal
			}
			if err == nil {
				if !shipped {
					break
				}
				d.report(progress)
				deadline = time.Now().Add(d.cfg.ShutdownTimeout)
				continue
			}
			d.storeDown(s, err)
			wait := s.backoff.Next(err)
			if ctx.Err() != nil || ship.Permanent(err) || time.Now().Add(wait).After(deadline) {
				if s.class == ledger.LedgerClass {
					return fmt.Errorf("a closed segment of the ledger is not shipped; nothing is lost, the next run ships it: %w", err)
				}
				return fmt.Errorf("%d batches are sealed and not shipped; nothing is lost, the next run ships them: %w", d.unshipped(), err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}
	return nil
}

// storeFailed notes an answer that was none, or a refusal: its Date is the
// store's clock all the same.
func (d *Daemon) storeFailed(err error) {
	var answer *ship.Error
	if errors.As(err, &answer) {
		d.clock.Heard(answer.Date)
	}
	d.contact.failed(d.clock.Now(), d.names.String(err.Error()))
}

// storeDown tells that the store is, once for each error text.
func (d *Daemon) storeDown(s *shipper, err error) {
	s.tries++
	if s.tries == 1 {
		s.since = d.clock.Now()
	}
	d.told.say(d.log.Error, "store/"+s.class, "not shipped; nothing is lost, it is tried again",
		"class", s.class, "since", s.since.UTC().Format(time.RFC3339), "tries", s.tries, "error", d.clean(err))
}

// storeUp notes that the store took something, and tells it after failures.
func (d *Daemon) storeUp(s *shipper) {
	if s.tries > 0 {
		d.log.Info("the store takes batches again", "class", s.class, "tries", s.tries)
	}
	s.tries = 0
	s.backoff.Reset()
	d.told.over("store/" + s.class)
}

// shipNext ships the class's next batch, if there is one. Crash windows:
// before the put the batch is put at the next start; between the put and the
// ledger's event it is put again under the same key, and the store says that
// it has it; after the event the spool's body is an orphan.
func (d *Daemon) shipNext(ctx context.Context, s *shipper) (bool, error) {
	if s.class == ledger.LedgerClass {
		return d.shipSegment(ctx, s)
	}
	var b ledger.Batch
	var id ledger.BatchID
	found := false
	d.ledger.View(func(st *ledger.State) {
		c := st.Classes[s.class]
		if c == nil || c.Sealed == c.Shipped {
			return
		}
		id = ledger.BatchID{Class: s.class, Number: c.Shipped + 1}
		if p := st.Batches[id]; p != nil {
			b, found = *p, true
			b.Ranges = slices.Clone(p.Ranges) // they are changed as their files are erased or closed
		}
	})
	if !found {
		return false, nil
	}
	body, err := d.spool.Body(ship.ID(id))
	if errors.Is(err, os.ErrNotExist) {
		return false, fmt.Errorf("batch %s is sealed, but its file is missing from the spool; swab ledger trace %s tells what it held", id, b.Key)
	}
	if err != nil {
		return false, err
	}
	defer body.Close()
	object := ship.Object{Key: b.Key, Body: body, Size: b.Size, ContentType: contentType(b.Key), Metadata: metadata(&b)}
	if _, err := hex.Decode(object.SHA256[:], []byte(b.SHA256)); err != nil {
		return false, fmt.Errorf("batch %s: sum in the ledger: %w", id, err)
	}
	receipt, verify, err := d.put(ctx, object)
	if err != nil {
		return false, err
	}
	d.reached(stepPut)
	if err := d.ledger.Append(ledger.Event{Ship: shipEvent(id, receipt, verify)}); err != nil {
		return false, err
	}
	d.reached(stepShipped)
	if err := d.spool.RemoveBody(ship.ID(id), s.rawBody); err != nil {
		d.log.Warn("a shipped batch could not be removed from the spool; the next start does it", "batch", id.String(), "error", d.clean(err))
	}
	d.storeUp(s)
	d.wake()
	return true, nil
}

// put puts one object and notes how the store is.
func (d *Daemon) put(ctx context.Context, object ship.Object) (ship.Receipt, ship.Verify, error) {
	up, err := d.uploader(ctx)
	if err != nil {
		return ship.Receipt{}, 0, err
	}
	receipt, err := up.Ship(ctx, object)
	if err != nil {
		d.storeFailed(err)
		return receipt, up.Verify, err
	}
	d.clock.Heard(receipt.Date)
	d.contact.up(up.Conditional)
	return receipt, up.Verify, nil
}

func shipEvent(id ledger.BatchID, r ship.Receipt, verify ship.Verify) *ledger.Ship {
	e := &ledger.Ship{Batch: id, How: "stored", Verified: "checksum"}
	if r.Outcome == ship.AlreadyThere {
		e.How = "already"
		if !r.Checked {
			e.Verified = "key"
		}
	}
	if verify == ship.VerifyHead {
		e.Verified = "head"
	}
	return e
}

// fatal returns the errors that end the process: a failed sync, or a ledger
// that takes nothing any more.
func (d *Daemon) fatal(err error) error {
	var sync *ship.SyncError
	if errors.As(err, &sync) {
		return err
	}
	return d.ledger.Broken()
}

func contentType(key string) string {
	codec := ship.CodecOf(key)
	if codec.Name == ship.CodecNone {
		return "application/octet-stream"
	}
	return codec.ContentType("text/plain")
}

// metadata is what an object says of itself.
func metadata(b *ledger.Batch) map[string]string {
	first, last := int64(0), int64(0)
	for _, r := range b.Ranges {
		if r.Oldest > 0 && (first == 0 || r.Oldest < first) {
			first = r.Oldest
		}
		last = max(last, r.Newest)
	}
	return map[string]string{
		"swab-lines": strconv.FormatInt(b.Lines, 10),
		"swab-raw":   strconv.FormatInt(b.Raw, 10),
		"swab-first": stamp(first),
		"swab-last":  stamp(last),
		"swab-scrub": metadataText(b.Scrub),
		"swab-seal":  b.SealSum,
	}
}

// maxMetadataText bounds the scrub policy's text in an object's metadata, bytes:
// S3 takes 2 KiB for all names and values, and a list of fields may be long.
const maxMetadataText = 1 << 10

// metadataText is a policy's text as a store takes it: what is not printable
// ASCII, such as the letters of a field's name, is percent-encoded, and a text
// that is too long ends with a sign that more follows. The seal event has all
// of it.
func metadataText(s string) string {
	const more = ",..."
	var b strings.Builder
	for i := range len(s) {
		piece := s[i : i+1]
		if s[i] < ' ' || s[i] > '~' {
			piece = fmt.Sprintf("%%%02X", s[i])
		}
		if b.Len()+len(piece) > maxMetadataText-len(more) {
			return b.String() + more
		}
		b.WriteString(piece)
	}
	return b.String()
}

func stamp(unix int64) string {
	if unix == 0 {
		return "unknown"
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
