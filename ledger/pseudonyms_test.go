package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func pseudonymPolicies(limits ...time.Duration) Event {
	e := startEvent()
	for i, limit := range limits {
		e.Start.Policies[string(rune('p'+i))] = Retention{RawLimit: Seconds(limit / time.Second), Pseudonyms: true}
	}
	return e
}

func pseudonymEvent(day, did string) Event {
	return Event{Key: &KeyEvent{Use: UsePseudonyms, Day: day, Did: did}}
}

// A key of a day goes when the day's first byte is at the limit, not before the
// day is over, and never later than a limit said that held while it lived.
func TestPseudonymKeyGoesByTheStrictestLimitOfItsLife(t *testing.T) {
	const day = "2026-11-23"
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		events []Event
		want   time.Duration // after the day's start
	}{
		{"a week", []Event{pseudonymPolicies(168 * time.Hour), pseudonymEvent(day, KeyMade)}, 168 * time.Hour},
		{"of two classes the shorter", []Event{pseudonymPolicies(168*time.Hour, 48*time.Hour), pseudonymEvent(day, KeyMade)}, 48 * time.Hour},
		{"not before its day is over", []Event{pseudonymPolicies(2 * time.Hour), pseudonymEvent(day, KeyMade)}, 24 * time.Hour},
		{"a class that came later", []Event{pseudonymPolicies(168 * time.Hour), pseudonymEvent(day, KeyMade), pseudonymPolicies(168*time.Hour, 48*time.Hour)}, 48 * time.Hour},
		{"and left again", []Event{pseudonymPolicies(168*time.Hour, 48*time.Hour), pseudonymEvent(day, KeyMade), pseudonymPolicies(168 * time.Hour)}, 48 * time.Hour},
		{"no class writes pseudonyms any more", []Event{pseudonymPolicies(168 * time.Hour), pseudonymEvent(day, KeyMade), startEvent()}, 24 * time.Hour},
		{"and then one does again", []Event{pseudonymPolicies(168 * time.Hour), pseudonymEvent(day, KeyMade), startEvent(), pseudonymPolicies(168 * time.Hour)}, 24 * time.Hour},
		{"not made yet", []Event{pseudonymPolicies(72 * time.Hour)}, 72 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, Options{})
			add(t, l, c.events...)
			l.View(func(s *State) {
				if until, gone := s.PseudonymUntil(day); gone || !until.Equal(start.Add(c.want)) {
					t.Errorf("until %v (gone %t), want %v", until, gone, start.Add(c.want))
				}
			})
			l.Close()
			clean(t, dir)
		})
	}
}

// What was destroyed is never made again, nor is a day before it.
func TestDestroyedPseudonymKeyIsGoneForGood(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{SegmentSize: 1}) // a snapshot after each event
	add(t, l, pseudonymPolicies(168*time.Hour), pseudonymEvent("2026-11-22", KeyMade), pseudonymEvent("2026-11-23", KeyMade), pseudonymEvent("2026-11-22", KeyDestroyed))
	add(t, l, Event{Key: &KeyEvent{Use: UseRatchet, Day: "2026-11-24", Did: KeySeeded}}, Event{Key: &KeyEvent{Use: UseSums, Day: "2026-11-23", Did: KeyMade}})
	l.Close()
	l = open(t, dir, Options{})
	l.View(func(s *State) {
		for day, want := range map[string]bool{"2026-11-21": true, "2026-11-22": true, "2026-11-23": false, "2026-11-24": false} {
			if _, gone := s.PseudonymUntil(day); gone != want {
				t.Errorf("%s is gone: %t", day, gone)
			}
		}
		if len(s.Pseudonyms) != 1 || s.Pseudonyms[0].Day != "2026-11-23" || !slices.Equal(s.Keys, []string{"2026-11-23"}) {
			t.Errorf("keys of pseudonyms %v, of sums %v", s.Pseudonyms, s.Keys)
		}
	})
	clean(t, dir)
	if s, err := Peek(dir); err != nil || s.PseudonymsGone != "2026-11-22" {
		t.Errorf("a look at the ledger: %+v (%v)", s, err)
	}
}

// The two uses share a directory and nothing else.
func TestKeysOfTwoUsesAreApart(t *testing.T) {
	dir := t.TempDir()
	sums, err := OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := OpenPseudonyms(dir)
	if err != nil {
		t.Fatal(err)
	}
	const day = "2026-11-23"
	key, made, err := keys.Make(day, nil)
	if err != nil || !made || len(key) != 32 {
		t.Fatalf("key of %d bytes, made: %t (%v)", len(key), made, err)
	}
	if days, err := sums.Days(); err != nil || len(days) > 0 {
		t.Errorf("keys of sums: %v (%v)", days, err)
	}
	if _, _, err := sums.Make(day); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "pseudonyms-"+day)); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the key's file: %v (%v)", info, err)
	}
	if again, made, err := keys.Make(day, make([]byte, 32)); err != nil || made || !bytes.Equal(again, key) {
		t.Errorf("made twice: %t (%v)", made, err)
	}
	if p, err := ReadPseudonymKey(dir, day); err != nil || !bytes.Equal(p, key) {
		t.Errorf("another reader has another key (%v)", err)
	}
	if err := sums.Destroy(day); err != nil {
		t.Fatal(err)
	}
	if p, err := keys.Get(day); err != nil || !bytes.Equal(p, key) {
		t.Errorf("the key went with that of the sums (%v)", err)
	}
	write(t, filepath.Join(dir, "pseudonyms-zzzz"), []byte("foreign"))
	if days, err := keys.Days(); err != nil || !slices.Equal(days, []string{day}) {
		t.Errorf("keys of pseudonyms: %v (%v)", days, err)
	}
}

// A destroyed key is overwritten where it lay: a second name of its blocks shows
// zeros.
func TestDestroyedKeysAreOverwritten(t *testing.T) {
	dir := t.TempDir()
	keys, err := OpenPseudonyms(dir)
	if err != nil {
		t.Fatal(err)
	}
	const day = "2026-11-23"
	if _, _, err := keys.Make(day, nil); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "pseudonyms-2026-11-24"+tempSuffix) // as a crash leaves it
	write(t, temp, bytes.Repeat([]byte{7}, 32))
	for name, destroy := range map[string]func() error{
		filepath.Join(dir, "pseudonyms-"+day): func() error { return keys.Destroy(day) },
		temp:                                  func() error { return SweepKeys(dir) },
	} {
		second := filepath.Join(t.TempDir(), "second")
		if err := os.Link(name, second); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing to do
			if err := destroy(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s is still there", filepath.Base(name))
		}
		if p := read(t, second); !bytes.Equal(p, make([]byte, 32)) {
			t.Errorf("%s was not overwritten", filepath.Base(name))
		}
	}
}
