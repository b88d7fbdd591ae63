package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A line is the event's JSON object with one more member at its end, "sum":
// the SHA-256 of the last line's sum (32 bytes; zeros before the first line)
// followed by the line's bytes up to the comma before "sum". So every byte of
// a segment is either hashed or of a fixed form.

type chainSum [sha256.Size]byte

const (
	lineIntro = `{"n":`
	sumIntro  = `,"sum":"`
	sumOutro  = "\"}\n"
	sumBytes  = len(sumIntro) + 2*sha256.Size + len(sumOutro)
)

// appendLine appends e as a line to dst and returns the chain's new sum.
func appendLine(dst []byte, prev chainSum, e *Event) ([]byte, chainSum, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return dst, prev, fmt.Errorf("event %d as JSON: %w", e.N, err)
	}
	body = body[:len(body)-1] // the closing brace comes after the sum
	sum := chain(prev, body)
	dst = append(dst, body...)
	dst = append(dst, sumIntro...)
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, sumOutro...), sum, nil
}

func chain(prev chainSum, body []byte) chainSum {
	h := sha256.New()
	h.Write(prev[:])
	h.Write(body)
	var sum chainSum
	h.Sum(sum[:0])
	return sum
}

// parseLine splits a line (with its newline) into the event and the sum it
// claims. It does not verify the sum.
func parseLine(line []byte) (body []byte, sum chainSum, e *Event, err error) {
	if len(line) < sumBytes || !bytes.HasSuffix(line, []byte(sumOutro)) {
		return nil, sum, nil, fmt.Errorf("line without a sum")
	}
	body = line[:len(line)-sumBytes]
	rest := line[len(body):]
	if !bytes.HasPrefix(rest, []byte(sumIntro)) {
		return nil, sum, nil, fmt.Errorf("line without a sum")
	}
	digits := rest[len(sumIntro) : len(rest)-len(sumOutro)]
	if !bytes.Equal(digits, bytes.ToLower(digits)) {
		return nil, sum, nil, fmt.Errorf("sum is not lower-case hex")
	}
	if _, err := hex.Decode(sum[:], digits); err != nil {
		return nil, sum, nil, fmt.Errorf("sum is not hex")
	}
	e = new(Event)
	whole := append(append([]byte{}, body...), '}')
	if err := json.Unmarshal(whole, e); err != nil {
		return nil, sum, nil, fmt.Errorf("line is not an event")
	}
	kind, err := e.content()
	if err != nil {
		return nil, sum, nil, err
	}
	if kind != e.Kind {
		return nil, sum, nil, fmt.Errorf("event of kind %q holds a %q", e.Kind, kind)
	}
	return body, sum, e, nil
}
