package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"swab/scrub"
)

// TestPresetsAreTheRetentionTable writes the table out a second time, by hand.
func TestPresetsAreTheRetentionTable(t *testing.T) {
	const week = 7 * 24 * time.Hour
	want := []struct {
		name     string
		limit    time.Duration
		atLimit  bool
		keepsIPs bool
		redact   string
		years    int
	}{
		{"admin", week, false, true, "secrets", 0},
		{"api", week, false, false, "secrets", 0},
		{"audit", week, false, false, "secrets", 3},
		{"dashboard", week, false, true, "secrets", 0},
		{"media", week, false, false, "secrets", 0},
		{"messaging", week, false, false, "secrets", 0},
		{"recording", 2 * time.Hour, false, true, "", 0},
		{"request", week, false, true, "secrets", 6},
		{"server", week, true, false, "", 0},
		{"web", week, true, false, "cookies secrets", 0},
	}
	rows := Presets()
	if len(rows) != len(want) {
		t.Fatalf("%d presets, want %d", len(rows), len(want))
	}
	// From March 2026 on, three years hold one leap day and six hold two.
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, w := range want {
		c := rows[i]
		if c.Name != w.name || c.RawLimit != w.limit || c.EraseAtLimit != w.atLimit || (c.Scrub.Mode == scrub.Keep) != w.keepsIPs ||
			strings.Join(c.Redact, " ") != w.redact || c.EraseAfter != 0 || c.Like != "" || c.Opaque != (w.name == "recording") {
			t.Errorf("row %d is %+v, want %+v", i, c, w)
		}
		if c.Erase != EraseLive || c.Fill != FillZero || c.OnLimit != OnLimitSeal {
			t.Errorf("%s: %v %v %v, want live zero seal", c.Name, c.Erase, c.Fill, c.OnLimit)
		}
		if c.Scrub.IPv4Prefix != 24 || c.Scrub.IPv6Prefix != 48 || c.Scrub.Validate() != nil {
			t.Errorf("%s: policy %v (%v)", c.Name, c.Scrub, c.Scrub.Validate())
		}
		kept := start.Add(c.Keep)
		switch {
		case w.name == "recording" && c.Keep != 72*time.Hour, w.name != "recording" && w.years == 0 && c.Keep != 0:
			t.Errorf("%s: kept %v", c.Name, c.Keep)
		case w.years > 0 && (kept.Before(start.AddDate(w.years, 0, 0)) || kept.After(start.AddDate(w.years, 0, 2))):
			t.Errorf("%s: kept until %v, want %d years", c.Name, kept, w.years)
		}
	}
	if !slices.IsSortedFunc(rows, func(a, b Class) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the presets are not sorted by name")
	}
}

func TestPresetsAreTheCallersOwn(t *testing.T) {
	Presets()[9].Redact[0] = "changed"
	if got := Presets()[9].Redact[0]; got != "cookies" {
		t.Errorf("a caller changed the table: %q", got)
	}
}

