package scrub

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// The sieve takes blocks, and skips by sixteens: where in them a form stands
// must not matter.
func TestEveryFormIsFoundAtEveryOffset(t *testing.T) {
	s := mustNew(t, Policy{})
	rows := table(t, "forms.tsv", 3)
	// Forms whose first separators stand far from any other digit.
	for _, form := range []string{"33e3-ab--cd-ef", "fe80-abcd-abcd-abcd-abcd-abcd-abcd-abcd", "a.1.b.c.d.e.f.a.b.c.d.e.f.ip6.arpa",
		"&amp;#x3a;&amp;#x3a;fff1", "2001%3Adb8:a:b:c:d:e:f", "2001:db8%3Aa:b:c:d:e:f", "203.0%2E113.7"} {
		rows = append(rows, []string{form, form, s.String(form)})
		if s.String(form) == form {
			t.Errorf("%q is not found", form)
		}
	}
	for _, row := range rows {
		for _, filler := range []string{"w", " ", "w ", "0 "} {
			for n := range 2*blockSize + 2 {
				before := strings.Repeat(filler, n/len(filler)+1) + "\n"
				for _, after := range []string{"", "\n" + strings.Repeat("word ", 20)} {
					if got, want := s.String(before+row[1]+after), before+row[2]+after; got != want {
						t.Fatalf("%s behind %d bytes: %q became %q", row[0], len(before), before+row[1]+after, got)
					}
				}
			}
		}
	}
}

// siftSlowly tells of the byte at i what the sieve says, by its definition.
func siftSlowly(text []byte, i int) (third, double, odd bool) {
	sep := func(i int) bool { return i >= 0 && i < len(text) && bytes.IndexByte([]byte(".:-_"), text[i]) >= 0 }
	before := func(i int) int { // the separator before the digits that end at i, or -1
		for i--; i >= 0 && is(text[i], isHex); i-- {
		}
		if !sep(i) {
			return -1
		}
		return i
	}
	if sep(i) {
		j := before(i)
		third = j >= 0 && before(j) >= 0
		double = sep(i - 1)
	}
	return third, double, text[i] == '{' || is(text[i], isEscape)
}

func TestSieveTellsWhatItsDefinitionSays(t *testing.T) {
	const letters = "00127af.:-_ %{"
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 13))
		text := make([]byte, 3*blockSize)
		kinds := 2 + r.IntN(len(letters)-1)
		for i := range text {
			text[i] = letters[r.IntN(kinds)]
		}
		var v sieve
		for p := 0; p < len(text); p += blockSize {
			third, double, odd, seps := v.sift((*[blockSize]byte)(text[p:]))
			for k := range blockSize {
				wantThird, wantDouble, wantOdd := siftSlowly(text, p+k)
				if third>>k&1 != 0 != wantThird || double>>k&1 != 0 != wantDouble || odd>>k&1 != 0 != wantOdd {
					t.Fatalf("byte %d of %q: third %b, double %b, odd %b, separators %b", p+k, text, third>>k&1, double>>k&1, odd>>k&1, seps>>k&1)
				}
			}
		}
	}
}

// What was once found to end the process, or to be missed at some offsets.
func TestNineGroupsWithZerosAreTakenWhole(t *testing.T) {
	if got := mustNew(t, Policy{}).String("x :::1:0:0:4:5:6:7:8 y"); strings.Contains(got, "8") {
		t.Errorf("became %q", got)
	}
}
