package ship

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// object makes an Object with the right sum.
func object(key string, body []byte) Object {
	return Object{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sha256.Sum256(body),
		ContentType: "application/zstd"}
}

// noise is n bytes that do not repeat, the same for the same seed.
func noise(n int, seed byte) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// content is what the store holds under key.
func content(t *testing.T, st Store, key string) []byte {
	t.Helper()
	r, err := st.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustPut(t *testing.T, st Store, o Object) Receipt {
	t.Helper()
	r, err := st.Put(t.Context(), o)
	if err != nil {
		t.Fatalf("put of %q: %v", o.Key, err)
	}
	return r
}

func codeIs(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// testStore holds a store to the contract of Store. open gives an empty one, or
// one where the keys of other tests do not meet.
func testStore(t *testing.T, open func(t *testing.T) Store) {
	for name, test := range map[string]func(t *testing.T, st Store){
		"PutStoresTheBytes":        testPut,
		"PutAgainIsAlreadyThere":   testPutAgain,
		"OneOfRacingPutsStores":    testRace,
		"TakenKeyKeepsItsBytes":    testTaken,
		"WrongBytesAreRefused":     testWrongBytes,
		"MetadataComesBack":        testMetadata,
		"MissingKeyIsNotFound":     testNotFound,
		"EveryLegalKeyIsTaken":     testLegalKeys,
		"IllegalObjectsAreRefused": testIllegal,
		"EndedContextStoresNought": testCancelled,
		"UnreadableBodyIsNamed":    testUnreadable,
		"ProbeFindsTheCondition":   testProbe,
		"VerifyHeadAgrees":         testVerifyHead,
		"ListIsInKeyOrder":         testList,
		"GetTellsAndReads":         testGet,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func testPut(t *testing.T, st Store) {
	for _, size := range []int{0, 1, 70_000, 8 << 20} {
		body := noise(size, 1)
		o := object(fmt.Sprintf("class=api/dt=2026-11-23/%d.zst", size), body)
		r := mustPut(t, st, o)
		if r.Outcome != Stored || !r.Checked {
			t.Errorf("%d bytes: %v, checked %v; want stored and checked", size, r.Outcome, r.Checked)
		}
		if got := content(t, st, o.Key); !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %d other bytes came back", size, len(got))
		}
		info, err := st.Head(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size != o.Size || info.HasSHA256 && info.SHA256 != o.SHA256 {
			t.Errorf("%d bytes: head says %d bytes, sum right: %v", size, info.Size, info.SHA256 == o.SHA256)
		}
	}
}

func testPutAgain(t *testing.T, st Store) {
	o := object("a/b/c", noise(1000, 1))
	mustPut(t, st, o)
	for range 2 {
		if r := mustPut(t, st, o); r.Outcome != AlreadyThere {
			t.Errorf("second put: %v, want already there", r.Outcome)
		}
	}
}

func testRace(t *testing.T, st Store) {
	o := object("race/object", noise(300_000, 1))
	var wg sync.WaitGroup
	var stored, lost atomic.Int32
	for range 8 {
		wg.Go(func() {
			// A conflict, or an answer lost, is tried again, as ever.
			for range 50 {
				r, err := st.Put(t.Context(), o)
				if err == nil {
					if r.Outcome == Stored {
						stored.Add(1)
					}
					return
				}
				if Permanent(err) {
					t.Errorf("racing put: %v", err)
					return
				}
				if !codeIs(err, CodeConflict) {
					lost.Add(1)
				}
			}
			t.Error("no put came through")
		})
	}
	wg.Wait()
	if n := stored.Load(); n > 1 || n == 0 && lost.Load() == 0 {
		t.Errorf("%d of 8 racing puts stored, want 1", n)
	}
	if got := content(t, st, o.Key); sha256.Sum256(got) != o.SHA256 {
		t.Error("other bytes came back")
	}
}

func testTaken(t *testing.T, st Store) {
	first := noise(1000, 1)
	mustPut(t, st, object("taken", first))
	// A store may refuse, or take it that the bytes are the same: never store.
	r, err := st.Put(t.Context(), object("taken", noise(1000, 2)))
	if err == nil && r.Outcome != AlreadyThere || err != nil && !codeIs(err, CodeMismatch) {
		t.Errorf("put of other bytes: %v, %v", r.Outcome, err)
	}
	if got := content(t, st, "taken"); !bytes.Equal(got, first) {
		t.Error("the first object's bytes are gone")
	}
}

func testWrongBytes(t *testing.T, st Store) {
	good := noise(100_000, 1)
	flipped := bytes.Clone(good)
	flipped[77_777] ^= 1
	for name, body := range map[string][]byte{"flipped": flipped, "short": good[:99_999]} {
		o := object("wrong/"+name, good)
		o.Body = bytes.NewReader(body)
		r, err := st.Put(t.Context(), o)
		if err == nil {
			t.Errorf("%s: %v, want an error", name, r.Outcome)
		}
		if name == "flipped" && !codeIs(err, CodeBadDigest) {
			t.Errorf("%s: %v, want %s", name, err, CodeBadDigest)
		}
		if _, err := st.Head(t.Context(), o.Key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: head says %v after the refusal, want not found", name, err)
		}
		o.Body = bytes.NewReader(good)
		if r := mustPut(t, st, o); r.Outcome != Stored {
			t.Errorf("%s: %v after the refusal, want stored", name, r.Outcome)
		}
	}
}

func testMetadata(t *testing.T, st Store) {
	want := map[string]string{
		"lines": "10000", "raw-bytes": "2370789", "first": "2026-11-23T18:00:00.123Z", "seal_sum": strings.Repeat("ab", 32),
		"policy": `ipv4/24 "ipv6"/48, mask=[x]; 100% & more`,
	}
	o := object("with/metadata", []byte("x"))
	o.Metadata = want
	mustPut(t, st, o)
	info, err := st.Head(t.Context(), o.Key)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(info.Metadata, want) {
		t.Errorf("metadata %q, want %q", info.Metadata, want)
	}
}

func testNotFound(t *testing.T, st Store) {
	mustPut(t, st, object("there/object", []byte("x")))
	for _, key := range []string{"nothing", "there", "there/object2", "there/object/below", "a/b/c/d/e"} {
		if _, err := st.Head(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("head of %s: %v, want not found", key, err)
		}
		if r, err := st.Open(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("open of %s: %v, %v, want not found", key, r, err)
		}
	}
}

func testLegalKeys(t *testing.T, st Store) {
	keys := []string{
		"class=api/dt=2026-11-23/hour=18/web-1.example.com-n7-000000000042-1f2e3d4c5b6a7988.log.zst",
		"_swab/probe", "a b/c+d", "per%20cent/100%", "am&per@sand", "q?u=e#s:t;i,o$n", "!'()*~^", "[br]{ac}|es", `"quo"<ted>`,
		"größe/日誌/журнал/🧽", "e\u0301/é", strings.Repeat("k", 200), strings.Repeat("deep/", 40) + "key",
	}
	for i, key := range keys {
		body := fmt.Appendf(nil, "body %d", i)
		if r := mustPut(t, st, object(key, body)); r.Outcome != Stored {
			t.Errorf("%q: %v, want stored: two keys meet", key, r.Outcome)
		}
	}
	for i, key := range keys {
		if got := content(t, st, key); string(got) != fmt.Sprintf("body %d", i) {
			t.Errorf("%q: %q came back", key, got)
		}
	}
}

func testIllegal(t *testing.T, st Store) {
	for _, key := range []string{
		"", "/", "/etc/passwd", "a//b", "a/", "..", "../up", "a/../b", "a/./b", ".hidden", "a/.b.meta.json", ".swab/put-x",
		"nul\x00", "new\nline", "back\\slash", "\xff\xfe", strings.Repeat("k", 1025),
	} {
		if _, err := st.Put(t.Context(), object(key, []byte("x"))); !codeIs(err, CodeInvalidKey) {
			t.Errorf("put of %q: %v, want %s", key, err, CodeInvalidKey)
		}
	}
	for _, metadata := range []map[string]string{
		{"Upper": "x"}, {"": "x"}, {"a b": "x"}, {"a": "new\nline"}, {"a": "ü"}, {"a": " outer "}, {"a": strings.Repeat("x", 2048)},
	} {
		o := object("metadata", []byte("x"))
		o.Metadata = metadata
		if _, err := st.Put(t.Context(), o); !codeIs(err, CodeInvalidMetadata) {
			t.Errorf("put with metadata %.40q: %v, want %s", metadata, err, CodeInvalidMetadata)
		}
	}
}

func testCancelled(t *testing.T, st Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := object("cancelled", noise(1000, 1))
	if _, err := st.Put(ctx, o); err == nil || Permanent(err) {
		t.Errorf("put with an ended context: %v, want an error that is not permanent", err)
	}
	if _, err := st.Head(t.Context(), o.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("head: %v, want not found", err)
	}
}

func testUnreadable(t *testing.T, st Store) {
	broken := errors.New("input/output error")
	o := object("unreadable", noise(200_000, 1))
	good := o.Body
	o.Body = readerAtFunc(func(p []byte, at int64) (int, error) {
		if at >= 100_000 {
			return 0, broken
		}
		return good.ReadAt(p[:min(len(p), 1000)], at)
	})
	_, err := st.Put(t.Context(), o)
	if !codeIs(err, CodeBody) || !errors.Is(err, broken) {
		t.Errorf("put: %v, want %s with its cause", err, CodeBody)
	}
	if _, err := st.Head(t.Context(), o.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("head: %v, want not found", err)
	}
}

func testProbe(t *testing.T, st Store) {
	for _, prefix := range []string{"", "logs/eu", "/logs/eu/"} {
		r, err := Probe(t.Context(), st, prefix)
		if err != nil || !r.Conditional {
			t.Errorf("probe beneath %q: %+v, %v; want a store that heeds the condition", prefix, r, err)
		}
	}
	if got := content(t, st, "logs/eu/_swab/probe"); string(got) != probeBody {
		t.Errorf("the probe holds %q", got)
	}
}

func testVerifyHead(t *testing.T, st Store) {
	for _, conditional := range []bool{true, false} {
		u := &Uploader{Store: st, Verify: VerifyHead, Conditional: conditional}
		o := object(fmt.Sprintf("verified/%v", conditional), noise(5000, 1))
		for _, want := range []Outcome{Stored, AlreadyThere} {
			if r, err := u.Ship(t.Context(), o); err != nil || r.Outcome != want {
				t.Errorf("ship: %v, %v; want %v", r.Outcome, err, want)
			}
		}
		if err := compareStored(t, st, o); err != nil {
			t.Error(err)
		}
	}
}

func compareStored(t *testing.T, st Store, o Object) error {
	info, err := st.Head(t.Context(), o.Key)
	if err != nil {
		return err
	}
	return compare(o, info)
}
