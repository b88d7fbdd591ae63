package swab

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"runtime/debug"
	"strings"

	"swab/scrub"
)

// Version is the module's version as built.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// hostName is the host's name without addresses, fit for a key.
func hostName(names *scrub.Scrubber) string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "host"
	}
	return names.String(name)
}

// machine is a hash of the machine id, which is not to leave a host as it is
// (machine-id(5)).
func machine() string {
	id := firstLine("/etc/machine-id")
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("swab ledger " + id))
	return hex.EncodeToString(sum[:8])
}

func firstLine(path string) string {
	p, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(p), "\n")
	return line
}

func randomHex(n int) string {
	p := make([]byte, n)
	rand.Read(p)
	return hex.EncodeToString(p)
}
