package ledger

import "testing"

func TestBegunTellsWhatAFillHasLeftInText(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                false,
		"GET /a  200\nGET /b\n":           false,
		"\tindented    by four\r\n":       false,
		"\x00\x00\x00 2 half of a line":   true,
		"the rest\x00":                    true,
		"        \nthe second line\n":     true,
		Frame + "\nthe second line\n":     true,
		"the first line\n" + Frame[:20]:   false,
		"the first\n\n\n\n\n\n\n\nlast\n": true,
	} {
		if got := Begun([]byte(text)); got != want {
			t.Errorf("Begun(%q) = %v, want %v", text, got, want)
		}
	}
}
