package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Page is how many keys are asked for at once, the most that S3 gives (Amazon
// S3 API Reference, ListObjectsV2).
const s3Page = 1000

// List asks for page after page (ListObjectsV2). Each has a deadline of its
// own, which does not count the time in visit. A store that lists in another
// order is an error: what is made of the listing leans on it.
func (s *S3) List(ctx context.Context, prefix, after string, visit func(Listed) error) error {
	in := &s3.ListObjectsV2Input{
		Bucket: &s.opts.Bucket, Prefix: &prefix, MaxKeys: aws.Int32(s.page),
		// Keys may hold what XML cannot.
		EncodingType: types.EncodingTypeUrl,
	}
	if after != "" {
		in.StartAfter = &after
	}
	for {
		out, err := s.listPage(ctx, prefix, in)
		if err != nil {
			return err
		}
		for _, o := range out.Contents {
			key, err := listedKey(out, aws.ToString(o.Key))
			if err == nil && (key <= after || !strings.HasPrefix(key, prefix)) {
				err = fmt.Errorf("it named %s where it should not", plainText(key))
			}
			if err != nil {
				return &Error{Op: opList, Key: prefix, Code: CodeListing, Err: err,
					Hint: "a store must list what was asked for, in the order of the keys"}
			}
			after = key
			if err := visit(Listed{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) || aws.ToString(out.NextContinuationToken) == "" {
			return nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func (s *S3) listPage(ctx context.Context, prefix string, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := deadline(ctx, s3Grace, nil)
	defer cancel()
	if err := s.signable(ctx, opList, prefix); err != nil {
		return nil, err
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, s.failure(ctx, opList, prefix, err)
	}
	return out, nil
}

// listedKey takes off the encoding, if the server used it.
func listedKey(out *s3.ListObjectsV2Output, key string) (string, error) {
	if out.EncodingType != types.EncodingTypeUrl {
		return key, nil
	}
	plain, err := url.QueryUnescape(key)
	if err != nil {
		return "", errors.New("it encodes keys in a way of its own")
	}
	return plain, nil
}

// Get reads an object. How long the caller may take is bounded by ctx alone.
func (s *S3) Get(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, &Error{Op: opOpen, Key: key, Code: CodeInvalidKey, Err: err}
	}
	if err := s.signable(ctx, opOpen, key); err != nil {
		return nil, Info{}, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.opts.Bucket, Key: &key})
	if err != nil {
		return nil, Info{}, s.failure(ctx, opOpen, key, err)
	}
	return out.Body, Info{Size: aws.ToInt64(out.ContentLength), Metadata: out.Metadata}, nil
}
