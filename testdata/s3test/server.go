// Package s3test runs a real S3 server beside a test: versitygw, built once
// from the module in testdata/s3 with the Go toolchain and the module proxy
// alone. Where neither the proxy nor a built server is to be had, the test is
// skipped. Run is the same for a program that is no test.
package s3test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// Region is what requests to the server are signed for.
	Region = "us-east-1"
	// startWait is how long a start may take; on an idle machine it is 0.2 s.
	startWait = 30 * time.Second
)

// Server is a running server. Its data lies in a directory of its own and
// survives Stop and Restart.
type Server struct {
	// Endpoint is the server's URL, on 127.0.0.1; the same after a Restart.
	Endpoint             string
	AccessKey, SecretKey string

	t       testing.TB // nil after Run
	binary  string
	address string
	dir     string
	process *exec.Cmd
	ended   chan struct{} // closed when the process has been waited for
}

// Start runs a server on a free port, with no bucket yet, for as long as the
// test.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Run(t.TempDir())
	if errors.Is(err, ErrNoModules) {
		t.Skipf("no S3 server for tests: %v, and it was not built before", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(s.Stop)
	return s
}

// Run runs a server on a free port, with no bucket yet and its data in dir,
// until Stop. The error is [ErrNoModules] where there is no way to build it.
func Run(dir string) (*Server, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	s := &Server{AccessKey: "swabtest", SecretKey: rand.Text(), binary: path, dir: dir}
	for _, sub := range []string{"data", "meta", "iam"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	// Another process may take the port between its choice and its use.
	for range 5 {
		if s.address, err = freeAddress(); err != nil {
			return nil, err
		}
		s.Endpoint = "http://" + s.address
		if err = s.start(); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("versitygw does not start: %w", err)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start returns once the server answers, or with an error once it has ended.
func (s *Server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	// The sidecar directory spares it extended attributes, which some
	// temporary file systems do not have.
	cmd := exec.Command(s.binary, "--port", s.address, "--region", Region, "--health", "/health",
		"--iam-dir", filepath.Join(s.dir, "iam"), "posix",
		"--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // how it ended does not matter: it is killed
		close(ended)
	}()
	s.process, s.ended = cmd, ended
	if err := s.wait(); err != nil {
		s.Stop()
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

func (s *Server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/health", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(req); err == nil {
			answer.Body.Close()
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it did not answer within %s", startWait)
		case <-tick.C:
		}
	}
}

// Stop ends the server; connections to it are refused when it returns.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	s.process.Process.Kill()
	<-s.ended
	s.process = nil
}

// Restart runs a server of Start again, at the same address and with the same
// data.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.Again(); err != nil {
		s.t.Fatal(err)
	}
}

// Again is [Server.Restart] for a server of [Run].
func (s *Server) Again() error {
	s.Stop()
	if err := s.start(); err != nil {
		return fmt.Errorf("versitygw does not start again: %w", err)
	}
	return nil
}

// Bucket makes a bucket.
func (s *Server) Bucket(t testing.TB, name string) {
	t.Helper()
	if _, err := s.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("bucket %s: %v", name, err)
	}
}

// Client is an S3 client with the server's own credentials, to look at what
// was stored.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: Region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// Env is the environment in which the SDK's chain finds the server's
// credentials and no others, as NAME=VALUE.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_SESSION_TOKEN=",
		"AWS_PROFILE=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ENDPOINT_URL=", "AWS_ENDPOINT_URL_S3=",
	}
}

// Setenv sets Env for this test.
func (s *Server) Setenv(t testing.TB) {
	t.Helper()
	for _, pair := range s.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}
