package s3test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestServerKeepsAddressAndDataAcrossARestart(t *testing.T) {
	s := Start(t)
	s.Bucket(t, "kept")
	endpoint := s.Endpoint
	s.Stop()
	if conn, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://")); err == nil {
		conn.Close()
		t.Error("a stopped server takes connections")
	}
	s.Restart()
	if s.Endpoint != endpoint {
		t.Errorf("at %s after the restart, was %s", s.Endpoint, endpoint)
	}
	name := "kept"
	if _, err := s.Client().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &name}); err != nil {
		t.Errorf("the bucket is gone: %v", err)
	}
}

func TestServersRunSideBySide(t *testing.T) {
	a, b := Start(t), Start(t)
	a.Bucket(t, "same-name")
	b.Bucket(t, "same-name")
	if a.Endpoint == b.Endpoint {
		t.Errorf("both at %s", a.Endpoint)
	}
}

func TestBinaryIsBuiltOnce(t *testing.T) {
	var wg sync.WaitGroup
	paths := make([]string, 4)
	for i := range paths {
		wg.Go(func() {
			path, err := binary()
			if err != nil && err != ErrNoModules {
				t.Error(err)
			}
			paths[i] = path
		})
	}
	wg.Wait()
	for _, path := range paths {
		if path != paths[0] {
			t.Errorf("paths %q", paths)
		}
	}
}

// Where modules cannot be had, nothing is left that looks like a server.
func TestUnreachableProxyIsTold(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(envBin, cache)
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOMODCACHE", filepath.Join(t.TempDir(), "empty"))
	if path, err := binary(); err != ErrNoModules {
		t.Fatalf("%q, %v; want %v", path, err, ErrNoModules)
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("left %s", e.Name())
		}
	}
}
