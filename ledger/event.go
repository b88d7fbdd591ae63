package ledger

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Kind names what an event says.
type Kind string

// The kinds of events; each has one struct below that carries its content.
const (
	KindStart     Kind = "start"
	KindFork      Kind = "fork"
	KindPolicy    Kind = "policy"
	KindSnapshot  Kind = "snapshot"
	KindOpen      Kind = "open"
	KindSeen      Kind = "seen"
	KindSeal      Kind = "seal"
	KindShip      Kind = "ship"
	KindErase     Kind = "erase"
	KindErased    Kind = "erased"
	KindExpire    Kind = "expire"
	KindLost      Kind = "lost"
	KindCopied    Kind = "copied"
	KindJoined    Kind = "joined"
	KindRecalled  Kind = "recalled"
	KindPacked    Kind = "packed"
	KindClose     Kind = "close"
	KindRefused   Kind = "refused"
	KindUncovered Kind = "uncovered"
	KindKey       Kind = "key"
	KindReveal    Kind = "reveal"
	KindAnchor    Kind = "anchor"
	KindCut       Kind = "cut"
	KindStop      Kind = "stop"
)

// Event is one line of the ledger. Exactly one of the pointers is set.
type Event struct {
	// N counts events from 1, without a gap, over all segments.
	N uint64 `json:"n"`
	// Group counts appends: the events of one group reached the disk with one
	// fsync, and a group begins only after the one before it was synced.
	Group uint64 `json:"g"`
	// End marks the last event of its group.
	End bool `json:"end,omitempty"`
	// At is swab's time (never earlier than the event before), UTC, in ms.
	At time.Time `json:"at"`
	// Kind repeats which pointer is set, for grep.
	Kind Kind `json:"ev"`

	Start     *Start      `json:"start,omitempty"`
	Fork      *Fork       `json:"fork,omitempty"`
	Policy    *Policy     `json:"policy,omitempty"`
	Snapshot  *Snapshot   `json:"snapshot,omitempty"`
	Open      *FileOpen   `json:"open,omitempty"`
	Seen      *Seen       `json:"seen,omitempty"`
	Seal      *Seal       `json:"seal,omitempty"`
	Ship      *Ship       `json:"ship,omitempty"`
	Erase     *Erase      `json:"erase,omitempty"`
	Erased    *Erased     `json:"erased,omitempty"`
	Expire    *Expire     `json:"expire,omitempty"`
	Lost      *Lost       `json:"lost,omitempty"`
	Copied    *Copied     `json:"copied,omitempty"`
	Joined    *Joined     `json:"joined,omitempty"`
	Recalled  *Recalled   `json:"recalled,omitempty"`
	Packed    *PackedSums `json:"packed,omitempty"`
	Close     *FileClose  `json:"close,omitempty"`
	Refused   *Refused    `json:"refused,omitempty"`
	Uncovered *Uncovered  `json:"uncovered,omitempty"`
	Key       *KeyEvent   `json:"key,omitempty"`
	Reveal    *Reveal     `json:"reveal,omitempty"`
	Anchor    *Anchor     `json:"anchor,omitempty"`
	Cut       *Cut        `json:"cut,omitempty"`
	Stop      *Stop       `json:"stop,omitempty"`
}

// Start is written by every start of the daemon.
type Start struct {
	Version string `json:"version"`
	// Machine is a hash of the machine id; Boot is the kernel's boot id.
	Machine string `json:"machine"`
	Boot    string `json:"boot"`
	// Sure is when the clocks were last of one mind (Unix seconds, 0 unknown), and
	// Up how long that was after the boot.
	Sure int64   `json:"sure,omitempty"`
	Up   Seconds `json:"up,omitempty"`
	// Home identifies the state directory itself: what a copy of it does not
	// share. Empty in ledgers of earlier versions.
	Home string `json:"home,omitempty"`
	// Host and Node name this state directory in object keys. The first start
	// fixes them, until a fork.
	Host string `json:"host"`
	Node string `json:"node"`
	// Store is where batches go, as --to names it, scrubbed.
	Store string `json:"store,omitempty"`
	// Policies are the effective retention settings, by class.
	Policies map[string]Retention `json:"policies"`
	// Devices are the file systems that the logs lie on, each once.
	Devices []Device `json:"devices,omitempty"`
}

// Device is a file system, and what overwriting a byte there is worth.
type Device struct {
	FS string `json:"fs"` // ext4, xfs, btrfs, …
	// Reaches: overwritten bytes are overwritten where they lie, as far as the
	// file system decides that. Note says what limits it.
	Reaches bool   `json:"reaches"`
	Note    string `json:"note,omitempty"`
}

