package main

import (
	"bytes"
	"errors"
	"hash/crc32"
	"strconv"
)

// A line of a writer, raw and as the store must hold it:
//
//	w=003 f=00000017 n=000000012345 203.0.113.77 - "GET /v2/kdhwuq" from [2001:db8:7:1::9]:443 … c=1a2b3c4d
//	w=003 f=00000017 n=000000012345 203.0.113.0 - "GET /v2/kdhwuq" from [2001:db8:7::]:443 … c=1a2b3c4d
//
// w is the writer, f the number of its file, n counts its lines through all
// files. c is the CRC-32 (Castagnoli) of all that stands before it in the
// scrubbed form, so that a line of the store proves itself: nothing but
// addresses was changed, and these as truncating to /24 and /48 has it.
const (
	headLen = len("w=003 f=00000017 n=000000012345 ")
	sumLen  = len(" c=1a2b3c4d")
	// maxLine bounds a line in bytes, with room over the longest that a
	// writer makes.
	maxLine = 1 << 20
	// One line in longEvery is longer than any buffer of swab's, one in
	// mediumEvery longer than a page.
	longEvery, longLine     = 50_000, 300 << 10
	mediumEvery, mediumLine = 500, 6 << 10
)

// lineMaker makes the lines of one writer: the same for the same seed. Its
// buffers are reused.
type lineMaker struct {
	seed       uint64
	writer     int
	raw, clean []byte
	filler     []byte
	table      *crc32.Table
}

func newLineMaker(seed uint64, writer int) *lineMaker {
	m := &lineMaker{seed: seed, writer: writer, table: crc32.MakeTable(crc32.Castagnoli)}
	state := seed
	for len(m.filler) < longLine+256 {
		x := mix(&state)
		for range 8 {
			m.filler = append(m.filler, "abcdefghijklmnopqrstuvwxyz/-_ +~"[x&31])
			x >>= 8
		}
	}
	return m
}

// mix is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", OOPSLA 2014).
func mix(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// line makes line n, of the writer's file f. The slice is valid until the next
// call.
func (m *lineMaker) line(f, n uint64) []byte {
	state := m.seed ^ uint64(m.writer)<<48 ^ n
	x := mix(&state)
	m.raw = appendNumber(append(m.raw[:0], "w="...), uint64(m.writer), 3)
	m.raw = appendNumber(append(m.raw, " f="...), f, 8)
	m.raw = append(appendNumber(append(m.raw, " n="...), n, 12), ' ')
	m.clean = append(m.clean[:0], m.raw...)
	m.address(x)
	m.text(` - "GET /v2/`, int(x>>40&31))
	m.both(`" from `)
	m.address(mix(&state))
	m.both(" ")
	size := int(x >> 32 & 127)
	switch y := mix(&state); {
	case y%longEvery == 0:
		size = longLine
	case y%mediumEvery == 0:
		size = mediumLine
	}
	m.text("", size)
	sum := crc32.Checksum(m.clean, m.table)
	m.raw = appendSum(m.raw, sum)
	return append(m.raw, '\n')
}

// stored is line n of file f as the store must have it, without its newline.
// The slice is valid until the next call.
func (m *lineMaker) stored(f, n uint64) []byte {
	m.line(f, n)
	m.clean = appendSum(m.clean, crc32.Checksum(m.clean, m.table))
	return m.clean
}

func (m *lineMaker) both(s string) {
	m.raw, m.clean = append(m.raw, s...), append(m.clean, s...)
}

// text appends a word and n letters of the filler.
func (m *lineMaker) text(s string, n int) {
	m.both(s)
	from := len(m.raw) % 251 % (len(m.filler) - n)
	m.raw = append(m.raw, m.filler[from:from+n]...)
	m.clean = append(m.clean, m.filler[from:from+n]...)
}

// address appends an address of the networks for documentation (RFC 5737,
// RFC 3849) in one of the forms in which logs have them, its host bits never
// zero.
func (m *lineMaker) address(x uint64) {
	nets := [...]string{"192.0.2.", "198.51.100.", "203.0.113."}
	net, host := nets[x>>8%3], 1+x>>16%254
	four := func(before, after string) {
		m.both(before)
		m.both(net)
		m.raw, m.clean = strconv.AppendUint(m.raw, host, 10), append(m.clean, '0')
		m.both(after)
	}
	switch x & 7 {
	case 0, 1:
		four("", "")
	case 2:
		four("", ":443")
	case 3:
		four("::ffff:", "")
	case 4:
		dashed := [...]string{"ip-192-0-2-", "ip-198-51-100-", "ip-203-0-113-"}[x>>8%3]
		m.both(dashed)
		m.raw, m.clean = strconv.AppendUint(m.raw, host, 10), append(m.clean, '0')
		m.both(".example.net")
	default:
		m.both("[2001:db8:")
		m.both(strconv.FormatUint(1+x>>24%0xfff, 16))
		m.raw = append(m.raw, ':')
		m.raw = strconv.AppendUint(m.raw, 1+x>>36%0xffff, 16)
		m.both("::")
		m.raw = strconv.AppendUint(m.raw, host, 16)
		m.both("]:443")
	}
}

// appendNumber appends n with at least width digits.
func appendNumber(p []byte, n uint64, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for ; n > 0 || len(digits)-i < width; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
	}
	return append(p, digits[i:]...)
}

func appendSum(p []byte, sum uint32) []byte {
	p = append(p, " c="...)
	for shift := 28; shift >= 0; shift -= 4 {
		p = append(p, "0123456789abcdef"[sum>>shift&15])
	}
	return p
}

// header is what stands at a line's beginning.
type header struct {
	writer  int
	file, n uint64
}

var errNoLine = errors.New("not a line of a writer")

// parseLine reads a line of the store, without its newline, and tells whether
// its checksum holds.
func parseLine(line []byte, table *crc32.Table) (h header, whole bool, err error) {
	if len(line) < headLen+sumLen {
		return h, false, errNoLine
	}
	w, ok1 := number(line, "w=", 0, 5)
	f, ok2 := number(line, " f=", 5, 16)
	n, ok3 := number(line, " n=", 16, 31)
	if !ok1 || !ok2 || !ok3 || line[headLen-1] != ' ' {
		return h, false, errNoLine
	}
	h = header{int(w), f, n}
	var want [16]byte
	at := len(line) - sumLen
	return h, bytes.Equal(line[at:], appendSum(want[:0], crc32.Checksum(line[:at], table))), nil
}

// number reads the digits after name in line[from:to].
func number(line []byte, name string, from, to int) (n uint64, ok bool) {
	if string(line[from:from+len(name)]) != name {
		return 0, false
	}
	for _, c := range line[from+len(name) : to] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
