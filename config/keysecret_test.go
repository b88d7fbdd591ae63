package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"swab/scrub"
)

func TestPseudonymsForAllOrOneClass(t *testing.T) {
	for _, c := range []struct {
		args string
		want scrub.Mode
	}{
		{"--scrub pseudonym=prefix", scrub.PseudonymPrefix},
		{"--scrub pseudonym=deterministic", scrub.PseudonymDeterministic},
		{"--class api:scrub=pseudonym=prefix", scrub.PseudonymPrefix},
		{"--scrub keep --class api:raw-limit=2h,scrub=pseudonym=deterministic", scrub.PseudonymDeterministic},
	} {
		dir := place(t)
		cfg := parsed(t, append(withRest(dir, "--log", "api="+dir+"/logs/*.log"), strings.Fields(c.args)...), nil)
		if got := cfg.Classes["api"]; got.Scrub.Mode != c.want || !got.Pseudonyms() {
			t.Errorf("%s: mode %s, pseudonyms: %t", c.args, got.Scrub.Mode, got.Pseudonyms())
		}
	}
}

func TestKeySecretIsASecretOrWasOne(t *testing.T) {
	const prefix = "--scrub pseudonym=prefix --key-secret "
	const cure = "Make one with head -c 32 /dev/urandom"
	for _, c := range []struct {
		name, args, want string
		prepare          func(dir string) error
	}{
		{"good", prefix + "$T/good", "", nil},
		{"of one class", "--class api:scrub=pseudonym=prefix --key-secret $T/good", "", nil},
		{"not there", prefix + "$T/none", "--key-secret $T/none: is not there, and no earlier run has left $T/state/keys/ratchet. " + cure, nil},
		{"not there any more", prefix + "$T/none", "", func(dir string) error {
			return os.WriteFile(write(t, dir+"/state/keys/ratchet", ""), nil, 0o600)
		}},
		{"short", prefix + "$T/short", "--key-secret $T/short: 31 bytes, and a secret has 32 at least. " + cure, nil},
		{"long", prefix + "$T/long", "--key-secret $T/long: 65537 bytes, and a secret has 65536 at most. " + cure, nil},
		{"everybody's", prefix + "$T/good", "--key-secret $T/good: every user of this host may open it (mode 0604). Take that from them: chmod 0400", func(dir string) error {
			return os.Chmod(dir+"/good", 0o604)
		}},
		{"a directory", prefix + "$T", "--key-secret $T: is no regular file. " + cure, nil},
		{"without pseudonyms", "--key-secret $T/good", "--key-secret $T/good: no class writes pseudonyms, so there is no key to make of it. Add --scrub pseudonym=prefix, or leave it out", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := place(t)
			write(t, dir+"/good", strings.Repeat("x", MinKeySecret))
			write(t, dir+"/short", strings.Repeat("x", MinKeySecret-1))
			write(t, dir+"/long", strings.Repeat("x", MaxKeySecret+1))
			if err := os.Chmod(dir+"/good", 0o440); err != nil {
				t.Fatal(err)
			}
			if c.prepare != nil {
				if err := c.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			if info, err := os.Stat(dir + "/state"); err == nil {
				if err := os.Chmod(dir+"/state", info.Mode().Perm()&0o700); err != nil {
					t.Fatal(err)
				}
			}
			args := append(withRest(dir, "--log", "api="+dir+"/logs/*.log"), strings.Fields(strings.ReplaceAll(c.args, "$T", dir))...)
			if c.want == "" {
				if cfg := parsed(t, args, nil); !strings.HasPrefix(cfg.KeySecret, dir) {
					t.Errorf("the secret's file is %q", cfg.KeySecret)
				}
				return
			}
			if got := faults(t, args, nil); !slices.Equal(got, []string{strings.ReplaceAll(c.want, "$T", dir)}) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}