// Fork says that the state directory turned out to be a copy of another one,
// and names it anew: what is sealed from here on has keys with the new host and
// node. Numbers go on, and batches that are sealed keep their keys, so that
// those that the other one ships, too, are in the store once.
type Fork struct {
	Host    string `json:"host"`
	Node    string `json:"node"`
	WasHost string `json:"was_host"`
	WasNode string `json:"was_node"`
	Why     string `json:"why"`
}

// Retention is what a class's settings mean for its raw bytes.
type Retention struct {
	RawLimit   Seconds `json:"raw_limit"`
	EraseAfter Seconds `json:"erase_after"`
	AtLimit    bool    `json:"at_limit,omitempty"` // raw bytes stay until the limit
	Erase      string  `json:"erase"`              // live, rotated, off
	Fill       string  `json:"fill"`               // zero, blank
	OnLimit    string  `json:"on_limit"`           // seal, expire
	Scrub      string  `json:"scrub"`
	Keep       Seconds `json:"keep,omitempty"` // in the store; 0: as the operator says
	// RawSpool: the class's scrubbed lines still hold addresses.
	RawSpool bool `json:"raw_spool,omitempty"`
	// Pseudonyms: a day's key turns the class's scrubbed lines back until it is
	// destroyed.
	Pseudonyms bool `json:"pseudonyms,omitempty"`
}

// Seconds is a duration in whole seconds, as the ledger writes it.
type Seconds int64

// Duration converts to Go's unit.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Policy says that a class's retention settings changed. Old is nil when the
// class is new, New is nil when no flag names the class any more; its files
// are held to Old until they are gone.
type Policy struct {
	Class string     `json:"class"`
	Old   *Retention `json:"old,omitempty"`
	New   *Retention `json:"new,omitempty"`
}

// Snapshot begins a segment: the fold of all that came before.
type Snapshot struct {
	// Prev is the sum of the last event before; empty in the first segment.
	Prev  string `json:"prev"`
	State *State `json:"state"`
	// Repair is set where a new chain begins.
	Repair *Repaired `json:"repair,omitempty"`
}

// Repaired says what a repair left out of the chain that begins with it.
type Repaired struct {
	// Segments are all that a reader finds missing before this one.
	Segments []int `json:"segments"`
	// Why is what was wrong, without a word of the damaged text.
	Why string `json:"why"`
}

// FileID is what tells one file from another, as far as the file system says.
type FileID struct {
	FS   string `json:"fs"`             // statfs f_fsid; the file system's UUID where that is the device number, or 0; else that
	Ino  uint64 `json:"ino"`            // inode number
	Gen  uint64 `json:"gen,omitempty"`  // inode generation, 0 where unknown
	Born int64  `json:"born,omitempty"` // birth time, ns since 1970, 0 where unknown
}

// Mark is a keyed sum of a few raw bytes, [Off, Off+Len) of their file.
type Mark struct {
	Off int64  `json:"o"`
	Len int    `json:"l"`
	Day string `json:"d"` // of the key
	Sum string `json:"s"` // hex
}

// FileOpen says that swab met a file's content for the first time: a new file, or
// the next generation of a known one (After).
type FileOpen struct {
	File  uint64 `json:"f"`
	Class string `json:"class"`
	ID    FileID `json:"id"`
	After uint64 `json:"after,omitempty"`
	// CopyOf is the file that its first Copied bytes were copied from. Nothing
	// is read here while the original is.
	CopyOf uint64 `json:"copy_of,omitempty"`
	Copied int64  `json:"copied,omitempty"`
	// Stream is set for a stream, "stdin" or "fifo", which has no identity and
	// no size at first sight. Its offsets count from the number's begin.
	Stream string `json:"stream,omitempty"`
	// Packed is set for an archive.
	Packed *Packed `json:"packed,omitempty"`
	// Size is what the file held at first sight, in bytes: older than swab's
	// first sight of it. Of an archive, the length of its content.
	Size int64 `json:"size"`
	// SizeAt is when Size was read, Unix seconds; 0: at the event's time, which
	// may be later than bytes that came after.
	SizeAt int64 `json:"size_at,omitempty"`
	// Head is the keyed sum of the first bytes, nil for an empty file.
	Head *Mark `json:"head,omitempty"`
}

// Seen lists the files that grew since the last one.
type Seen struct {
	Files []Growth `json:"files"`
}

// Growth bounds the age of bytes that are not sealed yet: at Quiet (Unix
// seconds) the file still had its size of before, now it has Size.
type Growth struct {
	File  uint64 `json:"f"`
	Size  int64  `json:"size"`
	Quiet int64  `json:"quiet"`
	// SizeAt is when Size was read, Unix seconds; 0: at the event's time, which
	// may be later than bytes that came after.
	SizeAt int64 `json:"size_at,omitempty"`
}

