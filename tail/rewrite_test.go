package tail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"swab/ledger"
)

func TestATruncatedFileIsReadFromItsBegin(t *testing.T) {
	for _, down := range []bool{false, true} {
		for _, text := range []string{"", "new\n", "half"} {
			t.Run(fmt.Sprintf("%q, down %v", text, down), func(t *testing.T) {
				w := newWorld(t)
				w.write("a.log", lines("old", 20))
				w.sweep()
				w.sealAll("api")
				num := w.file("a.log").Num()
				if down {
					w.stop()
				}
				w.write("a.log", text)
				if down {
					w.start()
				}
				w.sweep()
				if f := w.file("a.log"); f == nil || f.Num() == num || f.Away() {
					t.Fatalf("no new generation: %+v", f)
				}
				if rec, _ := w.rec(w.file("a.log").Num()); rec.After != num {
					t.Errorf("the generation follows %d, not %d", rec.After, num)
				}
				w.add("a.log", "more\n")
				w.want(w.sealAll("api"), text+"more\n")
				w.proven()
			})
		}
	}
}

func TestTruncationLosesAtLeastWhatWasSeenAndUnread(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", "1\n2\n")
	w.sweep()
	w.sealAll("api")
	w.add("a.log", "unread\n")
	w.sweep() // seen, though the ledger has not heard of it
	w.write("a.log", "")
	w.sweep()
	if a := w.account("api"); a.Lost != int64(len("unread\n")) {
		t.Errorf("account %+v", a)
	}
	if w.warned("gone before") != 1 {
		t.Errorf("said %q", w.said)
	}
	w.proven()
}

// eraseState is how far the erasing of the old content has come.
type eraseState int

const (
	raw eraseState = iota
	erased
	intended     // an intent is open, nothing is overwritten
	halfIntended // the first of two blocks is overwritten
	allIntended  // all is overwritten, and the event is missing
)

func (e eraseState) String() string {
	return [...]string{"raw", "erased", "intended", "half intended", "all intended"}[e]
}

// zero overwrites the first n bytes of a file.
func (w *world) zero(name string, n int64) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(name), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, n), 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// to brings a wholly sealed file there.
func (e eraseState) to(w *world, name string) {
	w.t.Helper()
	info, err := os.Stat(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	switch e {
	case erased:
		w.erase("api")
	case intended:
		w.intend("api")
	case halfIntended:
		w.intend("api")
		w.zero(name, min(ledger.BlockSize, info.Size()))
	case allIntended:
		w.intend("api")
		w.zero(name, info.Size())
	}
}

var eraseStates = []eraseState{raw, erased, intended, halfIntended, allIntended}

func TestAFileRewrittenPastTheCursorIsReadFromItsBegin(t *testing.T) {
	for _, size := range []int{1, 4, 200, 250} { // lines: a mark of less than 64 bytes, within a block, across two
		for _, state := range eraseStates {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d lines, %s, down %v", size, state, down), func(t *testing.T) {
					w := newWorld(t)
					old, fresh := lines("old", size), lines("fresh", 2*size+3)
					w.write("a.log", old)
					w.sweep()
					w.want(w.sealAll("api"), old)
					state.to(w, "a.log")
					if down {
						w.stop()
					}
					w.write("a.log", fresh)
					if down {
						w.start()
					}
					if !down {
						// Before any sweep: whoever reads must notice by himself.
						if _, err := w.set.Files()[0].Take(w.options()); !errors.Is(err, ErrRewritten) {
							t.Errorf("Take: %v", err)
						}
					}
					w.sweep()
					w.want(w.sealAll("api"), fresh)
					w.proven()
				})
			}
		}
	}
}

func TestOurOwnErasingIsNoRewriting(t *testing.T) {
	for _, size := range []int{1, 4, 200, 250} {
		for _, state := range eraseStates {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d lines, %s, down %v", size, state, down), func(t *testing.T) {
					w := newWorld(t)
					w.write("a.log", lines("old", size))
					w.sweep()
					w.sealAll("api")
					num := w.file("a.log").Num()
					state.to(w, "a.log")
					w.keeps(num, down)
				})
			}
		}
	}
}

// keeps fails the test unless a.log, which is all read, goes on as generation
// num, in this run or in the next.
func (w *world) keeps(num uint64, down bool) {
	w.t.Helper()
	if down {
		w.stop()
	}
	w.add("a.log", "more\n")
	if down {
		w.start()
	}
	w.sweep()
	if f := w.file("a.log"); f.Num() != num {
		w.t.Errorf("generation %d after %d", f.Num(), num)
	}
	w.want(w.sealAll("api"), "more\n")
	w.proven()
}

func TestAFileWhoseHeadAloneIsErasedKeepsItsGeneration(t *testing.T) {
	// Ranges go one by one; the first sight's head spans three of them.
	w := newWorld(t)
	w.budget = 1
	w.write("a.log", "line 1\nline 2\nline 3\n"+lines("rest", 5))
	w.sweep()
	num := w.file("a.log").Num()
	for range 3 {
		w.seal("api")
		w.erase("api")
		w.sweep()
		if w.file("a.log").Num() != num {
			t.Fatal("a new generation")
		}
	}
	w.restart()
	if w.file("a.log").Num() != num {
		t.Fatal("a new generation")
	}
	w.want(w.sealAll("api"), lines("rest", 5))
}

