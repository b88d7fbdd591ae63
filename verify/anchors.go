package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"swab/ledger"
	"swab/ship"
)

// Header is what [Anchors] asks a store: a list with times, and what it says of
// an object.
type Header interface {
	ship.Lister
	// Head describes an object, as [ship.Store] has it.
	Head(ctx context.Context, key string) (ship.Info, error)
}

// Anchored is what of a ledger the store vouches for. A chain's sum stands for
// all that came before it: where one sum agrees, all events up to it are those
// that were there when the object was sealed.
type Anchored struct {
	Objects int64     // that agree with the ledger
	Event   uint64    // the last one that an object vouches for, 0 for none
	At      time.Time // of that event
	Last    uint64    // the ledger's last event
}

// clockSlack is how far the store's clock and swab's may be apart: S3 refuses
// requests that are off by more (Amazon S3 API Reference, RequestTimeTooSkewed).
const clockSlack = 15 * time.Minute

// Anchors holds the ledger of o.State against what the store itself says of
// that state directory's objects: the sums of seals in their metadata, and when
// it took them. It reads no body and looks at no object of others. A ledger
// that was shortened, put back or written anew has sums that the store does not
// know, or does not know what the store has.
func Anchors(ctx context.Context, store Header, o Options) (*Report, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Sample = 1 // nothing is looked for, and no word said of it
	r := newRun(store, o)
	r.header, r.each = store, r.anchor
	var err error
	if r.book, err = openBook(o); err != nil {
		return nil, err
	}
	if err := r.readAll(ctx); err != nil {
		return nil, err
	}
	r.judgeStreams()
	if err := r.book.finish(r.tally); err != nil {
		return nil, err
	}
	if err := r.judgeHosts(); err != nil {
		return nil, err
	}
	r.judgeEmpty()
	r.notes()
	report := r.tally.report(r.progress())
	report.Anchored, err = r.book.anchored()
	return report, err
}

// anchor asks for one object and holds it against the ledger.
func (r *run) anchor(ctx context.Context, j job, _ []byte) error {
	var info ship.Info
	err := r.patiently(ctx, func(ctx context.Context) error {
		var err error
		info, err = r.header.Head(ctx, j.key)
		return err
	})
	if errors.Is(err, ship.ErrNotFound) { // a lifecycle rule was quicker
		r.gone.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	r.objects.Add(1)
	s := &seen{size: info.Size, metadata: info.Metadata, sum: info.SHA256}
	if !info.HasSHA256 {
		n, err := hex.Decode(s.sum[:], []byte(info.Metadata[metaSum][:min(len(info.Metadata[metaSum]), 2*len(s.sum))]))
		if err != nil || n != len(s.sum) {
			s.sum = [32]byte{}
		}
	}
	sound := true
	wrong := func(kind Kind, what string) {
		r.tally.wrong(Finding{Class: j.parts.Class, Kind: kind, Where: j.key, What: what})
	}
	if [8]byte(s.sum[:8]) != j.parts.Sum {
		sound = false
		wrong(KindSum, "the store has another SHA-256 of it than its key says")
	}
	if s.metadata[metaSeal] == "" {
		sound = false
		wrong(KindAnchor, "its metadata has no sum of its seal: it anchors nothing")
	}
	r.book.object(j, s, sound)
	if what := r.book.dated(j); what != "" {
		wrong(KindTime, what)
	}
	return nil
}

// dated says how the time at which the store took an object contradicts the
// ledger, "" if it does not.
func (b *book) dated(j job) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.classes[j.parts.Class].at(j.parts.Number)
	if e == nil || e.state == unknown || j.modified.IsZero() {
		return ""
	}
	sealed, shipped := time.Unix(int64(e.sealed), 0), time.Unix(int64(e.shipped), 0)
	switch {
	case j.modified.Before(sealed.Add(-clockSlack)):
		return fmt.Sprintf("the store has it since %s, and the ledger sealed it at %s: a ledger written afterwards, or a wrong clock", stamp(j.modified), stamp(sealed))
	case e.shipped != 0 && j.modified.After(shipped.Add(clockSlack)):
		return fmt.Sprintf("the store has it since %s, and the ledger shipped it at %s: it was put again since, or the store is a copy, or a clock is wrong", stamp(j.modified), stamp(shipped))
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }

// anchored finds the last event that an object vouches for.
func (b *book) anchored() (Anchored, error) {
	var a Anchored
	for _, s := range b.classes {
		for i := range s.entries {
			if s.entries[i].state == agreed {
				a.Objects++
			}
		}
	}
	err := b.walk(func(e *ledger.Event, _ string) error {
		a.Last = e.N
		if s := e.Anchor; s != nil && s.Last > a.Event {
			if entry := b.classes[ledger.LedgerClass].at(uint64(s.Segment)); entry != nil && entry.state == agreed {
				a.Event, a.At = s.Last, s.Until
			}
		}
		if e.Seal == nil {
			return nil
		}
		if entry := b.classes[e.Seal.Batch.Class].at(e.Seal.Batch.Number); entry != nil && entry.state == agreed {
			a.Event, a.At = e.N, e.At
		}
		return nil
	})
	return a, err
}
