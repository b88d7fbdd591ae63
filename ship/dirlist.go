package ship

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// List walks the directory. Hidden files are the store's own, links and other
// files that are not regular no objects.
func (d *Dir) List(ctx context.Context, prefix, after string, visit func(Listed) error) error {
	root, err := d.open(opList, prefix)
	if err != nil {
		return err
	}
	defer root.Close()
	w := dirWalk{root: root, prefix: prefix, after: after, visit: visit}
	return w.walk(ctx, "")
}

type dirWalk struct {
	root          *os.Root
	prefix, after string
	visit         func(Listed) error
}

// walk visits what lies in dir, a key's beginning that is empty or ends with a
// slash. A directory sorts as what its keys begin with.
func (w *dirWalk) walk(ctx context.Context, dir string) error {
	names, err := w.names(dir)
	if err != nil {
		return dirError(opList, w.prefix, err)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return &Error{Op: opList, Key: w.prefix, Code: CodeUnreachable, Err: context.Cause(ctx)}
		}
		key := dir + name
		if strings.HasSuffix(key, "/") {
			if beside(key, w.prefix) || key < w.after && !strings.HasPrefix(w.after, key) {
				continue
			}
			if err := w.walk(ctx, key); err != nil {
				return err
			}
			continue
		}
		if !strings.HasPrefix(key, w.prefix) || key <= w.after {
			continue
		}
		info, err := w.root.Lstat(key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return dirError(opList, key, err)
		}
		if err := w.visit(Listed{Key: key, Size: info.Size(), Modified: info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}

// beside tells that no key beneath dir can begin with prefix.
func beside(dir, prefix string) bool {
	return !strings.HasPrefix(dir, prefix) && !strings.HasPrefix(prefix, dir)
}

// names are the entries of dir in the order of keys, directories with a slash.
// One that is gone has none.
func (w *dirWalk) names(dir string) ([]string, error) {
	f, err := w.root.Open(path.Clean(dir))
	if errors.Is(err, fs.ErrNotExist) && dir != "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch {
		case e.Name()[0] == '.':
		case e.IsDir():
			names = append(names, e.Name()+"/")
		case e.Type().IsRegular():
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Get opens an object. Its metadata is what stood in its file when it was put.
func (d *Dir) Get(_ context.Context, key string) (io.ReadCloser, Info, error) {
	root, err := d.openKey(opOpen, key)
	if err != nil {
		return nil, Info{}, err
	}
	defer root.Close()
	f, err := root.Open(key)
	if err != nil {
		return nil, Info{}, dirError(opOpen, key, err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, Info{}, errors.Join(dirError(opOpen, key, err), f.Close())
	}
	info := Info{Size: st.Size()}
	if info.Metadata, err = readMeta(root, key); err != nil {
		return nil, Info{}, errors.Join(dirError(opOpen, key, err), f.Close())
	}
	return f, info, nil
}

// readMeta is an object's metadata, nil if it has none or none that can be read.
func readMeta(root *os.Root, key string) (map[string]string, error) {
	text, err := root.ReadFile(metaName(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var meta dirMeta
	if json.Unmarshal(text, &meta) != nil {
		return nil, nil
	}
	return meta.Metadata, nil
}
