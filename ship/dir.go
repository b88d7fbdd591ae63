package ship

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// dirMark is the hidden directory of a Dir: it holds temps, and that it is
	// there tells the store from the bare mount point beneath it.
	dirMark = ".swab"
	// dirStale is the age from which a temp is nobody's: other processes may
	// use the same directory, and a put takes seconds.
	dirStale = 24 * time.Hour
)

// Dir is a store in a directory: keys are paths beneath it, and the metadata
// of DIR/NAME stands in DIR/.NAME.meta.json. Several processes, also on
// several hosts that mount it, may put into one directory, if its file system
// has hard links.
//
// What a crash during Put leaves:
//
//   - a temp in .swab: removed a day later, when the directory is next opened.
//   - metadata without a body: the next Put of the key replaces it.
//   - a body whose link was not synced: there, or not there and put again.
type Dir struct{ dir string }

// KnownDir is the store in a directory that held one before. It makes nothing:
// as long as the directory is away (not mounted yet), every call is an error.
func KnownDir(dir string) *Dir { return &Dir{dir: dir} }

// NewDir opens the store in dir, and makes the directory if its parent is
// there. Once open, it is never made again: a directory that goes missing, or
// that lost its .swab directory as an unmounted one does, is an error.
func NewDir(dir string) (*Dir, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store directory: %w", err)
	}
	for _, d := range []string{abs, filepath.Join(abs, dirMark)} {
		err := os.Mkdir(d, 0o750)
		if err == nil {
			err = syncPath(filepath.Dir(d))
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("store directory: %w", err)
		}
	}
	d := &Dir{dir: abs}
	if err := d.clean(); err != nil {
		return nil, fmt.Errorf("store directory: %w", err)
	}
	return d, nil
}

// clean removes temps that no process can still be writing.
func (d *Dir) clean() error {
	mark := filepath.Join(d.dir, dirMark)
	entries, err := os.ReadDir(mark)
	if err != nil {
		return err
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !st.Mode().IsRegular() || time.Since(st.ModTime()) < dirStale {
			continue
		}
		if err := os.Remove(filepath.Join(mark, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// open finds the directory anew for every operation, since it may have been
// unmounted or replaced since the last one.
func (d *Dir) open(op, key string) (*os.Root, error) {
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return nil, dirError(op, key, err)
	}
	if st, err := root.Lstat(dirMark); err != nil || !st.IsDir() {
		root.Close()
		return nil, &Error{Op: op, Key: key, Code: CodeNoDirectory,
			Err:  fmt.Errorf("%s has no directory %s any more", d.dir, dirMark),
			Hint: "mount it again; if it was emptied on purpose, start again"}
	}
	return root, nil
}

// Put writes a temp, hashes it on the way, and links it to the key, so that it
// appears whole or not at all, and never in the place of another.
func (d *Dir) Put(ctx context.Context, o Object) (Receipt, error) {
	if err := checkObject(o); err != nil {
		return Receipt{}, err
	}
	root, err := d.open(opPut, o.Key)
	if err != nil {
		return Receipt{}, err
	}
	defer root.Close()
	if _, err := root.Lstat(o.Key); err == nil {
		return taken(ctx, root, o)
	}
	temp := path.Join(dirMark, "put-"+rand.Text())
	defer root.Remove(temp) // after the link it is a second name
	if err := writeBody(ctx, root, temp, o); err != nil {
		return Receipt{}, err
	}
	parent := path.Dir(o.Key)
	if err := root.MkdirAll(parent, 0o750); err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	// Metadata before the body: a body is never without it. Should two puts
	// race, theirs is the same, since the key names the content.
	if err := writeMeta(root, o); err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	if err := root.Link(temp, o.Key); errors.Is(err, fs.ErrExist) {
		return taken(ctx, root, o)
	} else if err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	if err := syncUp(root, parent); err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	return Receipt{Outcome: Stored, Checked: true}, nil
}

// taken answers a Put whose key is there: with the same bytes it is the same
// object, and its directories are synced in case the crash came before that.
func taken(ctx context.Context, root *os.Root, o Object) (Receipt, error) {
	info, err := describe(ctx, root, o.Key)
	if err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	if info.Size != o.Size || info.SHA256 != o.SHA256 {
		return Receipt{}, &Error{Op: opPut, Key: o.Key, Code: CodeMismatch,
			Err:  errors.New("the file there holds other bytes"),
			Hint: "it was damaged or replaced; move it away and it is stored again"}
	}
	if err := syncUp(root, path.Dir(o.Key)); err != nil {
		return Receipt{}, dirError(opPut, o.Key, err)
	}
	return Receipt{Outcome: AlreadyThere, Checked: true}, nil
}

func writeBody(ctx context.Context, root *os.Root, temp string, o Object) error {
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return dirError(opPut, o.Key, err)
	}
	defer f.Close()
	sum := sha256.New()
	var readErr error
	body := contextReader(ctx, io.NewSectionReader(o.Body, 0, o.Size))
	n, err := io.CopyBuffer(io.MultiWriter(writerFunc(f.Write), sum), readerFunc(func(p []byte) (int, error) {
		n, err := body.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			readErr = err
		}
		return n, err
	}), make([]byte, 256<<10))
	switch {
	case readErr != nil && ctx.Err() != nil:
		return &Error{Op: opPut, Key: o.Key, Code: CodeUnreachable, Err: readErr}
	case readErr != nil:
		return bodyError(o.Key, readErr)
	case err != nil:
		return dirError(opPut, o.Key, err)
	case n != o.Size || [32]byte(sum.Sum(nil)) != o.SHA256:
		return badDigest(o.Key)
	}
	// The name follows the content: a link to bytes that are not yet on disk
	// could survive a power loss without them.
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return dirError(opPut, o.Key, err)
	}
	return nil
}

