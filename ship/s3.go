package ship

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
)

const (
	// s3Grace and s3Floor set the deadline of a request: 30 s, and the size at
	// 256 KiB/s. The SDK sets none.
	s3Grace = 30 * time.Second
	s3Floor = 256 << 10
	// s3Region is signed for where an endpoint was named and no region;
	// servers other than Amazon's mostly take any, and this by default.
	s3Region = "us-east-1"
)

// S3Options names a bucket of S3 or of a server that speaks its protocol.
// Credentials are found by the SDK's chain alone: environment, shared files,
// web identity, container, instance.
type S3Options struct {
	Bucket string
	// Endpoint is the server's URL; empty is Amazon's, or what
	// AWS_ENDPOINT_URL_S3 names.
	Endpoint string
	// Region is empty for the one that the SDK's configuration names; with an
	// endpoint, us-east-1 is the last resort.
	Region string
	// PathStyle asks for ENDPOINT/BUCKET/KEY instead of BUCKET.ENDPOINT/KEY.
	PathStyle bool
	// SSE is the server-side encryption: "AES256" (SSE-S3), "aws:kms", or
	// empty for the bucket's own default. KMSKey is the key of aws:kms, empty
	// for the account's.
	SSE    string
	KMSKey string
}

// S3 is a store in a bucket. Put needs s3:PutObject and nothing else; Head,
// Open and Get need s3:GetObject, List needs s3:ListBucket.
type S3 struct {
	opts   S3Options
	client *s3.Client
	creds  aws.CredentialsProvider
	page   int32 // keys a page of List; tests have smaller ones
	// unconditional is set once the server has refused If-None-Match as not
	// implemented; Put then goes without.
	unconditional atomic.Bool
}

// NewS3 makes the store. It reads configuration and sends nothing: a bucket
// that is not there, or missing credentials, show at the first request.
func NewS3(ctx context.Context, o S3Options) (*S3, error) {
	if o.Bucket == "" {
		return nil, errors.New("s3 store: want a bucket")
	}
	switch o.SSE {
	case "", string(types.ServerSideEncryptionAes256), string(types.ServerSideEncryptionAwsKms):
	default:
		return nil, fmt.Errorf("s3 store: encryption %q: want AES256 or aws:kms", o.SSE)
	}
	if o.KMSKey != "" && o.SSE != string(types.ServerSideEncryptionAwsKms) {
		return nil, errors.New("s3 store: a KMS key wants the encryption aws:kms")
	}
	var load []func(*config.LoadOptions) error
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	load = append(load,
		config.WithHTTPClient(httpClient()),
		// Retrying is the caller's: the SDK's own quota empties in a long
		// outage and would not fill again.
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		// The default sends checksums as trailers in aws-chunked bodies, which
		// several servers cannot read. Put sends its own as a header.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	)
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("s3 configuration: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		so.UsePathStyle = o.PathStyle
		if o.Endpoint != "" {
			so.BaseEndpoint = &o.Endpoint
		}
		if so.Region == "" && so.BaseEndpoint != nil {
			so.Region = s3Region
		}
	})
	if client.Options().Region == "" {
		return nil, fmt.Errorf("s3 bucket %s: no region is named: set --region or AWS_REGION", o.Bucket)
	}
	return &S3{opts: o, client: client, creds: cfg.Credentials, page: s3Page}, nil
}

// Put stores the object under the condition If-None-Match: *, with its SHA-256
// as a header for the server to check. A server that does not implement the
// condition gets the request again without it: then the caller must look with
// Head first.
func (s *S3) Put(ctx context.Context, o Object) (Receipt, error) {
	if err := checkObject(o); err != nil {
		return Receipt{}, err
	}
	conditional := !s.unconditional.Load()
	r, err := s.put(ctx, o, conditional)
	if e, ok := errors.AsType[*Error](err); ok && conditional && e.Code == CodeNotImplemented {
		if r, err = s.put(ctx, o, false); err == nil {
			s.unconditional.Store(true)
		}
	}
	return r, err
}