// The head spans ranges that one intent names, and they go one after the other:
// a look between two of them, or a crash, finds it half raw.
func TestAFileWhoseHeadIsBeingErasedKeepsItsGeneration(t *testing.T) {
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down %v", down), func(t *testing.T) {
			w := newWorld(t)
			w.budget = 1
			w.write("a.log", "line 1\nline 2\nline 3\n"+lines("rest", 200))
			w.sweep()
			num := w.file("a.log").Num()
			w.seal("api")
			w.budget = 1 << 20
			w.sealAll("api")
			w.intend("api")
			w.zero("a.log", int64(len("line 1\n")))
			w.keeps(num, down)
		})
	}
}

func TestRewritingOfUnreadContentLosesTheOldAndReadsTheNew(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", lines("old", 3))
	w.sweep()
	w.write("a.log", lines("new", 30))
	w.sweep()
	w.want(w.sealAll("api"), lines("new", 30))
	if a := w.account("api"); a.Lost != int64(len(lines("old", 3))) {
		t.Errorf("account %+v", a)
	}
	w.proven()
}

// TestAFileRewrittenWhileItIsReadGivesNothing rewrites between two chunks.
func TestAFileRewrittenWhileItIsReadGivesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first string // sealed before
		known bool   // content at first sight
		fresh string
	}{
		{"nothing read before, empty at first sight", "", false, lines("fresh", 400)},
		{"nothing read before, full at first sight", "", true, lines("fresh", 400)},
		{"shorter", "", false, "short\n"},
		{"some read before", lines("first", 10), true, lines("fresh", 400)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.buf = 100
			w.write("a.log", tt.first)
			if tt.known {
				w.add("a.log", lines("old", 100))
			}
			w.sweep()
			if !tt.known {
				w.add("a.log", lines("old", 100))
			}
			if tt.first != "" {
				w.budget = int64(len(tt.first))
				w.seal("api")
				w.budget = 1 << 20
			}
			r, err := w.file("a.log").Take(w.options())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			w.write("a.log", tt.fresh)
			for err == nil {
				_, err = r.Next(make([]byte, 100))
			}
			if !errors.Is(err, ErrRewritten) {
				t.Fatalf("it ends with %v, not with ErrRewritten", err)
			}
		})
	}
}

func TestAGenerationBegunMeanwhileEndsItsReaders(t *testing.T) {
	w := newWorld(t)
	w.write("a.log", lines("old", 10))
	w.sweep()
	f := w.file("a.log")
	num := f.Num()
	r, err := f.Take(w.options())
	if err != nil {
		t.Fatal(err)
	}
	w.write("a.log", "")
	w.sweep()
	if _, err := r.Next(make([]byte, 100)); !errors.Is(err, ErrRewritten) {
		t.Errorf("Next: %v", err)
	}
	if err := f.Erase(num, nil); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("Erase: %v", err)
	}
	if err := f.Unlinking(num, w.clock(), nil); !errors.Is(err, ErrOtherGeneration) {
		t.Errorf("Unlinking: %v", err)
	}
}

// TestTheGapOfAWriterWithoutAppendIsNoContent truncates the log of a writer
// that keeps its offset: what it writes next stands behind a gap of NULs.
func TestTheGapOfAWriterWithoutAppendIsNoContent(t *testing.T) {
	for _, state := range []eraseState{raw, erased} {
		for _, size := range []int{3, 5000} {
			t.Run(fmt.Sprintf("%s, %d lines", state, size), func(t *testing.T) {
				w := newWorld(t)
				f, err := os.Create(w.path("a.log"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if _, err := io.WriteString(f, lines("old", size)); err != nil {
					t.Fatal(err)
				}
				w.sweep()
				w.sealAll("api")
				state.to(w, "a.log")
				if _, err := io.WriteString(f, "unread\n"); err != nil {
					t.Fatal(err)
				}
				if err := f.Truncate(0); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(f, "after\n"); err != nil {
					t.Fatal(err)
				}
				w.sweep()
				w.want(w.sealAll("api"), "after\n")
				info, err := f.Stat()
				if err != nil {
					t.Fatal(err)
				}
				rec, _ := w.rec(w.file("a.log").Num())
				if rec.Cursor != info.Size() {
					t.Errorf("cursor %d, size %d: the gap belongs to the range", rec.Cursor, info.Size())
				}
				w.restart()
				if _, err := io.WriteString(f, "more\n"); err != nil {
					t.Fatal(err)
				}
				w.want(w.sealAll("api"), "more\n")
				w.proven()
			})
		}
	}
}

func TestNULsInTheMiddleOfALogAreLeftIn(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("text\n", 2000) + "a\x00b\n\x00\x00c\n"
	w.write("a.log", text)
	w.sweep()
	w.want(w.sealAll("api"), text)
}
