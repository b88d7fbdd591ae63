package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const known = "Known: admin api audit dashboard media messaging recording request server web"

// TestEachFaultNamesFlagValueAndRemedy holds every refusal to its exact line.
// $T in arguments and lines is a directory of the test's own.
func TestEachFaultNamesFlagValueAndRemedy(t *testing.T) {
	for _, c := range []struct {
		name string
		args string // parted at blanks, after --log api=$T/logs/*.log
		want string
	}{
		{"limit longer than the policy's", "--raw-limit 240h", "--raw-limit 240h: longer than the 168h that the policy allows. Add --allow-longer-raw-limit if you mean it."},
		{"class limit longer than the policy's", "--class web:raw-limit=8d", "--class web:raw-limit=8d: longer than the 168h that the policy allows. Add --allow-longer-raw-limit if you mean it."},
		{"class limit longer than its row's", "--class recording:raw-limit=3h", "--class recording:raw-limit=3h: longer than the 2h that the policy allows. Add --allow-longer-raw-limit if you mean it."},
		{"limit of nothing", "--raw-limit 0", "--raw-limit 0: must be longer than nothing, such as 168h"},
		{"unknown class", "--log apl=/srv/logs/api/*.log", `--log apl=/srv/logs/api/*.log: there is no class "apl". Did you mean "api"? ` + known},
		{"unknown class far from all", "--log zzzzzz=/srv/logs/api/*.log", `--log zzzzzz=/srv/logs/api/*.log: there is no class "zzzzzz". ` + known},
		{"log without class", "--log /srv/logs/a.log", "--log /srv/logs/a.log: has no class. Write CLASS=GLOB, such as web=/var/log/nginx/*.log"},
		{"log without glob", "--log api=", "--log api=: names no file. Write a path or a pattern, such as /var/log/app/*.log"},
		{"standard input", "--log api=-", "--log api=-: this version cannot read standard input. Name files"},
		{"fifo", "--log api=fifo:/run/x", "--log api=fifo:/run/x: this version cannot read a fifo. Name files"},
		{"open bracket", "--log api=/srv/logs/[a.log", `--log api=/srv/logs/[a.log: not a pattern: a [ or { is not closed. Write \[ or \{ for the character itself`},
		{"directory by slash", "--log api=/srv/logs/", "--log api=/srv/logs/: names a directory. Name its files: /srv/logs/*.log"},
		{"directory", "--log api=$T", "--log api=$T: names a directory. Name its files: $T/*.log"},
		{"tilde", "--log api=~/x.log", `--log api=~/x.log: "~" is not expanded here. Write the whole path`},
		{"parent behind a pattern", "--log api=/srv/logs/*/../../etc/x", `--log api=/srv/logs/*/../../etc/x: ".." cannot stand behind a pattern or name the file`},
		{"too many braces", "--log api=/srv/l/" + strings.Repeat("{a,b}", 9), "--log api=/srv/l/" + strings.Repeat("{a,b}", 9) + ": its braces stand for more than 256 patterns"},
		{"glob over /etc", "--log api=/etc/nginx/*.log", "--log api=/etc/nginx/*.log: lies in /etc, where a system keeps itself and not its logs. Add --allow-wide-glob if you mean it."},
		{"glob over /var/log", "--log api=/var/log/**", "--log api=/var/log/**: spreads over /var/log, which holds more than one program's files. Name that program's directory, such as /var/log/nginx/*.log, or add --allow-wide-glob if you mean it."},
		{"state in a glob", "--log api=$T/s*/**", "--state $T/state: lies where --log api=$T/s*/** could match its files. Choose another directory, or add --exclude '$T/state/**'"},
		{"store in a glob", "--log api=$T/o*/**", "--to file://$T/out: lies where --log api=$T/o*/** could match its files. Choose another directory, or add --exclude '$T/out/**'"},
		{"follow into a system directory", "--follow /var/lib", "--follow /var/lib: would let links lead anywhere in /var/lib. Name the directory that they lead to, or add --allow-wide-glob if you mean it."},
		{"follow a file", "--follow $T/file", "--follow $T/file: is no directory. Name the one that the links lead to"},
		{"no store sort", "--to ftp://x", "--to ftp://x: not a store. Write s3://BUCKET/PREFIX or file:///DIR"},
		{"path for a store", "--to /srv/out", "--to /srv/out: not a store. Did you mean file:///srv/out?"},
		{"relative store", "--to file://out", "--to file://out: not an absolute path. Write file:///DIR, with three slashes"},
		{"bucket too short", "--to s3://ab/p", "--to s3://ab/p: a bucket's name has 3 to 63 characters. Write s3://BUCKET/PREFIX"},
		{"bucket character", "--to s3://a:b/p", "--to s3://a:b/p: the bucket's name has a character that none has. Use a-z, 0-9, . and -"},
		{"prefix with ..", "--to s3://bucket/a/../b", "--to s3://bucket/a/../b: the prefix must not hold .. nor empty parts"},
		{"prefix with slash", "--to s3://bucket//a", "--to s3://bucket//a: the prefix must not begin with a slash"},
		{"prefix with control byte", "--to s3://bucket/a\x01b", `--to "s3://bucket/a\x01b": the prefix must be text without control characters`},
		{"store is a file", "--to file://$T/file", "--to file://$T/file: is a file. Name a directory"},
		{"store in state", "--to file://$T/state/out", "--to file://$T/state/out: store and state directory ($T/state) must not lie in each other"},
		{"S3 flag for a directory", "--sse AES256", "--sse: is for S3, and --to names a directory. Leave it out"},
		{"S3 switch for a directory", "--path-style", "--path-style: is for S3, and --to names a directory. Leave it out"},
		{"key without KMS", "--to s3://bucket/p --kms-key k", "--kms-key k: a key is for KMS. Add --sse aws:kms"},
		{"endpoint without scheme", "--to s3://bucket/p --endpoint-url 127.0.0.1:7070", "--endpoint-url 127.0.0.1:7070: not a URL of a service. Write http://HOST:PORT or https://HOST"},
		{"endpoint with password", "--to s3://bucket/p --endpoint-url https://me:secret@host", "--endpoint-url https://…@host: holds a name or password. Credentials come from the AWS configuration, never from a flag"},
		{"region", "--to s3://bucket/p --region eu/1", "--region eu/1: not a region. Write its name, such as eu-central-1"},
		{"sse", "--to s3://bucket/p --sse aes", "--sse aes: must be AES256, aws:kms or aws:kms:dsse"},
		{"verify read", "--verify read", "--verify read: this version cannot read objects back yet, a later one will. Use head"},
		{"verify", "--verify hed", `--verify hed: must be put or head. Did you mean "head"?`},
		{"rate", "--rate-limit fast", "--rate-limit fast: not a size. Write bytes, or a number with KiB, MiB, GiB, TiB (1024) or kB, MB, GB, TB (1000), such as 64MiB"},
		{"batch size", "--batch-size 5GiB", "--batch-size 5GiB: must be 1 byte to 4GiB, which one object can hold"},
		{"batch age", "--batch-age 0", "--batch-age 0: must be longer than nothing, such as 1m"},
		{"spool smaller than a batch", "--spool-limit 1MiB", "--spool-limit 1MiB: smaller than one batch (--batch-size, 67108864 bytes). Make it several batches large"},
		{"codec", "--codec lz4", "--codec lz4: not a codec. Write zstd:1 to zstd:22, or gzip:1 to gzip:9"},
		{"object format json", "--object-format json", "--object-format json: this version ships lines as written only. Use raw"},
		{"duration", "--first-grace 24", "--first-grace 24: not a duration. Write a number with ms, s, m, h or d, such as 90s, 24h or 7d"},
		{"negative duration", "--clock-grace=-1h", "--clock-grace -1h: must not be negative"},
		{"redact", "--redact cookie", "--redact cookie: did you mean cookies? That preset includes the field"},
		{"redact nearly a preset", "--redact cokies", `--redact cokies: there is no preset "cokies". Did you mean "cookies"? If a field is called that, write .cokies`},
		{"redact a preset in another case", "--redact Secrets", `--redact Secrets: there is no preset "Secrets". Did you mean "secrets"? If a field is called that, write .Secrets`},
		{"redact one of a preset", "--redact identifier", `--redact identifier: there is no preset "identifier". Did you mean "identifiers"? If a field is called that, write .identifier`},
		{"redact none", "--redact none", "--redact none: names nothing to blank. For a class that is to blank nothing, write --class NAME:redact=none"},
		{"ip-field of no name", "--ip-field a=b", "--ip-field a=b: must be a field's name of letters, digits, - _ and dots"},
		{"versions", "--versions scrb", `--versions scrb: must be keep or scrub. Did you mean "scrub"?`},
		{"redact of no name", "--redact a=b", "--redact a=b: must be cookies, secrets, identifiers, or a field's name of letters, digits, - _ and dots"},
		{"redact of nothing", "--redact=", `--redact "": must be a name of 1 to 64 bytes`},
		{"pseudonym", "--scrub pseudonym", "--scrub pseudonym: say which: pseudonym=deterministic or pseudonym=prefix"},
		{"scrub", "--scrub truncat", `--scrub truncat: must be truncate, mask, keep, pseudonym=deterministic or pseudonym=prefix. Did you mean "truncate"?`},
		{"prefix bits", "--ipv4-prefix 33", "--ipv4-prefix 33: must be 1 to 31 bits"},
		{"prefix of all bits", "--ipv6-prefix 128", "--ipv6-prefix 128: would keep whole addresses. Write --scrub keep if you mean that"},
		{"net", "--keep-net 10.0.0.0/33", "--keep-net 10.0.0.0/33: not a network. Write one such as 10.0.0.0/8 or fd00::/8"},
		{"net of all", "--keep-net ::/0", "--keep-net ::/0: is every address. Write --scrub keep if you mean that"},
		{"mask text", "--mask-text=", `--mask-text "": must not be empty, so that a reader sees where an address was`},
		{"erase", "--erase never", "--erase never: must be live, rotated or off"},
		{"fill", "--fill blanks", `--fill blanks: must be zero or blank. Did you mean "blank"?`},
		{"listen", "--listen 9472", "--listen 9472: not an address to listen on. Write HOST:PORT, such as 127.0.0.1:9472, or nothing for off"},
		{"log level", "--log-level loud", "--log-level loud: must be debug, info, warn or error"},
		{"json alone", "--json", "--json: only a dry run prints JSON. Add --dry-run"},
		{"switch with a value", "--once=maybe", "--once maybe: is on or off: write true or false"},
		{"unknown flag", "--raw-limt 24h", `--raw-limt: there is no such flag. Did you mean --raw-limit? "swab run --help" lists them all.`},
		{"one dash", "-once", "-once: flags have two dashes. Did you mean --once?"},
		{"argument", "/srv/logs/b.log", "/srv/logs/b.log: belongs to no flag. Quote a pattern, so that the shell leaves it alone: --log 'CLASS=GLOB'"},
		{"flag without value", "--region --once", "--region: has no value. Write --region NAME"},
		{"class without settings", "--class api", "--class api: no settings. Write NAME:KEY=VALUE, such as api:erase-after=1h"},
		{"class key", "--class api:raw-limt=1h", `--class api:raw-limt=1h: there is no key "raw-limt". Did you mean "raw-limit"? Known: erase erase-after fill keep like on-limit raw-limit redact scrub`},
		{"class key without value", "--class api:fill", "--class api:fill: fill has no value. Write fill=VALUE"},
		{"class key twice", "--class api:fill=zero,fill=blank", "--class api:fill=zero,fill=blank: fill is set twice"},
		{"class key twice in two flags", "--class api:fill=zero --class api:fill=blank", "--class api:fill=blank: fill is set twice for class api"},
		{"class value", "--class api:on-limit=wait", "--class api:on-limit=wait: on-limit: must be seal or expire"},
		{"class erase-after", "--class api:erase-after=soon", "--class api:erase-after=soon: erase-after: not a duration. Write a number with ms, s, m, h or d, such as 90s, 24h or 7d; or limit, for as long as raw-limit allows"},
		{"class redact", "--class api:redact=cookies|secret", "--class api:redact=cookies|secret: redact: did you mean secrets? That preset includes the field"},
		{"class redact nearly a preset", "--class api:redact=secrts", `--class api:redact=secrts: redact: there is no preset "secrts". Did you mean "secrets"? If a field is called that, write .secrts`},
		{"class redact of none and more", "--class api:redact=none|secrets", "--class api:redact=none|secrets: redact: none stands alone: it empties the list"},
		{"class redact of nothing", "--class api:redact=cookies|", "--class api:redact=cookies|: redact: must be a name of 1 to 64 bytes"},
		{"redacting opaque bytes", "--class recording:redact=secrets", "--class recording:redact=secrets: redact: the class is of opaque bytes, which have no fields: leave it out"},
		{"class pseudonym", "--class api:scrub=pseudonym-prefix", `--class api:scrub=pseudonym-prefix: scrub: must be truncate, mask, keep, pseudonym=deterministic or pseudonym=prefix. Did you mean "pseudonym=prefix"?`},
		{"scrubbing opaque bytes", "--class recording:scrub=mask", "--class recording:scrub=mask: scrub: the class is of opaque bytes, which cannot be scrubbed: only keep"},
		{"erase-after past the limit", "--class api:erase-after=2h,raw-limit=1h", "--class api:erase-after=2h,raw-limit=1h: erase-after 2h is longer than the class's raw limit of 1h. Shorten it, or write erase-after=limit"},
		{"new class without like", "--class mine:fill=blank", `--class mine:fill=blank: there is no class "mine". ` + known + ". A new one begins with like=PRESET"},
		{"new class like none", "--class mine:like=ap", `--class mine:like=ap: like: there is no preset "ap". Did you mean "api"? ` + known},
		{"like for a preset", "--class api:like=web", "--class api:like=web: api is a class already; like= begins a new one. Choose another name"},
		{"class name", "--class My_Class:like=web", `--class My_Class:like=web: "My_Class" cannot name a class: 1 to 32 of a-z, 0-9 and -`},
		{"class named expire", "--class expire:like=web", `--class expire:like=web: "expire" cannot name a class: the ledger names ranges by it that were never sealed`},
		{"class named ledger", "--class ledger:like=web", `--class ledger:like=web: "ledger" cannot name a class: the ledger's own objects lie under class=ledger/`},
		{"state is a file", "--state $T/file", "--state $T/file: is a file. Name a directory"},
		{"state others can write", "--state $T/open", "--state $T/open: others can write to it (mode 0770). Take that from them (chmod 0700), or name a directory in it, which swab makes"},
		{"state of the system", "--state /var/lib", "--state /var/lib: is a directory of the system. Name one of swab's own in it, such as /var/lib/swab"},
		{"flags file that is not there", "--flags-from $T/none", "--flags-from $T/none: the file cannot be read: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := place(t)
			write(t, dir+"/file", "")
			if err := os.Mkdir(dir+"/open", 0o770); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir+"/open", 0o770); err != nil { // past any umask
				t.Fatal(err)
			}
			args := withRest(dir, "--log", "api="+dir+"/logs/*.log")
			args = append(args, strings.Fields(strings.ReplaceAll(c.args, "$T", dir))...)
			want := []string{strings.ReplaceAll(c.want, "$T", dir)}
			if got := faults(t, args, nil); !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), want[0])
			}
		})
	}
}

