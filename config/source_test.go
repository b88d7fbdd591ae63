package config

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheStrongestSourceWins(t *testing.T) {
	dir := place(t)
	file := write(t, dir+"/flags", "# limits\n\nraw-limit = 3h\n--batch-age 3s\n--codec=gzip:3\nlisten :3\n")
	env := []string{"SWAB_BATCH_AGE=2s", "SWAB_CODEC=gzip:2", "SWAB_FLAGS_FROM=" + file}
	c := parsed(t, withRest(dir, "--log", "api="+dir+"/l/*.log", "--codec", "gzip:1"), env)
	if c.Codec.Level != 1 || c.BatchAge != 2*time.Second || c.Classes["api"].RawLimit != 3*time.Hour || c.Listen != ":3" || c.SpoolLimit != 8<<30 {
		t.Errorf("%+v", c)
	}
	for flag, want := range map[string]string{
		"codec": "command line", "batch-age": "SWAB_BATCH_AGE", "raw-limit": "file " + file + ":3", "listen": "file " + file + ":6",
		"spool-limit": "default", "flags-from": "SWAB_FLAGS_FROM", "exclude": "default",
	} {
		if got := c.Sources[flag]; got != want {
			t.Errorf("source of %s: %q, want %q", flag, got, want)
		}
	}
	if len(c.Sources) != len(runFlags()) {
		t.Errorf("%d sources for %d flags", len(c.Sources), len(runFlags()))
	}
}

func TestAStrongerListReplacesTheWeaker(t *testing.T) {
	dir := place(t)
	file := write(t, dir+"/flags", "log api=/srv/f/1.log\nlog web=/srv/f/2.log\nexclude *.gz\nkeep-net 10.0.0.0/8\n")
	logs := func(c *Config) (paths []string) {
		for _, l := range c.Logs {
			paths = append(paths, l.Class+"="+l.Pattern)
		}
		return paths
	}
	for _, c := range []struct {
		args, env []string
		want      []string
	}{
		{nil, nil, []string{"api=/srv/f/1.log", "web=/srv/f/2.log"}},
		{nil, []string{"SWAB_LOG=server=/srv/e/1.log\r\n\n  audit=/srv/e/2.log\n"}, []string{"server=/srv/e/1.log", "audit=/srv/e/2.log"}},
		{[]string{"--log", "media=/srv/c/1.log", "--log=admin=/srv/c/2=3.log"}, []string{"SWAB_LOG=server=/srv/e/1.log"}, []string{"media=/srv/c/1.log", "admin=/srv/c/2=3.log"}},
	} {
		cfg := parsed(t, withRest(dir, append(c.args, "--flags-from", file)...), append(c.env, "SWAB_KEEP_NET="))
		if got := logs(cfg); !slices.Equal(got, c.want) {
			t.Errorf("logs %q, want %q", got, c.want)
		}
		if !slices.Equal(cfg.Exclude, []string{"/**/*.gz"}) {
			t.Errorf("exclude %q: the file's list is the only one", cfg.Exclude)
		}
		if nets := cfg.Classes[cfg.Logs[0].Class].Scrub.KeepNets; len(nets) != 0 {
			t.Errorf("networks %v: the empty variable replaces the file's list", nets)
		}
	}
}

func TestOfOneFlagTwiceTheLastCounts(t *testing.T) {
	dir := place(t)
	c := parsed(t, withRest(dir, "--log", "api=/srv/l/*.log", "--verify", "head", "--verify=put", "--once", "--once=false"), nil)
	if c.Verify != VerifyPut || c.Once {
		t.Errorf("verify %s, once %v", c.Verify, c.Once)
	}
}

