package retain

import (
	"strings"
	"testing"

	"swab/ledger"
)

// What a blanked line of the CRI format keeps is the same for all of them.
func TestBlankLeavesFramesThatSayNothing(t *testing.T) {
	empty := ledger.Frame
	for raw, want := range map[string]string{
		"2016-10-06T00:17:09.669794202Z stdout F GET /\n":      empty + strings.Repeat(" ", 15) + "\n",
		"2016-10-06T00:17:09.669794202+02:00 stderr P a\r\n":   empty + strings.Repeat(" ", 16) + "\r\n",
		"2016-10-06T00:17:09Z stdout F \n":                     empty + "\n",
		"2016-10-06T00:17:09Z stdout P:x y\n":                  empty + "   \n",
		"2016-10-06T00:17:09Z syslog F x\n":                    strings.Repeat(" ", 31) + "\n",
		"2016-10-06 00:17:09Z stdout F x\n":                    strings.Repeat(" ", 31) + "\n",
		"x 2016-10-06T00:17:09Z stdout F x\n":                  strings.Repeat(" ", 33) + "\n",
		"2016-10-06T00:17:09.669794202Z std":                   strings.Repeat(" ", 34),
		empty + "  \n":                                         empty + "  \n",
		"a\n2016-10-06T00:17:09Z stdout F x\nb\n\n":            " \n" + empty + " \n \n\n",
		`{"log":"x\n","stream":"stdout","time":"2016-10-06T"}`: strings.Repeat(" ", 52),
	} {
		p := []byte(raw)
		FillBlank.apply(p)
		if string(p) != want {
			t.Errorf("%q became %q, want %q", raw, p, want)
		}
		if !ledger.Filled(0, p) {
			t.Errorf("%q does not count as overwritten", p)
		}
	}
}