// TestEffectiveClass is what flags for all classes, and a class's own, leave
// of a preset.
func TestEffectiveClass(t *testing.T) {
	for _, c := range []struct {
		name, class, args string
		check             func(c Class) bool
	}{
		{"a preset as it is", "api", "", func(c Class) bool { return reflect.DeepEqual(c, Presets()[1]) }},
		{"the limit shortens", "api", "--raw-limit 24h", func(c Class) bool { return c.RawLimit == 24*time.Hour }},
		{"the limit does not lengthen a stricter row", "recording", "--raw-limit 24h", func(c Class) bool { return c.RawLimit == 2*time.Hour }},
		{"the limit shortens a stricter row", "recording", "--raw-limit 1h", func(c Class) bool { return c.RawLimit == time.Hour }},
		{"a longer limit that was meant", "api", "--raw-limit 240h --allow-longer-raw-limit", func(c Class) bool { return c.RawLimit == 240*time.Hour }},
		{"a longer limit leaves a stricter row", "recording", "--raw-limit 240h --allow-longer-raw-limit", func(c Class) bool { return c.RawLimit == 2*time.Hour }},
		{"a class's own limit stands", "api", "--raw-limit 1h --class api:raw-limit=2h", func(c Class) bool { return c.RawLimit == 2*time.Hour }},
		{"another class's limit is its own", "web", "--raw-limit 1h --class api:raw-limit=2h", func(c Class) bool { return c.RawLimit == time.Hour }},
		{"scrub for all", "api", "--scrub mask --mask-text x", func(c Class) bool { return c.Scrub.Mode == scrub.Mask && c.Scrub.MaskText == "x" }},
		{"pseudonyms for all", "api", "--scrub pseudonym=prefix", func(c Class) bool { return c.Scrub.Mode == scrub.PseudonymPrefix }},
		{"pseudonyms for a class", "api", "--class api:scrub=pseudonym=deterministic,fill=blank", func(c Class) bool { return c.Scrub.Mode == scrub.PseudonymDeterministic }},
		{"scrub for all, but for a row that keeps", "dashboard", "--scrub mask", func(c Class) bool { return c.Scrub.Mode == scrub.Keep }},
		{"scrub for a row that keeps", "dashboard", "--class dashboard:scrub=mask", func(c Class) bool { return c.Scrub.Mode == scrub.Mask }},
		{"scrub for a class stands", "api", "--scrub keep --class api:scrub=truncate", func(c Class) bool { return c.Scrub.Mode == scrub.Truncate }},
		{"prefixes", "api", "--ipv4-prefix 16 --ipv6-prefix 32", func(c Class) bool { return c.Scrub.IPv4Prefix == 16 && c.Scrub.IPv6Prefix == 32 }},
		{"networks, cleaned", "api", "--keep-net 10.1.2.3/8 --keep-net ::ffff:192.168.0.0/112 --keep-net fd00::1", func(c Class) bool {
			return len(c.Scrub.KeepNets) == 3 && c.Scrub.KeepNets[0].String() == "10.0.0.0/8" &&
				c.Scrub.KeepNets[1].String() == "192.168.0.0/16" && c.Scrub.KeepNets[2].String() == "fd00::1/128"
		}},
		{"erase and fill for all", "web", "--erase off --fill blank", func(c Class) bool { return c.Erase == EraseOff && c.Fill == FillBlank }},
		{"erase and fill of a class stand", "web", "--erase off --fill blank --class web:erase=live,fill=zero", func(c Class) bool { return c.Erase == EraseLive && c.Fill == FillZero }},
		{"readable for a while", "api", "--class api:erase-after=1h", func(c Class) bool { return c.EraseAfter == time.Hour && !c.EraseAtLimit }},
		{"readable until the limit", "api", "--class api:erase-after=limit", func(c Class) bool { return c.EraseAfter == 0 && c.EraseAtLimit }},
		{"gone once shipped", "web", "--class web:erase-after=0", func(c Class) bool { return c.EraseAfter == 0 && !c.EraseAtLimit }},
		{"several flags for one class", "api", "--class api:keep=30d --class api:on-limit=expire", func(c Class) bool {
			return c.Keep == 30*24*time.Hour && c.OnLimit == OnLimitExpire
		}},
		{"redact nothing", "web", "--class web:redact=", func(c Class) bool { return len(c.Redact) == 0 }},
		{"a class of one's own", "mine", "--class mine:like=web,raw-limit=1h", func(c Class) bool {
			return c.Name == "mine" && c.Like == "web" && c.EraseAtLimit && c.RawLimit == time.Hour && len(c.Redact) == 2
		}},
		{"keys before like", "mine", "--class mine:fill=blank,like=recording", func(c Class) bool { return c.Opaque && c.Fill == FillBlank && c.RawLimit == 2*time.Hour }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := place(t)
			cfg := parsed(t, append(withRest(dir, "--log", c.class+"="+dir+"/logs/*.log"), strings.Fields(c.args)...), nil)
			got, ok := cfg.Classes[c.class]
			if !ok || len(cfg.Classes) != 1 || !c.check(got) {
				t.Errorf("classes %+v", cfg.Classes)
			}
		})
	}
}

func TestEraseOfALogFollowsClassThenFlagThenPlace(t *testing.T) {
	const pods = "/var/log/pods/*/*/*.log"
	for _, c := range []struct {
		glob, args string
		want       EraseMode
	}{
		{"/srv/app/logs/*.log", "", EraseLive},
		{pods, "", EraseRotated},
		{"/var/log/containers/*.log", "", EraseRotated},
		{"/var/lib/docker/containers/*/*-json.log", "", EraseRotated},
		{"/var/log/{pods,nginx}/a.log", "", EraseRotated},
		{"/var/log/**/*.log", "--allow-wide-glob", EraseRotated},
		{"/var/log/podsman/*.log", "", EraseLive},
		{pods, "--erase live", EraseLive},
		{pods, "--class api:erase=live", EraseLive},
		{pods, "--erase live --class api:erase=off", EraseOff},
		{"/srv/app/logs/*.log", "--erase rotated", EraseRotated},
	} {
		dir := place(t)
		cfg := parsed(t, append(withRest(dir, "--log", "api="+c.glob), strings.Fields(c.args)...), nil)
		if got := cfg.Logs[0].Erase; got != c.want {
			t.Errorf("%s %s: erase %s, want %s", c.glob, c.args, got, c.want)
		}
	}
}

func FuzzParseClassSpec(f *testing.F) {
	for _, s := range []string{"api:erase-after=1h", "mine:like=web,fill=blank", "api", "api:", ":", "a:=,=", "api:redact=a|b", "x:fill=a=b,fill=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		spec, errs := parseClassSpec(s)
		again := make([]string, len(spec.keys))
		for i, set := range spec.keys {
			if !isClassKey(set.key) || strings.Contains(set.value, ",") {
				t.Fatalf("%q: took %+v for a setting", s, set)
			}
			again[i] = set.key + "=" + set.value
		}
		if len(errs) > 0 {
			return
		}
		if err := checkClassName(spec.name); err != nil || len(spec.keys) == 0 {
			t.Fatalf("%q: accepted as class %q with %d settings", s, spec.name, len(spec.keys))
		}
		written := spec.name + ":" + strings.Join(again, ",")
		if back, errs := parseClassSpec(written); len(errs) > 0 || !reflect.DeepEqual(back, spec) {
			t.Errorf("%q is %+v, written %q and read as %+v, %v", s, spec, written, back, errs)
		}
		var c Class
		for _, set := range spec.keys {
			_ = set.apply(&c) // a wrong value is an error, never a panic
		}
	})
}
