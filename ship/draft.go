package ship

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
)

// draftBuffer is how many bytes gather before a write to disk, for the body
// and for the sums each.
const draftBuffer = 64 << 10

// errDraftClosed answers a Write or Seal after Seal or Discard.
var errDraftClosed = errors.New("draft: already sealed or discarded")

// Draft is a batch being written: a body, compressed as one frame, and the
// sums beside it. It is for one goroutine. The first error discards it: its
// temps are removed, and every later call returns that error.
type Draft struct {
	spool *Spool
	id    ID
	codec Codec
	enc   encoder
	body  *draftFile
	sums  *draftFile
	err   error // set once the draft is sealed, discarded or has failed
}

// ErrNoRoom says that a draft would take more than the spool may hold.
var ErrNoRoom = errors.New("spool: no room for the batch")

// Within has a write fail with [ErrNoRoom] that would make all bodies in the
// spool longer than most, drafts included; 0 lets all pass.
func (d *Draft) Within(most int64) { d.body.most = most }

// Sealed is what a seal event records of the two files: SHA-256 and size in
// bytes of each, as they lie on disk.
type Sealed struct {
	SHA256, SumsSHA256 [32]byte
	Size, SumsSize     int64
}

// Create begins a batch. A temp that an earlier process left under this ID is
// overwritten; a sealed batch of this ID is replaced at Seal.
func (s *Spool) Create(id ID, codec Codec) (*Draft, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	d := &Draft{spool: s, id: id, codec: codec.withDefaults()}
	var err error
	if d.body, err = s.newDraftFile(id.String()); err != nil {
		return nil, err
	}
	if d.sums, err = s.newDraftFile(id.String() + sumsSuffix); err != nil {
		return nil, d.fail(err)
	}
	if d.enc, err = s.encs.get(d.codec, d.body.buf); err != nil {
		return nil, d.fail(err)
	}
	return d, nil
}

// Write takes bytes of the body, before compression. It does not keep p.
func (d *Draft) Write(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.enc.Write(p)
	if err != nil {
		return n, d.fail(fmt.Errorf("spool body: %w", err))
	}
	return n, nil
}

// WriteSums takes bytes of the sums file, which are stored as they are. It
// does not keep p.
func (d *Draft) WriteSums(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.sums.buf.Write(p)
	if err != nil {
		return n, d.fail(fmt.Errorf("spool sums: %w", err))
	}
	return n, nil
}

// Seal ends the frame and makes both files durable under their final names.
// When it returns, the batch survives a power loss; it does not count until
// the caller's ledger says so, and Sweep removes it if it never does.
//
// The order: both files are written and synced while they are temps, so that
// a final name never stands for half a file; sums are renamed before the body,
// so that a body is never without its sums; the directory is synced last,
// so that both names are there before a ledger speaks of them.
func (d *Draft) Seal() (Sealed, error) { return d.seal(d.spool.Sync) }

// SealAnyhow is Seal, but that a failed sync is no error. It is for the sums of
// what goes in any case: after a power loss they may be missing, and then what
// is left of it cannot be compared and overwritten any more.
func (d *Draft) SealAnyhow() (Sealed, error) {
	return d.seal(func(f *os.File, how func(*os.File) error) error {
		_ = d.spool.Sync(f, how)
		return nil
	})
}

func (d *Draft) seal(sync syncer) (Sealed, error) {
	if d.err != nil {
		return Sealed{}, d.err
	}
	if err := d.enc.Close(); err != nil {
		return Sealed{}, d.fail(fmt.Errorf("spool body: %w", err))
	}
	for _, f := range []*draftFile{d.body, d.sums} {
		if err := f.finish(sync); err != nil {
			return Sealed{}, d.fail(err)
		}
	}
	// A crash up to here leaves temps.
	if err := d.sums.rename(); err != nil {
		return Sealed{}, d.fail(err)
	}
	// A crash here leaves sums without a body.
	if err := d.body.rename(); err != nil {
		return Sealed{}, d.fail(err)
	}
	if err := sync(d.spool.self, (*os.File).Sync); err != nil {
		return Sealed{}, d.fail(&SyncError{Path: d.spool.dir, Err: err})
	}
	// A crash from here on, before the ledger's event, leaves an orphan.
	d.release()
	d.err = errDraftClosed
	sealed := Sealed{Size: d.body.size, SumsSize: d.sums.size}
	d.body.hash.Sum(sealed.SHA256[:0])
	d.sums.hash.Sum(sealed.SumsSHA256[:0])
	return sealed, nil
}