// BatchID names a batch. Numbers of a class start at 1 and have no gap. The
// reserved class "expire" names ranges that were never sealed.
type BatchID struct {
	Class  string
	Number uint64
}

// ExpireClass is the class of the batches that [Expire] makes.
const ExpireClass = "expire"

func (b BatchID) String() string { return fmt.Sprintf("%s/%d", b.Class, b.Number) }

// MarshalText writes CLASS/NUMBER.
func (b BatchID) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads CLASS/NUMBER, in the one form that MarshalText writes.
func (b *BatchID) UnmarshalText(p []byte) error {
	i := bytes.LastIndexByte(p, '/')
	n, err := strconv.ParseUint(string(p[i+1:]), 10, 64)
	id := BatchID{Class: string(p[:max(i, 0)]), Number: n}
	if err != nil || id.String() != string(p) {
		return fmt.Errorf("batch %q: want CLASS/NUMBER", p)
	}
	*b = id
	return nil
}

// Range is [From, To) of one file's bytes. Times are Unix seconds; 0 means
// unknown, which counts as the oldest it can be.
type Range struct {
	File   uint64 `json:"f"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Oldest int64  `json:"oldest"`
	Newest int64  `json:"newest"`
	Lines  int64  `json:"lines"`
	// EndAt is when the file was seen to end at To: what follows was written
	// later. 0 where it went on.
	EndAt int64 `json:"end_at,omitempty"`
	// Cut: the range ends in the middle of a line.
	Cut bool `json:"cut,omitempty"`
	// Hole: nobody wrote these bytes, as the file system says. They are zeros, no
	// lines, in no object, and have no sums: there is nothing to overwrite.
	Hole bool `json:"hole,omitempty"`
	// Head is the keyed sum of the first bytes, in a generation's first range.
	Head *Mark `json:"head,omitempty"`
	// Tail holds the keyed sums of the last bytes before To: one mark, or two
	// where the bytes cross a block (see [TailSpans]).
	Tail []Mark `json:"tail"`
}

// Len is the number of raw bytes.
func (r Range) Len() int64 { return r.To - r.From }

// Seal closes a batch: its spool file, its sums file and its source files are
// synced, and with this event the cursors of its files move.
type Seal struct {
	Batch   BatchID `json:"batch"`
	Key     string  `json:"key"`
	SHA256  string  `json:"sha256"`
	Size    int64   `json:"size"`     // of the object, bytes
	Raw     int64   `json:"raw"`      // sum of the ranges, bytes
	Lines   int64   `json:"lines"`    // sum of the ranges
	Sums    string  `json:"sums"`     // SHA-256 of the sums file
	SumsKey string  `json:"sums_key"` // day of the key of the sums
	Scrub   string  `json:"scrub"`    // the policy that the lines were scrubbed by
	Ranges  []Range `json:"ranges"`
}

// Ship says that the object of a batch is in the store, and how that is known.
type Ship struct {
	Batch BatchID `json:"batch"`
	// How is "stored" (this put stored it) or "already" (the store had it).
	How string `json:"how"`
	// Verified is "checksum" (the store's own SHA-256 agreed), "key" (the
	// content-addressed key was there already) or "head" (asked again).
	Verified string `json:"verified"`
}

// Ref names a batch, or some ranges of it by index.
type Ref struct {
	Batch BatchID `json:"batch"`
	Only  []int   `json:"only,omitempty"`
}

// Reason says why raw bytes may be overwritten.
type Reason string

// The reasons; see invariant 2.
const (
	ReasonShipped     Reason = "shipped"      // verified in the store, and the class says so
	ReasonLimit       Reason = "limit"        // verified in the store, kept until the limit, which is now
	ReasonLimitSealed Reason = "limit-sealed" // at the limit; the spool holds it, the object follows
	ReasonExpire      Reason = "expire"       // at the limit, and never sealed
	ReasonNameless    Reason = "nameless"     // sealed, and no name leads to the file any more: once closed, nothing does
)

// Erase is the intent, written before the first byte is.
type Erase struct {
	Reason Reason `json:"reason"`
	Refs   []Ref  `json:"refs"`
}

// Span is [From, To) of a file's bytes.
type Span struct {
	File uint64 `json:"f"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// Erased says that the ranges are overwritten, and the overwriting synced.
// Skipped lists what in them did not hold the bytes that swab had read any
// more: someone else freed those, and they are accounted for as removed.
type Erased struct {
	Refs []Ref `json:"refs"`
	// Fill is what stands there now, zero or blank; empty in ledgers of earlier
	// versions: what the class says.
	Fill    string `json:"fill,omitempty"`
	Skipped []Span `json:"skipped,omitempty"`
}

// Expire is a loss: a range at its limit that could not be sealed. It is the
// intent to erase it, too, under the batch "expire/NUMBER".
type Expire struct {
	Batch   BatchID `json:"batch"`
	Range   Range   `json:"range"`
	Sums    string  `json:"sums"`
	SumsKey string  `json:"sums_key"`
	Why     string  `json:"why"`
}

// Lost says that at least the bytes [From, To) were gone before swab had read
// them.
type Lost struct {
	File uint64 `json:"f"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
	Why  string `json:"why"`
}

// FileClose ends a generation. What is still raw of it was freed by someone else
// ("removed"), unless all of it is erased.
type FileClose struct {
	File uint64 `json:"f"`
	// Why is "unlinked" (by swab, all erased), "gone" (removed by someone
	// else), "rewritten" (truncated or replaced: the next generation began);
	// of a stream "ended", "stopped" or "cut off".
	Why string `json:"why"`
}

// Refused says that a file was not taken. Name has passed the scrubber.
type Refused struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Since is when the file was made, Unix seconds; 0 where that is not known,
	// and for what is no file. No byte of it is older, unless it was made older
	// elsewhere.
	Since int64 `json:"since,omitempty"`
}

// Uncovered says which files lie beside the logs and are covered by no glob:
// neither shipped nor erased. A run writes it at its first look, when the names
// change, and once a day; one without files says that there are none.
type Uncovered struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// List has the first of them by path, a hundred at most.
	List []UncoveredFile `json:"list,omitempty"`
}

// UncoveredFile is one of them. Name has passed the scrubber.
type UncoveredFile struct {
	Name  string `json:"name"`
	Size  int64  `json:"size"`            // bytes
	Since int64  `json:"since,omitempty"` // as that of [Refused]
}

// KeyEvent tells of a day's key, or of the ratchet. "made" comes after the key
// is on the disk and before it is used; "destroyed" after it is overwritten and
// unlinked. A ratchet is "seeded" from its file (Day is the first that has a key
// of it), "seeded anew" when the file holds another secret, or "destroyed" when no
// flag names one any more.
type KeyEvent struct {
	Use string `json:"use"` // "sums", "pseudonyms", "ratchet"
	Day string `json:"day"`
	Did string `json:"did"`
}

// Reveal says that someone turned a pseudonym of a day back. It names neither
// the pseudonym nor the address.
type Reveal struct {
	// ID is drawn for each one: a crash may write the same one down twice.
	ID   string `json:"id"`
	User string `json:"user"`           // the user's name, as the system has it
	UID  int    `json:"uid"`            // the user's number
	Sudo string `json:"sudo,omitempty"` // SUDO_USER, as sudo(8) sets it, or whoever
	Day  string `json:"day"`            // of the key
	// Asked is when, Unix seconds; the event may come a little later.
	Asked int64 `json:"asked"`
}

// Cut says that the torn end of a segment was moved to ledger.torn.
type Cut struct {
	Segment int   `json:"segment"`
	At      int64 `json:"at"`    // bytes of the segment that were kept
	Bytes   int64 `json:"bytes"` // bytes that were moved
}

// Stop is written by an orderly end, and by one that came since batches could
// not be sealed.
type Stop struct {
	Why string `json:"why"`
	// Unsealed are the classes of those batches; empty for an orderly end.
	Unsealed []string `json:"unsealed,omitempty"`
}

// content returns the kind that fits the pointer that is set, and an error
// unless it is exactly one.
func (e *Event) content() (Kind, error) {
	var kind Kind
	n := 0
	for _, c := range []struct {
		kind Kind
		set  bool
	}{
		{KindStart, e.Start != nil}, {KindFork, e.Fork != nil}, {KindPolicy, e.Policy != nil}, {KindSnapshot, e.Snapshot != nil},
		{KindOpen, e.Open != nil}, {KindSeen, e.Seen != nil}, {KindSeal, e.Seal != nil},
		{KindShip, e.Ship != nil}, {KindErase, e.Erase != nil}, {KindErased, e.Erased != nil},
		{KindExpire, e.Expire != nil}, {KindLost, e.Lost != nil}, {KindCopied, e.Copied != nil},
		{KindJoined, e.Joined != nil}, {KindRecalled, e.Recalled != nil},
		{KindPacked, e.Packed != nil}, {KindClose, e.Close != nil},
		{KindRefused, e.Refused != nil}, {KindUncovered, e.Uncovered != nil}, {KindKey, e.Key != nil}, {KindCut, e.Cut != nil},
		{KindReveal, e.Reveal != nil}, {KindAnchor, e.Anchor != nil}, {KindStop, e.Stop != nil},
	} {
		if c.set {
			kind, n = c.kind, n+1
		}
	}
	if n != 1 {
		return "", fmt.Errorf("event with %d contents, want 1", n)
	}
	return kind, nil
}
