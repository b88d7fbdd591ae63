package ship

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"
)

// metaSHA256 is the metadata name under which every object carries its own
// sum, for stores that keep no checksum.
const metaSHA256 = "sha256"

// Verify is how much proof makes an object shipped.
type Verify uint8

const (
	// VerifyPut takes the store's word at the put: the checksum it computed,
	// or that the key was taken. Head is asked only if there is no checksum.
	VerifyPut Verify = iota
	// VerifyHead asks for size and checksum again after every put.
	VerifyHead
)

// ParseVerify reads "put" or "head".
func ParseVerify(s string) (Verify, error) {
	switch s {
	case "put":
		return VerifyPut, nil
	case "head":
		return VerifyHead, nil
	}
	return 0, fmt.Errorf("verification %q: want put or head", s)
}

func (v Verify) String() string {
	if v == VerifyHead {
		return "head"
	}
	return "put"
}

// Uploader ships objects to one store. Its fields are set before use; Ship is
// safe for several goroutines.
type Uploader struct {
	Store  Store
	Verify Verify
	// Conditional is what Probe found. Without it Ship looks before it puts.
	Conditional bool
	// Rate holds the reading of bodies back; nil does not.
	Rate *Rate
}

// Ship makes one attempt to have the object in the store and to know it. After
// a nil error the store holds these very bytes under the key, as far as Verify
// asks. An object that is there with other bytes is an *Error with
// CodeMismatch, never a success.
func (u *Uploader) Ship(ctx context.Context, o Object) (Receipt, error) {
	o.Metadata = maps.Clone(o.Metadata)
	if o.Metadata == nil {
		o.Metadata = map[string]string{}
	}
	o.Metadata[metaSHA256] = hex.EncodeToString(o.SHA256[:])
	if !u.Conditional {
		r, err := u.look(ctx, o)
		if !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	if u.Rate != nil {
		o.Body, o.paused = u.Rate.pace(ctx, o.Body)
	}
	r, err := u.Store.Put(ctx, o)
	if err != nil {
		return Receipt{}, err
	}
	// A taken key under a condition needs no further permission: it names its
	// content. A stored object without a checksum might be cut short.
	if u.Verify == VerifyPut && (r.Checked || r.Outcome == AlreadyThere) {
		return r, nil
	}
	checked, err := u.look(ctx, o)
	if err != nil {
		return Receipt{}, err
	}
	r.Checked = r.Checked || checked.Checked
	return r, nil
}

// look asks the store what it holds under the key, and compares.
func (u *Uploader) look(ctx context.Context, o Object) (Receipt, error) {
	info, err := u.Store.Head(ctx, o.Key)
	if err != nil {
		return Receipt{}, err
	}
	if err := compare(o, info); err != nil {
		return Receipt{}, err
	}
	return Receipt{Outcome: AlreadyThere, Checked: info.HasSHA256}, nil
}

// compare holds what a store says against the object: size always, and its own
// checksum or, failing that, the one that went with the object as metadata.
func compare(o Object, info Info) error {
	fault := func(code, what string) error {
		return &Error{Op: opHead, Key: o.Key, Code: code, Err: errors.New(what)}
	}
	if info.Size != o.Size {
		return fault(CodeMismatch, fmt.Sprintf("the store holds %d bytes, the batch has %d", info.Size, o.Size))
	}
	if info.HasSHA256 {
		if info.SHA256 != o.SHA256 {
			return fault(CodeMismatch, "the store holds other bytes than the batch")
		}
		return nil
	}
	switch info.Metadata[metaSHA256] {
	case hex.EncodeToString(o.SHA256[:]):
		return nil
	case "":
		return fault(CodeUnverified, "the store keeps neither checksum nor metadata")
	}
	return fault(CodeMismatch, "the store holds the metadata of other bytes")
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
