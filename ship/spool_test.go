package ship

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func openTestSpool(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := OpenSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// begin writes a draft without sealing it.
func begin(t *testing.T, s *Spool, id ID, codec Codec, body, sums string) *Draft {
	t.Helper()
	d, err := s.Create(id, codec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteSums([]byte(sums)); err != nil {
		t.Fatal(err)
	}
	return d
}

func seal(t *testing.T, s *Spool, id ID, codec Codec, body, sums string) Sealed {
	t.Helper()
	sealed, err := begin(t, s, id, codec, body, sums).Seal()
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// onDisk is the sum of the sizes of a directory's files, but for sums.
func onDisk(t interface{ Fatal(...any) }, dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(e.Name(), sumsSuffix) {
			total += st.Size()
		}
	}
	return total
}

func readAll(t *testing.T, f *os.File, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSealedBatchIsWhatWasWritten(t *testing.T) {
	s := openTestSpool(t, t.TempDir())
	text := string(accessLog(300_000))
	for i, codec := range everyCodec() {
		id := ID{"api", uint64(i + 1)}
		sealed := seal(t, s, id, codec, text, "sums of it")
		f, err := s.Body(id)
		body := readAll(t, f, err)
		f, err = s.Sums(id)
		sums := readAll(t, f, err)
		if sealed.Size != int64(len(body)) || sealed.SHA256 != sha256.Sum256(body) {
			t.Errorf("%s: sealed %d bytes, %d on disk, or another sum", codec, sealed.Size, len(body))
		}
		if sealed.SumsSize != int64(len(sums)) || sealed.SumsSHA256 != sha256.Sum256(sums) || string(sums) != "sums of it" {
			t.Errorf("%s: sealed %d bytes of sums, %q on disk, or another sum", codec, sealed.SumsSize, sums)
		}
		r, err := codec.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes decompressed to %d, %v", codec, len(text), len(got), err)
		}
	}
}

func TestSpoolFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := openTestSpool(t, dir)
	seal(t, s, ID{"api", 1}, Codec{}, "x", "y")
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v; want 0700", st.Mode(), err)
	}
	for _, name := range names(t, dir) {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", name, st.Mode(), err)
		}
	}
}

func TestSpoolIsNotMadeWithoutItsParent(t *testing.T) {
	if _, err := OpenSpool(filepath.Join(t.TempDir(), "not", "there")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want %v", err, fs.ErrNotExist)
	}
}

func TestSpoolNamesComeFromTheIDAlone(t *testing.T) {
	for _, id := range []ID{{"api", 1}, {"a-b_C9", 999_999_999_999}, {"x-000000000001", 2}, {"w", 1 << 63}} {
		if got, ok := parseID(id.String()); !ok || got != id {
			t.Errorf("%v: read back as %v, %v", id, got, ok)
		}
	}
	s := openTestSpool(t, t.TempDir())
	for _, class := range []string{"", "..", "a/b", "a.b", "ü", strings.Repeat("x", 65)} {
		if _, err := s.Create(ID{class, 1}, Codec{}); err == nil {
			t.Errorf("class %q was taken", class)
		}
		if _, err := s.Body(ID{class, 1}); err == nil {
			t.Errorf("class %q was opened", class)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"api-000000000042", "a-b-18446744073709551615", "api-42", "-000000000001", "api-000000000042.sums"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if id, ok := parseID(name); ok && (id.String() != name || id.check() != nil) {
			t.Errorf("%q is %v, written %q", name, id, id)
		}
	})
}

