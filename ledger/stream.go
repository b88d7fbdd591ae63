package ledger

// The streams that a [FileOpen] may tell of: sources whose raw bytes lie on no
// disk of swab's. A number is one life of one: it begins with the daemon's
// start and ends with the input's end or the daemon's.
const (
	StreamStdin = "stdin"
	StreamFIFO  = "fifo"
)

// Why a stream's number is closed.
const (
	StreamEnded   = "ended"   // the input did
	StreamStopped = "stopped" // the daemon did, in order
	StreamCut     = "cut off" // the daemon did, in no order: the next start says so
)

// growStream books new bytes that were read of a stream. On the raw account
// they are streamed from the first: what was read is nowhere but in memory.
func (a *Account) growStream(n int64) {
	a.Written += n
	a.Unread += n
	a.Streamed += n
}

// legalStream tells whether an open event of a stream can be one.
func (o *FileOpen) legalStream() bool {
	switch o.Stream {
	case "":
		return true
	case StreamStdin, StreamFIFO:
		return o.Size == 0 && o.ID == FileID{} && o.After == 0 && o.CopyOf == 0 && o.Head == nil
	}
	return false
}

// raw is how many bytes of f are on a disk as they were written.
func (f *File) raw() int64 {
	if f.Stream != "" {
		return 0
	}
	return f.Size - f.Gone.Len()
}