func TestVariablesThatAreNoFlagsAreLeftAlone(t *testing.T) {
	dir := place(t)
	parsed(t, withRest(dir, "--log", "api=/srv/l/*.log"), []string{
		"SWAB_SERVICE_HOST=10.0.0.1", "SWAB_SERVICE_PORT=9472", "SWAB_SERVICE_PORT_METRICS=9472", "SWAB_PORT=tcp://10.0.0.1:9472",
		"SWAB_PORT_9472_TCP=tcp://10.0.0.1:9472", "SWAB_PORT_9472_TCP_PROTO=tcp", "SWAB_PORT_9472_TCP_PORT=9472", "SWAB_PORT_9472_TCP_ADDR=10.0.0.1",
		"SWAB_STATUS_SERVICE_HOST=10.0.0.1", "SWAB_STATUS_PORT_80_TCP=x", "SWAB_CORPORA=/srv", "SWABLOG=x", "swab_log=x", "SWAB", "=C:=x",
	})
	for _, f := range Flags() {
		if serviceVariable.MatchString(f.Variable()) || f.Variable() == testVariable {
			t.Errorf("--%s would never be heard: %s", f.Name, f.Variable())
		}
	}
}

func TestListenIsOffOnceUnlessGiven(t *testing.T) {
	dir := place(t)
	for args, want := range map[string]string{
		"": "127.0.0.1:9472", "--once": "", "--once --listen 127.0.0.1:9472": "127.0.0.1:9472", "--listen=": "", "--listen [::1]:0": "[::1]:0",
	} {
		c := parsed(t, withRest(dir, append(strings.Fields(args), "--log", "api=/srv/l/*.log")...), nil)
		if c.Listen != want {
			t.Errorf("%s: listens on %q, want %q", args, c.Listen, want)
		}
	}
}

