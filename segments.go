package swab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"swab/ledger"
	"swab/ship"
)

// segmentExt ends the key of a segment's object: one JSON object a line, as it
// lies in the state directory.
const segmentExt = ".jsonl"

// shipSegment ships the next closed segment of the ledger, if there is one: byte
// for byte, under a key that its content alone makes, so that
// every try puts the same object. Crash windows: between the put and the anchor
// it is put again, and the store says that it has it. The segment stays where it
// is, so nothing depends on its being shipped.
func (d *Daemon) shipSegment(ctx context.Context, s *shipper) (bool, error) {
	after := 0
	d.ledger.View(func(st *ledger.State) { after = st.Anchored })
	if after+1 >= d.ledger.Segment() {
		return false, nil
	}
	seg, found, err := ledger.NextClosed(d.cfg.State, after)
	var bad *ledger.CorruptionError
	switch {
	case errors.As(err, &bad):
		return false, fmt.Errorf("%w; it stays out of the store until swab ledger repair has begun a new chain", err)
	case err != nil || !found:
		return false, err
	}
	f, err := os.Open(seg.Path)
	if err != nil {
		return false, fmt.Errorf("ledger segment: %w", err)
	}
	defer f.Close()
	key := ship.Key(d.cfg.To.Prefix, ledger.LedgerClass, seg.Until, d.host, d.node, uint64(seg.Number), seg.SHA256, segmentExt)
	receipt, verify, err := d.put(ctx, ship.Object{
		Key: key, Body: f, Size: seg.Size, SHA256: seg.SHA256, ContentType: contentType(key), Metadata: segmentMetadata(&seg),
	})
	if err != nil {
		return false, err
	}
	d.reached(stepSegmentPut)
	how := shipEvent(ledger.BatchID{}, receipt, verify)
	if err := d.ledger.Append(ledger.Event{Anchor: seg.Anchor(key, how.How, how.Verified)}); err != nil {
		return false, err
	}
	d.reached(stepAnchored)
	d.storeUp(s)
	return true, nil
}

// segmentMetadata is what the object of a segment says of itself. Its seal is
// the sum of its last event, which stands for all before it.
func segmentMetadata(c *ledger.Closed) map[string]string {
	return map[string]string{
		"swab-lines": strconv.FormatInt(c.Events, 10),
		"swab-raw":   strconv.FormatInt(c.Size, 10),
		"swab-first": stamp(c.First.Unix()),
		"swab-last":  stamp(c.Until.Unix()),
		"swab-scrub": "none",
		"swab-seal":  c.Sum,
	}
}