// Discard gives the batch up and removes what was written, overwritten first.
// After Seal it does nothing.
func (d *Draft) Discard() error {
	if d.err != nil {
		return nil
	}
	d.err = errDraftClosed
	return d.cleanup()
}

// fail ends the draft with err, which it returns, joined with what went wrong
// in removing the files.
func (d *Draft) fail(err error) error {
	d.err = err
	if cerr := d.cleanup(); cerr != nil {
		d.err = errors.Join(err, cerr)
	}
	return d.err
}

func (d *Draft) cleanup() error {
	d.release()
	var errs []error
	for _, f := range []*draftFile{d.body, d.sums} {
		if f != nil {
			errs = append(errs, f.remove(f == d.body))
		}
	}
	return errors.Join(errs...)
}

func (d *Draft) release() {
	if d.enc != nil {
		d.spool.encs.put(d.codec, d.enc)
		d.enc = nil
	}
}

// draftFile is one of a draft's two files: a temp that is buffered, hashed and
// counted on its way to disk.
type draftFile struct {
	spool *Spool
	name  string // as it is on disk now
	final string
	f     *os.File // nil once closed
	buf   *bufio.Writer
	hash  hash.Hash
	size  int64 // bytes in the file
	most  int64 // that the spool may hold; 0 for any
}

func (s *Spool) newDraftFile(final string) (*draftFile, error) {
	name := final + tempSuffix
	// An orphan is removed, not truncated: its blocks may hold addresses.
	if err := s.remove(name, true); err != nil {
		return nil, err
	}
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("spool file: %w", err)
	}
	df := &draftFile{spool: s, name: name, final: final, f: f, hash: sha256.New()}
	df.buf = bufio.NewWriterSize(df.disk(), draftBuffer)
	return df, nil
}

// writerFunc is a function as an io.Writer.
type writerFunc func(p []byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// disk is where the buffer empties to.
func (f *draftFile) disk() writerFunc {
	return func(p []byte) (int, error) {
		// Counted first: other drafts grow at the same time.
		f.spool.count(f.name, int64(len(p)))
		if f.most > 0 && f.spool.Used() > f.most {
			f.spool.count(f.name, -int64(len(p)))
			return 0, ErrNoRoom
		}
		n, err := f.f.Write(p)
		f.hash.Write(p[:n])
		f.size += int64(n)
		f.spool.count(f.name, int64(n-len(p)))
		return n, err
	}
}

// finish flushes, compares the length on disk with what was written, syncs and
// closes.
func (f *draftFile) finish(sync syncer) error {
	if err := f.buf.Flush(); err != nil {
		return fmt.Errorf("spool file: %w", err)
	}
	st, err := f.f.Stat()
	if err != nil {
		return fmt.Errorf("spool file: %w", err)
	}
	if st.Size() != f.size {
		return fmt.Errorf("spool file %s: %d bytes on disk, %d written", f.spool.path(f.name), st.Size(), f.size)
	}
	if err := sync(f.f, (*os.File).Sync); err != nil {
		return &SyncError{Path: f.spool.path(f.name), Err: err}
	}
	return f.close()
}

func (f *draftFile) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	if err != nil {
		return fmt.Errorf("spool file: %w", err)
	}
	return nil
}

// rename gives the file its final name. What stood there, a sealed batch of
// the same ID, is gone from the count with it.
func (f *draftFile) rename() error {
	replaced, err := f.spool.size(f.final)
	if err != nil {
		replaced = 0
	}
	if err := f.spool.root.Rename(f.name, f.final); err != nil {
		return fmt.Errorf("spool file: %w", err)
	}
	f.spool.count(f.final, -replaced)
	f.name = f.final
	return nil
}

func (f *draftFile) remove(overwrite bool) error {
	return errors.Join(f.close(), f.spool.remove(f.name, overwrite))
}
