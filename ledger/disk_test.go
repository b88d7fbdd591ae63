package ledger

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// disk is a segment's file whose disk can be full, or fail. Its fields are
// changed between appends.
type disk struct {
	segmentFile
	left          int64 // bytes that can still be allocated, or written beyond that
	noAlloc       bool  // the file system cannot allocate
	sync, write   error
	writes, syncs int
	allocated     int64
}

func (d *disk) Allocate(off, n int64) error {
	switch {
	case d.noAlloc:
		return syscall.EOPNOTSUPP
	case off+n-d.allocated > d.left:
		return syscall.ENOSPC
	}
	if more := off + n - d.allocated; more > 0 {
		d.left -= more
		d.allocated = off + n
	}
	return nil
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.writes++
	if more := off + int64(len(p)) - max(d.allocated, off); d.write == nil && more > d.left {
		d.segmentFile.WriteAt(p[:len(p)/2], off) // half of it is there
		return len(p) / 2, syscall.ENOSPC
	}
	if d.write != nil {
		return 0, d.write
	}
	return d.segmentFile.WriteAt(p, off)
}

func (d *disk) Sync() error {
	d.syncs++
	if d.sync != nil {
		return d.sync
	}
	return d.segmentFile.Sync()
}

// onDisk puts a disk under an open ledger, with no block allocated beyond its end.
func onDisk(l *Ledger) *disk {
	d := &disk{segmentFile: l.file, left: 1 << 40, allocated: l.size}
	l.file, l.reserved = d, 0
	return d
}

// A full disk refuses events, hundreds of times, without folding anything
// again; the reserve carries the ledger on for a while, and space that comes
// back is used at once.
func TestAFullDiskCostsNothing(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	d := onDisk(l)
	add(t, l, seenEvent(1, 1, 0))
	d.left = 0
	size := int64(1)
	for {
		if err := l.Append(seenEvent(1, size+1, 0)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
		size++
	}
	if size < 1000 {
		t.Errorf("the reserve took %d events only", size)
	}
	before, writes := toJSON(t, l.state), d.writes
	for range 500 {
		if err := l.Append(seenEvent(1, 9, 0), openEvent(2, "web", 5)); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%v, want ENOSPC", err)
		}
	}
	if toJSON(t, l.state) != before || d.writes != writes || l.reloads != 0 || l.Broken() != nil {
		t.Errorf("%d writes, %d reloads, broken %v", d.writes-writes, l.reloads, l.Broken())
	}
	d.left = 1 << 20
	add(t, l, openEvent(2, "web", 5))
	l.Close()
	if s := clean(t, dir).State; s.Files[1].Size != size || s.Files[2] == nil {
		t.Errorf("state %s", toJSON(t, s))
	}
}

// Where nothing can be allocated it is the write that fails: half of the events
// may be there, and is cut off.
func TestAFullDiskThatOnlyTheWriteMeets(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	d := onDisk(l)
	d.noAlloc, d.left = true, 0
	before := toJSON(t, l.state)
	if err := l.Append(seenEvent(1, 9, 0)); !errors.Is(err, syscall.ENOSPC) || l.Broken() != nil {
		t.Fatalf("%v, broken %v", err, l.Broken())
	}
	if toJSON(t, l.state) != before {
		t.Error("the state changed")
	}
	d.left = 1 << 20
	add(t, l, seenEvent(1, 7, 0))
	l.Close()
	if s := clean(t, dir).State; s.Files[1].Size != 7 {
		t.Errorf("size %d", s.Files[1].Size)
	}
}

// After a failed sync nobody knows what is on the disk: nothing is answered any
// more, and the next start finds a good ledger, with the event or without it.
func TestAFailedSyncIsFinal(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 0))
	d := onDisk(l)
	d.sync = syscall.EIO
	err := l.Append(seenEvent(1, 9, 0))
	if !errors.Is(err, syscall.EIO) || l.Broken() == nil || !strings.Contains(err.Error(), "sync of the ledger") {
		t.Fatalf("%v, broken %v", err, l.Broken())
	}
	d.sync = nil // the kernel tells of it once
	writes, syncs := d.writes, d.syncs
	for range 3 {
		if err := l.Append(seenEvent(1, 10, 0)); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v after a failed sync", err)
		}
	}
	if d.writes != writes || d.syncs != syncs {
		t.Error("a broken ledger is written")
	}
	l.Close()
	open(t, dir, Options{}).Close()
	clean(t, dir)
}

// Each kind of event that is refused leaves the state as it was, though nothing
// is folded again.
func TestARefusedEventIsCheckedBeforeItIsFolded(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add(t, l, startEvent(), openEvent(1, "api", 100), sealEvent("api", 1, lines(1, 0, 50)))
	before := toJSON(t, l.state)
	batch := BatchID{"api", 1}
	for i, e := range []Event{
		shipEvent("api", 2), sealEvent("api", 3, lines(1, 50, 60)), sealEvent("api", 2, lines(1, 50, 60), lines(2, 0, 9)),
		sealEvent("api", 2, lines(1, 50, 60), lines(1, 61, 70)), sealEvent("new", 1, lines(1, 50, 60)),
		openEvent(7, "api", 1), openEvent(2, "copy", 1), openEvent(2, "", 1),
		{Open: &FileOpen{File: 2, Class: "new", Size: 10, CopyOf: 1, Copied: 5}},
		eraseEvent(ReasonShipped, "api", 1), eraseEvent(ReasonLimit, "api", 2), eraseEvent("because", "api", 1, 0),
		erasedEvent("api", 1), erasedEvent("api", 7),
		{Seen: &Seen{Files: []Growth{{File: 1, Size: 900}, {File: 2, Size: 1}}}},
		{Lost: &Lost{File: 1, From: 51, To: 60}}, {Lost: &Lost{File: 3}},
		{Close: &FileClose{File: 1, Why: "gone"}}, {Close: &FileClose{File: 4}},
		{Expire: &Expire{Batch: BatchID{ExpireClass, 1}, Range: Range{File: 1, From: 50, To: 60, Oldest: begin.Unix()}}},
		{Expire: &Expire{Batch: batch}},
		{Copied: &Copied{File: 1, From: 50, To: 60, In: 2}}, {Copied: &Copied{File: 1, From: 50, To: 60, In: 1}},
		{Fork: &Fork{Node: "b", WasNode: "a"}}, {Fork: &Fork{}},
		{Snapshot: &Snapshot{}, Stop: &Stop{}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if err := l.Append(e); err == nil {
				t.Fatalf("accepted: %s", toJSON(t, e))
			}
			if toJSON(t, l.state) != before || l.reloads != 0 {
				t.Errorf("%s: the state changed, %d reloads", toJSON(t, e), l.reloads)
			}
		})
	}
	// What a group has before the refused event is undone.
	if err := l.Append(seenEvent(1, 500, 0), shipEvent("api", 2)); err == nil || l.reloads != 1 || toJSON(t, l.state) != before {
		t.Errorf("error %v, %d reloads", err, l.reloads)
	}
}

func TestAForkNamesTheStateDirectoryAnew(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	start := startEvent()
	add(t, l, start)
	add(t, l, Event{Fork: &Fork{Host: "other", Node: "new", WasHost: start.Start.Host, WasNode: start.Start.Node, Why: "a copy"}})
	again := *start.Start
	again.Home = "home"
	add(t, l, Event{Start: &again})
	l.Close()
	if s := clean(t, dir).State; s.Host != "other" || s.Node != "new" || s.Home != "home" {
		t.Errorf("%s-%s at %s", s.Host, s.Node, s.Home)
	}
}
