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
			strings.Join(c.Scrub.Redact, " ") != w.redact || c.EraseAfter != 0 || c.Like != "" || c.Opaque != (w.name == "recording") {
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
	Presets()[9].Scrub.Redact[0] = "changed"
	if got := Presets()[9].Scrub.Redact[0]; got != "cookies" {
		t.Errorf("a caller changed the table: %q", got)
	}
}

func redacts(names ...string) func(Class) bool {
	return func(c Class) bool { return slices.Equal(c.Scrub.Redact, names) && c.Scrub.Validate() == nil }
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
		{"redact nothing", "web", "--class web:redact=", func(c Class) bool { return len(c.Scrub.Redact) == 0 }},
		{"redact for all, beside the class's own", "web", "--redact identifiers --redact secrets --redact customer-name", redacts("cookies", "secrets", "identifiers", "customer-name")},
		{"redact for all, where nothing was", "server", "--redact secrets", redacts("secrets")},
		{"identifiers for all, but for a row that is about them", "dashboard", "--redact identifiers", redacts("secrets")},
		{"a secret or a field belongs into no record", "dashboard", "--redact identifiers --redact cookies --redact otp", redacts("secrets", "cookies", "otp")},
		{"a class like a row that keeps", "mine", "--redact identifiers --redact otp --class mine:like=admin", redacts("secrets", "otp")},
		{"redact for all, but for opaque bytes", "recording", "--redact secrets", redacts()},
		{"a class that keeps by a flag has what --redact names", "web", "--redact identifiers --scrub keep", redacts("cookies", "secrets", "identifiers")},
		{"redact none", "web", "--redact otp --class web:redact=none", redacts()},
		{"redact none of opaque bytes", "recording", "--class recording:redact=none", redacts()},
		{"a field that is called nearly like a preset", "api", "--redact .identifier", redacts("secrets", ".identifier")},
		{"fields of addresses", "api", "--ip-field src_ip --ip-field peer.addr --ip-field src_ip", func(c Class) bool {
			return slices.Equal(c.Scrub.IPFields, []string{"src_ip", "peer.addr"}) && c.Scrub.Validate() == nil
		}},
		{"versions are addresses", "api", "--versions scrub", func(c Class) bool { return c.Scrub.ScrubVersions }},
		{"versions stay", "api", "--versions keep", func(c Class) bool { return !c.Scrub.ScrubVersions }},
		{"redact of a class stands", "web", "--redact identifiers --class web:redact=secrets|X-Customer", redacts("secrets", "X-Customer")},
		{"redact of a row that keeps", "dashboard", "--class dashboard:redact=secrets|identifiers", redacts("secrets", "identifiers")},
		{"a class of one's own", "mine", "--class mine:like=web,raw-limit=1h", func(c Class) bool {
			return c.Name == "mine" && c.Like == "web" && c.EraseAtLimit && c.RawLimit == time.Hour && len(c.Scrub.Redact) == 2
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

// Container runtimes' readers stop at a NUL.
func TestFillOfALogFollowsClassThenFlagThenPlace(t *testing.T) {
	const pods = "/var/log/pods/*/*/*.log"
	for _, c := range []struct {
		glob, args string
		want       Fill
	}{
		{"/srv/app/logs/*.log", "", FillZero},
		{pods, "", FillBlank},
		{"/var/lib/docker/containers/*/*-json.log", "--erase live", FillBlank},
		{pods, "--fill zero", FillZero},
		{pods, "--class api:fill=zero", FillZero},
		{"/srv/app/logs/*.log", "--fill blank", FillBlank},
	} {
		dir := place(t)
		cfg := parsed(t, append(withRest(dir, "--log", "api="+c.glob), strings.Fields(c.args)...), nil)
		if got := cfg.Logs[0].Fill; got != c.want {
			t.Errorf("%s %s: fill %s, want %s", c.glob, c.args, got, c.want)
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

// TestPresetsAndFieldsOfOnesOwnAreTold: what looks like a slip of the pen is
// refused, other names are fields.
func TestPresetsAndFieldsOfOnesOwnAreTold(t *testing.T) {
	for _, name := range []string{
		"cookies", "secrets", "identifiers", "X-Customer", "customer.name", "password", "tokens", "id", "otp", "session_id", "ident", "user",
		"kundengröße", ".cookie", ".identifier", ".None",
	} {
		if err := CheckRedact(name); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	for _, name := range []string{"cookie", "Cookies", "cokies", "coookies", "cookeis", "secret", "secert", "secrtes", "SECRETS", "identifirs", "idenitfiers", "Identifiers"} {
		if CheckRedact(name) == nil {
			t.Errorf("%s is taken for a field, and would blank nothing", name)
		}
	}
}

// TestScrubbingInWords is what start-up lines and dry runs say.
func TestScrubbingInWords(t *testing.T) {
	for _, c := range []struct{ class, flags, want string }{
		{"web", "", "addresses cut to /24 and /48, cookies and secrets blanked"},
		{"server", "", "addresses cut to /24 and /48, no field blanked"},
		{"dashboard", "", "addresses stay, secrets blanked"},
		{"recording", "", "opaque bytes, nothing scrubbed"},
		{"api", "--scrub mask --redact otp --redact identifiers --keep-net 10.0.0.0/8", "addresses masked but for 1 network, secrets, otp and identifiers blanked"},
		{"api", "--ip-field src --ip-field dst", "addresses cut to /24 and /48, numbers in src and dst too, secrets blanked"},
		{"admin", "--ip-field src", "addresses stay, secrets blanked"},
		{"api", "--class api:redact=a|b|c|d|e|f|g", "addresses cut to /24 and /48, a, b, c, d, e and 2 more blanked"},
	} {
		dir := place(t)
		cfg := parsed(t, append(withRest(dir, "--log", c.class+"="+dir+"/logs/*.log"), strings.Fields(c.flags)...), nil)
		if got := cfg.Classes[c.class].Scrubbing(); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.class, c.flags, got, c.want)
		}
	}
}
