package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"swab/scrub/oracle"
)

// What a row asks for.
const (
	must   = "must"   // its addresses must go
	stay   = "stay"   // it must stay to the byte
	policy = "policy" // its own project leaves it open: not counted
	idle   = "idle"   // its addresses have no host bits, so there is nothing to take
)

// wrongRows are rows of the case tables that ask for what is not right, by
// their id, with the reason. They are printed and not counted.
var wrongRows = map[string]string{}

// row is a line and what must become of it.
type row struct {
	source, id, input, class string
	// addresses are the texts in input that must not be found afterwards; of an
	// idle row, those that truncating leaves.
	addresses []string
	// beside are the parts of input that belong to no address, in order. The
	// first begins the line and the last ends it; either may be empty.
	beside []string
}

func (r row) counts() bool { return (r.class == must || r.class == stay) && wrongRows[r.id] == "" }

// sources are the tables, in the order in which they are printed. Those with a
// file under cases/ are other projects'.
func sources() []string {
	return []string{"anonip", "fluent_anonymizer", "ipcrypt_vectors", "presidio_ip", "vector_vrl", own}
}

const own = "swab"

// allRows reads every table there is; notes say what was left out.
func allRows(corpora string) (rows []row, notes []string, err error) {
	for _, source := range sources() {
		if source == own {
			continue
		}
		path := filepath.Join(corpora, "cases", source+".tsv")
		more, err := caseRows(source, path)
		if errors.Is(err, fs.ErrNotExist) {
			notes = append(notes, fmt.Sprintf("not there: %s (SWAB_CORPORA names another place)", path))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		rows = append(rows, more...)
	}
	more, err := ownRows(filepath.Join("scrub", "testdata"))
	if err != nil {
		return nil, nil, err
	}
	rows = append(rows, more...)
	return rows, append(notes, setAside(rows)...), nil
}

// setAside says which rows are not counted, and why.
func setAside(rows []row) (notes []string) {
	count := map[string]int{}
	wrong := 0
	for _, r := range rows {
		count[r.class]++
		if why := wrongRows[r.id]; why != "" {
			notes = append(notes, fmt.Sprintf("wrong row %s: %s", r.id, why))
			wrong++
		}
	}
	return append(notes, fmt.Sprintf("not counted: %d rows that are themselves wrong, %d that their own project leaves open,\n"+
		"  and %d whose addresses have no host bits for truncating to take (masking must take them all the same)",
		wrong, count[policy], count[idle]))
}

// caseRows reads a case table: id, input, addresses and lookalikes as JSON
// lists, a note that begins with the class, the source.
func caseRows(source, path string) (rows []row, err error) {
	lines, err := tableLines(path, 6)
	if err != nil {
		return nil, err
	}
	for _, c := range lines {
		r := row{source: source, id: c[0], input: c[1]}
		class, _, _ := strings.Cut(c[4], ";")
		r.class = strings.TrimPrefix(class, "class=")
		var listed []string
		if err := json.Unmarshal([]byte(c[2]), &listed); err != nil {
			return nil, fmt.Errorf("row %s: %w", r.id, err)
		}
		rows = append(rows, r.withAddresses(listed))
	}
	return rows, nil
}

// ownRows reads the tables of package scrub. What becomes of a row is in its
// last column; which addresses that takes out, the oracle says.
func ownRows(dir string) (rows []row, err error) {
	for _, t := range []struct {
		file    string
		columns int
		quoted  bool
	}{{"forms.tsv", 3, false}, {"lines.tsv", 3, true}, {"lookalikes.tsv", 2, false}} {
		lines, err := tableLines(filepath.Join(dir, t.file), t.columns)
		if err != nil {
			return nil, err
		}
		for i, c := range lines {
			r := row{source: own, id: fmt.Sprintf("%s:%d", t.file, i+2), input: c[1], class: stay}
			if t.file == "forms.tsv" || t.columns == 3 && c[1] != c[2] {
				r.class = must
			}
			if t.quoted {
				if r.input, err = strconv.Unquote(c[1]); err != nil {
					return nil, fmt.Errorf("%s: %w", r.id, err)
				}
			}
			if strings.Contains(r.input, "\n") {
				continue // every tool here is fed a row a line
			}
			if r = r.withAddresses(nil); r.class == idle && c[1] != c[2] {
				return nil, fmt.Errorf("%s: the oracle finds nothing to take in a row that changes", r.id)
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// tableLines reads a tab-separated file without its header.
func tableLines(path string, columns int) (lines [][]string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for i, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		c := strings.Split(l, "\t")
		if len(c) != columns {
			return nil, fmt.Errorf("%s:%d: %d columns, want %d", path, i+1, len(c), columns)
		}
		if i > 0 {
			lines = append(lines, c)
		}
	}
	return lines, nil
}

// withAddresses fills in which parts of the row are addresses: those listed,
// and those that the oracle finds.
func (r row) withAddresses(listed []string) row {
	if r.class != must {
		return r
	}
	address := make([]bool, len(r.input))
	var networks []string // addresses without host bits
	take := func(text string, network bool) {
		if network {
			networks = append(networks, text)
		} else {
			r.addresses = append(r.addresses, text)
		}
	}
	for _, s := range oracle.Find([]byte(r.input)) {
		mark(address, s.Start, s.End)
		if r.source == own {
			take(r.input[s.Start:s.End], withoutHostBits(s.Addr))
		}
	}
	for _, text := range listed {
		for from := 0; strings.Contains(r.input[from:], text); {
			at := from + strings.Index(r.input[from:], text)
			from = at + len(text)
			mark(address, at, from)
		}
		take(text, textWithoutHostBits(text))
	}
	if len(r.addresses) == 0 {
		r.class, r.addresses = idle, networks
	}
	r.beside = unmarked(r.input, address)
	return r
}

func mark(at []bool, from, to int) {
	for i := from; i < to; i++ {
		at[i] = true
	}
}

// unmarked cuts text at its marked parts.
func unmarked(text string, marked []bool) (parts []string) {
	begin := 0
	for i := range text {
		if !marked[i] {
			continue
		}
		if i == 0 || !marked[i-1] {
			parts = append(parts, text[begin:i])
		}
		begin = i + 1
	}
	return slices.Clip(append(parts, text[begin:]))
}
