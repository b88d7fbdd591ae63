package retain

import (
	"bytes"
	"fmt"
)

// Fill is what overwritten bytes hold.
type Fill uint8

const (
	// FillZero writes NULs, whose blocks [Punch] can then give back.
	FillZero Fill = iota
	// FillBlank writes spaces and keeps the newlines, and the carriage returns
	// too: a reader that follows the file sees as many lines as before, ended
	// as before, and no NUL.
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

// apply overwrites p.
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

// blanks is copied from; its length is that of a usual line.
const blanks = "                                                                " +
	"                                                                "

func blank(p []byte) {
	for len(p) > 0 {
		p = p[copy(p, blanks):]
	}
}

// filled tells whether p holds nothing but what a fill writes, whichever: a
// run that crashed may have had the other one. No such byte says anything.
func filled(p []byte) bool {
	for _, c := range p {
		switch c {
		case 0, ' ', '\n', '\r':
		default:
			return false
		}
	}
	return true
}

// zeros tells whether p holds nothing but NULs.
func zeros(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
