package tail

import (
	"os"
	"slices"
	"testing"
	"time"

	"swab/ledger"
)

func TestGlobsFindFilesInNewDirectories(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	w.write("top.log", "1\n")
	w.sweep()
	w.must(os.MkdirAll(w.path("a/b"), 0o755))
	w.write("a/b/deep.log", "2\n")
	w.write("a/b/other.txt", "never\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n2\n")
}

func TestExcludedFilesAreNotTaken(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "**/*.log"})
	w.opts.Exclude = []string{w.path("debug*"), w.path("private/**")}
	w.must(os.MkdirAll(w.path("private/deep"), 0o755))
	w.write("a.log", "1\n")
	w.write("debug.log", "never\n")
	w.write("private/deep/x.log", "never\n")
	w.restart()
	w.want(w.sealAll("api"), "1\n")
	if len(w.set.Refused()) != 0 {
		t.Errorf("refused %q", w.set.Refused())
	}
}

func TestDirectoriesWithMetaCharactersAreFound(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: `\[a\]{1}/*.log`, Root: "."})
	w.must(os.Mkdir(w.path("[x]"), 0o755))
	w.write("[x]/a.log", "1\n")
	w.opts.Rules = []Rule{{Class: "api", Pattern: w.path(`\[x\]/*.log`), Root: w.path("[x]"), Erase: "live"}}
	w.restart()
	w.want(w.sealAll("api"), "1\n")
}

func TestAPatternWithoutMetaCharactersIsAFile(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "a.log"})
	w.write("a.log", "1\n")
	w.write("b.log", "never\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
}

func TestOfTwoGlobsTheShorterLimitHasTheFile(t *testing.T) {
	for _, pattern := range []string{"*.log", "d/../*.log"} {
		w := newWorld(t,
			Rule{Class: "web", Pattern: "*.log", Limit: 48 * time.Hour},
			Rule{Class: "api", Pattern: pattern, Limit: time.Hour},
		)
		w.write("a.log", "1\n")
		w.sweep()
		if files := w.set.Files(); len(files) != 1 || files[0].Class() != "api" {
			t.Fatalf("%d files", len(files))
		}
		w.want(w.sealAll("web"), "")
		w.want(w.sealAll("api"), "1\n")
	}
}

func TestAFileReachedByTwoPathsIsOneFile(t *testing.T) {
	w := newWorld(t, Rule{Class: "web", Pattern: "*.log", Limit: 2 * time.Hour}, Rule{Class: "api", Pattern: "sub/*.log", Root: "sub", Limit: time.Hour})
	w.must(os.Mkdir(w.path("sub"), 0o755))
	w.write("sub/a.log", "1\n")
	w.must(os.Symlink("sub/a.log", w.path("link.log")))
	w.opts.Follow = []string{w.logs}
	w.restart()
	for range 3 {
		w.sweep()
		files := w.set.Files()
		if len(files) != 1 || files[0].Away() || files[0].Class() != "api" {
			t.Fatalf("%d files, %+v", len(files), files[0])
		}
	}
	w.want(w.sealAll("web")+w.sealAll("api"), "1\n")
}

func TestARootThatAppearsLaterIsFound(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "later/*.log", Root: "later"})
	w.sweep()
	w.must(os.Mkdir(w.path("later"), 0o755))
	w.write("later/a.log", "1\n")
	w.sweep()
	w.want(w.sealAll("api"), "1\n")
	if len(w.said) != 0 {
		t.Errorf("said %q", w.said)
	}
}

