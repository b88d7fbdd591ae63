package main

import "slices"

// account is what a writer knows of what it wrote.
type account struct {
	Writer int
	Class  string
	Lines  uint64 // written whole: numbers 0 to Lines-1
	Bytes  uint64
	Files  uint64 // files begun, or contents of one file
	Halves uint64 // lines written in two parts, with a pause between
	// Cuts are the first lines after each truncation by others: what stands in
	// one content of the file is in order, not what stands in two.
	Cuts []uint64 `json:",omitempty"`
	// Gaps are lines that a rotation by others (copytruncate) took away
	// between its copy and its truncation.
	Gaps []gap `json:",omitempty"`
}

// gap is lines [From, To) of a writer, and how many of them were cut in two.
type gap struct{ From, To, Torn uint64 }

// order is which lines are in order with line n of file f: those of the same
// content of a file.
func (a *account) order(f, n uint64) uint64 {
	if len(a.Cuts) == 0 {
		return f
	}
	i, found := slices.BinarySearch(a.Cuts, n)
	if found {
		i++
	}
	return uint64(i)
}
