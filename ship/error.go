package ship

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNotFound is the error of Head and Open for a key that is not there.
var ErrNotFound = errors.New("no such object")

// Names of operations in Error.Op.
const (
	opPut  = "put"
	opHead = "head"
	opOpen = "open"
	opList = "list"
)

// Values of Error.Code. Those that S3 defines are spelled as S3 spells them
// (Amazon S3 API Reference, "Error responses"); other codes of a store are
// passed through.
const (
	CodeNoSuchBucket     = "NoSuchBucket"
	CodeNoSuchKey        = "NoSuchKey"
	CodeAccessDenied     = "AccessDenied"
	CodeInvalidAccessKey = "InvalidAccessKeyId"
	CodeSignature        = "SignatureDoesNotMatch"
	CodeBadDigest        = "BadDigest"
	CodeConflict         = "ConditionalRequestConflict"
	CodeNotImplemented   = "NotImplemented"
	// CodeNoCredentials: the chain of credential sources has none.
	CodeNoCredentials = "NoCredentials"
	// CodeUnreachable: no answer, or not in time.
	CodeUnreachable = "Unreachable"
	// CodeBody: the object's own body cannot be read.
	CodeBody = "BodyUnreadable"
	// CodeMismatch: what the store holds under the key is not the object.
	CodeMismatch = "Mismatch"
	// CodeUnverified: the store holds nothing that would prove the content.
	CodeUnverified = "Unverified"
	// CodeNoDirectory: the store's directory is not there, or not the store's.
	CodeNoDirectory = "NoDirectory"
	// CodeNoSpace and CodeIO: the file system of a store directory is full, or
	// failed otherwise.
	CodeNoSpace = "NoSpace"
	CodeIO      = "InputOutput"
	// CodeArchived: the object lies in a storage class that must be restored
	// before it can be read.
	CodeArchived = "InvalidObjectState"
	// CodeListing: the store lists what it should not, or in another order.
	CodeListing         = "Listing"
	CodeInvalidKey      = "InvalidKey"
	CodeInvalidObject   = "InvalidObject"
	CodeInvalidMetadata = "InvalidMetadata"
)

// Error is a store's refusal, or its silence. The text says what was asked for,
// what came back, and what to do where that is known.
type Error struct {
	Op     string // "put", "head", "open" or "list"
	Key    string // of a list the prefix, which may be empty
	Status int    // of HTTP, 0 if there was none
	Code   string // what a caller may branch on
	// Hint is what an operator can do about it, empty if unknown.
	Hint string
	// RetryAfter is how long the store asks to be left alone, 0 if it did not.
	RetryAfter time.Duration
	// Date is the store's clock in its answer, zero if it told none.
	Date time.Time
	Err  error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("store " + e.Op)
	if e.Key != "" {
		b.WriteString(" of " + e.Key)
	}
	b.WriteString(": ")
	if e.Status != 0 {
		fmt.Fprintf(&b, "HTTP %d ", e.Status)
	}
	b.WriteString(e.Code)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent says that the same attempt will fail again until someone changes
// the store, the credentials or the flags. A daemon that starts ends on it; one
// that runs goes on trying, slowly, since the someone may be at it already.
func (e *Error) Permanent() bool {
	switch e.Code {
	case CodeNoSuchBucket, CodeAccessDenied, CodeInvalidAccessKey, CodeSignature, CodeNoCredentials,
		CodeNoDirectory, CodeInvalidKey, CodeInvalidObject, CodeInvalidMetadata, CodeUnverified, CodeNotImplemented,
		CodeArchived, CodeListing,
		"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AllAccessDisabled", "AccountProblem",
		"PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName", "InvalidBucketState",
		"MethodNotAllowed", "InvalidRequest", "InvalidArgument", "KMS.DisabledException", "KMS.NotFoundException":
		return true
	}
	return false
}

// Permanent reports whether err is, or wraps, an *Error that is Permanent.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent()
}

// notFound is the error for a key that is not there.
func notFound(op, key string) error {
	return &Error{Op: op, Key: key, Code: CodeNoSuchKey, Err: ErrNotFound}
}
