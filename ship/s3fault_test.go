package ship

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"swab/testdata/s3test"
)

// s3Script is a store whose every request is answered by handle.
func s3Script(t *testing.T, handle http.HandlerFunc) *S3 {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(w, r)
		io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	(&s3test.Server{AccessKey: "a", SecretKey: "s"}).Setenv(t)
	return newTestS3(t, server.URL, "logs")
}

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s\n as the server words it</Message></Error>", code, code)
}

func TestS3AnswersBecomeTypedErrors(t *testing.T) {
	for _, test := range []struct {
		status     int
		code       string // of the server
		want       string
		permanent  bool
		retryAfter string
		wait       time.Duration
		text       string
	}{
		{status: 409, code: "ConditionalRequestConflict", want: CodeConflict},
		{status: 409, code: "OperationAborted", want: "OperationAborted"},
		{status: 503, code: "SlowDown", want: "SlowDown", retryAfter: "7", wait: 7 * time.Second},
		{status: 503, code: "SlowDown", want: "SlowDown", retryAfter: "Mon, 23 Nov 2026 18:00:30 GMT", wait: 30 * time.Second},
		{status: 503, code: "SlowDown", want: "SlowDown", retryAfter: "soon"},
		{status: 503, code: "SlowDown", want: "SlowDown", retryAfter: "-5"},
		{status: 500, code: "InternalError", want: "InternalError"},
		{status: 502, code: "", want: "BadGateway"},
		{status: 404, code: "NoSuchBucket", want: CodeNoSuchBucket, permanent: true, text: "make the bucket logs"},
		{status: 403, code: "AccessDenied", want: CodeAccessDenied, permanent: true, text: "s3:PutObject on logs/*"},
		{status: 403, code: "", want: CodeAccessDenied, permanent: true},
		{status: 403, code: "RequestTimeTooSkewed", want: "RequestTimeTooSkewed", text: "set the clock"},
		{status: 400, code: "BadDigest", want: CodeBadDigest, text: "nothing was stored"},
		{status: 400, code: "XAmzContentSHA256Mismatch", want: CodeBadDigest},
		{status: 400, code: "ExpiredToken", want: "ExpiredToken", permanent: true, text: "check the credentials"},
		{status: 301, code: "PermanentRedirect", want: "PermanentRedirect", permanent: true, text: "region eu-west-9: set --region"},
	} {
		t.Run(fmt.Sprint(test.status, test.code, test.retryAfter), func(t *testing.T) {
			st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", "Mon, 23 Nov 2026 18:00:00 GMT")
				w.Header().Set("X-Amz-Bucket-Region", "eu-west-9")
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				if test.code == "" {
					w.WriteHeader(test.status)
					return
				}
				refuse(w, test.status, test.code)
			})
			_, err := st.Put(t.Context(), object("k", []byte("x")))
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("%v is no *Error", err)
			}
			if e.Code != test.want || e.Status != test.status || e.Permanent() != test.permanent || e.RetryAfter != test.wait {
				t.Errorf("%+v, want code %s, permanent %v, wait %v", e, test.want, test.permanent, test.wait)
			}
			if want := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC); !e.Date.Equal(want) {
				t.Errorf("date %v, want %v", e.Date, want)
			}
			if text := e.Error(); !strings.Contains(text, test.text) || strings.Contains(text, "\n") {
				t.Errorf("text %q, want one line with %q", text, test.text)
			}
		})
	}
}

func TestS3MakesOneAttempt(t *testing.T) {
	var requests atomic.Int32
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		refuse(w, 503, "SlowDown")
	})
	for range 30 { // more than the SDK's own quota would let through
		if _, err := st.Put(t.Context(), object("k", []byte("x"))); !codeIs(err, "SlowDown") {
			t.Fatal(err)
		}
	}
	if n := requests.Load(); n != 30 {
		t.Errorf("%d requests for 30 puts", n)
	}
}

func TestS3PutSendsPlainBodyWithChecksumAndCondition(t *testing.T) {
	body := noise(3<<20, 1) // above the SDK's threshold for Expect
	o := object("a b/größe", body)
	o.Metadata = map[string]string{"lines": "7"}
	var got http.Header
	var received []byte
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		received, _ = io.ReadAll(r.Body)
	})
	st.opts.SSE, st.opts.KMSKey = "aws:kms", "key-id"
	if _, err := st.Put(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	sum := base64.StdEncoding.EncodeToString(o.SHA256[:])
	for name, want := range map[string]string{
		"If-None-Match": "*", "X-Amz-Checksum-Sha256": sum, "X-Amz-Content-Sha256": fmt.Sprintf("%x", o.SHA256),
		"Content-Type": "application/zstd", "Content-Encoding": "", "X-Amz-Trailer": "", "X-Amz-Meta-Lines": "7",
		"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-id", "Expect": "100-continue",
	} {
		if got.Get(name) != want {
			t.Errorf("header %s: %q, want %q", name, got.Get(name), want)
		}
	}
	if sha256.Sum256(received) != o.SHA256 {
		t.Errorf("%d other bytes arrived", len(received))
	}
}