// dirMeta is the content of a .NAME.meta.json.
type dirMeta struct {
	SHA256      string            `json:"sha256"`
	Size        int64             `json:"size"`
	ContentType string            `json:"content_type,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

func metaName(key string) string {
	return path.Join(path.Dir(key), "."+path.Base(key)+".meta.json")
}

func writeMeta(root *os.Root, o Object) error {
	text, err := json.Marshal(dirMeta{SHA256: hex.EncodeToString(o.SHA256[:]), Size: o.Size, ContentType: o.ContentType, Metadata: o.Metadata})
	if err != nil {
		return err
	}
	temp := path.Join(dirMark, "meta-"+rand.Text())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if err := root.Rename(temp, metaName(o.Key)); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}

// syncUp makes dir's entries durable, and those of its parents up to the root:
// any of them may be new, made here or by a put that runs beside.
func syncUp(root *os.Root, dir string) error {
	for {
		f, err := root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// Head describes an object. Its sum is computed from the file as it is now.
func (d *Dir) Head(ctx context.Context, key string) (Info, error) {
	root, err := d.openKey(opHead, key)
	if err != nil {
		return Info{}, err
	}
	defer root.Close()
	info, err := describe(ctx, root, key)
	if err != nil {
		return Info{}, dirError(opHead, key, err)
	}
	return info, nil
}

// Open reads an object.
func (d *Dir) Open(_ context.Context, key string) (io.ReadCloser, error) {
	root, err := d.openKey(opOpen, key)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(key)
	if err != nil {
		return nil, dirError(opOpen, key, err)
	}
	return f, nil
}

func (d *Dir) openKey(op, key string) (*os.Root, error) {
	if err := CheckKey(key); err != nil {
		return nil, &Error{Op: op, Key: key, Code: CodeInvalidKey, Err: err}
	}
	root, err := d.open(op, key)
	if err != nil {
		return nil, err
	}
	st, err := root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !st.Mode().IsRegular():
		return nil, errors.Join(notFound(op, key), root.Close())
	case err != nil:
		return nil, errors.Join(dirError(op, key, err), root.Close())
	}
	return root, nil
}

func describe(ctx context.Context, root *os.Root, key string) (Info, error) {
	f, err := root.Open(key)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	sum := sha256.New()
	info := Info{HasSHA256: true}
	if info.Size, err = io.Copy(sum, contextReader(ctx, f)); err != nil {
		return Info{}, err
	}
	sum.Sum(info.SHA256[:0])
	text, err := root.ReadFile(metaName(key))
	if errors.Is(err, fs.ErrNotExist) {
		return info, nil
	}
	var meta dirMeta
	if err := errors.Join(err, json.Unmarshal(text, &meta)); err != nil {
		return Info{}, fmt.Errorf("metadata of %s: %w", key, err)
	}
	info.Metadata = meta.Metadata
	return info, nil
}

// dirError gives an error of the file system its code.
func dirError(op, key string, err error) error {
	e := &Error{Op: op, Key: key, Code: CodeIO, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Hint = CodeNoDirectory, "mount or make the store directory, then start again"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Code, e.Hint = CodeAccessDenied, "let swab's user write there"
		if op != opPut {
			e.Hint = "let its user read there"
		}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Code, e.Hint = CodeNoSpace, "the store's file system is full"
	case errors.Is(err, syscall.EXDEV), errors.Is(err, syscall.EOPNOTSUPP):
		e.Code, e.Hint = CodeNotImplemented, "the store directory wants one file system, with hard links"
	}
	return e
}
