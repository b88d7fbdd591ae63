package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"swab/testdata/s3test"
)

// forgery is what someone does to the lines of a ledger, each without its sum.
type forgery struct {
	name string
	do   func(lines []string) []string
	// chained: the forger computes all sums anew, as anyone can.
	chained bool
	// alone: the ledger itself tells; else only the store does.
	alone bool
	want  string
}

// forgeries are those of the promise: each is caught, the last by the store.
func forgeries() []forgery {
	first := func(lines []string, what string) int {
		return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, what) })
	}
	replace := func(what, with string) func([]string) []string {
		return func(lines []string) []string {
			i := first(lines, what)
			lines[i] = strings.Replace(lines[i], what, with, 1)
			return lines
		}
	}
	drop := func(what string) func([]string) []string {
		return func(lines []string) []string { i := first(lines, what); return slices.Delete(lines, i, i+1) }
	}
	return []forgery{
		{"edited", replace(`"verified":"checksum"`, `"verified":"head"`), false, true, "the sum does not fit"},
		{"dropped", drop(`"ev":"ship"`), false, true, "the sum does not fit"},
		{"reordered", func(lines []string) []string { lines[3], lines[4] = lines[4], lines[3]; return lines }, false, true, "the sum does not fit"},
		{"appended", func(lines []string) []string { return append(lines, renumber(lines[len(lines)-1], 1)) }, false, true, "the sum does not fit"},
		{"appended, a story that cannot be", func(lines []string) []string { return append(lines, forgedShip(lines, 99)) }, true, true, "batch api/99 is not sealed"},
		{"edited and chained", replace(`"verified":"checksum"`, `"verified":"head"`), true, false, "has another sum of its seal"},
		{"dropped, renumbered and chained", func(lines []string) []string {
			i := first(lines, `"ev":"stop"`)
			lines = slices.Delete(lines, i, i+1)
			for j := i; j < len(lines); j++ {
				lines[j] = renumber(lines[j], -1)
			}
			return lines
		}, true, false, "has another sum of its seal"},
		{"appended and chained, a batch that never was", forgedBatch, true, false, "shipped by the ledger, and not in the store: number 6"},
		{"without its tail", func(lines []string) []string {
			last := 0
			for i, l := range lines {
				if strings.Contains(l, `"ev":"start"`) {
					last = i
				}
			}
			return lines[:last]
		}, false, false, "the ledger does not know it: the ledger's end is missing"},
		{"written anew", replace(`"raw_limit":604800`, `"raw_limit":86400`), true, false, "has another sum of its seal"},
	}
}

var numbers = regexp.MustCompile(`^\{"n":(\d+),"g":(\d+),`)

// renumber moves an event's number and group.
func renumber(line string, by int) string {
	var n, g int
	if _, err := fmt.Sscanf(line, `{"n":%d,"g":%d,`, &n, &g); err != nil {
		return line
	}
	return numbers.ReplaceAllString(line, fmt.Sprintf(`{"n":%d,"g":%d,`, n+by, g+by))
}

// forgedShip is a ship event of a batch, made of one that is there.
func forgedShip(lines []string, number int) string {
	last := numbers.FindString(renumber(lines[len(lines)-1], 1))
	for _, l := range slices.Backward(lines) {
		if strings.Contains(l, `"ev":"ship"`) {
			l = regexp.MustCompile(`"batch":"api/\d+"`).ReplaceAllString(l, fmt.Sprintf(`"batch":"api/%d"`, number))
			return atLast(lines, numbers.ReplaceAllLiteralString(l, last))
		}
	}
	return ""
}

// atLast gives a line the time of the last one.
func atLast(lines []string, line string) string {
	at := regexp.MustCompile(`"at":"[^"]*"`)
	return at.ReplaceAllLiteralString(line, at.FindString(lines[len(lines)-1]))
}

// forgedBatch appends a batch that was sealed and shipped as if it had been.
func forgedBatch(lines []string) []string {
	for _, l := range slices.Backward(lines) {
		if !strings.Contains(l, `"ev":"seal"`) {
			continue
		}
		l = strings.NewReplacer(`"batch":"api/5"`, `"batch":"api/6"`, "-000000000005-", "-000000000006-").Replace(l)
		var from, to int64
		r := regexp.MustCompile(`"from":(\d+),"to":(\d+)`)
		if _, err := fmt.Sscanf(r.FindString(l), `"from":%d,"to":%d`, &from, &to); err != nil {
			return nil
		}
		l = r.ReplaceAllLiteralString(l, fmt.Sprintf(`"from":%d,"to":%d`, to, 2*to-from))
		l = numbers.ReplaceAllLiteralString(l, numbers.FindString(renumber(lines[len(lines)-1], 1)))
		lines = append(lines, atLast(lines, l))
		return append(lines, forgedShip(lines, 6))
	}
	return nil
}

// TestLedgerForgeriesAreCaught edits a ledger in each way that the promise
// names, on a directory and on a real S3 server: what the chain cannot tell, the
// store does.
func TestLedgerForgeriesAreCaught(t *testing.T) {
	t.Setenv("SWAB_STATE", "")
	t.Run("file", func(t *testing.T) {
		dir := t.TempDir()
		testForgeries(t, dir, "file://"+dir+"/store")
	})
	t.Run("s3", func(t *testing.T) {
		server := s3test.Start(t)
		server.Setenv(t)
		server.Bucket(t, "forged")
		testForgeries(t, t.TempDir(), "s3://forged/p", "--endpoint-url", server.Endpoint, "--path-style")
	})
}

func testForgeries(t *testing.T, dir, to string, more ...string) {
	shipLogs(t, dir, append([]string{"--to", to}, more...)...)
	check := func(withStore bool) (int, string) {
		args := []string{"ledger", "check", "--state", dir + "/state"}
		if withStore {
			args = append(append(args, "--store", to), more...)
		}
		status, stdout, stderr := saidBy(t, args...)
		return status, stdout + stderr
	}
	if status, said := check(true); status != exitDone || !strings.Contains(said, "ok: 5 objects in the store vouch for the ledger up to event ") {
		t.Fatalf("an honest ledger: %d\n%s", status, said)
	}
	path := filepath.Join(dir, "state", "ledger", "000001.jsonl")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range forgeries() {
		t.Run(f.name, func(t *testing.T) {
			if err := os.WriteFile(path, forge(string(good), f), 0o600); err != nil {
				t.Fatal(err)
			}
			status, said := check(false)
			if f.alone != (status == exitFound) || f.alone && !strings.Contains(said, f.want) {
				t.Errorf("alone: %d\n%s", status, said)
			}
			status, said = check(true)
			if status != exitFound || !strings.Contains(said, f.want) {
				t.Errorf("with the store: %d, want %d and %q\n%s", status, exitFound, f.want, said)
			}
		})
	}
}

// forge changes the text of a segment. Lines keep the sums that they had, or,
// chained, get those that fit.
func forge(text string, f forgery) []byte {
	const intro = `,"sum":"`
	sums := map[string]string{}
	var lines []string
	for line := range strings.Lines(text) {
		body, sum, _ := strings.Cut(line, intro)
		lines, sums[body] = append(lines, body), intro+sum
	}
	var out strings.Builder
	var prev [32]byte
	for _, body := range f.do(lines) {
		sum, kept := sums[body]
		if f.chained || !kept {
			prev = sha256.Sum256(append(slices.Clone(prev[:]), body...))
			sum = intro + hex.EncodeToString(prev[:]) + "\"}\n"
		}
		out.WriteString(body + sum)
	}
	return []byte(out.String())
}