func TestAllFaultsComeAtOnce(t *testing.T) {
	dir := place(t)
	file := write(t, dir+"/flags", "verfy head\n--rate-limit fast\n")
	got := faults(t,
		[]string{"--flags-from", file, "--logg", "x", "--raw-limit", "8d", "--scrub", "pseudonym", "--log", "apl=/srv/x/a.log"},
		[]string{"SWAB_CODEC=lz4", "SWAB_SPOOLLIMIT=1", "PATH=/bin"})
	want := []string{
		`--logg: there is no such flag. Did you mean --log? "swab run --help" lists them all.`,
		"SWAB_SPOOLLIMIT: there is no flag for this variable. Did you mean SWAB_SPOOL_LIMIT?",
		"--verfy (file " + file + `:1): there is no such flag. Did you mean --verify? "swab run --help" lists them all.`,
		"--rate-limit fast (file " + file + ":2): " + errSize.Error(),
		"--scrub pseudonym: " + errWhichPseudonym.Error(),
		"--codec lz4 (SWAB_CODEC): " + errCodec.Error(),
		"--to: missing. Name a store (s3://BUCKET/PREFIX or file:///DIR), or add --dry-run to look without one",
		"--raw-limit 8d: longer than the 168h that the policy allows. Add --allow-longer-raw-limit if you mean it.",
		`--log apl=/srv/x/a.log: there is no class "apl". Did you mean "api"? ` + known,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLogsAreRequiredEvenByADryRun(t *testing.T) {
	got := faults(t, []string{"--dry-run"}, nil)
	want := []string{"--log: missing. Name files and their class, such as --log 'web=/var/log/nginx/*.log'"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAFaultStaysOnOneBoundedLine(t *testing.T) {
	f := Fault{Flag: "--log", Value: "a\nb" + strings.Repeat("é", 1000), Problem: "p"}
	if s := f.String(); strings.ContainsAny(s, "\n") || len(s) > 2*maxShown {
		t.Errorf("a fault of %d bytes: %q", len(s), s)
	}
}

func TestNearestFindsSlipsAndNothingElse(t *testing.T) {
	words := []string{"admin", "api", "audit", "raw-limit", "ipv4-prefix", "ipv6-prefix", "endpoint-url"}
	for typed, want := range map[string]string{
		"apl": "api", "ap": "api", "pai": "api", "API": "api", "adn": "", "audi": "audit", "raw_limit": "raw-limit", "rawlimt": "raw-limit",
		"endpoint": "endpoint-url", "ipv": "", "x": "", "": "", "zzz": "", "ipv5-prefix": "ipv4-prefix",
	} {
		got, ok := Nearest(typed, words)
		if got != want || ok != (want != "") {
			t.Errorf("Nearest(%q) = %q, %v; want %q", typed, got, ok, want)
		}
	}
}
