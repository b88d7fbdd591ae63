package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/testdata/s3test"
)

// listed is what List visits, keys and sizes.
func listed(t *testing.T, st Store, prefix, after string) (keys []string) {
	t.Helper()
	err := st.(Lister).List(t.Context(), prefix, after, func(o Listed) error {
		if want := int64(len(o.Key)); o.Size != want {
			t.Errorf("%q: %d bytes, want %d", o.Key, o.Size, want)
		}
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("list of %q after %q: %v", prefix, after, err)
	}
	return keys
}

// listKeys sort otherwise as names of a directory than as keys: "a-b" < "a/".
var listKeys = []string{
	"a-b/1", "a/1", "a/2", "a/b/c", "a.b", "b", "logs/class=api/dt=2026-11-23/hour=18/h-n-000000000001-1f2e3d4c5b6a7988.log.zst",
	"logs/class=api/dt=2026-11-23/hour=19/h-n-000000000002-1f2e3d4c5b6a7988.log.zst", "logs/class=api2/x", "logs2/class=api/x",
	"a b/c+d", "per%20cent/100%", "größe/日誌", `"quo"<ted>&amp;`, "_swab/probe",
}

func testList(t *testing.T, st Store) {
	for _, key := range listKeys {
		mustPut(t, st, object(key, []byte(key)))
	}
	sorted := slices.Sorted(slices.Values(listKeys))
	for _, prefix := range []string{"", "a", "a/", "a/1", "logs/", "logs/class=api/", "none", "none/deep/", "a/1/", "gr"} {
		for _, after := range append([]string{"", "a", "a/", "a/1x", "zzz", "logs/class=api/dt=2026-11-23/hour=18/~"}, sorted...) {
			var want []string
			for _, key := range sorted {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if got := listed(t, st, prefix, after); !slices.Equal(got, want) {
				t.Errorf("list of %q after %q:\n got %q\nwant %q", prefix, after, got, want)
			}
		}
	}
	stop := errors.New("enough")
	visited := 0
	err := st.(Lister).List(t.Context(), "", "", func(Listed) error {
		if visited++; visited == 2 {
			return stop
		}
		return nil
	})
	if err != stop || visited != 2 {
		t.Errorf("a visit that fails: %v after %d, want its own error after 2", err, visited)
	}
}

func testGet(t *testing.T, st Store) {
	body := noise(300_000, 1)
	o := object("class=api/got", body)
	o.Metadata = map[string]string{"swab-lines": "12", "sha256": strings.Repeat("ab", 32)}
	mustPut(t, st, o)
	r, info, err := st.(Getter).Get(t.Context(), o.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back, %v; want the object's %d", len(got), err, len(body))
	}
	if info.Size != o.Size || !maps.Equal(info.Metadata, o.Metadata) || info.HasSHA256 {
		t.Errorf("it says %+v", info)
	}
	for _, key := range []string{"nothing", "class=api", "class=api/got/below"} {
		if _, _, err := st.(Getter).Get(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("get of %s: %v, want not found", key, err)
		}
	}
}

func TestS3ListGoesOverPages(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	server.Bucket(t, "pages")
	st := newTestS3(t, server.Endpoint, "pages")
	st.page = 3
	testList(t, st)
}

func TestListTellsWhatIsWrong(t *testing.T) {
	server := s3test.Start(t)
	server.Setenv(t)
	nothing := func(Listed) error { return nil }
	err := newTestS3(t, server.Endpoint, "no-such-bucket").List(t.Context(), "p/", "", nothing)
	if !codeIs(err, CodeNoSuchBucket) || !Permanent(err) {
		t.Errorf("no bucket: %v", err)
	}
	server.Bucket(t, "there")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if err := newTestS3(t, server.Endpoint, "there").List(t.Context(), "p/", "", nothing); !codeIs(err, CodeSignature) {
		t.Errorf("wrong secret: %v", err)
	}
	server.Setenv(t)
	server.Stop()
	if err := newTestS3(t, server.Endpoint, "there").List(t.Context(), "", "", nothing); !codeIs(err, CodeUnreachable) || Permanent(err) {
		t.Errorf("no server: %v", err)
	}
	if err := KnownDir(filepath.Join(t.TempDir(), "away")).List(t.Context(), "", "", nothing); !codeIs(err, CodeNoDirectory) {
		t.Errorf("no directory: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	dir := newTestDir(t, t.TempDir())
	mustPut(t, dir, object("a", nil))
	if err := dir.List(ended, "", "", nothing); !codeIs(err, CodeUnreachable) {
		t.Errorf("ended context: %v", err)
	}
}

func TestDirListsObjectsAlone(t *testing.T) {
	dir := t.TempDir()
	st := newTestDir(t, dir)
	mustPut(t, st, object("class=api/o", []byte("class=api/o")))
	for _, name := range []string{"class=api/.hidden", ".swab/put-X", "class=api/.o.meta.json.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": dir + "/class=api/o", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(listed(t, st, "", "")); got != "[class=api/o]" {
		t.Errorf("it lists %s", got)
	}
}

func TestDirGetsAnObjectWithoutMetadata(t *testing.T) {
	for name, meta := range map[string]string{"none": "", "broken": "{"} {
		dir := t.TempDir()
		st := newTestDir(t, dir)
		mustPut(t, st, object("o", []byte("x")))
		if err := os.Remove(filepath.Join(dir, ".o.meta.json")); err != nil {
			t.Fatal(err)
		}
		if meta != "" {
			if err := os.WriteFile(filepath.Join(dir, ".o.meta.json"), []byte(meta), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, info, err := st.Get(t.Context(), "o")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r.Close()
		if info.Size != 1 || len(info.Metadata) > 0 {
			t.Errorf("%s: %+v", name, info)
		}
	}
}
