package ship

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Object is what goes to a store. A store reads Body and keeps nothing of the
// rest after Put returns.
type Object struct {
	// Key is UTF-8, at most 1024 bytes, components parted by single slashes.
	Key string
	// Body holds Size bytes from offset 0; they can be read again.
	Body io.ReaderAt
	Size int64
	// SHA256 is the sum of the Size bytes of Body.
	SHA256      [32]byte
	ContentType string
	// Metadata has lower-case names ([a-z0-9_-]) and values of printable
	// ASCII, at most 2 KiB in all (the limit of S3).
	Metadata map[string]string

	// paused is how long reads of Body have been held back so far; a store
	// that sets a deadline extends it by that.
	paused func() time.Duration
}

// Outcome says how a key came to be in the store.
type Outcome uint8

const (
	// Stored: this Put wrote the object.
	Stored Outcome = iota + 1
	// AlreadyThere: the key was taken. Keys name their content, so these very
	// bytes are there from an earlier attempt.
	AlreadyThere
)

func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case AlreadyThere:
		return "already there"
	}
	return "unknown"
}

// Receipt is a store's word that an object is there.
type Receipt struct {
	Outcome Outcome
	// Checked: the store computed the SHA-256 of what it holds, and it is the
	// object's.
	Checked bool
	// Date is the store's clock in its answer, zero if it told none.
	Date time.Time
}

// Info is what a store says of an object.
type Info struct {
	Size int64
	// SHA256 is what the store computed over the object, if HasSHA256.
	SHA256    [32]byte
	HasSHA256 bool
	Metadata  map[string]string
}

// Store holds objects by key. Implementations are safe for several goroutines
// and make one attempt a call: whoever calls retries. Errors are of type
// *Error.
type Store interface {
	// Put stores the object if its key is not taken, and then only whole:
	// nobody sees a part of it. Bytes that do not have the object's SHA-256
	// are refused. When the answer is lost, the object may be there; a second
	// Put then says AlreadyThere.
	Put(ctx context.Context, o Object) (Receipt, error)

	// Head describes an object. The error is ErrNotFound if there is none.
	Head(ctx context.Context, key string) (Info, error)

	// Open reads an object. The error is ErrNotFound if there is none; ctx
	// covers the reading too. The caller closes it.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
}

const (
	// maxKey is the longest key in bytes, and maxMetadata the most of names
	// and values together (Amazon S3 User Guide, "Naming Amazon S3 objects"
	// and "Working with object metadata").
	maxKey      = 1024
	maxMetadata = 2 << 10
)

// CheckKey refuses keys that some store could not take, or would take for
// another: not UTF-8, longer than 1024 bytes, with control characters, with an
// empty component, or with one that begins with a dot, which directory stores
// keep for themselves (and "." and ".." mean something there).
func CheckKey(key string) error {
	if key == "" || len(key) > maxKey {
		return errors.New("want 1 to 1024 bytes")
	}
	if !utf8.ValidString(key) {
		return errors.New("want UTF-8")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }) {
		return errors.New("want no control characters and no backslash")
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" {
			return errors.New("want no empty component, no slash at either end")
		}
		if part[0] == '.' {
			return errors.New("want no component that begins with a dot")
		}
	}
	return nil
}

// checkObject refuses what no store would take.
func checkObject(o Object) error {
	if err := CheckKey(o.Key); err != nil {
		return &Error{Op: opPut, Key: o.Key, Code: CodeInvalidKey, Err: err}
	}
	if o.Size < 0 || o.Body == nil {
		return &Error{Op: opPut, Key: o.Key, Code: CodeInvalidObject, Err: errors.New("want a body and its size")}
	}
	total := 0
	for name, value := range o.Metadata {
		total += len(name) + len(value)
		if !metadataName(name) || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e }) ||
			value != strings.TrimSpace(value) {
			return &Error{Op: opPut, Key: o.Key, Code: CodeInvalidMetadata,
				Err: errors.New("want lower-case names and values of printable ASCII without outer spaces")}
		}
	}
	if total > maxMetadata {
		return &Error{Op: opPut, Key: o.Key, Code: CodeInvalidMetadata, Err: errors.New("want at most 2 KiB of names and values")}
	}
	return nil
}

func metadataName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return ('a' > r || r > 'z') && ('0' > r || r > '9') && r != '-' && r != '_'
	})
}
