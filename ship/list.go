package ship

import (
	"context"
	"io"
	"time"
)

// Listed is an object as a listing names it.
type Listed struct {
	Key  string
	Size int64 // bytes
	// Modified is when the store took it, by the store's clock; zero if it does
	// not say.
	Modified time.Time
}

// Lister tells what a store holds. It is apart from Store, since whoever ships
// needs no right to it: on S3 it wants s3:ListBucket.
type Lister interface {
	// List calls visit for every object whose key begins with prefix and comes
	// after after, in the order of the keys' bytes. An error of visit ends the
	// listing and is returned as it is; others are of type *Error, and the
	// listing can go on after the last key that was visited. Objects that come
	// or go meanwhile may be in it or not.
	List(ctx context.Context, prefix, after string, visit func(Listed) error) error
}

// Getter reads objects back. On S3 it wants s3:GetObject.
type Getter interface {
	// Get opens an object and says what the store says of it; HasSHA256 is
	// false, since whoever reads the body knows its sum. The error is
	// ErrNotFound if there is none; ctx covers the reading too. The caller
	// closes the body.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
}
