package swab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"swab/ledger"
)

// hostile is the application's user, who does to the name x.log whatever may
// lead the eraser astray, as fast as it can.
type hostile struct {
	t      *testing.T
	logs   string
	victim string
	rounds atomic.Int64
	line   int
}

func (h *hostile) path(name string) string { return filepath.Join(h.logs, name) }

// log writes lines into a file that may be there: each is its own.
func (h *hostile) log(name string, flags int) error {
	f, err := os.OpenFile(h.path(name), os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW|flags, 0o644)
	if err != nil {
		return err
	}
	var p []byte
	for range 50 {
		h.line++
		p = fmt.Appendf(p, "line %d 203.0.113.77\n", h.line)
	}
	_, err = f.Write(p)
	return errors.Join(err, f.Close())
}

func (h *hostile) round() error {
	x, y := h.path("x.log"), h.path("y.log")
	// As long as x.log leads to the victim, the hostile user keeps off it, too.
	for _, step := range []func() error{
		func() error { return h.log("x.log", os.O_APPEND) },
		func() error { return os.Rename(x, y) },
		func() error { return os.Symlink(h.victim, x) },
		func() error { return os.Remove(x) },
		func() error { return os.Link(h.victim, x) },
		func() error { return os.Remove(x) },
		func() error { return syscall.Mkfifo(x, 0o644) },
		func() error { return os.Remove(x) },
		func() error { return os.Rename(y, x) },
		func() error { return os.Truncate(x, h.rounds.Load()%5*100) },
		func() error { return h.log("x.log", 0) },             // over what is there, from 0
		func() error { return h.log("z.log", os.O_TRUNC) },    // another file…
		func() error { return os.Rename(h.path("z.log"), x) }, // …in its place
	} {
		// Erased and renamed away, a log may be unlinked by swab any time.
		if err := step(); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	h.rounds.Add(1)
	return nil
}

// Invariant 3: a file replaced, truncated or rewritten while it is erased makes
// swab write into no other file, and its accounts hold.
func TestInvariant3AHostileUserMakesNoOtherFileWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of rounds")
	}
	b := newBench(t)
	victim := filepath.Join(b.dir, "victim")
	secret := []byte(strings.Repeat("secret 198.51.100.9\n", 1000))
	if err := os.WriteFile(victim, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(victim)
	if err != nil {
		t.Fatal(err)
	}
	d := b.open("--log", "api="+b.logs+"/x.log")
	h := &hostile{t: t, logs: b.logs, victim: victim}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := h.round(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for h.rounds.Load() < 2000 && !t.Failed() {
		// What fails for one look (a file that was replaced under it) must not
		// fail the daemon: only a broken ledger may.
		errs := []error{d.sweep()}
		_, err := d.collect(t.Context(), d.lanes[0], true)
		errs = append(errs, err, d.shipAll(t.Context(), nil), d.erase(t.Context()))
		if d.ledger.Broken() != nil {
			t.Fatal(errors.Join(errs...))
		}
	}
	close(stop)
	wg.Wait()
	erased := len(b.events(ledger.KindErased))
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(victim)
	after, serr := os.Stat(victim)
	if err != nil || serr != nil || !bytes.Equal(got, secret) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the victim was written: %v, %v", err, serr)
	}
	for _, key := range b.objects() {
		if strings.Contains(b.body(key), "secret") {
			t.Errorf("%s holds the victim's lines", key)
		}
	}
	a := b.check().State.Account("api")
	if a.Content() != a.Written || a.Raw() != a.Written || a.Erased == 0 {
		t.Errorf("account %+v", a)
	}
	t.Logf("%d rounds against %d erasings, %d bytes erased, %d lost at least", h.rounds.Load(), erased, a.Erased, a.Lost)
}
