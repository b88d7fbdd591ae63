package ship

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mem is a store in memory, for tests and dry runs.
type Mem struct {
	mu      sync.Mutex
	objects map[string]memObject
}

type memObject struct {
	body []byte
	info Info
	at   time.Time
}

// NewMem makes an empty store.
func NewMem() *Mem { return &Mem{objects: map[string]memObject{}} }

// Put stores a copy of the object.
func (m *Mem) Put(ctx context.Context, o Object) (Receipt, error) {
	if err := checkObject(o); err != nil {
		return Receipt{}, err
	}
	body, err := io.ReadAll(contextReader(ctx, io.NewSectionReader(o.Body, 0, o.Size)))
	if err != nil {
		return Receipt{}, bodyError(o.Key, err)
	}
	if int64(len(body)) != o.Size || sha256.Sum256(body) != o.SHA256 {
		return Receipt{}, badDigest(o.Key)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Receipt{Outcome: Stored, Checked: true, Date: time.Now()}
	if _, taken := m.objects[o.Key]; taken {
		return Receipt{Outcome: AlreadyThere, Date: r.Date}, nil
	}
	info := Info{Size: o.Size, SHA256: o.SHA256, HasSHA256: true, Metadata: maps.Clone(o.Metadata)}
	m.objects[o.Key] = memObject{body: body, info: info, at: r.Date}
	return r, nil
}

// Head describes an object.
func (m *Mem) Head(_ context.Context, key string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return Info{}, notFound(opHead, key)
	}
	o.info.Metadata = maps.Clone(o.info.Metadata)
	return o.info, nil
}

// Open reads an object.
func (m *Mem) Open(_ context.Context, key string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, notFound(opOpen, key)
	}
	return io.NopCloser(bytes.NewReader(o.body)), nil
}

// Keys lists what is there, sorted.
func (m *Mem) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

// List lists the keys that were there when it began.
func (m *Mem) List(_ context.Context, prefix, after string, visit func(Listed) error) error {
	for _, key := range m.Keys() {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		m.mu.Lock()
		o := m.objects[key]
		m.mu.Unlock()
		if err := visit(Listed{Key: key, Size: int64(len(o.body)), Modified: o.at}); err != nil {
			return err
		}
	}
	return nil
}

// Get reads an object.
func (m *Mem) Get(_ context.Context, key string) (io.ReadCloser, Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return nil, Info{}, notFound(opOpen, key)
	}
	info := Info{Size: o.info.Size, Metadata: maps.Clone(o.info.Metadata)}
	return io.NopCloser(bytes.NewReader(o.body)), info, nil
}

// contextReader reads r until ctx ends.
func contextReader(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}

// readerFunc is a function as an io.Reader.
type readerFunc func(p []byte) (int, error)

func (r readerFunc) Read(p []byte) (int, error) { return r(p) }

// bodyError is a Put that could not read what it was to store.
func bodyError(key string, err error) error {
	return &Error{Op: opPut, Key: key, Code: CodeBody, Err: err,
		Hint: "this is the file in the spool, not the store"}
}

// badDigest is a Put whose bytes are not those that were sealed.
func badDigest(key string) error {
	return &Error{Op: opPut, Key: key, Code: CodeBadDigest,
		Err:  errors.New("the bytes do not have the SHA-256 they were sealed with"),
		Hint: "nothing was stored; if it stays so, the file in the spool is damaged"}
}
