package swab

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"swab/ledger"
	"swab/ship"
	"swab/testdata/s3test"
)

// s3Args are the flags of a run to a bucket of a test server.
func (b *bench) s3Args(server *s3test.Server, bucket string, more ...string) []string {
	return append([]string{
		"--log", "api=" + b.logs + "/*", "--to", "s3://" + bucket + "/p", "--endpoint-url", server.Endpoint, "--path-style",
		"--state", b.state, "--listen", "",
	}, more...)
}

// s3Text reads all objects of the class back, in the order of their keys.
func s3Text(t *testing.T, server *s3test.Server, bucket string) string {
	t.Helper()
	client := server.Client()
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr(bucket), Prefix: ptr("p/class=")})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
	}
	slices.Sort(keys)
	var text strings.Builder
	for _, key := range keys {
		o, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ship.CodecOf(key).NewReader(o.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&text, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		o.Body.Close()
	}
	return text.String()
}

func ptr[T any](v T) *T { return &v }

// The way to a real S3 server and back, its absence at the start included.
func TestShipsToS3(t *testing.T) {
	server := s3test.Start(t)
	const bucket = "swab-logs"
	server.Bucket(t, bucket)
	b := newBench(t)
	path := b.write("a.log", lines(5000, "%08d 203.0.113.77"))
	run := func(args ...string) (string, error) {
		cmd, said := daemon(t, b.s3Args(server, bucket, args...)...)
		cmd.Env = append(cmd.Env, server.Env()...)
		err := cmd.Run()
		return said.String(), err
	}

	server.Stop()
	said, err := run("--once", "--shutdown-timeout", "1s")
	if err == nil || !strings.Contains(said, "sealed and not shipped") {
		t.Fatalf("with the store down: %v\n%s", err, said)
	}
	if raw(t, path) != lines(5000, "%08d 203.0.113.77") {
		t.Fatal("the log was changed before anything was shipped")
	}
	server.Restart()
	for range 2 {
		if said, err := run("--once", "--verify", "head"); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	if got := s3Text(t, server, bucket); got != lines(5000, "%08d 203.0.113.0") {
		t.Errorf("the bucket holds %d lines, want 5000, scrubbed, each once", strings.Count(got, "\n"))
	}
	if raw(t, path) != "" {
		t.Error("raw bytes are left")
	}
	b.check()
	for _, e := range b.events(ledger.KindShip) {
		if e.Ship.Verified != "head" {
			t.Errorf("verified by %q, want head", e.Ship.Verified)
		}
	}
}

// A bucket that is not there ends a first start in one line, and nothing has
// changed on this host.
func TestFirstStartWithoutABucketChangesNothing(t *testing.T) {
	server := s3test.Start(t)
	b := newBench(t)
	b.write("a.log", lines(10, "%d 203.0.113.7"))
	before := listing(t, b.dir)
	cmd, said := daemon(t, b.s3Args(server, "no-such-bucket", "--once")...)
	cmd.Env = append(cmd.Env, server.Env()...)
	if err := cmd.Run(); err == nil {
		t.Error("it ended well")
	}
	if text := strings.TrimSpace(said.String()); strings.Count(text, "\n") > 0 || !strings.Contains(text, "no-such-bucket") {
		t.Errorf("it said:\n%s", text)
	}
	if after := listing(t, b.dir); after != before {
		t.Errorf("changed on disk:\n%s", after)
	}
}

// A log that can be read and not written ends a first start in one line that
// names the cure; with --erase off it ships.
func TestFirstStartWithALogThatCannotBeErased(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run swab as another user")
	}
	dir := openDir(t)
	b := &bench{t: t, dir: dir, logs: dir + "/log", out: dir + "/out", state: dir + "/state"}
	for _, d := range []string{b.logs, b.out, b.state} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	for _, d := range []string{b.out, b.state} {
		if err := os.Chown(d, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	binary := copiedProgram(t, dir)
	b.write("a.log", lines(10, "%d 203.0.113.7"))
	before := listing(t, b.dir)
	run := func(args ...string) (string, error) {
		cmd, said := daemon(t, b.args("api", append([]string{"--once"}, args...)...)...)
		cmd.Path, cmd.Dir = binary, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		err := cmd.Run()
		return said.String(), err
	}
	said, err := run()
	if err == nil || !strings.Contains(said, "can be read but not written (mode 0644; swab runs as uid 65534)") ||
		!strings.Contains(said, "--erase off") || strings.Count(strings.TrimSpace(said), "\n") > 0 {
		t.Errorf("%v\n%s", err, said)
	}
	if after := listing(t, b.dir); after != before {
		t.Errorf("changed on disk:\n%s", after)
	}
	if said, err := run("--erase", "off"); err != nil {
		t.Errorf("with --erase off: %v\n%s", err, said)
	}
	if n := strings.Count(b.shipped(), "203.0.113.0"); n != 10 {
		t.Errorf("%d lines shipped, want 10", n)
	}
}

// copiedProgram copies this program into a directory that other users can reach:
// the program itself may lie where they cannot.
func copiedProgram(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "swab.test")
	if err := os.WriteFile(to, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// openDir makes a directory that other users can reach: t.TempDir is closed to
// them, and so may be what TMPDIR names.
func openDir(t *testing.T) string {
	t.Helper()
	parent := os.TempDir()
	for up := parent; up != "/" && up != "."; up = filepath.Dir(up) {
		if info, err := os.Stat(up); err != nil || info.Mode()&0o001 == 0 {
			parent = "/var/tmp"
			break
		}
	}
	dir, err := os.MkdirTemp(parent, "swab-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Invariant 5 with the real server: the answer to a put is lost, the object is
// there; the store goes away and comes back under load.
func TestInvariant5ThroughAnOutageOfTheStore(t *testing.T) {
	server := s3test.Start(t)
	const bucket = "swab-outage"
	server.Bucket(t, bucket)
	b := newBench(t)
	f, err := os.Create(filepath.Join(b.logs, "a.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd, said := daemon(t, b.s3Args(server, bucket, "--batch-age", "50ms", "--sweep", "50ms", "--shutdown-timeout", "2m")...)
	cmd.Env = append(cmd.Env, server.Env()...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	n := 0
	write := func() {
		for range 200 {
			fmt.Fprintf(f, "%08d 203.0.113.77\n", n)
			n++
		}
	}
	batches := func() int { return len(b.events(ledger.KindSeal)) }
	shipped := func() int { return len(b.events(ledger.KindShip)) }
	eventually(t, "the ledger", func() bool { _, err := os.Stat(b.state + "/ledger/000001.jsonl"); return err == nil })
	for round := range 3 {
		write()
		eventually(t, "a shipped batch", func() bool { return shipped() > 0 && shipped() == batches() })
		server.Stop()
		for range 3 {
			sealed := batches()
			write()
			eventually(t, "a batch sealed in the outage", func() bool { return batches() > sealed })
		}
		if round < 2 {
			server.Restart()
		}
	}
	server.Restart()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var want strings.Builder
	for i := range n {
		fmt.Fprintf(&want, "%08d 203.0.113.0\n", i)
	}
	if got := s3Text(t, server, bucket); got != want.String() {
		t.Errorf("the bucket holds %d lines, want %d, in order, each once", strings.Count(got, "\n"), n)
	}
	b.check()
}
