package tail

import (
	"bytes"
	"os"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

// A log that is met for the first time after it was rotated, while its archive,
// or a copy, lies beside it already, gives its lines once.
func TestInvariant5ALogAndItsCopyMetAtOnceGiveTheirLinesOnce(t *testing.T) {
	for _, name := range []string{"a.log.1", "a.log.1.gz", "a.log-20261123"} {
		for _, all := range []bool{true, false} { // the copy has all that the log has, or less
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, Rule{Class: "api", Pattern: "*.log*"})
				log := "a.log"
				if name == "a.log.1.gz" {
					log = "a.log.1"
				}
				text := lines("of a log", 100)
				copied := text
				if !all {
					copied = lines("of a log", 60)
				}
				w.write(log, text)
				if name == "a.log.1.gz" {
					var packed bytes.Buffer
					z := kgzip.NewWriter(&packed)
					if _, err := z.Write([]byte(copied)); err != nil {
						t.Fatal(err)
					}
					if err := z.Close(); err != nil {
						t.Fatal(err)
					}
					copied = packed.String()
				}
				w.write(name, copied)
				if err := os.Chtimes(w.path(name), w.now, w.now); err != nil {
					t.Fatal(err)
				}
				w.sweepCopies()
				w.want(w.sealAll("api"), text)
				w.sweepCopies()
				w.want(w.sealAll("api"), "")
				w.proven()
			})
		}
	}
}
