package tail

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"swab/ledger"
)

// Erase calls fn with the file open for writing, and closes it again. The
// generation is the one numbered num, or ErrOtherGeneration.
func (f *File) Erase(num uint64, fn func(*os.File, sync.Locker) error) error {
	f.mu.Lock()
	if f.closed || f.num != num {
		f.mu.Unlock()
		return ErrOtherGeneration
	}
	f.use()
	w, err := f.writable()
	f.mu.Unlock()
	if errors.Is(err, ErrRewritten) {
		return ErrOtherGeneration
	}
	if err != nil {
		return fmt.Errorf("file %d: open for writing: %w", num, pathless(err))
	}
	return errors.Join(fn(w, &f.mu), w.Close())
}

// writable opens the file for writing. f.mu is held.
func (f *File) writable() (*os.File, error) {
	fd, err := f.fd()
	if err != nil {
		return nil, err
	}
	w, err := writable(fd, f.place)
	if f.shut = err != nil; f.shut {
		f.writeErr = err
	}
	return w, err
}

// Alone calls fn with the file open for writing while no other descriptor of
// it exists on the host: whoever opens it waits until fn is done. It does
// nothing, and returns nil, where that cannot be had: someone has it open.
func (f *File) Alone(num uint64, fn func(*os.File) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != num {
		return ErrOtherGeneration
	}
	fd, err := f.fd()
	if err != nil {
		return ErrOtherGeneration
	}
	if is, ok := idle(fd); !is || !ok {
		return nil
	}
	w, err := writable(fd, f.place)
	if err != nil {
		return err
	}
	// Our own reading descriptor would be one too many; w holds the inode.
	err = fd.Close()
	if lerr := leased(w, fn); err == nil {
		err = lerr
	}
	r, rerr := reopenReading(w)
	if rerr != nil {
		f.desc.f = w // leases are refused from now on; nothing else changes
		return errors.Join(err, rerr)
	}
	f.desc.f = r
	return errors.Join(err, w.Close())
}

// Unlinking calls fn with the file's place while nothing else is done to it,
// if the file is the generation numbered num and holds what the ledger knows,
// no byte more: or ErrOtherGeneration. held is what fstat says of it then.
func (f *File) Unlinking(num uint64, now time.Time, fn func(place ledger.Place, held os.FileInfo) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.num != num {
		return ErrOtherGeneration
	}
	fd, err := f.fd()
	if err != nil {
		return err
	}
	info, err := fd.Stat()
	if err != nil {
		return fmt.Errorf("file %d: %w", num, pathless(err))
	}
	same, rec, err := f.look(now)
	if err != nil {
		return err
	}
	if !same || f.length(info) != rec.Cursor || f.size != rec.Cursor {
		return ErrOtherGeneration
	}
	if f.waitsForArchive() {
		return ErrPacking
	}
	return fn(f.place, info)
}

// ErrOtherGeneration says that the file is not any more what was meant.
var ErrOtherGeneration = errors.New("the file has another generation")
