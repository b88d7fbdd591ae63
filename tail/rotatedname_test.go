package tail

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestNamesOfRotatedLogs(t *testing.T) {
	for name, want := range map[string]string{
		"app.log.1": "app.log", "app.log.12": "app.log", "app.log-20261123": "app.log", "app.log.2026-11-23_10": "app.log",
		"app.log-20261123-1700000000": "app.log", "app-20261123.log": "app.log", "app.2026-11-23.log": "app.log", "app.1.log": "app.log",
		"access_log.1700000000": "access_log", "syslog.1": "syslog", "Xorg.0.log.old": "Xorg.0.log", "node10.log.1": "node10.log",
		"node10.1": "node10", "0.log.20261123-100000": "0.log", "app.log.2026-11-23T10:00:00": "app.log",
		"app.log.1.gz": "app.log", "app-20261123.log.zst": "app.log",
		"app.log": "", "0.log": "", "1.log": "", "app.log.err": "", "app.log.": "", "app2": "", "worker1.log": "", "1": "", "-1": "", ".old": "",
		"app-error.log": "", "": "", "app.log.gz": "",
	} {
		if got, ok := rotatedName(name); got != want || ok != (want != "") {
			t.Errorf("%q was rotated from %q (%t), want %q", name, got, ok, want)
		}
	}
}

// writtenAt is a file that was written to since.
type writtenAt struct {
	fs.FileInfo
	at time.Time
}

func (i writtenAt) ModTime() time.Time { return i.at }

// What was rotated comes before its successor, whatever the times of writing
// say; of those with one time the older names come first.
func TestRotatedFilesComeBeforeTheirSuccessors(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i, f := range []struct {
		name string
		at   time.Duration
	}{
		{"z.log", 0},
		{"a.log.10", time.Second}, {"a.log.2", time.Second}, {"a.log.1", time.Second},
		{"d.log-20261120", time.Second}, {"d.log-20261121", time.Second}, {"d.log", time.Second},
		{"a.log.0", time.Minute}, // someone wrote it last
		{"a.log", time.Millisecond},
	} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte{byte(i)}, 0o644); err != nil {
			t.Fatal(err)
		}
		at := begin.Add(f.at)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		want = append(want, f.name)
	}
	opts := Options{Rules: []Rule{{Class: "api", Pattern: dir + "/*", Root: dir}}}
	found := Expand(opts, func(string, error) { t.Error("refused") })
	for range 20 {
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		var got []string
		for _, f := range inOrder(found) {
			got = append(got, filepath.Base(f.Path))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

// One file at two places has both in a row, that of the first rule first,
// though it was written to between the two looks.
func TestAFileFoundTwiceKeepsThePlaceOfTheFirstRule(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", lines("a", 1))
	w.write("b.log", lines("b", 1))
	list := Expand(w.opts, func(string, error) {})
	again := list[0]
	again.Place.Name, again.Info = "0.log", writtenAt{again.Info, again.Info.ModTime().Add(time.Hour)}
	var got []string
	for _, f := range inOrder(append(list, again)) {
		got = append(got, f.Place.Name)
	}
	if want := []string{"a.log", "0.log", "b.log"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was rotated before swab's first sight of it is finished; what only looks
// so is not.
func TestWhatWasRotatedBeforeTheFirstSightIsAway(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
	hour := func(name string, ago int) {
		at := w.clock().Add(-time.Duration(ago) * time.Hour)
		if err := os.Chtimes(w.path(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for i, f := range []struct {
		name string
		ago  int
	}{
		{"a.log", 1}, {"a.log.1", 2}, {"a.log.2", 3}, // rotated
		{"held.log", 1}, {"held.log.1", 2}, // someone has it open
		{"day.log", 500}, {"day-20261123.log", 1}, // the log of today, beside one that nobody writes any more
		{"alone.log.1", 5}, // its log is not there
		{"now.log", 0}, {"now.log.1", 0},
		{"grows.log", 1}, {"grows.log.1", 2},
	} {
		w.write(f.name, lines(f.name, 10+i))
		hour(f.name, f.ago)
	}
	holder, err := os.OpenFile(w.path("held.log.1"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(w.path("grows.log.1"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	away := func(when string, want ...string) {
		t.Helper()
		w.sweep()
		var got []string
		for _, f := range w.set.Files() {
			if f.Away() {
				got = append(got, filepath.Base(f.Place().Name))
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: away are %q, want %q", when, got, want)
		}
	}
	away("at first", "a.log.1", "a.log.2")
	w.add("grows.log.1", "more\n")
	holder.Close()
	writer.Close()
	hour("grows.log.1", 2)
	away("later", "a.log.1", "a.log.2", "held.log.1")
	w.pass(2 * time.Minute)
	away("after a while", "a.log.1", "a.log.2", "held.log.1", "now.log.1")
	w.restart()
	away("after a restart", "a.log.1", "a.log.2", "held.log.1", "now.log.1")
	w.proven()
}
