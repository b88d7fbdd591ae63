package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func reveal(id byte) *Reveal {
	return &Reveal{ID: strings.Repeat(string(id), 32), User: "alice", UID: 1000, Sudo: "bob", Day: "2026-11-23", Asked: begin.Unix()}
}

func kinds(t *testing.T, dir string, kind Kind) []Event {
	t.Helper()
	var list []Event
	if err := Walk(dir, func(e *Event, _ string) error {
		if e.Kind == kind {
			list = append(list, *e)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRevealsInTheInboxReachTheLedgerOnce(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if odd, err := l.TakeReveals(dir); err != nil || odd != nil {
		t.Fatalf("without an inbox: %v, %v", odd, err)
	}
	for _, id := range []byte("ab") {
		if err := LeaveReveal(dir, reveal(id)); err != nil {
			t.Fatal(err)
		}
	}
	inbox := filepath.Join(dir, revealsName)
	for _, path := range []string{inbox, filepath.Join(inbox, reveal('a').ID)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v (%v)", path, info, err)
		}
	}
	for range 2 {
		if odd, err := l.TakeReveals(dir); err != nil || odd != nil {
			t.Fatalf("%v, %v", odd, err)
		}
	}
	list := kinds(t, dir, KindReveal)
	if len(list) != 2 {
		t.Fatalf("%d events, want 2", len(list))
	}
	if got := toJSON(t, list[0].Reveal); got != toJSON(t, reveal('a')) && got != toJSON(t, reveal('b')) {
		t.Errorf("event %s", got)
	}
	if left, err := os.ReadDir(inbox); err != nil || len(left) > 0 {
		t.Errorf("%d files are left (%v)", len(left), err)
	}
	l.Close()
	clean(t, dir)
}

// Torn and foreign entries keep no other from being taken, and are told.
func TestInboxRefusesWhatIsNotSwabs(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	if err := LeaveReveal(dir, reveal('a')); err != nil {
		t.Fatal(err)
	}
	inbox := filepath.Join(dir, revealsName)
	name := func(id byte) string { return filepath.Join(inbox, strings.Repeat(string(id), 32)) }
	whole := toJSON(t, reveal('b'))
	write(t, name('b'), []byte(whole[:len(whole)/2]))         // torn
	write(t, name('c'), []byte(whole))                        // another's content
	write(t, name('d'), []byte(strings.Repeat(" ", 1<<20)))   // too long
	write(t, filepath.Join(inbox, "notes.txt"), []byte("hi")) // foreign
	write(t, name('e')+tempSuffix, []byte(whole[:9]))         // a draft that a crash left
	if err := errors.Join(os.Symlink("/etc/hosts", name('f')), syscall.Mkfifo(name('0'), 0o600), os.Mkdir(name('1'), 0o700)); err != nil {
		t.Fatal(err)
	}
	odd, err := l.TakeReveals(dir)
	if err != nil || len(odd) != 7 {
		t.Errorf("%d entries told, want 7: %v (%v)", len(odd), odd, err)
	}
	for _, e := range odd {
		var bad *RevealError
		if !errors.As(e, &bad) || strings.Contains(e.Error(), "alice") {
			t.Errorf("told: %v", e)
		}
	}
	if n := len(kinds(t, dir, KindReveal)); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if n := len(kinds(t, dir, KindRefused)); n != 3 {
		t.Errorf("%d refused, want 3", n)
	}
	again, err := l.TakeReveals(dir)
	if err != nil || len(again) != 4 {
		t.Errorf("the second time %v (%v)", again, err)
	}
	if n := len(kinds(t, dir, KindRefused)); n != 3 {
		t.Errorf("%d refused, want 3", n)
	}
}

// Nothing but a name, a number and a day gets into the ledger by the inbox.
func TestRevealHoldsNoText(t *testing.T) {
	for name, change := range map[string]func(r *Reveal){
		"user":   func(r *Reveal) { r.User = "a line of a log" },
		"sudo":   func(r *Reveal) { r.Sudo = strings.Repeat("x", 65) },
		"day":    func(r *Reveal) { r.Day = "203.0.113.7" },
		"id":     func(r *Reveal) { r.ID = "../../etc/passwd" },
		"number": func(r *Reveal) { r.UID = -1 },
	} {
		r := reveal('a')
		change(r)
		if err := LeaveReveal(t.TempDir(), r); err == nil {
			t.Errorf("a malformed %s was taken", name)
		}
	}
}

func FuzzParseReveal(f *testing.F) {
	id := reveal('a').ID
	f.Add([]byte(toJSON(f, reveal('a'))))
	f.Add([]byte(`{"id":"` + id + `","user":"a","uid":0,"day":"2026-11-23","asked":1}{}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseReveal(text, id)
		if err == nil && (r.ID != id || r.check() != nil) {
			t.Errorf("took %+v", r)
		}
	})
}
