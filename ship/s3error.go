package ship

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// signable asks the chain for credentials before a request, so that their
// absence is told from a store that does not answer. They are cached between
// calls.
func (s *S3) signable(ctx context.Context, op, key string) error {
	_, err := s.creds.Retrieve(ctx)
	if err == nil {
		return nil
	}
	// A token service that does not answer is like a store that does not. The
	// instance's own is always asked last, and not there on most hosts.
	if call, ok := errors.AsType[*smithy.OperationError](err); ok && call.Service() != "ec2imds" || ctx.Err() != nil {
		return &Error{Op: op, Key: key, Code: CodeUnreachable, Err: fmt.Errorf("credentials: %w", rootCause(ctx, err))}
	}
	return &Error{Op: op, Key: key, Code: CodeNoCredentials, Err: errors.New("no credentials were found"),
		Hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod or instance a role"}
}

// failure makes what the SDK returned an *Error.
func (s *S3) failure(ctx context.Context, op, key string, err error) *Error {
	e := &Error{Op: op, Key: key}
	var code, message string
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	var region string
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil && answer.Response.Response != nil {
		e.Status = answer.HTTPStatusCode()
		e.Date, _ = http.ParseTime(answer.Response.Header.Get("Date"))
		e.RetryAfter = retryAfter(answer.Response.Header.Get("Retry-After"), cmp.Or(e.Date, time.Now()))
		region = answer.Response.Header.Get("X-Amz-Bucket-Region")
	}
	if e.Status == 0 && code == "" {
		cause := rootCause(ctx, err)
		e.Code, e.Err = CodeUnreachable, fmt.Errorf("%s: %w", s.where(), cause)
		if !errors.Is(cause, errBroken) {
			e.Hint = "is that the right endpoint, and is it up?"
		}
		return e
	}
	e.Code = codeOf(code, e.Status, op)
	if e.Code == CodeNoSuchKey {
		e.Err = ErrNotFound
		return e
	}
	if message = plainText(message); message != "" {
		e.Err = errors.New(message)
	}
	e.Hint = s.hint(e, region)
	return e
}

// codeOf completes what answers without a body, as to a HEAD, leave out.
func codeOf(code string, status int, op string) string {
	switch {
	case status == http.StatusNotImplemented:
		return CodeNotImplemented
	case code == "NotFound" || code == "" && status == http.StatusNotFound:
		if op == opPut || op == opList {
			return CodeNoSuchBucket
		}
		return CodeNoSuchKey
	case code == "Forbidden" || code == "" && status == http.StatusForbidden:
		return CodeAccessDenied
	case code == "MovedPermanently" || code == "" && status == http.StatusMovedPermanently:
		return "PermanentRedirect"
	case code == "" && status == http.StatusConflict:
		return CodeConflict
	case code == "XAmzContentSHA256Mismatch", code == "InvalidDigest", code == "XAmzContentChecksumMismatch":
		return CodeBadDigest
	case code == "":
		return "HTTP" + strconv.Itoa(status)
	}
	return code
}

// hint says what an operator can do.
func (s *S3) hint(e *Error, region string) string {
	switch e.Code {
	case CodeNoSuchBucket:
		return fmt.Sprintf("make the bucket %s at %s, or correct --to", s.opts.Bucket, s.where())
	case CodeAccessDenied:
		if e.Op == opPut {
			return fmt.Sprintf("the credentials need s3:PutObject on %s/*", s.opts.Bucket)
		}
		if e.Op == opList {
			return fmt.Sprintf("the credentials need s3:ListBucket on %s", s.opts.Bucket)
		}
		return fmt.Sprintf("the credentials need s3:GetObject on %s/*, and s3:ListBucket to be told that a key is not there", s.opts.Bucket)
	case CodeInvalidAccessKey, CodeSignature, "ExpiredToken", "InvalidToken":
		return "check the credentials: they are not, or no longer, those of " + s.where()
	case CodeBadDigest:
		return "nothing was stored; if it stays so, the file in the spool is damaged"
	case "RequestTimeTooSkewed":
		return "this host's clock and the store's differ by more than 15 minutes: set the clock"
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		if region != "" {
			return "the bucket is in region " + region + ": set --region"
		}
		return "the bucket is in another region: set --region"
	}
	return ""
}

// where names the server.
func (s *S3) where() string {
	o := s.client.Options()
	if o.BaseEndpoint != nil {
		return *o.BaseEndpoint
	}
	return "S3 in " + o.Region
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// errBroken stands for all the ways to see that the other side hung up: which of
// them it is changes from one attempt to the next.
var errBroken = errors.New("the connection broke off")

// rootCause takes the SDK's wrapping off: operation, request id, attempt and
// our own port say nothing that Error does not, and would make every text new.
func rootCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return errBroken
		}
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return &net.OpError{Op: failed.Op, Net: failed.Net, Addr: failed.Addr, Err: failed.Err}
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	if failed, ok := errors.AsType[*smithy.OperationError](err); ok {
		return failed.Unwrap()
	}
	return err
}

// plainText makes a server's words fit for one line of a message.
func plainText(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xfffd {
			return ' '
		}
		return r
	}, s)), " ")
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
