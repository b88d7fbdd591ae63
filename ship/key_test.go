package ship

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testSum = [32]byte{0x1f, 0x2e, 0x3d, 0x4c, 0x5b, 0x6a, 0x79, 0x88, 0x99}

func TestKeyHasTheFormOfTheContract(t *testing.T) {
	at := time.Date(2026, 11, 23, 19, 30, 1, 5, time.FixedZone("CET", 3600))
	for _, test := range []struct{ prefix, class, host, node, ext, want string }{
		{"logs/eu", "api", "web1", "n7", ".log.zst", "logs/eu/class=api/dt=2026-11-23/hour=18/web1-n7-000000000042-1f2e3d4c5b6a7988.log.zst"},
		{"", "api", "web1", "n7", ".log.gz", "class=api/dt=2026-11-23/hour=18/web1-n7-000000000042-1f2e3d4c5b6a7988.log.gz"},
		{"/a/", "api", "a-b.example", "n", "", "a/class=api/dt=2026-11-23/hour=18/a-b.example-n-000000000042-1f2e3d4c5b6a7988"},
		{"", "a/b", "2001:db8::/../x", "n-7", ".log", "class=a_b/dt=2026-11-23/hour=18/2001_db8___.._x-n_7-000000000042-1f2e3d4c5b6a7988.log"},
		{"", "", "", "", "", "class=_/dt=2026-11-23/hour=18/_-_-000000000042-1f2e3d4c5b6a7988"},
		{"", "c", ".hidden", "..", "", "class=c/dt=2026-11-23/hour=18/_hidden-_.-000000000042-1f2e3d4c5b6a7988"},
	} {
		got := Key(test.prefix, test.class, at, test.host, test.node, 42, testSum, test.ext)
		if got != test.want {
			t.Errorf("%s\nwant %s", got, test.want)
		}
		if err := CheckKey(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestKeysOfAClassSortInNumberOrder(t *testing.T) {
	at := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	var keys []string
	for i, n := range []uint64{1, 2, 9, 10, 99, 100, 12345, 999_999_999_999} {
		keys = append(keys, Key("p", "api", at.Add(time.Duration(i)*time.Minute), "h", "n", n, testSum, ".log.zst"))
	}
	if !slices.IsSorted(keys) {
		t.Errorf("not in order:\n%s", strings.Join(keys, "\n"))
	}
}

func TestParseKeyReadsWhatKeyWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOf(rapid.RuneFrom([]rune("abcXYZ0189._-/: é")))
		prefix := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-z0-9=_-]{1,8}`), 0, 3).Draw(t, "prefix"), "/")
		at := time.Unix(rapid.Int64Range(0, 253402300799).Draw(t, "at"), 0)
		number := rapid.Uint64().Draw(t, "number")
		var sum [32]byte
		copy(sum[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		ext := rapid.SampledFrom([]string{"", ".log", ".log.zst", ".jsonl.gz"}).Draw(t, "ext")
		class, host, node := word.Draw(t, "class"), word.Draw(t, "host"), word.Draw(t, "node")
		key := Key(prefix, class, at, host, node, number, sum, ext)
		k, err := ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if k.Prefix != prefix || !k.Hour.Equal(at.UTC().Truncate(time.Hour)) || k.Number != number || k.Sum != [8]byte(sum[:8]) || k.Ext != ext {
			t.Fatalf("%q became %+v", key, k)
		}
		if k.Class != keyWord(class, true) || k.Host != keyWord(host, true) || k.Node != keyWord(node, false) {
			t.Fatalf("%q became %+v", key, k)
		}
		for part := range strings.SplitSeq(key, "/") {
			if len(part) > 240 {
				t.Fatalf("component of %d bytes", len(part))
			}
		}
	})
}

func TestParseKeyRefusesOthers(t *testing.T) {
	const good = "p/class=api/dt=2026-11-23/hour=18/h-n-000000000042-1f2e3d4c5b6a7988.log.zst"
	if _, err := ParseKey(good); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{good, ""}, {good, "p/_swab/probe"}, {"p/class", "/p/class"}, {"p/", "p//"}, {"class=", "klass="}, {"2026-11-23", "2026-02-30"},
		{"2026-11-23", "26-11-23"}, {"hour=18", "hour=24"}, {"hour=18", "hour=8"}, {"h-n-", "h-"}, {"h-n-", "-n-"},
		{"000000000042", "42"}, {"000000000042", "0000000000042"}, {"000000000042", "99999999999999999999"},
		{"1f2e3d4c5b6a7988", "1f2e3d4c5b6a798"}, {"1f2e3d4c5b6a7988", "1F2E3D4C5B6A7988"}, {".log.zst", ".LOG"}, {".log.zst", "..zst"},
		{".log.zst", ".log.zst\n"}, {"h-n", "h\nx-n"},
	} {
		key := strings.Replace(good, change[0], change[1], 1)
		if k, err := ParseKey(key); err == nil {
			t.Errorf("%q was taken: %+v", key, k)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("p/class=api/dt=2026-11-23/hour=18/h-n-000000000042-1f2e3d4c5b6a7988.log.zst")
	f.Add("class=a-b/dt=0000-01-01/hour=00/a.b-c-_-18446744073709551615-0000000000000000")
	f.Add("a/b/c/d")
	f.Fuzz(func(t *testing.T, key string) {
		k, err := ParseKey(key)
		if err != nil {
			return
		}
		if k.String() != key {
			t.Errorf("%q is written %q", key, k.String())
		}
		var sum [32]byte
		copy(sum[:], k.Sum[:])
		if len(k.Class) > 80 || len(k.Host) > 80 || len(k.Node) > 80 {
			return // Key would have cut these
		}
		if got := Key(k.Prefix, k.Class, k.Hour, k.Host, k.Node, k.Number, sum, k.Ext); got != key {
			t.Errorf("%q is made %q", key, got)
		}
	})
}
