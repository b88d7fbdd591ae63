package config

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"pgregory.net/rapid"
)

func TestPatternsBecomeAbsoluteAndClean(t *testing.T) {
	for _, c := range []struct{ cwd, in, want, root string }{
		{"/w", "/srv/a/*.log", "/srv/a/*.log", "/srv/a"},
		{"/w", "*.log", "/w/*.log", "/w"},
		{"/w", "a.log", "/w/a.log", "/w"},
		{"/w/x", "../l/**/*.log", "/w/l/**/*.log", "/w/l"},
		{"/w", "./l//a/./*.log", "/w/l/a/*.log", "/w/l/a"},
		{"/w [1]{a}", "*.log", `/w \[1\]\{a\}/*.log`, "/w [1]{a}"},
		{"/", "*.log", "/*.log", "/"},
		{"/w", "/a.log", "/a.log", "/"},
		{"/w", "/srv/{a,b}/x.log", "/srv/{a,b}/x.log", "/srv"},
		{"/w", `/srv/\[a\]/*.log`, `/srv/\[a\]/*.log`, "/srv/[a]"},
		{"/w", "/srv/a..b/..c/*.log", "/srv/a..b/..c/*.log", "/srv/a..b/..c"},
	} {
		got, err := absPattern(c.cwd, c.in)
		if err != nil || got != c.want || fixedRoot(got) != c.root {
			t.Errorf("%q in %q is %q beneath %q, %v; want %q beneath %q", c.in, c.cwd, got, fixedRoot(got), err, c.want, c.root)
		}
	}
	for _, in := range []string{"", "/a/[b/c]", "/a/{b", "/a/}", `/a/\`, "/a/*/..", "/a/{b,..}/c", `/a/\../b`, "/a\x00", "/a/*/", "~root/x", ".."} {
		if got, err := absPattern("/w", in); err == nil {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}

func TestSystemDirectoriesAreTooWide(t *testing.T) {
	for _, p := range []string{
		"/**", "/*.log", "/*/x.log", "/etc/passwd", "/etc/**", "/etc/app/logs/*.log", "/home/**", "/home/*/logs/*.log", "/home/app/**", "/home/app/*/a.log",
		"/var/**", "/var/*/a.log", "/var/log/**", "/var/log/**/*.log", "/var/log/*/*.log", "/var/log/[n]*/a.log", "/var/lo[g]/a.log", "/[e]tc/passwd", "/proc/1/x",
		"/sys/x", "/usr/lib/x.log", "/var/lib/*.log", "/opt/**", "/srv/*/logs/a.log", "/tmp/**", "/dev/sda",
	} {
		if tooWide(p) == "" {
			t.Errorf("%s is accepted", p)
		}
	}
	for _, p := range []string{
		"/var/log/nginx/*.log", "/var/log/nginx/**", "/var/log/*.log", "/var/log/syslog", "/var/log/pods/*/*/*.log", "/var/log/pods/**", "/logs/**", "/data/*/a.log",
		"/home/app/logs/**", "/home/app/*.log", "/opt/app/**/*.log", "/srv/app/*/a.log", "/tmp/test/**", "/tmp/*.log", "/usr/local/nginx/logs/*.log", "/dev/shm/logs/*.log",
		"/var/log/app/a.log", "/var/lib/docker/containers/*/*.log", "/etcetera/*.log",
	} {
		if problem := tooWide(p); problem != "" {
			t.Errorf("%s: %s", p, problem)
		}
	}
}

func TestBracesAreJudgedOneByOne(t *testing.T) {
	dir := place(t)
	parsed(t, withRest(dir, "--log", "api=/var/log/{nginx,apache2}/*.log"), nil)
	got := faults(t, withRest(dir, "--log", "api=/var/{log/nginx/*,lib/**/a}.log"), nil)
	if len(got) != 1 || !strings.Contains(got[0], "spreads over /var/lib,") {
		t.Errorf("got %q", got)
	}
}

func TestAllowWideGlobTakesThemAll(t *testing.T) {
	dir := place(t)
	parsed(t, withRest(dir, "--allow-wide-glob", "--log", "api=/var/log/**", "--log", "api=/etc/x.log", "--follow", "/var"), nil)
}

func TestLinksDoNotHideASystemDirectory(t *testing.T) {
	dir := place(t)
	if err := os.Symlink("/etc", dir+"/logs"); err != nil {
		t.Fatal(err)
	}
	got := faults(t, withRest(dir, "--log", "api="+dir+"/logs/*.log"), nil)
	if len(got) != 1 || !strings.Contains(got[0], "/etc, where a system keeps itself") {
		t.Errorf("got %q", got)
	}
}

// TestStateAndStoreLieOutsideEveryGlob covers the ways a walk could come to
// them, by name and by link.
func TestStateAndStoreLieOutsideEveryGlob(t *testing.T) {
	for _, c := range []struct {
		name, log, exclude string
		refused            bool
	}{
		{"beside", "$T/logs/*.log", "", false},
		{"above, too shallow to reach it", "$T/*.log", "", false},
		{"above, as deep", "$T/*/*.log", "", true},
		{"above, any depth", "$T/**", "", true},
		{"in it", "$T/data/x.log", "", true},
		{"in it, deeper", "$T/data/spool/*.zst", "", true},
		{"another name", "$T/dat[b-z]/*", "", false},
		{"through a link to it", "$T/link/*.log", "", true},
		{"through a link above it", "$T/up/*/*.log", "", true},
		{"through a link above it, elsewhere", "$T/up/other/*.log", "", false},
		{"through a link into it", "$T/deep/*.log", "", true},
		{"taken out", "$T/**", "$T/data/**", false},
		{"taken out with more", "$T/**", "$T/d*/**", false},
		{"taken out in part", "$T/**", "$T/data/*.log", true},
		{"taken out by its other name only", "$T/up/**", "$T/data/**", true},
		{"taken out by the name it is met by", "$T/up/**", "$T/up/data/**", false},
	} {
		for _, own := range []string{"--state", "--to"} {
			t.Run(c.name+own, func(t *testing.T) {
				dir, other := place(t), place(t)
				for link, target := range map[string]string{"/link": dir + "/data", "/up": dir, "/deep": dir + "/data/sub"} {
					if err := os.MkdirAll(dir+"/data/sub", 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.Symlink(target, dir+link); err != nil {
						t.Fatal(err)
					}
				}
				value := dir + "/data"
				if own == "--to" {
					value = "file://" + value
				}
				args := withRest(other, own, value, "--log", "api="+strings.ReplaceAll(c.log, "$T", dir))
				if c.exclude != "" {
					args = append(args, "--exclude", strings.ReplaceAll(c.exclude, "$T", dir))
				}
				_, err := ParseRun(args, nil)
				if refused := err != nil && strings.HasPrefix(err.Error(), own+" "+value+": lies where"); refused != c.refused || (err != nil) != c.refused {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// genPattern and genPath draw from so few names that they meet.
func genPattern() *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{"a", "b", "ab", "*", "a*", "?", "[ab]", "{a,b*}", "{a,b/a}", "**", "a{b,}", "[^a]"})
	return rapid.Custom(func(t *rapid.T) string { return "/" + strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "parts"), "/") })
}

func genPath(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "c"}), 1, most).Draw(t, "names"), "/")
	})
}

func TestReachMissesNothingThatDoublestarMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern, dir, below := genPattern().Draw(t, "pattern"), genPath(3).Draw(t, "dir"), genPath(3).Draw(t, "below")
		patterns, ok := expand(pattern)
		if !ok {
			t.Fatalf("%s expands too far", pattern)
		}
		matched, err := doublestar.Match(pattern, dir+below)
		if err != nil {
			t.Fatal(err)
		}
		expanded := slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := doublestar.Match(p, dir+below)
			return ok && err == nil
		})
		if matched != expanded {
			t.Errorf("%s matches %s: %v; its expansion %q: %v", pattern, dir+below, matched, patterns, expanded)
		}
		if matched && !slices.ContainsFunc(patterns, func(p string) bool { return reaches(p, dir) }) {
			t.Errorf("%s matches %s, but is said not to reach %s", pattern, dir+below, dir)
		}
		if !matched && covers(patterns, dir) {
			t.Errorf("%s does not match %s, but is said to cover %s", pattern, dir+below, dir)
		}
	})
}

func FuzzAbsPattern(f *testing.F) {
	for _, s := range []string{"/a/*.log", "a/../b", "/a/{b,c}/**", `/a\*/[x]/y`, "*/..", "{/a,b}", "/a/[]/b", "/[a]]/{"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := absPattern("/w{1}", s)
		if err != nil {
			return
		}
		root := fixedRoot(p)
		if !strings.HasPrefix(p, "/") || !doublestar.ValidatePattern(p) || path.Clean(root) != root || root[0] != '/' {
			t.Fatalf("%q became %q beneath %q", s, p, root)
		}
		if again, err := absPattern("/other", p); err != nil || again != p {
			t.Errorf("%q is clean, but becomes %q, %v", p, again, err)
		}
	})
}