// The crash states that the comment on Spool lists, each made by hand.
func TestSweepRemovesWhatTheLedgerDoesNotKnow(t *testing.T) {
	dir := t.TempDir()
	s := openTestSpool(t, dir)
	begin(t, s, ID{"api", 9}, Codec{Name: CodecNone}, strings.Repeat("temp", 50_000), "s") // a crash before the seal
	for n := range uint64(5) {
		seal(t, s, ID{"api", n + 1}, Codec{Name: CodecZstd}, "lines", "sums")
	}
	if err := os.Remove(filepath.Join(dir, "api-000000000001")); err != nil { // between the renames
		t.Fatal(err)
	}
	foreign := []string{"README", "api-1", "lost+found"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := map[ID][2]bool{
		{"api", 3}: {false, true}, // shipped, not erased
		{"api", 4}: {true, true},  // waits
		{"api", 5}: {true, false}, // erased at the limit, not shipped
		{"api", 6}: {true, true},  // its files are gone
	}
	s = openTestSpool(t, dir) // the next process
	removed, err := s.Sweep(func(id ID) (bool, bool) { return known[id][0], known[id][1] })
	if err != nil {
		t.Fatal(err)
	}
	want := append([]string{"api-000000000003.sums", "api-000000000004", "api-000000000004.sums", "api-000000000005"}, foreign...)
	slices.Sort(want)
	got := names(t, dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("left %q\nwant %q", got, want)
	}
	if removed != 7 { // two temps, lone sums, two of batch 2, body of 3, sums of 5
		t.Errorf("%d removed, want 7", removed)
	}
	if s.Used() != onDisk(t, dir) {
		t.Errorf("%d bytes used, %d on disk", s.Used(), onDisk(t, dir))
	}
}

func TestCreateReplacesAnOrphanedTemp(t *testing.T) {
	dir := t.TempDir()
	begin(t, openTestSpool(t, dir), ID{"api", 1}, Codec{}, strings.Repeat("orphan", 100_000), "old")
	s := openTestSpool(t, dir)
	seal(t, s, ID{"api", 1}, Codec{}, "new", "new sums")
	f, err := s.Body(ID{"api", 1})
	if got := readAll(t, f, err); string(got) != "new" {
		t.Errorf("%d bytes in the body", len(got))
	}
	if s.Used() != int64(len("new")) || s.Used() != onDisk(t, dir) {
		t.Errorf("%d bytes used, %d on disk", s.Used(), onDisk(t, dir))
	}
}

// A second name shows what happened to the blocks of a removed file.
func TestBodiesAreOverwrittenWhereTheyMayHoldAddresses(t *testing.T) {
	text := strings.Repeat("203.0.113.7 ", 60_000)
	for name, test := range map[string]struct {
		remove func(s *Spool, id ID, d *Draft) error
		zeroed bool
	}{
		"RemoveBody with overwrite": {func(s *Spool, id ID, _ *Draft) error { return s.RemoveBody(id, true) }, true},
		"RemoveBody without":        {func(s *Spool, id ID, _ *Draft) error { return s.RemoveBody(id, false) }, false},
		"Discard":                   {func(_ *Spool, _ ID, d *Draft) error { return d.Discard() }, true},
		"Create over an orphan":     {func(s *Spool, id ID, _ *Draft) error { _, err := s.Create(id, Codec{}); return err }, true},
		"Sweep": {func(s *Spool, _ ID, _ *Draft) error {
			_, err := s.Sweep(func(ID) (bool, bool) { return false, false })
			return err
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTestSpool(t, dir)
			id := ID{"dashboard", 1}
			d := begin(t, s, id, Codec{}, text, "")
			file := filepath.Join(dir, id.String()+tempSuffix)
			if strings.HasPrefix(name, "RemoveBody") || name == "Sweep" {
				if _, err := d.Seal(); err != nil {
					t.Fatal(err)
				}
				file = filepath.Join(dir, id.String())
			}
			second := filepath.Join(t.TempDir(), "second")
			if err := os.Link(file, second); err != nil {
				t.Fatal(err)
			}
			if err := test.remove(s, id, d); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(second)
			if err != nil || len(got) == 0 {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if zeroed := len(bytes.Trim(got, "\x00")) == 0; zeroed != test.zeroed {
				t.Errorf("overwritten: %v, want %v", zeroed, test.zeroed)
			}
		})
	}
}

func TestSealReplacesABatchOfTheSameID(t *testing.T) {
	dir := t.TempDir()
	s := openTestSpool(t, dir)
	seal(t, s, ID{"api", 1}, Codec{}, "the first, which is longer", "sums")
	seal(t, s, ID{"api", 1}, Codec{}, "the second", "s")
	f, err := s.Body(ID{"api", 1})
	if got := readAll(t, f, err); string(got) != "the second" {
		t.Errorf("body %q", got)
	}
	if s.Used() != onDisk(t, dir) {
		t.Errorf("%d bytes used, %d on disk", s.Used(), onDisk(t, dir))
	}
}

func TestRemovingTwiceIsNoError(t *testing.T) {
	s := openTestSpool(t, t.TempDir())
	id := ID{"api", 1}
	seal(t, s, id, Codec{Name: CodecGzip}, "x", "y")
	for range 2 {
		if err := errors.Join(s.RemoveBody(id, true), s.RemoveSums(id)); err != nil {
			t.Error(err)
		}
		if s.Used() != 0 {
			t.Errorf("%d bytes used", s.Used())
		}
	}
	if _, err := s.Body(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want %v", err, fs.ErrNotExist)
	}
}

func TestFullDiskIsToldAndLeavesNoTemp(t *testing.T) {
	for _, which := range []string{"body", "sums", "seal"} {
		t.Run(which, func(t *testing.T) {
			dir := t.TempDir()
			s := openTestSpool(t, dir)
			d := begin(t, s, ID{"api", 1}, Codec{}, "x", "y")
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skipf("no /dev/full here: %v", err)
			}
			target := d.body
			if which == "sums" {
				target = d.sums
			}
			target.f.Close()
			target.f = full
			switch which {
			case "body":
				_, err = d.Write(noise(1<<20, 1))
			case "sums":
				_, err = d.WriteSums(noise(1<<20, 1))
			case "seal":
				_, err = d.Seal()
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%v, want %v", err, syscall.ENOSPC)
			}
			if _, ok := errors.AsType[*SyncError](err); ok {
				t.Errorf("%v is a SyncError: a full disk is no reason to end", err)
			}
			if left := names(t, dir); len(left) != 0 || s.Used() != 0 {
				t.Errorf("left %q, %d bytes used", left, s.Used())
			}
			if _, err := d.Write([]byte("more")); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("write after the failure: %v", err)
			}
			if _, err := d.Seal(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("seal after the failure: %v", err)
			}
			seal(t, s, ID{"api", 1}, Codec{}, "x", "y") // once there is room again
		})
	}
}

