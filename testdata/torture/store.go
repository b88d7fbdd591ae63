package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"swab/testdata/s3test"
)

// backend is a store as the harness reads it back, past every fault.
type backend interface {
	// walk calls fn for each object, in the order of the keys.
	walk(ctx context.Context, fn func(key string, open opener) error) error
}

type opener func() (io.ReadCloser, error)

// dirStore is a store in a directory.
type dirStore string

func (d dirStore) walk(ctx context.Context, fn func(string, opener) error) error {
	return filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && path != string(d) { // its temps and metadata
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return ctx.Err()
		}
		key, err := filepath.Rel(string(d), path)
		if err != nil {
			return err
		}
		return fn(filepath.ToSlash(key), func() (io.ReadCloser, error) { return os.Open(path) })
	})
}

// s3Store is a bucket of a test server.
type s3Store struct {
	server *s3test.Server
	bucket string
}

func newS3Store(ctx context.Context, dir, bucket string) (*s3Store, error) {
	server, err := s3test.Run(dir)
	if err != nil {
		return nil, fmt.Errorf("S3 server: %w", err)
	}
	if _, err := server.Client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		server.Stop()
		return nil, fmt.Errorf("bucket: %w", err)
	}
	return &s3Store{server, bucket}, nil
}

func (s *s3Store) walk(ctx context.Context, fn func(string, opener) error) error {
	client := s.server.Client()
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &s.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			err := fn(*o.Key, func() (io.ReadCloser, error) {
				answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: o.Key})
				if err != nil {
					return nil, err
				}
				return answer.Body, nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
