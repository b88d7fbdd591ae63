package main

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"swab/scrub"
)

// cleanLines are lines 0 to n-1 of a writer as the store must have them, a
// hundred to a file.
func cleanLines(t *testing.T, writer int, n uint64) [][]byte {
	t.Helper()
	s, err := scrub.New(scrub.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	m := newLineMaker(1, writer)
	var list [][]byte
	for i := range n {
		list = append(list, s.Append(nil, m.line(i/100, i)))
	}
	return list
}

func counted(t *testing.T, gaps []gap, lines [][]byte) verdict {
	t.Helper()
	return countedWhere(t, gaps, false, lines)
}

func countedWhere(t *testing.T, gaps []gap, mayCut bool, lines [][]byte) verdict {
	t.Helper()
	c := newCounter([]account{{Writer: 4, Lines: 1000, Files: 10, Gaps: gaps}, {Writer: 5}}, 1, mayCut)
	for part := range slices.Chunk(lines, 333) {
		if err := c.read("an object", bytes.NewReader(bytes.Join(part, nil))); err != nil {
			t.Fatal(err)
		}
	}
	return c.finish()
}

func TestCounterFindsWhatWasPlanted(t *testing.T) {
	all := cleanLines(t, 4, 1001)
	good, beyond := all[:1000], all[1000]
	raw := bytes.Clone(newLineMaker(1, 4).line(5, 500))
	stranger := cleanLines(t, 6, 1)[0]
	for name, c := range map[string]struct {
		plant func(lines [][]byte) [][]byte
		gaps  []gap
		want  verdict
	}{
		"nothing":    {func(l [][]byte) [][]byte { return l }, nil, verdict{Shipped: 1000}},
		"duplicate":  {func(l [][]byte) [][]byte { return append(l, l[0]) }, nil, verdict{Shipped: 1001, Duplicated: 1}},
		"at once":    {func(l [][]byte) [][]byte { return slices.Insert(l, 500, l[499]) }, nil, verdict{Shipped: 1001, Duplicated: 1}},
		"loss":       {func(l [][]byte) [][]byte { return slices.Delete(l, 63, 65) }, nil, verdict{Shipped: 998, Lost: 2}},
		"last lost":  {func(l [][]byte) [][]byte { return l[:999] }, nil, verdict{Shipped: 999, Lost: 1}},
		"all lost":   {func(l [][]byte) [][]byte { return nil }, nil, verdict{Lost: 1000}},
		"reordered":  {func(l [][]byte) [][]byte { l[7], l[8] = l[8], l[7]; return l }, nil, verdict{Shipped: 1000, Disordered: 1}},
		"files swap": {func(l [][]byte) [][]byte { return append(slices.Clone(l[100:]), l[:100]...) }, nil, verdict{Shipped: 1000}},
		"leak":       {func(l [][]byte) [][]byte { l[500] = raw; return l }, nil, verdict{Shipped: 1000, Leaked: 1, Changed: 1, Lost: 1}},
		"leaks too":  {func(l [][]byte) [][]byte { return append(l, []byte("203.0.113.9")) }, nil, verdict{Shipped: 1001, Leaked: 1, Changed: 1}},
		"changed":    {func(l [][]byte) [][]byte { l[3][len(l[3])-sumLen-3] ^= 1; return l }, nil, verdict{Shipped: 1000, Changed: 1, Lost: 1}},
		"cut":        {func(l [][]byte) [][]byte { l[999] = l[999][:60]; return l }, nil, verdict{Shipped: 1000, Changed: 1, Lost: 1}},
		"stranger":   {func(l [][]byte) [][]byte { return append(l, stranger) }, nil, verdict{Shipped: 1001, Foreign: 1}},
		"never said": {func(l [][]byte) [][]byte { return append(l, beyond) }, nil, verdict{Shipped: 1001, Foreign: 1}},
		"gap":        {func(l [][]byte) [][]byte { return slices.Delete(l, 10, 14) }, []gap{{From: 10, To: 13}}, verdict{Shipped: 996, Lost: 1, Excused: 3}},
		"gap's half": {func(l [][]byte) [][]byte { l[10] = []byte("w=004 f=0000\n"); return l }, []gap{{From: 10, To: 20, Torn: 1}},
			verdict{Shipped: 1000, Excused: 1, Torn: 1}},
	} {
		lines := make([][]byte, len(good))
		for i := range good {
			lines[i] = bytes.Clone(good[i])
		}
		got := counted(t, c.gaps, c.plant(lines))
		if (len(got.Examples) > 0) != (c.want.bad() || c.want.Torn > 0) {
			t.Errorf("%s: examples %q", name, got.Examples)
		}
		got.Examples = nil
		if got.bad() != c.want.bad() || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestCounterKnowsTheTwoPartsOfALineThatTheLimitCut(t *testing.T) {
	good := cleanLines(t, 4, 1000)
	line := string(good[700][:len(good[700])-1])
	half := []gap{{From: 700, To: 700, Torn: 1}}
	for name, c := range map[string]struct {
		parts  []string
		mayCut bool
		gaps   []gap
		want   verdict
	}{
		"no clock was wrong":  {[]string{line[:60], line[60:]}, false, nil, verdict{Shipped: 1001, Lost: 1, Changed: 2}},
		"within a word":       {[]string{line[:60], line[60:]}, true, nil, verdict{Shipped: 1001, Cut: 1}},
		"within the head":     {[]string{line[:20], line[20:]}, true, nil, verdict{Shipped: 1001, Cut: 1}},
		"rest blanked":        {[]string{line[:60], redacted}, true, nil, verdict{Shipped: 1001, Cut: 1}},
		"word blanked":        {[]string{line[:60], redacted + line[60+strings.IndexByte(line[60:], ' '):]}, true, nil, verdict{Shipped: 1001, Cut: 1}},
		"rest missing":        {[]string{line[:60]}, true, nil, verdict{Shipped: 1000, Lost: 1, Changed: 1}},
		"begin missing":       {[]string{line[60:]}, true, nil, verdict{Shipped: 1000, Lost: 1, Changed: 1}},
		"wrong way round":     {[]string{line[60:], line[:60]}, true, nil, verdict{Shipped: 1001, Lost: 1, Changed: 2}},
		"more than is there":  {[]string{line[:90], line[40:]}, true, nil, verdict{Shipped: 1001, Lost: 1, Changed: 2}},
		"changed before it":   {[]string{line[:39] + "~" + line[40:60], line[60:]}, true, nil, verdict{Shipped: 1001, Lost: 1, Changed: 2}},
		"another line's":      {[]string{line[:60], string(good[3][60:])}, true, nil, verdict{Shipped: 1001, Lost: 1, Changed: 2}},
		"beside a rotation's": {[]string{line[:60], line[60:]}, true, half, verdict{Shipped: 1001, Cut: 1}},
	} {
		var parts [][]byte
		for _, p := range c.parts {
			parts = append(parts, []byte(strings.TrimSuffix(p, "\n")+"\n"))
		}
		got := countedWhere(t, c.gaps, c.mayCut, slices.Replace(slices.Clone(good), 700, 701, parts...))
		got.Examples = nil
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// What the counter says names lines by their number alone.
func TestCounterQuotesNoLine(t *testing.T) {
	v := counted(t, nil, [][]byte{[]byte("secret 203.0.113.9\n"), bytes.Clone(newLineMaker(1, 4).line(5, 500))})
	if text := strings.Join(v.Examples, "\n"); text == "" || strings.Contains(text, "secret") || leaks([]byte(text)) {
		t.Errorf("it said:\n%s", text)
	}
}
