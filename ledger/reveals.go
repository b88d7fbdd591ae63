package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// While a daemon has the ledger, who turns a pseudonym back leaves the event in
// the directory STATE/reveals, a file each, and the daemon takes it over.
const (
	revealsName = "reveals"
	// maxReveal bounds such a file, bytes; maxReveals how many names one look
	// reads.
	maxReveal  = 4 << 10
	maxReveals = 1 << 10
)

var (
	errReveal     = errors.New("is not what swab wrote")
	errRevealType = errors.New("is no regular file")
)

// RevealError says which entries of STATE/reveals were not taken.
type RevealError struct {
	Name string // within STATE/reveals
	Err  error
}

func (e *RevealError) Error() string { return fmt.Sprintf("%s/%s: %v", revealsName, e.Name, e.Err) }

func (e *RevealError) Unwrap() error { return e.Err }

// LeaveReveal puts an event into STATE/reveals of the state directory dir and
// returns when it is on the disk. The file belongs to the owner of the state
// directory, as who the daemon runs: root may be the one who asks.
func LeaveReveal(dir string, r *Reveal) error {
	if err := r.check(); err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("event as JSON: %w", err)
	}
	inbox := filepath.Join(dir, revealsName)
	switch err := os.Mkdir(inbox, 0o700); {
	case err == nil:
		if err := errors.Join(giveTo(dir, inbox), syncDir(dir)); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("inbox: %w", err)
	}
	path := filepath.Join(inbox, r.ID)
	temp := path + tempSuffix
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, giveTo(dir, temp), f.Sync(), f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return fmt.Errorf("inbox: %w", errors.Join(err, os.Remove(temp)))
	}
	return syncDir(inbox)
}

// giveTo makes the owner of dir the owner of path, too, where root made it.
func giveTo(dir, path string) error {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Lchown(path, int(st.Uid), int(st.Gid))
	}
	return nil
}

// TakeReveals moves what stands in STATE/reveals of the state directory dir
// into the ledger: the events first, then the files go. A crash in between
// writes an event a second time, with the same ID; none is lost. odd are the
// entries that are none of these files, a [RevealError] each: those that have
// the name of one are taken away, with a refused event; others are left.
func (l *Ledger) TakeReveals(dir string) (odd []error, err error) {
	names, err := revealNames(filepath.Join(dir, revealsName))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var events []Event
	var taken []string
	for _, name := range names {
		path := filepath.Join(dir, revealsName, name)
		r, err := readReveal(path, name)
		if err != nil {
			odd = append(odd, &RevealError{Name: shortName(name), Err: err})
		}
		switch {
		case r != nil:
			events = append(events, Event{Reveal: r})
		case errors.Is(err, errReveal):
			events = append(events, Event{Refused: &Refused{Name: revealsName + "/" + name, Why: err.Error()}})
		default: // foreign, or a draft, for which nobody was answered
			continue
		}
		taken = append(taken, path)
	}
	if err := l.Append(events...); err != nil || len(taken) == 0 {
		return odd, err
	}
	for _, path := range taken {
		err = errors.Join(err, os.Remove(path))
	}
	return odd, errors.Join(err, syncDir(filepath.Join(dir, revealsName)))
}

// revealNames lists the inbox, which need not be there.
func revealNames(inbox string) ([]string, error) {
	d, err := os.Open(inbox)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(maxReveals)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return names, nil
}

// revealName is the form of an ID: 16 random bytes in hex.
var revealName = regexp.MustCompile(`^[0-9a-f]{32}$`)

// readReveal reads one file; nil without an error is a draft. Of errors, errReveal
// says that the name was one of ours and the content is
// not.
func readReveal(path, name string) (*Reveal, error) {
	if draft, ok := strings.CutSuffix(name, tempSuffix); ok && revealName.MatchString(draft) {
		return nil, nil
	}
	if !revealName.MatchString(name) {
		return nil, errors.New("is not of swab")
	}
	// Neither a link to elsewhere nor a fifo that nobody writes to.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errRevealType
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errRevealType, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxReveal+1))
	if err != nil {
		return nil, err
	}
	return parseReveal(text, name)
}

// parseReveal reads the text of the file that has the name id.
func parseReveal(text []byte, id string) (*Reveal, error) {
	if len(text) > maxReveal {
		return nil, errReveal
	}
	var r Reveal
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil || r.ID != id || r.check() != nil {
		return nil, errReveal
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errReveal
	}
	return &r, nil
}

// userName is what a name of a user may be.
var userName = regexp.MustCompile(`^[A-Za-z0-9_.@\\$+-]{0,64}$`)

// check refuses what must not be in the ledger.
func (r *Reveal) check() error {
	_, err := time.Parse(time.DateOnly, r.Day)
	if err != nil || !revealName.MatchString(r.ID) || !userName.MatchString(r.User) || !userName.MatchString(r.Sudo) || r.UID < 0 || r.Asked < 0 {
		return errors.New("event with a malformed name, day or number")
	}
	return nil
}

// shortName keeps a foreign name from filling a message.
func shortName(name string) string {
	const most = 64
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}
