package verify

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"swab/ledger"
)

// finish says what does not agree.
func (b *book) finish(t *tally) error {
	if err := b.settleDoubts(t); err != nil {
		return err
	}
	if b.beyond > 0 {
		t.wrong(Finding{Kind: KindLedger, What: fmt.Sprintf("%s not as the ledger had them, beside %d: is it this store's ledger?", are(b.beyond), mostDoubts)})
	}
	for _, class := range slices.Sorted(maps.Keys(b.classes)) {
		b.missing(t, class, b.classes[class])
	}
	if b.elsewhere > 0 {
		t.note("%d batches of the ledger lie beneath another prefix: verify them with the --to of then", b.elsewhere)
	}
	return nil
}

// settleDoubts reads the ledger again, since a daemon may have shipped what was
// not in it, and says of the rest what differs.
func (b *book) settleDoubts(t *tally) error {
	if len(b.doubts) == 0 {
		return nil
	}
	keys := map[ledger.BatchID][]string{}
	for key, d := range b.doubts {
		keys[d.id] = append(keys[d.id], key)
	}
	differs := map[string]string{} // by key, what; empty where it agrees by now
	compare := func(id ledger.BatchID, sealed string, d doubt) {
		for _, key := range keys[id] {
			if what, known := differs[key]; known && what == "" {
				continue
			}
			differs[key] = b.doubts[key].differsFrom(key, sealed, d)
		}
	}
	err := b.walk(func(e *ledger.Event, sum string) error {
		switch {
		case e.Anchor != nil:
			a := e.Anchor
			id := ledger.BatchID{Class: ledger.LedgerClass, Number: uint64(a.Segment)}
			compare(id, a.Key, doubt{size: a.Size, sum: a.SHA256, lines: strconv.FormatInt(a.Events, 10), seal: a.Sum})
		case e.Seal != nil && keys[e.Seal.Batch] != nil:
			s := e.Seal
			compare(s.Batch, s.Key, doubt{size: s.Size, sum: s.SHA256, lines: strconv.FormatInt(s.Lines, 10), seal: sum})
		case e.Snapshot != nil && e.Snapshot.State != nil:
			for id, p := range e.Snapshot.State.Batches {
				if p != nil && keys[id] != nil {
					compare(id, p.Key, doubt{size: p.Size, sum: p.SHA256, lines: strconv.FormatInt(p.Lines, 10), seal: p.SealSum})
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	older := int64(0)
	for key, d := range b.doubts {
		what, known := differs[key]
		if !known && b.closed(d) {
			continue
		}
		switch {
		case known && what == "":
			continue
		case !known && b.older(d.id):
			older++
			continue
		case !known && b.repaired:
			what = "it is this state directory's, and the ledger does not know it: a repair may have left it out"
		case !known:
			what = "it is this state directory's, and the ledger does not know it"
			if s := b.classes[d.id.Class]; s == nil || d.id.Number > s.sealed {
				what += ": the ledger's end is missing, or it is an older copy, or another one"
			}
		}
		t.wrong(Finding{Class: d.id.Class, Kind: KindLedger, Where: key, What: what})
	}
	if older > 0 {
		t.note("%s older than what is left of the ledger", are(older))
	}
	return nil
}

// closed tells whether an object is a closed segment of the ledger whose anchor
// is still to come: a crash, or a daemon at work, is between the two.
func (b *book) closed(d doubt) bool {
	if d.id.Class != ledger.LedgerClass {
		return false
	}
	c, found, err := ledger.NextClosed(b.o.State, int(d.id.Number)-1)
	return err == nil && found && uint64(c.Number) == d.id.Number && hex.EncodeToString(c.SHA256[:]) == d.sum && (d.seal == "" || d.seal == c.Sum)
}

// older tells whether a batch comes before all that the ledger has of its
// class: its first segments are gone.
func (b *book) older(id ledger.BatchID) bool {
	s := b.classes[id.Class]
	return s != nil && id.Number <= s.shipped && (s.begins == 0 || id.Number < s.begins)
}

// differsFrom says what of an object is not as it was sealed, "" if nothing.
func (d doubt) differsFrom(key, sealed string, want doubt) string {
	var faults []string
	if key != sealed {
		faults = append(faults, "sealed it under another key: "+sealed)
	}
	if d.sum != want.sum {
		faults = append(faults, "sealed other bytes")
	}
	if d.size != want.size {
		faults = append(faults, fmt.Sprintf("sealed %d bytes, and it has %d", want.size, d.size))
	}
	if d.lines != want.lines {
		faults = append(faults, fmt.Sprintf("sealed %s lines, and its metadata says %s", want.lines, number(d.lines)))
	}
	if d.seal != "" && d.seal != want.seal {
		faults = append(faults, "has another sum of its seal than its metadata")
	}
	if len(faults) == 0 {
		return ""
	}
	return "the ledger " + strings.Join(faults, "; ")
}

// number is a number from outside, or a word for what is none.
func number(s string) string {
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return "nothing of the kind"
	}
	return s
}

// keepSlack is how much later than its time an object may go: lifecycle rules
// count whole days, and take some time.
const keepSlack = 48 * time.Hour

// missing finds the batches of a class that were shipped and are not there.
// Those before the first that is there may have been old enough to go; where
// the class says how long objects stay, that is held against it.
func (b *book) missing(t *tally, class string, s *shelf) {
	keep := b.keep[class]
	count := !b.o.Since.IsZero() || keep > 0 || !s.some // those before the first, too
	var older, expired, overdue int64
	var gap numberRun
	flush := func() {
		if gap.from > 0 {
			t.wrong(Finding{Class: class, Kind: KindLedger, Where: class, What: "shipped by the ledger, and not in the store: " + gap.String()})
		}
		gap = numberRun{}
	}
	for n := s.first; n <= s.shipped && s.at(n) != nil; n++ {
		e := s.at(n)
		age := b.o.Now.Sub(time.Unix(int64(e.hour)*3600, 0))
		switch {
		case e.state == unknown:
			flush()
		case e.state == met, e.state == agreed:
			flush()
			count = true
			if keep > 0 && age > keep+keepSlack {
				overdue++
			}
		case keep > 0 && age >= keep:
			expired++
		case !count:
			older++
		case gap.from > 0 && gap.to == n-1:
			gap.to = n
		default:
			flush()
			gap = numberRun{n, n}
		}
	}
	flush()
	if older > 0 {
		t.note("%s: %s gone that come before all that are there, as a lifecycle rule leaves it", class, are(older))
	}
	if expired > 0 {
		t.note("%s: %s gone, older than the %s that the class keeps", class, are(expired), days(keep))
	}
	if overdue > 0 {
		t.note("%s: %s still there, older than the %s that the class keeps: is there a lifecycle rule?", class, are(overdue), days(keep))
	}
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 72*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return fmt.Sprintf("%d hours", d/time.Hour)
}