func (s *S3) put(ctx context.Context, o Object, conditional bool) (Receipt, error) {
	ctx, cancel := deadline(ctx, s3Grace+time.Duration(o.Size)*time.Second/s3Floor, o.paused)
	defer cancel()
	if err := s.signable(ctx, opPut, o.Key); err != nil {
		return Receipt{}, err
	}
	body := &spoolBody{ReadSeeker: io.NewSectionReader(o.Body, 0, o.Size)}
	sum := base64.StdEncoding.EncodeToString(o.SHA256[:])
	in := &s3.PutObjectInput{
		Bucket: &s.opts.Bucket, Key: &o.Key, Body: body, ContentLength: &o.Size,
		ChecksumSHA256: &sum, Metadata: o.Metadata,
		ServerSideEncryption: types.ServerSideEncryption(s.opts.SSE),
	}
	if conditional {
		in.IfNoneMatch = aws.String("*")
	}
	if o.ContentType != "" {
		in.ContentType = &o.ContentType
	}
	if s.opts.KMSKey != "" {
		in.SSEKMSKeyId = &s.opts.KMSKey
	}
	out, err := s.client.PutObject(ctx, in, signWith(o.SHA256))
	if err != nil && body.err != nil {
		return Receipt{}, bodyError(o.Key, body.err)
	}
	if err != nil {
		e := s.failure(ctx, opPut, o.Key, err)
		if conditional && e.Status == 412 {
			return Receipt{Outcome: AlreadyThere, Date: e.Date}, nil
		}
		return Receipt{}, e
	}
	r := Receipt{Outcome: Stored}
	r.Date, _ = awsmiddleware.GetServerTime(out.ResultMetadata)
	if out.ChecksumSHA256 != nil {
		if *out.ChecksumSHA256 != sum {
			return Receipt{}, &Error{Op: opPut, Key: o.Key, Status: 200, Code: CodeMismatch, Date: r.Date,
				Err: errors.New("the store took the object and computed another SHA-256")}
		}
		r.Checked = true
	}
	return r, nil
}

// Head describes an object.
func (s *S3) Head(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, &Error{Op: opHead, Key: key, Code: CodeInvalidKey, Err: err}
	}
	ctx, cancel := deadline(ctx, s3Grace, nil)
	defer cancel()
	if err := s.signable(ctx, opHead, key); err != nil {
		return Info{}, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.opts.Bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return Info{}, s.failure(ctx, opHead, key, err)
	}
	info := Info{Size: aws.ToInt64(out.ContentLength), Metadata: out.Metadata}
	// A checksum of checksums, as of an object put in parts, is not the sum of
	// the bytes; it has "-N" at its end and does not decode.
	sum, err := base64.StdEncoding.DecodeString(aws.ToString(out.ChecksumSHA256))
	if err == nil && len(sum) == len(info.SHA256) && out.ChecksumType != types.ChecksumTypeComposite {
		info.SHA256, info.HasSHA256 = [32]byte(sum), true
	}
	return info, nil
}

// Open reads an object. The time that the caller takes to read it is bounded
// by ctx alone.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, err := s.Get(ctx, key)
	return body, err
}

// spoolBody remembers that the body could not be read, which the SDK reports
// as if the connection had failed.
type spoolBody struct {
	io.ReadSeeker
	err error
}

func (b *spoolBody) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// signWith lets the signature of a plain HTTP request use the sum that is known
// already; the SDK would read the whole body once more for it.
func signWith(sum [32]byte) func(*s3.Options) {
	step := middleware.FinalizeMiddlewareFunc("PayloadHashKnown",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			return next.HandleFinalize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
		})
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(step, "ComputePayloadHash", middleware.Before)
		})
	}
}

// errSlow is why a request ended that took too long.
var errSlow = errors.New("no answer in time")

// deadline ends ctx with errSlow after budget, not counting the time for which
// paused says that reading was held back.
func deadline(ctx context.Context, budget time.Duration, paused func() time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	began := time.Now()
	go func() {
		for left := budget; left > 0; {
			if sleep(ctx, left) != nil {
				return
			}
			left = budget - time.Since(began)
			if paused != nil {
				left += paused()
			}
		}
		cancel(errSlow)
	}()
	return ctx, func() { cancel(context.Canceled) }
}