// A store that echoes no checksum has not checked; one that echoes another has
// stored something else.
func TestS3EchoOfTheChecksumDecides(t *testing.T) {
	var echo string
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		if echo != "" {
			w.Header().Set("X-Amz-Checksum-Sha256", echo)
		}
	})
	o := object("k", []byte("x"))
	if r := mustPut(t, st, o); r.Outcome != Stored || r.Checked {
		t.Errorf("without an echo: %+v, want stored and not checked", r)
	}
	echo = base64.StdEncoding.EncodeToString(o.SHA256[:])
	if r := mustPut(t, st, o); r.Outcome != Stored || !r.Checked {
		t.Errorf("with the echo: %+v, want stored and checked", r)
	}
	echo = base64.StdEncoding.EncodeToString(make([]byte, 32))
	if r, err := st.Put(t.Context(), o); !codeIs(err, CodeMismatch) {
		t.Errorf("with another sum: %+v, %v, want %s", r, err, CodeMismatch)
	}
}

// Some servers answer 501 to If-None-Match: there the put goes without it, and
// the probe tells the uploader to look first.
func TestS3ServerWithoutConditionIsPutToAfterHead(t *testing.T) {
	var requests []string
	var stored atomic.Pointer[[]byte] // the one object
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.Method+r.Header.Get("If-None-Match"))
		switch {
		case r.Header.Get("If-None-Match") != "":
			refuse(w, 501, "NotImplemented")
		case r.Method == http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			stored.Store(&body)
			w.Header().Set("X-Amz-Checksum-Sha256", r.Header.Get("X-Amz-Checksum-Sha256"))
		case stored.Load() == nil || strings.Contains(r.URL.Path, "_swab") || !strings.HasSuffix(r.URL.Path, "/k"):
			w.WriteHeader(404)
		default:
			sum := sha256.Sum256(*stored.Load())
			w.Header().Set("Content-Length", fmt.Sprint(len(*stored.Load())))
			w.Header().Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
		}
	})
	result, err := Probe(t.Context(), st, "")
	if err != nil || result.Conditional {
		t.Fatalf("probe: %+v, %v; want a store without the condition", result, err)
	}
	stored.Store(nil)
	u := &Uploader{Store: st, Conditional: result.Conditional}
	for _, want := range []Outcome{Stored, AlreadyThere} {
		if r, err := u.Ship(t.Context(), object("k", []byte("x"))); err != nil || r.Outcome != want || !r.Checked {
			t.Errorf("ship: %+v, %v; want %v and checked", r, err, want)
		}
	}
	if got, want := strings.Join(requests, " "), "PUT* PUT PUT HEAD PUT HEAD"; got != want {
		t.Errorf("requests %s, want %s", got, want)
	}
}

func TestS3AnswerCutShortIsTemporary(t *testing.T) {
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	_, err := st.Put(t.Context(), object("k", []byte("x")))
	if !codeIs(err, CodeUnreachable) || Permanent(err) {
		t.Errorf("%v, want a temporary %s", err, CodeUnreachable)
	}
	// The same fault has the same text, so that it is logged once.
	if _, again := st.Put(t.Context(), object("k", []byte("x"))); again == nil || again.Error() != err.Error() {
		t.Errorf("texts differ:\n%v\n%v", err, again)
	}
}

func TestS3DeadlineEndsASilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := deadline(t.Context(), 30*time.Second, nil)
		defer cancel()
		began := time.Now()
		<-ctx.Done()
		if took := time.Since(began); took != 30*time.Second || !errors.Is(context.Cause(ctx), errSlow) {
			t.Errorf("ended after %v with %v, want 30s and %v", took, context.Cause(ctx), errSlow)
		}
	})
}

func TestS3DeadlineDoesNotCountWhatTheRateHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		held := func() time.Duration { return time.Since(began) / 2 } // half of the time
		ctx, cancel := deadline(t.Context(), 30*time.Second, held)
		defer cancel()
		<-ctx.Done()
		if took := time.Since(began).Round(time.Millisecond); took != time.Minute {
			t.Errorf("ended after %v, want 1m0s", took)
		}
	})
}

func TestS3DeadlineIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := deadline(t.Context(), time.Hour, nil)
		cancel()
		synctest.Wait() // a goroutine left behind would end the test in deadlock
		if ctx.Err() == nil {
			t.Error("the context lives on")
		}
	})
}

func TestS3SilentServerIsUnreachable(t *testing.T) {
	release := make(chan struct{})
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errSlow)
	defer cancel()
	_, err := st.Put(ctx, object("k", []byte("x")))
	if !codeIs(err, CodeUnreachable) || !errors.Is(err, errSlow) || Permanent(err) {
		t.Errorf("%v, want a temporary %s because of %v", err, CodeUnreachable, errSlow)
	}
}

func TestS3HeadDoesNotTakeChecksumOfChecksums(t *testing.T) {
	st := s3Script(t, func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte("x"))
		w.Header().Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:])+"-2")
		w.Header().Set("X-Amz-Checksum-Type", "COMPOSITE")
	})
	info, err := st.Head(t.Context(), "k")
	if err != nil || info.HasSHA256 {
		t.Errorf("%+v, %v; want no SHA-256", info, err)
	}
}

func TestS3ServersWordsFitOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "two\n lines\x00": "two lines", "tail ": "tail", "\x1b[31mred": "[31mred",
		strings.Repeat("ü", 200): strings.Repeat("ü", 100) + "…",
	} {
		if got := plainText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