// fsync of a pipe fails with EINVAL.
func TestFailedSyncIsASyncError(t *testing.T) {
	for _, which := range []string{"body", "sums", "directory"} {
		t.Run(which, func(t *testing.T) {
			s := openTestSpool(t, t.TempDir())
			d, err := s.Create(ID{"api", 1}, Codec{})
			if err != nil {
				t.Fatal(err)
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			switch which {
			case "body":
				d.body.f.Close()
				d.body.f = w
			case "sums":
				d.sums.f.Close()
				d.sums.f = w
			case "directory":
				s.self.Close()
				s.self = w
			}
			_, err = d.Seal()
			e, ok := errors.AsType[*SyncError](err)
			if !ok || !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(e.Path, s.dir) {
				t.Errorf("%v, want a SyncError with its path", err)
			}
		})
	}
}

func TestDraftIsUsedOnce(t *testing.T) {
	s := openTestSpool(t, t.TempDir())
	d := begin(t, s, ID{"api", 1}, Codec{Name: CodecZstd}, "x", "y")
	if _, err := d.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := d.Discard(); err != nil {
		t.Errorf("discard after seal: %v", err)
	}
	if _, err := s.Body(ID{"api", 1}); err != nil {
		t.Errorf("discard after seal removed the batch: %v", err)
	}
	if _, err := d.Write([]byte("x")); err == nil {
		t.Error("write after seal was taken")
	}
	if _, err := d.Seal(); err == nil {
		t.Error("second seal was taken")
	}
}

func BenchmarkDraft(b *testing.B) {
	s, err := OpenSpool(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	body := accessLog(4 << 20)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := s.Create(ID{"api", 1}, Codec{Name: CodecZstd})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Write(body); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Seal(); err != nil {
			b.Fatal(err)
		}
	}
}

// A draft that would make the spool larger than it may be fails, and leaves
// nothing; others go on.
func TestADraftStaysWithinTheSpool(t *testing.T) {
	dir := t.TempDir()
	s := openTestSpool(t, dir)
	seal(t, s, ID{"api", 1}, Codec{}, strings.Repeat("x", 1000), "y")
	for _, tt := range []struct {
		most int64
		fits bool
	}{{0, true}, {2000, true}, {1999, false}, {1, false}} {
		d, err := s.Create(ID{"web", 1}, Codec{})
		if err != nil {
			t.Fatal(err)
		}
		d.Within(tt.most)
		_, err = d.Write(noise(1000, 1))
		if err == nil {
			_, err = d.Seal()
		}
		if (err == nil) != tt.fits || err != nil && !errors.Is(err, ErrNoRoom) {
			t.Errorf("1000 bytes beside 1000, of %d: %v", tt.most, err)
		}
		if tt.fits {
			err = errors.Join(s.RemoveBody(ID{"web", 1}, false), s.RemoveSums(ID{"web", 1}))
		}
		if left := names(t, dir); tt.fits && err != nil || len(left) != 2 || s.Used() != 1000 {
			t.Errorf("left %q, %d bytes used (%v)", left, s.Used(), err)
		}
	}
}
