package ledger

import (
	"strings"
	"testing"
)

func TestFilledIsWhatOverwritingLeavesCutAnywhere(t *testing.T) {
	line := Frame + strings.Repeat(" ", 20) + "\n"
	text := strings.Repeat(line, 200) + strings.Repeat("\x00", 100) + line + "   \r\n\n" + line
	for from := range len(line) {
		for to := range len(line) {
			if !Filled(int64(from), []byte(text[from:len(text)-to])) {
				t.Fatalf("not known, cut from %d and %d before the end", from, to)
			}
		}
	}
	for _, raw := range []string{
		"x", "203.0.113.7", "  \n1\n", Frame + "x", "x" + Frame, "0001-01-01T00:00:01Z stdout F \n", Frame[:10] + " " + Frame, " out F", "1\n0\n",
	} {
		if Filled(0, []byte(raw)) {
			t.Errorf("%q counts as overwritten", raw)
		}
	}
}

// Of a frame that lies across two blocks, a crash may leave either half.
func TestFilledFramesMayBeCutAtBlocks(t *testing.T) {
	for k := range Frame {
		blank := strings.Repeat(" ", 40)
		at := int64(BlockSize - 40 - k)
		for _, text := range []string{blank + Frame[:k] + blank, blank + strings.Repeat(" ", k) + Frame[k:] + blank} {
			if !Filled(at, []byte(text)) {
				t.Errorf("half a frame at a block's border, cut at %d, is not known", k)
			}
			if k > 0 && k < len(Frame)-1 && Filled(at-7, []byte(text)) {
				t.Errorf("half a frame within a block, cut at %d, counts as overwritten", k)
			}
		}
	}
}
