package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/zstd"

	"swab/testdata/s3test"
	"swab/verify"
)

// saidBy runs a command in this process.
func saidBy(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = dispatch(context.WithoutCancel(t.Context()), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// shipLogs ships a few batches of a log with swab itself: five of the class
// api, numbered lines with addresses.
func shipLogs(t *testing.T, dir string, store ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "log", "a.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for batch := range 5 {
		for i := range 100 {
			fmt.Fprintf(f, "%d-%d 203.0.113.%d 2001:db8:1:2::%x\n", batch, i, i, i)
		}
		status, _, stderr := saidBy(t, append([]string{"run", "--once", "--log", "api=" + dir + "/log/*", "--state", dir + "/state",
			"--ephemeral-state", "--log-level", "error"}, store...)...)
		if status != exitDone {
			t.Fatalf("run: %d\n%s", status, stderr)
		}
	}
}

// objectFiles are the objects of a store directory, in the order of their
// numbers.
func objectFiles(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(dir + "/class=*/dt=*/hour=*/*")
	if err != nil {
		t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(path string) bool { return filepath.Base(path)[0] == '.' })
	number := func(path string) string { return path[strings.LastIndex(path, "-")-12:] }
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(number(a), number(b)) })
	return list
}

// metaFile is where a store directory has an object's metadata.
func metaFile(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".meta.json")
}

