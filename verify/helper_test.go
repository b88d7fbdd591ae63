package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"swab/ship"
	"swab/testdata/s3test"
)

// both is a store to fill and to read back.
type both interface {
	ship.Store
	Store
}

// stores runs a test on every kind of store.
func stores(t *testing.T, test func(t *testing.T, st both)) {
	t.Run("mem", func(t *testing.T) { test(t, ship.NewMem()) })
	t.Run("dir", func(t *testing.T) {
		dir, err := ship.NewDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, dir)
	})
	t.Run("s3", func(t *testing.T) {
		server := s3test.Start(t)
		server.Setenv(t)
		server.Bucket(t, "verify")
		st, err := ship.NewS3(t.Context(), ship.S3Options{Bucket: "verify", Endpoint: server.Endpoint, PathStyle: true})
		if err != nil {
			t.Fatal(err)
		}
		test(t, st)
	})
}

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// batch is an object as swab makes it, and what is to be wrong with it.
type batch struct {
	class, host, node string
	number            uint64
	at                time.Time
	text              string
	scrub             string
	ext               string
	body              []byte            // instead of the text compressed
	metadata          map[string]string // beside and over the rest; "" takes a name out
	key               string            // instead of its own
}

func (b batch) defaults() batch {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&b.class, "api")
	set(&b.host, "web1")
	set(&b.node, "n0de")
	set(&b.scrub, "truncate/24/48")
	set(&b.ext, ".log.zst")
	if b.text == "" {
		b.text = fmt.Sprintf("203.0.113.0 line of batch %d\nanother\n", b.number)
	}
	if b.at.IsZero() {
		b.at = day.Add(time.Duration(b.number) * time.Minute)
	}
	return b
}

func pack(t testing.TB, text string) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll([]byte(text), nil)
}

// object is the batch as an object of the prefix p.
func (b batch) object(t testing.TB) ship.Object {
	t.Helper()
	b = b.defaults()
	body := b.body
	if body == nil {
		body = []byte(b.text)
		if strings.HasSuffix(b.ext, ".zst") {
			body = pack(t, b.text)
		}
	}
	sum := sha256.Sum256(body)
	meta := map[string]string{
		"swab-lines": strconv.Itoa(strings.Count(b.text, "\n")), "swab-raw": "1", "swab-first": "unknown", "swab-last": "unknown",
		"swab-scrub": b.scrub, "swab-seal": strings.Repeat("ab", 32), "sha256": hex.EncodeToString(sum[:]),
	}
	maps.Copy(meta, b.metadata)
	maps.DeleteFunc(meta, func(_, v string) bool { return v == "" })
	key := ship.Key("p", b.class, b.at, b.host, b.node, b.number, sum, b.ext)
	if b.key != "" {
		key = b.key
	}
	return ship.Object{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sum, Metadata: meta}
}

func put(t testing.TB, st ship.Store, list ...batch) (keys []string) {
	t.Helper()
	for _, b := range list {
		o := b.object(t)
		if _, err := st.Put(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// run verifies the prefix p; change may change the options.
func verified(t testing.TB, st Store, change func(o *Options)) *Report {
	t.Helper()
	o := Options{Prefix: "p", Sample: 1, Now: day.Add(36 * time.Hour), To: "mem"}
	if change != nil {
		change(&o)
	}
	r, err := Run(context.WithoutCancel(t.Context()), st, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// said is a report's findings, a line each.
func said(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s\n", f.Kind, f)
	}
	return b.String()
}

// expect compares findings, given as KIND WHERE: WHAT, a line each; what of a
// line stands in want is enough.
func expect(t testing.TB, r *Report, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(said(r), "\n"), "\n")
	if len(want) == 0 && len(r.Findings) == 0 && r.Wrong == 0 {
		return
	}
	ok := len(got) == len(want) && r.Wrong == int64(len(want))
	for i := range want {
		ok = ok && strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("%d wrong:\n%s\nwant\n%s\nnotes %q", r.Wrong, said(r), strings.Join(want, "\n"), r.Notes)
	}
}

func hasNote(t testing.TB, r *Report, want string) {
	t.Helper()
	for _, n := range r.Notes {
		if strings.Contains(n, want) {
			return
		}
	}
	t.Errorf("no note says %q: %q", want, r.Notes)
}
