package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"time"

	"swab/ship"
)

const (
	// readBuffer is how much is decompressed at once, bytes.
	readBuffer = 256 << 10
	// stall is how long one read from the store may take.
	stall = time.Minute
)

var errStall = errors.New("the store sent nothing for a minute")

// seen is what one object turned out to be.
type seen struct {
	size, text, lines int64
	sum               [32]byte
	metadata          map[string]string
	frame             error // why it does not decompress
	rule              rule
	addresses         int64
	places            []place // of the first addresses
}

// place is where an address stands in an object.
type place struct {
	line, column int64 // from 1; columns are bytes
	six          bool
}

// object reads one object and judges it.
func (r *run) object(ctx context.Context, j job, buf []byte) error {
	var s *seen
	err := r.patiently(ctx, func(ctx context.Context) error {
		var err error
		s, err = r.read(ctx, j, buf)
		return err
	})
	var refused *ship.Error
	switch {
	case errors.Is(err, ship.ErrNotFound): // a lifecycle rule was quicker
		r.gone.Add(1)
		return nil
	case errors.As(err, &refused) && refused.Code == ship.CodeArchived:
		r.archived.Add(1)
		return nil
	case err != nil:
		return err
	}
	r.objects.Add(1)
	sound := r.judge(j, s)
	if r.book != nil {
		r.book.object(j, s, sound)
	}
	return nil
}

// read makes one attempt to read an object. The error is the store's; what is
// wrong with the object stands in seen.
func (r *run) read(ctx context.Context, j job, buf []byte) (*seen, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, info, err := r.getter.Get(ctx, j.key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	in := &input{cause: func() error { return context.Cause(ctx) }, cancel: cancel, body: body, sum: sha256.New(), count: &r.stored}
	s := &seen{metadata: info.Metadata, rule: parseRule(info.Metadata[metaScrub])}
	s.frame = r.decompress(ship.CodecOf(j.key), in, s, buf)
	if in.err == nil { // the sum is that of all of it, whatever it is
		_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{in}, buf)
	}
	if in.err != nil && in.err != io.EOF {
		return nil, &ship.Error{Op: "open", Key: j.key, Code: ship.CodeUnreachable, Err: in.err}
	}
	s.size, s.sum = in.n, [32]byte(in.sum.Sum(nil))
	return s, nil
}

// decompress counts what the body holds, and looks for addresses in it.
func (r *run) decompress(codec ship.Codec, in io.Reader, s *seen, buf []byte) error {
	plain, err := codec.NewFrameReader(in)
	if err != nil {
		return err
	}
	defer plain.Close()
	var look *scanner
	if s.rule.looks && r.o.Sample > 0 {
		look = &scanner{rule: s.rule, every: int64(r.o.Sample), offset: int64(r.offset), found: s.found}
	}
	var last byte
	for {
		n, err := plain.Read(buf)
		if n > 0 {
			p := buf[:n]
			lines := int64(bytes.Count(p, []byte{'\n'}))
			s.text, s.lines, last = s.text+int64(n), s.lines+lines, p[n-1]
			r.text.Add(int64(n))
			r.lines.Add(lines)
			if look != nil {
				look.write(p)
			}
		}
		if err == nil {
			continue
		}
		if s.text > 0 && last != '\n' {
			s.lines++ // as a file ends that nobody completed
		}
		if look != nil {
			look.end()
		}
		if err != io.EOF {
			return err
		}
		return nil
	}
}

// found notes an address that should not be there.
func (s *seen) found(p place) {
	if s.addresses++; len(s.places) < mostListed {
		s.places = append(s.places, p)
	}
}

// Names of the metadata; see docs/format.md.
const (
	metaLines = "swab-lines"
	metaScrub = "swab-scrub"
	metaSeal  = "swab-seal"
	metaSum   = "sha256"
)

// judge puts what an object is into the report. It tells whether body and
// metadata are what they should be, so that a ledger can be held against them.
func (r *run) judge(j job, s *seen) bool {
	t, class := r.tally, j.parts.Class
	t.object(j.parts, s, r.o.Sample > 0)
	sound := true
	wrong := func(kind Kind, what string) {
		sound = false
		t.wrong(Finding{Class: class, Kind: kind, Where: j.key, What: what})
	}
	sum := hex.EncodeToString(s.sum[:])
	switch {
	case [8]byte(s.sum[:8]) != j.parts.Sum:
		wrong(KindSum, "its bytes are not those that were sealed: the SHA-256 does not begin as the key says")
	case errors.Is(s.frame, ship.ErrTrailing):
		wrong(KindFrame, "bytes follow the compressed frame")
	case errors.Is(s.frame, io.ErrUnexpectedEOF):
		wrong(KindFrame, "it ends in the middle of the compressed frame")
	case s.frame != nil:
		wrong(KindFrame, "it does not decompress")
	}
	if sound {
		for _, what := range s.metadataFaults(sum) {
			wrong(what.kind, what.what)
		}
	}
	for _, p := range s.places {
		family := "IPv4"
		if p.six {
			family = "IPv6"
		}
		t.wrong(Finding{Class: class, Kind: KindAddress, Where: j.key, Line: p.line, Column: p.column, What: "an " + family + " address is left"})
	}
	t.more(class, KindAddress, s.addresses-int64(len(s.places)))
	return sound
}

type fault struct {
	kind Kind
	what string
}

// metadataFaults holds the metadata against the body, whose sum is that of its
// key.
func (s *seen) metadataFaults(sum string) (faults []fault) {
	if s.metadata[metaLines] == "" && s.metadata[metaScrub] == "" && s.metadata[metaSum] == "" {
		return []fault{{KindMetadata, "it has no metadata of swab's"}}
	}
	if s.metadata[metaSum] != sum {
		faults = append(faults, fault{KindMetadata, "its metadata names another SHA-256"})
	}
	if s.metadata[metaScrub] == "" {
		faults = append(faults, fault{KindMetadata, "its metadata names no scrub policy: addresses were not looked for"})
	}
	lines, err := strconv.ParseInt(s.metadata[metaLines], 10, 64)
	switch {
	case err != nil || lines < 0:
		faults = append(faults, fault{KindMetadata, "its metadata does not say how many lines it has"})
	case lines != s.lines:
		faults = append(faults, fault{KindLines, fmt.Sprintf("it has %d lines, its metadata says %d", s.lines, lines)})
	}
	return faults
}

// input is a body on its way in: counted, summed, and given up when the store
// falls silent. A body that is read slowly is nobody's fault but ours.
type input struct {
	cause  func() error // why reading was ended, nil if it was not
	cancel context.CancelCauseFunc
	body   io.Reader
	sum    hash.Hash
	n      int64
	count  interface{ Add(n int64) int64 }
	err    error // of the store; io.EOF at the end
}

func (in *input) Read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	silent := time.AfterFunc(stall, func() { in.cancel(errStall) })
	n, err := in.body.Read(p)
	silent.Stop()
	in.sum.Write(p[:n])
	in.n += int64(n)
	in.count.Add(int64(n))
	if err != nil && err != io.EOF && in.cause() != nil {
		err = in.cause()
	}
	in.err = err
	return n, err
}