// reseal puts another text into an object, as if swab had sealed it so: name,
// sum and metadata are those of the new body.
func reseal(t *testing.T, path string, pack bool, edit func(text []byte) []byte) string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if pack {
		d, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		text, err := d.DecodeAll(body, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		body = e.EncodeAll(edit(text), nil)
	} else {
		body = edit(body)
	}
	sum := sha256.Sum256(body)
	name := regexp.MustCompile(`-[0-9a-f]{16}\.`).ReplaceAllString(filepath.Base(path), fmt.Sprintf("-%x.", sum[:8]))
	renamed := filepath.Join(filepath.Dir(path), name)
	move(t, path, renamed)
	if err := os.WriteFile(renamed, body, 0o644); err != nil {
		t.Fatal(err)
	}
	setMeta(t, renamed, "sha256", hex.EncodeToString(sum[:]))
	return renamed
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{from, to}, {metaFile(from), metaFile(to)}} {
		if err := os.Rename(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func setMeta(t *testing.T, path, name, value string) {
	t.Helper()
	text, err := os.ReadFile(metaFile(path))
	if err != nil {
		t.Fatal(err)
	}
	var meta map[string]any
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	meta["metadata"].(map[string]any)[name] = value
	if text, err = json.Marshal(meta); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(metaFile(path), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFindsWhatWasDoneToAStore(t *testing.T) {
	for name, test := range map[string]struct {
		do           func(t *testing.T, dir string, objects []string)
		want         []string // lines of the report, without a ledger
		withLedger   []string // lines beside those, with one
		soundWithout bool     // nothing is found without a ledger
	}{
		"nothing": {do: func(*testing.T, string, []string) {}, soundWithout: true},
		"a byte": {do: func(t *testing.T, _ string, objects []string) {
			body, err := os.ReadFile(objects[1])
			if err != nil {
				t.Fatal(err)
			}
			body[len(body)/2] ^= 1
			if err := os.WriteFile(objects[1], body, 0o644); err != nil {
				t.Fatal(err)
			}
		}, want: []string{`^wrong: class=api/.*-000000000002-.*: its bytes are not those that were sealed`}},
		"a removal": {do: func(t *testing.T, _ string, objects []string) {
			if err := os.Remove(objects[2]); err != nil {
				t.Fatal(err)
			}
		}, want: []string{`^wrong: api( of .*: number 3 is missing|: shipped by the ledger, and not in the store: number 3)$`}},
		"the last one's removal": {do: func(t *testing.T, _ string, objects []string) {
			if err := os.Remove(objects[4]); err != nil {
				t.Fatal(err)
			}
		}, soundWithout: true, withLedger: []string{`^wrong: api: shipped by the ledger, and not in the store: number 5$`}},
		"a forged address": {do: func(t *testing.T, _ string, objects []string) {
			reseal(t, objects[3], true, func(text []byte) []byte {
				return bytes.Replace(text, []byte("3-1 203.0.113.0"), []byte("3-1 203.0.113.9"), 1)
			})
		}, want: []string{`^wrong: class=api/.*-000000000004-.*: line 2, column 5: an IPv4 address is left$`, `^  api .* 1 left +\d wrong$`},
			withLedger: []string{`^wrong: class=api/.*-000000000004-.*: the ledger sealed it under another key: class=api/`}},
		"a line less": {do: func(t *testing.T, _ string, objects []string) {
			reseal(t, objects[0], true, func(text []byte) []byte { return text[bytes.IndexByte(text, '\n')+1:] })
		}, want: []string{`^wrong: class=api/.*-000000000001-.*: it has 99 lines, its metadata says 100$`}},
		"a cut frame": {do: func(t *testing.T, _ string, objects []string) {
			reseal(t, objects[0], false, func(body []byte) []byte { return body[:len(body)-1] })
		}, want: []string{`^wrong: class=api/.*-000000000001-.*: it ends in the middle of the compressed frame$`}},
		"a tail": {do: func(t *testing.T, _ string, objects []string) {
			reseal(t, objects[0], false, func(body []byte) []byte { return append(body, "203.0.113.7\n"...) })
		}, want: []string{`^wrong: class=api/.*-000000000001-.*: bytes follow the compressed frame$`}},
		"a new hour": {do: func(t *testing.T, _ string, objects []string) {
			move(t, objects[1], strings.Replace(objects[1], "/dt=", "/dt=9", 1)) // not of the form
			move(t, objects[2], regexp.MustCompile(`dt=\d{4}`).ReplaceAllString(objects[2], "dt=2999"))
		}, want: []string{`^wrong: class=api/dt=2999.*-000000000003-.*: it stands behind number 5, in a later hour$`, `^note: 1 object is not of swab's form.*dt=92`},
			withLedger: []string{`^wrong: class=api/dt=2999.*: the ledger sealed it under another key: class=api/dt=2`, `not in the store: number 2$`}},
		"a number twice": {do: func(t *testing.T, _ string, objects []string) {
			twice := strings.Replace(objects[1], "-000000000002-", "-000000000001-", 1)
			copyFile(t, objects[1], twice)
			copyFile(t, metaFile(objects[1]), metaFile(twice))
		}, want: []string{`^wrong: class=api/.*-000000000001-.*: another object has number 1 too$`},
			withLedger: []string{`^wrong: class=api/.*-000000000001-.*: the ledger sealed it under another key: `}},
		"other metadata": {do: func(t *testing.T, _ string, objects []string) {
			setMeta(t, objects[4], "swab-seal", strings.Repeat("12", 32))
		}, soundWithout: true, withLedger: []string{`^wrong: class=api/.*-000000000005-.*: the ledger has another sum of its seal than its metadata$`}},
		"foreign files": {do: func(t *testing.T, dir string, objects []string) {
			copyFile(t, objects[0], dir+"/out/readme")
			copyFile(t, objects[0], filepath.Dir(objects[0])+"/part-0000.parquet")
		}, want: []string{`^note: 2 objects are not of swab's form`, `^ok: `}, soundWithout: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shipLogs(t, dir, "--to", "file://"+dir+"/out")
			test.do(t, dir, objectFiles(t, dir+"/out"))
			for _, args := range [][]string{nil, {"--state", dir + "/state"}} {
				want, status := test.want, exitFound
				if args != nil {
					want = append(slices.Clone(want), test.withLedger...)
				}
				if test.soundWithout && (args == nil || len(test.withLedger) == 0) {
					status = exitDone
				}
				got, stdout, stderr := saidBy(t, append([]string{"verify", "--to", "file://" + dir + "/out"}, args...)...)
				if got != status || stderr != "" {
					t.Errorf("%v: status %d, want %d\n%s%s", args, got, status, stdout, stderr)
				}
				for _, line := range want {
					if !regexp.MustCompile("(?m)" + line).MatchString(stdout) {
						t.Errorf("%v: no line %s in\n%s", args, line, stdout)
					}
				}
				if regexp.MustCompile(`203\.0\.113|2001:db8`).MatchString(stdout) {
					t.Errorf("%v: a line's content is shown:\n%s", args, stdout)
				}
			}
		})
	}
}

// The whole way with a real S3 server: what was shipped is found sound, and
// what was changed since is found.
func TestVerifyReadsS3(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	t.Setenv("SWAB_STATE", "")
	const bucket = "swab-verify"
	server.Bucket(t, bucket)
	dir := t.TempDir()
	store := []string{"--to", "s3://" + bucket + "/p", "--endpoint-url", server.Endpoint, "--path-style"}
	shipLogs(t, dir, store...)
	readBack := func(args ...string) (int, string, string) {
		return saidBy(t, slices.Concat([]string{"verify"}, store, args)...)
	}
	status, stdout, stderr := readBack("--state", dir+"/state")
	if status != exitDone || stderr != "" || !strings.Contains(stdout, "s3://swab-verify/p: 5 objects, 500 lines") {
		t.Fatalf("%d\n%s%s", status, stdout, stderr)
	}

	client := server.Client()
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr(bucket), Prefix: ptr("p/class=")})
	if err != nil || len(list.Contents) != 5 {
		t.Fatal(err, len(list.Contents))
	}
	gone, swapped := list.Contents[1].Key, list.Contents[3].Key
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: gone}); err != nil {
		t.Fatal(err)
	}
	o, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: list.Contents[0].Key})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr(bucket), Key: swapped, Body: bytes.NewReader(body), Metadata: o.Metadata}); err != nil {
		t.Fatal(err)
	}
	status, stdout, _ = readBack("--state", dir+"/state")
	for _, line := range []string{
		"wrong: " + *swapped + ": its bytes are not those that were sealed",
		"wrong: api: shipped by the ledger, and not in the store: number 2\n", "2 things are wrong",
	} {
		if status != exitFound || !strings.Contains(stdout, line) {
			t.Errorf("status %d, want %d and %q\n%s", status, exitFound, line, stdout)
		}
	}

	if status, _, stderr := saidBy(t, "verify", "--to", "s3://no-such-bucket/p", "--endpoint-url", server.Endpoint, "--path-style"); status != exitFailed ||
		!strings.HasPrefix(stderr, "error: store list of p/: HTTP 404 NoSuchBucket") {
		t.Errorf("no bucket: %d, %s", status, stderr)
	}
}

