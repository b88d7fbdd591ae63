package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/ledger"
	"swab/ship"
)

// stock is what the store holds, besides what its lines say.
type stock struct {
	Objects  map[string]uint64 // by class
	Gaps     map[string]uint64 // numbers that a class lacks, or has twice
	Unsorted uint64            // keys whose numbers do not ascend as the keys do
	Damaged  uint64            // whose bytes are not those of their key, or do not decompress
	Strange  uint64            // keys that are not of swab's form
	Bytes    uint64
	Problems []string
	lastOf   map[string]uint64 // class and node → the last number
}

func (s *stock) bad() bool {
	gaps := uint64(0)
	for _, n := range s.Gaps {
		gaps += n
	}
	return gaps+s.Unsorted+s.Damaged+s.Strange > 0
}

func (s *stock) problem(format string, args ...any) {
	if len(s.Problems) < 4*maxExamples {
		s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
	}
}

// readBack reads every object, in the order of the keys, and counts its lines.
// Nothing but the counters and the accounts is kept. seed is that of the lines;
// mayCut tells that clocks were wrong.
func readBack(ctx context.Context, store backend, accounts []account, seed uint64, mayCut bool) (verdict, *stock, error) {
	s := &stock{Objects: map[string]uint64{}, Gaps: map[string]uint64{}, lastOf: map[string]uint64{}}
	counters := map[string]*counter{}
	for _, a := range accounts {
		if counters[a.Class] == nil {
			counters[a.Class] = newCounter(slices.DeleteFunc(slices.Clone(accounts), func(b account) bool { return b.Class != a.Class }),
				seed, mayCut)
		}
	}
	err := store.walk(ctx, func(key string, open opener) error {
		if strings.Contains(key, "_swab/") { // the probe
			return nil
		}
		parts, err := ship.ParseKey(key)
		if err != nil {
			s.Strange++
			s.problem("strange: a key that is not of swab's form")
			return nil
		}
		if parts.Class == ledger.LedgerClass { // closed segments, a day each
			return nil
		}
		c := counters[parts.Class]
		if c == nil {
			s.Strange++
			s.problem("strange: an object of class %s, which nobody writes", parts.Class)
			return nil
		}
		s.number(parts)
		body, err := open()
		if err != nil {
			return fmt.Errorf("object %s: %w", key, err)
		}
		defer body.Close()
		return s.object(key, parts, body, c)
	})
	var all verdict
	for _, c := range counters {
		all.add(c.finish())
	}
	return all, s, err
}

// number holds a class's numbers to 1, 2, 3 … for each node.
func (s *stock) number(k ship.KeyParts) {
	s.Objects[k.Class]++
	of := k.Class + " " + k.Node
	last := s.lastOf[of]
	switch {
	case k.Number == last+1:
	case k.Number > last:
		s.Gaps[k.Class] += k.Number - last - 1
		s.problem("gap: class %s has number %d after %d", k.Class, k.Number, last)
	default:
		s.Unsorted++
		s.problem("unsorted: class %s has number %d after %d", k.Class, k.Number, last)
	}
	s.lastOf[of] = max(last, k.Number)
}

// object reads one object through its checksum and its codec into the counter.
func (s *stock) object(key string, k ship.KeyParts, body io.Reader, c *counter) error {
	sum, size := sha256.New(), &sizeWriter{}
	raw := io.TeeReader(body, io.MultiWriter(sum, size))
	text, err := ship.CodecOf(key).NewReader(raw)
	if err == nil {
		err = c.read(key, text)
		text.Close()
	}
	if err != nil {
		s.Damaged++
		s.problem("damaged: %s: %v", key, err)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	s.Bytes += size.n
	if !bytes.Equal(sum.Sum(nil)[:len(k.Sum)], k.Sum[:]) {
		s.Damaged++
		s.problem("damaged: %s: its bytes have another sum", key)
	}
	return nil
}

type sizeWriter struct{ n uint64 }

func (w *sizeWriter) Write(p []byte) (int, error) {
	w.n += uint64(len(p))
	return len(p), nil
}
