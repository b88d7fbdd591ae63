package ledger

import (
	"bytes"
	"slices"
	"strings"
)

// Frame is what stands at the begin of a line that was overwritten with blanks
// and was one of Kubernetes' CRI format: an empty line of the year 1. `kubectl
// logs` knows a log's format by the first line it reads, and gives up on one
// that has none (ReadLogs of pkg/kubelet/kuberuntime/logs). It is as long as the
// shortest that a runtime writes, and says nothing of what stood there.
const Frame = "0001-01-01T00:00:00Z stdout F "

// fillBytes are what overwriting leaves, whichever the fill, but for frames.
const fillBytes = "\x00 \r\n"

// Filled tells whether p, which stands at off, is what overwriting leaves,
// whichever the fill: NULs, or spaces and line ends with frames among them. A
// frame may be cut where p is, and at blocks: a crash may leave one of two
// blocks that a frame lies across.
func Filled(off int64, p []byte) bool {
	for len(p) > 0 {
		n := min(int64(len(p)), BlockSize-off%BlockSize)
		if !filledBlock(p[:n]) {
			return false
		}
		p, off = p[n:], off+n
	}
	return true
}

// Begun tells whether p looks as if a part of it were what overwriting leaves:
// a NUL, a frame, or more blanks in a row than a line of text has. It is for
// bytes that are being overwritten; of others it says nothing.
func Begun(p []byte) bool {
	if bytes.IndexByte(p, 0) >= 0 || bytes.Contains(p, []byte(Frame)) {
		return true
	}
	text := func(c rune) bool { return !strings.ContainsRune(fillBytes, c) }
	return slices.ContainsFunc(bytes.FieldsFunc(p, text), func(run []byte) bool { return len(run) >= manyBlanks })
}

// manyBlanks is how many blanks in a row are taken for a fill in text.
const manyBlanks = 8

func filledBlock(p []byte) bool {
	for k := range Frame { // its begin may be cut off
		rest := Frame[k:]
		if k == 0 {
			rest = ""
		}
		n := min(len(rest), len(p))
		if string(p[:n]) == rest[:n] && framed(p[n:]) {
			return true
		}
	}
	return false
}

// framed tells whether p is fill bytes and frames, the last one perhaps cut.
func framed(p []byte) bool {
	for {
		p = bytes.TrimLeft(p, fillBytes)
		n := min(len(Frame), len(p))
		if string(p[:n]) != Frame[:n] {
			return false
		}
		if n == len(p) {
			return true
		}
		p = p[n:]
	}
}