func ptr[T any](v T) *T { return &v }

func TestVerifyReportIsAlignedAndCountsWhatItDoesNotName(t *testing.T) {
	day := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	r := &verify.Report{
		Classes: []verify.Class{
			{Name: "admin", Objects: 12, Lines: 1223, Text: 137_000, Hosts: 1, Unsearched: []string{"keep"}, Oldest: day, Newest: day},
			{Name: "api", Objects: 1365, Lines: 37_212_004, Text: 9_100_000_000, Hosts: 12, Gaps: 1, Addresses: 31, Searched: 1363, Unsearched: []string{"keep", "keep-net"},
				Wrong: 32, Oldest: day, Newest: day.AddDate(0, 0, 9)},
			{Name: "web", Wrong: 1},
		},
		Findings: []verify.Finding{
			{Class: "api", Kind: verify.KindAddress, Where: "class=api/x\x1b[31m", Line: 2, Column: 5, What: "an IPv4 address is left"},
			{Class: "web", Kind: verify.KindEmpty, What: "there is no object of class web"},
		},
		Unlisted: []verify.Unlisted{{Class: "api", Kind: verify.KindAddress, Count: 31}, {Kind: verify.KindHost, Count: 1000}},
		Notes:    []string{"something else"}, Wrong: 1033,
		Read: verify.Progress{Objects: 1377, Lines: 37_213_227, Text: 9_100_137_000, Stored: 1_900_000_000},
	}
	var out strings.Builder
	if err := printVerified(&out, "s3://b/p", r, verify.Options{Sample: 1}, 52*time.Minute); err != nil {
		t.Fatal(err)
	}
	const want = `s3://b/p: 1,377 objects, 37.2 M lines, 9.1 GB from 1.9 GB, read back in 52 m (2.9 MB/s)

  CLASS  OBJECTS       LINES   BYTES  HOSTS  GAPS  DAYS                   ADDRESSES                                      VERDICT
  admin       12       1,223  137 KB      1     0  2026-11-23             not looked for (keep)                          ok
  api      1,365  37,212,004  9.1 GB     12     1  2026-11-23–2026-12-02  31 left; not looked for in 2 (keep, keep-net)  32 wrong
  web          0           0     0 B      0     0                                                                        1 wrong

note: something else
wrong: "class=api/x\x1b[31m: line 2, column 5: an IPv4 address is left"
wrong: there is no object of class web
wrong: and 31 more of class api (address)
wrong: and 1,000 more (host)
1,033 things are wrong: this store does not hold what was promised
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestVerifyShowsItsProgressOnATerminalOnly(t *testing.T) {
	var out strings.Builder
	line := &verifyProgress{w: &out, began: time.Now().Add(-time.Second)}
	line.show(verify.Progress{Objects: 3})
	line.end()
	if out.Len() > 0 {
		t.Errorf("no terminal: %q", out.String())
	}
	line.on = true
	line.show(verify.Progress{Objects: 3, Lines: 12_000, Text: 2_000_000})
	line.end()
	if got := out.String(); !strings.HasPrefix(got, "\r3 objects read, 12,000 lines, 2.0 MB, ") || !strings.HasSuffix(got, " MB/s \n") {
		t.Errorf("%q", got)
	}
}
