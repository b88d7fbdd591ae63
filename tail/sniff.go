package tail

import "bytes"

// SniffSize is how much of a file's begin is looked at, bytes.
const SniffSize = 4096

// magics are the first bytes of files that are no text, from their formats'
// own specifications (and file(1)'s magic database for the names).
var magics = []struct{ magic, what string }{
	{"\x1f\x8b", "a gzip archive"},
	{"\x28\xb5\x2f\xfd", "a zstd archive"},
	{"BZh", "a bzip2 archive"},
	{"\xfd7zXZ\x00", "an xz archive"},
	{"\x04\x22\x4d\x18", "an lz4 archive"},
	{"PK\x03\x04", "a zip archive"},
	{"LPKSHHRH", "a systemd journal"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"\x37\x7f\x06\x82", "an SQLite journal"},
	{"\x37\x7f\x06\x83", "an SQLite journal"},
	{"\xd4\xc3\xb2\xa1", "a packet capture"},
	{"\xa1\xb2\xc3\xd4", "a packet capture"},
	{"\x4d\x3c\xb2\xa1", "a packet capture"}, // with times in ns
	{"\xa1\xb2\x3c\x4d", "a packet capture"},
	{"\x0a\x0d\x0d\x0a", "a packet capture"},
	{"\x7fELF", "a program"},
	{"%PDF-", "a PDF document"},
	{"RIFF", "a media file"},
	{"OggS", "a media file"},
	{"\x1a\x45\xdf\xa3", "a media file"},
	{"\x89PNG", "a picture"},
}

// gap is how many zeros in a row are no character of a text, but bytes that
// nobody wrote: where swab erased, where a writer went on behind a truncation,
// and where a power cut left a file its size without its content.
const gap = 8

// Binary tells whether a file that begins with head is no text, and what it
// is. Gaps of zeros say nothing.
func Binary(head []byte) (what string, binary bool) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.what, true
		}
	}
	// utmp(5), as wtmp and btmp: a record begins with its type, 1 to 9, a 16-bit
	// number in either byte order, and two bytes of padding.
	if len(head) > 4 && (head[0] >= 1 && head[0] <= 9 && head[1] == 0 || head[0] == 0 && head[1] >= 1 && head[1] <= 9) && head[2] == 0 && head[3] == 0 {
		return "login records (utmp, wtmp, btmp)", true
	}
	text := bytes.TrimLeft(head, "\x00")
	for {
		k := bytes.IndexByte(text, 0)
		if k < 0 {
			return "", false
		}
		rest := bytes.TrimLeft(text[k:], "\x00")
		within := len(rest) == 0 && len(head) == SniffSize // head ends in a gap
		if zeros := len(text) - k - len(rest); zeros < gap && !within {
			return "NUL bytes among its first ones", true
		}
		text = rest
	}
}
