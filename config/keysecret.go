package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"swab/scrub"
)

// MinKeySecret and MaxKeySecret bound the file of --key-secret, bytes.
const (
	MinKeySecret = 32
	MaxKeySecret = 64 << 10
)

const secretCure = "Make one with head -c 32 /dev/urandom"

// Pseudonyms tells whether the class's addresses become pseudonyms, which a
// day's key turns back.
func (c Class) Pseudonyms() bool {
	return !c.Opaque && (c.Scrub.Mode == scrub.PseudonymDeterministic || c.Scrub.Mode == scrub.PseudonymPrefix)
}

func (d *draft) setKeySecret(a assign) {
	if a.value == "" {
		return
	}
	path, err := d.absDir(a.value)
	if err != nil {
		d.fault(a, err.Error())
	}
	d.cfg.KeySecret = path
}

// checkKeySecret looks at the secret's file, and reads none of it. It may be
// gone once the state directory holds what was made of it.
func (d *draft) checkKeySecret() {
	path := d.cfg.KeySecret
	if path == "" {
		return
	}
	if problem := d.secretProblem(path); problem != "" {
		d.faultOf("key-secret", problem)
	}
	for _, c := range d.cfg.Classes {
		if c.Pseudonyms() {
			return
		}
	}
	d.faultOf("key-secret", "no class writes pseudonyms, so there is no key to make of it. Add --scrub pseudonym=prefix, or leave it out")
}

func (d *draft) secretProblem(path string) string {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		ratchet := filepath.Join(d.cfg.State, "keys", "ratchet") // as package ledger names it
		if _, err := os.Stat(ratchet); err == nil {
			return ""
		}
		return "is not there, and no earlier run has left " + ratchet + ". " + secretCure
	}
	switch {
	case err != nil:
		return fmt.Sprintf("cannot be read (uid %d): %v", os.Geteuid(), pathless(err))
	case !info.Mode().IsRegular(): // before it is opened: a fifo would wait for its writer
		return "is no regular file. " + secretCure
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Sprintf("every user of this host may open it (mode %04o). Take that from them: chmod 0400", info.Mode().Perm())
	case info.Size() < MinKeySecret:
		return fmt.Sprintf("%d bytes, and a secret has %d at least. %s", info.Size(), MinKeySecret, secretCure)
	case info.Size() > MaxKeySecret:
		return fmt.Sprintf("%d bytes, and a secret has %d at most. %s", info.Size(), MaxKeySecret, secretCure)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("cannot be read (uid %d): %v", os.Geteuid(), pathless(err))
	}
	f.Close()
	return ""
}

// pathless leaves out what the fault names already.
func pathless(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}