func TestARootThatIsGoneAtStartLosesNothing(t *testing.T) {
	for _, pattern := range []string{"vol/*.log", "vol/*.log.1"} { // the second leads to the renamed file alone
		w := newWorld(t, Rule{Class: "api", Pattern: pattern, Root: "vol"})
		w.must(os.Mkdir(w.path("vol"), 0o755))
		name := "vol/a.log"
		if pattern != "vol/*.log" {
			name = "vol/a.log.1"
		}
		w.write(name, "1\n")
		w.sweep()
		w.sealAll("api")
		w.add(name, "2\n")
		w.sweep()
		w.see()
		num := w.numbers()
		w.stop()
		w.rename("vol", "unmounted")
		w.start()
		w.sweep()
		w.sweep()
		if a := w.account("api"); a.Lost != 0 || a.Unread != 2 {
			t.Errorf("account %+v", a)
		}
		// Mounted again, under a running swab and with the file rotated.
		w.rename("unmounted", "vol")
		w.rename(name, "vol/b.txt")
		w.sweep()
		if got := w.numbers(); !slices.Equal(got, num) {
			t.Errorf("files %v, want %v", got, num)
		}
		w.want(w.sealAll("api"), "2\n")
		w.proven()
	}
}

func TestFilesOfAClassThatNoFlagNamesAreAdopted(t *testing.T) {
	w := newWorld(t, Rule{Class: "web", Pattern: "*.log"})
	w.write("a.log", "1\n")
	w.write("b.log", "1\n")
	w.sweep()
	w.sealAll("web")
	num := w.file("a.log").Num()
	w.opts.Rules = []Rule{{Class: "api", Pattern: w.path("b*"), Root: w.logs, Erase: "off", Opaque: true}}
	w.restart()
	f := w.set.File(num)
	if f == nil || f.Class() != "web" || f.EraseMode() != "" || f.Away() {
		t.Fatalf("file %d is not adopted as it was", num)
	}
	w.add("a.log", "2\n")
	w.add("b.log", "2\n")
	w.sweep()
	w.want(w.sealAll("web"), "2\n2\n")
	w.erase("web")
	w.restart()
	if w.set.File(num) == nil {
		t.Error("gone at the second start")
	}
}

func TestAFileKeepsItsClassAndThatClassesRule(t *testing.T) {
	w := newWorld(t, Rule{Class: "api", Pattern: "a*", Limit: time.Hour}, Rule{Class: "rec", Pattern: "b*", Limit: time.Minute})
	w.write("a.log", "1\nha")
	w.sweep()
	w.opts.Rules = []Rule{
		{Class: "api", Pattern: w.path("c*"), Root: w.logs, Limit: time.Hour, Erase: "rotated"},
		{Class: "rec", Pattern: w.path("*"), Root: w.logs, Limit: time.Minute, Erase: "off", Opaque: true},
	}
	w.restart()
	f := w.file("a.log")
	if f.Class() != "api" || f.EraseMode() != "rotated" {
		t.Errorf("class %s, erase %s", f.Class(), f.EraseMode())
	}
	w.want(w.sealAll("api"), "1\n") // no opaque file: half a line stays
}

func TestAnOpaqueFileIsTakenWhole(t *testing.T) {
	w := newWorld(t, Rule{Class: "rec", Pattern: "*.bin", Opaque: true})
	content := "\x00\x00" + gzip + lines("x", 100000) + "no newline"
	w.write("a.bin", content)
	w.sweep()
	text, ok := w.seal("rec")
	if !ok || text != content {
		t.Errorf("got %s", short(text))
	}
	w.ledger.View(func(s *ledger.State) {
		for _, b := range s.Batches {
			if len(b.Ranges) != 1 || b.Ranges[0].Cut {
				t.Errorf("ranges %+v", b.Ranges)
			}
		}
	})
}

func TestExpandListsEachPathOnceForTheFirstRule(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n")
	w.must(os.Symlink("a.log", w.path("l.log")))
	rules := []Rule{{Class: "one", Pattern: w.path("a*"), Root: w.logs}, {Class: "two", Pattern: w.path("*"), Root: w.logs}}
	var refused []string
	list := Expand(Options{Rules: rules}, func(path string, err error) { refused = append(refused, path) })
	if len(list) != 1 || list[0].Rule.Class != "one" || list[0].Path != w.path("a.log") {
		t.Errorf("%+v", list)
	}
	if !slices.Equal(refused, []string{w.path("l.log")}) {
		t.Errorf("refused %q", refused)
	}
}
