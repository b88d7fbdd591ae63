package retain

import (
	"bytes"
	"fmt"

	"swab/ledger"
)

// Fill is what overwritten bytes hold.
type Fill uint8

const (
	// FillZero writes NULs, whose blocks [Punch] can then give back.
	FillZero Fill = iota
	// FillBlank writes spaces and keeps the newlines, and the carriage returns
	// too: a reader that follows the file sees as many lines as before, ended
	// as before, and no NUL; one that reads the CRI format finds empty lines of it.
	FillBlank
)

// ParseFill reads a fill as [Fill.String] writes it.
func ParseFill(s string) (Fill, error) {
	switch s {
	case "zero":
		return FillZero, nil
	case "blank":
		return FillBlank, nil
	}
	return 0, fmt.Errorf("fill %q: want zero or blank", s)
}

// String returns "zero" or "blank".
func (f Fill) String() string {
	switch f {
	case FillZero:
		return "zero"
	case FillBlank:
		return "blank"
	}
	return fmt.Sprintf("Fill(%d)", uint8(f))
}

// apply overwrites p. A line of Kubernetes' CRI format that begins in p keeps a
// frame that says nothing, unless p ends within its own.
func (f Fill) apply(p []byte) {
	if f != FillBlank {
		clear(p)
		return
	}
	for len(p) > 0 {
		line, rest := p, []byte(nil)
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, rest = p[:i], p[i+1:]
		}
		if isCRI(line) {
			line = line[copy(line, ledger.Frame):]
		}
		for {
			i := bytes.IndexByte(line, '\r')
			if i < 0 {
				break
			}
			blank(line[:i])
			line = line[i+1:]
		}
		blank(line)
		p = rest
	}
}

// isCRI tells whether a line begins as container runtimes write it for the
// kubelet, TIME stdout|stderr F|P[:…], or has the frame of such a line.
func isCRI(line []byte) bool {
	time, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(time) < len("0001-01-01T00:00:00Z") || len(time) > maxCRITime || time[10] != 'T' {
		return false
	}
	stream, rest, ok := bytes.Cut(rest, []byte(" "))
	if !ok || string(stream) != "stdout" && string(stream) != "stderr" {
		return false
	}
	return len(rest) > 1 && (rest[0] == 'F' || rest[0] == 'P') && (rest[1] == ' ' || rest[1] == ':')
}

// maxCRITime is the length of 2006-01-02T15:04:05.000000000+00:00.
const maxCRITime = 35

// blanks is copied from; its length is that of a usual line.
const blanks = "                                                                " +
	"                                                                "

func blank(p []byte) {
	for len(p) > 0 {
		p = p[copy(p, blanks):]
	}
}

// zeros tells whether p holds nothing but NULs.
func zeros(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