func TestDefaultsAreThoseOfTheDesign(t *testing.T) {
	dir := place(t)
	c := parsed(t, []string{"--dry-run", "--log", "api=" + dir + "/*.log"}, nil)
	c.Classes, c.Sources, c.Settings, c.Logs = nil, nil, nil, nil
	want := &Config{
		State: "/var/lib/swab", BatchSize: 64 << 20, BatchAge: time.Minute, SpoolLimit: 8 << 30, Codec: Codec{"zstd", 1}, ObjectFormat: "raw",
		Verify: VerifyPut, Listen: "127.0.0.1:9472", ShutdownTimeout: 30 * time.Second, FirstGrace: 24 * time.Hour, ClockGrace: time.Hour,
		Sweep: 2 * time.Second, DryRun: true, LogFormat: "text", LogLevel: slog.LevelInfo,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestEachFlagReachesTheConfig(t *testing.T) {
	dir := place(t)
	c := parsed(t, strings.Fields("--log api="+dir+"/*.log --exclude *.gz --exclude "+dir+"/old/** --follow "+dir+" --to s3://bucket/a/b/ --endpoint-url http://127.0.0.1:7070/ "+
		"--region eu-central-1 --path-style --sse aws:kms --kms-key alias/x --verify head --rate-limit 10MB/s --batch-size 1MiB --batch-age 5s --codec gzip "+
		"--spool-limit 1GiB --first-grace 1h --clock-grace 2h --shutdown-timeout 1m --sweep 50ms --json --dry-run --log-format json --log-level debug "+
		"--allow-wide-glob --allow-longer-raw-limit --ephemeral-state --object-format raw --state "+dir+"/x/../state"), nil)
	c.Classes, c.Sources, c.Settings = nil, nil, nil
	want := &Config{
		Logs:    []Log{{"api", dir + "/*.log", dir, EraseLive, FillZero}},
		Exclude: []string{"/**/*.gz", dir + "/old/**"}, Follow: []string{dir},
		To: Destination{Kind: S3, Bucket: "bucket", Prefix: "a/b"}, State: dir + "/state",
		BatchSize: 1 << 20, BatchAge: 5 * time.Second, SpoolLimit: 1 << 30, Codec: Codec{"gzip", 6}, ObjectFormat: "raw",
		Endpoint: "http://127.0.0.1:7070", Region: "eu-central-1", PathStyle: true, SSE: "aws:kms", KMSKey: "alias/x",
		Verify: VerifyHead, RateLimit: 10e6, Listen: "127.0.0.1:9472",
		ShutdownTimeout: time.Minute, FirstGrace: time.Hour, ClockGrace: 2 * time.Hour, Sweep: 50 * time.Millisecond,
		DryRun: true, JSON: true, EphemeralState: true, AllowWideGlob: true, AllowLongerRawLimit: true,
		LogFormat: "json", LogLevel: slog.LevelDebug,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestSettingsAreTheFlagsInForce(t *testing.T) {
	dir := place(t)
	c := parsed(t, []string{"--dry-run", "--log", "api=*.log", "--log", "web=" + dir + "/*.log"}, []string{"SWAB_STATE=" + dir + "/state"})
	var got []Setting
	for _, s := range c.Settings {
		if s.Source != "default" || s.Flag == "--raw-limit" || s.Flag == "--sweep" {
			got = append(got, s)
		}
	}
	want := []Setting{
		{"--log", "api=*.log", "command line"}, {"--log", "web=" + dir + "/*.log", "command line"}, {"--raw-limit", "168h", "default"},
		{"--state", dir + "/state", "SWAB_STATE"}, {"--dry-run", "true", "command line"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHelpIsAskedForAnywhereButBehindTwoDashes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"--nonsense", "--help"}} {
		if _, err := ParseRun(args, nil); !errors.Is(err, ErrHelp) {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := ParseRun([]string{"--", "--help"}, nil); err == nil || errors.Is(err, ErrHelp) {
		t.Errorf("behind --: %v", err)
	}
}

func TestFlagsFileTakesValuesAsTheyStand(t *testing.T) {
	text := "\ufeff# a comment\r\n--log api=/srv/a b/*.log  \r\n\tlog=web=/srv/#1/$HOME/*.log\n--mask-text =x\nmask-text = y\n--once\nonce=false\n--region=\n\nregion x # y"
	got, faults := parseFlagsFile(runFlags(), "/f", text)
	want := []assign{
		{"log", "api=/srv/a b/*.log", "file /f:2"}, {"log", "web=/srv/#1/$HOME/*.log", "file /f:3"}, {"mask-text", "=x", "file /f:4"}, {"mask-text", "y", "file /f:5"},
		{"once", "true", "file /f:6"}, {"once", "false", "file /f:7"}, {"region", "", "file /f:8"}, {"region", "x # y", "file /f:10"},
	}
	if !slices.Equal(got, want) || len(faults) > 0 {
		t.Errorf("got %q, faults %v", got, faults)
	}
	_, faults = parseFlagsFile(runFlags(), "/f", "--log 'api=/srv/a.log'\nregion\nflags-from x\nlogg x\nraw limit")
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	wantLines := []string{
		"--log 'api=/srv/a.log' (file /f:1): a flags file takes values as they stand. Leave the quotes out",
		"--region (file /f:2): has no value. Write --region NAME",
		"--flags-from x (file /f:3): a flags file cannot name another",
		`--logg (file /f:4): there is no such flag. Did you mean --log? "swab run --help" lists them all.`,
		`--raw (file /f:5): there is no such flag. Did you mean --raw-limit? "swab run --help" lists them all.`,
	}
	if !slices.Equal(lines, wantLines) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(wantLines, "\n"))
	}
}

func TestAFlagsFileOfAnySizeIsNotReadWhole(t *testing.T) {
	dir := place(t)
	file := write(t, dir+"/big", strings.Repeat("#", maxFlagsFile+1))
	got := faults(t, withRest(dir, "--log", "api=/srv/l/*.log", "--flags-from", file), nil)
	want := []string{"--flags-from " + file + ": the file is longer than 1 MiB: that is no list of flags"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseFlagsFile(f *testing.F) {
	for _, s := range []string{"--log api=/x\n", "a = b", "--once\r\n# c", "=\n--\n--=x\n", "--log 'x'\nflags-from y"} {
		f.Add(s)
	}
	flags := runFlags()
	f.Fuzz(func(t *testing.T, text string) {
		values, faults := parseFlagsFile(flags, "/f", text)
		if lines := strings.Count(text, "\n") + 1; len(values)+len(faults) > lines {
			t.Fatalf("%d values and %d faults in %d lines", len(values), len(faults), lines)
		}
		for _, a := range values {
			if _, ok := lookUp(flags, a.flag); !ok || a.flag == "flags-from" || strings.Contains(a.value, "\n") {
				t.Errorf("took %+v", a)
			}
			if !strings.Contains(text, a.value) && a.value != "true" {
				t.Errorf("value %q is not in the file", a.value)
			}
		}
		for _, fault := range faults {
			if strings.Contains(fault.String(), "\n") {
				t.Errorf("a fault of several lines: %q", fault.String())
			}
		}
	})
}
