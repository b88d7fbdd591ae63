package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// after folds events, a second apart, that must all be legal.
func after(t *testing.T, events ...Event) *State {
	t.Helper()
	state := newState()
	for _, e := range events {
		stamp(state, &e, time.Second)
		if err := state.apply(&e, "sum"); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

const limit = time.Duration(week) * time.Second

// illegal is an event after others; want is a part of the refusal, empty where
// the event is legal.
type illegal struct {
	name   string
	before []Event
	event  Event
	want   string
}

// Histories of one file of 100 bytes, as far as the names say.
func opened(class string) []Event { return []Event{startEvent(), openEvent(1, class, 100)} }

func sealed(class string) []Event {
	return append(opened(class), sealEvent(class, 1, lines(1, 0, 40), lines(1, 40, 100)))
}

func shipped(class string) []Event { return append(sealed(class), shipEvent(class, 1)) }

func expireEvent(number uint64, r Range) Event {
	return Event{Expire: &Expire{Batch: BatchID{ExpireClass, number}, Range: r}}
}

func expired() []Event { return append(opened("api"), expireEvent(1, Range{File: 1, To: 100})) }

func lostEvent(from, to int64) Event { return Event{Lost: &Lost{File: 1, From: from, To: to}} }

func closeEvent(why string) Event { return Event{Close: &FileClose{File: 1, Why: why}} }

// late lets the limit pass after events.
func late(events ...Event) []Event {
	pause := startEvent()
	pause.At = begin.Add(limit)
	return append(slices.Clip(events), pause)
}

// slow gives class api an hour in which shipped bytes can be read.
func slow(events ...Event) []Event {
	e := startEvent()
	e.Start.Policies["api"] = Retention{RawLimit: week, EraseAfter: 3600}
	return append([]Event{e}, events[1:]...)
}

// unknown takes all policies away.
func unknown(events ...Event) []Event {
	e := startEvent()
	e.Start.Policies = nil
	return append([]Event{e}, events[1:]...)
}

func illegalErasing() []illegal {
	return []illegal{
		{"erase before the store has it", sealed("api"), eraseEvent(ReasonShipped, "api", 1), "not shipped"},
		{"erase when the store has it", shipped("api"), eraseEvent(ReasonShipped, "api", 1), ""},
		{"erase of a part", shipped("api"), eraseEvent(ReasonShipped, "api", 1, 1), ""},
		{"erase for no reason", shipped("api"), eraseEvent("", "api", 1), "no reason"},
		{"erase as expired", shipped("api"), eraseEvent(ReasonExpire, "api", 1), "no reason"},
		{"erase of an unknown batch", sealed("api"), eraseEvent(ReasonShipped, "api", 2), "unknown batch"},
		{"erase of a range that is not there", shipped("api"), eraseEvent(ReasonShipped, "api", 1, 2), "no range 2"},
		{"erase at the limit, too early", shipped("api"), eraseEvent(ReasonLimit, "api", 1), "overdue is false"},
		{"erase at the limit, unshipped", late(sealed("api")...), eraseEvent(ReasonLimit, "api", 1), "shipped is false"},
		{"erase at the limit", late(shipped("web")...), eraseEvent(ReasonLimit, "web", 1), ""},
		{"erase sealed, too early", sealed("api"), eraseEvent(ReasonLimitSealed, "api", 1), "overdue is false"},
		{"erase sealed at the limit", late(sealed("api")...), eraseEvent(ReasonLimitSealed, "api", 1), ""},
		{"erase sealed, though shipped", late(shipped("api")...), eraseEvent(ReasonLimitSealed, "api", 1), "shipped is true"},
		{"erase when shipped of a class that waits", late(shipped("web")...), eraseEvent(ReasonShipped, "web", 1), "until the limit"},
		{"erase of a class that is not erased", late(shipped("off")...), eraseEvent(ReasonLimit, "off", 1), "not erased"},
		{"erase before the time to read it is over", slow(shipped("api")...), eraseEvent(ReasonShipped, "api", 1), "longer"},
		{"erase without a policy", unknown(shipped("new")...), eraseEvent(ReasonShipped, "new", 1), "no policy"},
		{"erase of what expired", expired(), eraseEvent(ReasonLimitSealed, ExpireClass, 1), "has its intent"},
		{"erased without an intent", shipped("api"), erasedEvent("api", 1), "no intent"},
		{"erased with an intent for another range", append(shipped("api"), eraseEvent(ReasonShipped, "api", 1, 0)), erasedEvent("api", 1), "no intent"},
		{"erased what expired", expired(), erasedEvent(ExpireClass, 1), ""},
		{"erased of an unknown batch", sealed("api"), erasedEvent("api", 7), "unknown batch"},
		{"erased after the file was closed", append(shipped("api"), eraseEvent(ReasonShipped, "api", 1), closeEvent("gone")), erasedEvent("api", 1), ""},
	}
}

func illegalOthers() []illegal {
	return []illegal{
		{"ship of nothing", opened("api"), shipEvent("api", 1), "not sealed"},
		{"ship out of order", append(sealed("api"), sealEvent("api", 2, lines(1, 100, 120))), shipEvent("api", 2), "want number 1"},
		{"ship twice", shipped("api"), shipEvent("api", 1), "want number 2"},
		{"ship of what expired", expired(), shipEvent(ExpireClass, 1), "not sealed"},
		{"seal out of order", opened("api"), sealEvent("api", 2, lines(1, 0, 100)), "want number 1"},
		{"seal that skips bytes", opened("api"), sealEvent("api", 1, lines(1, 1, 100)), "cursor is at 0"},
		{"seal twice", sealed("api"), sealEvent("api", 2, lines(1, 0, 100)), "cursor is at 100"},
		{"seal of nothing", opened("api"), sealEvent("api", 1), "come to 0 bytes"},
		{"seal of an empty range", opened("api"), sealEvent("api", 1, lines(1, 0, 0)), "cursor is at 0"},
		{"seal of an unknown file", opened("api"), sealEvent("api", 1, lines(2, 0, 10)), "unknown file"},
		{"seal under another class", opened("api"), sealEvent("web", 1, lines(1, 0, 100)), `of class "api"`},
		{"seal as expired", opened("api"), sealEvent(ExpireClass, 1, lines(1, 0, 100)), "no files"},
		{"seal that counts wrong", opened("api"), Event{Seal: &Seal{Batch: BatchID{"api", 1}, Raw: 99, Lines: 1, Ranges: []Range{lines(1, 0, 100)}}}, "come to 100 bytes"},
		{"seal of bytes that were not seen", opened("api"), sealEvent("api", 1, lines(1, 0, 5000)), ""},
		{"expire too early", opened("api"), expireEvent(1, lines(1, 0, 100)), "not at its limit"},
		{"expire at the limit", late(opened("api")...), expireEvent(1, lines(1, 0, 100)), ""},
		{"expire of unknown age", opened("api"), expireEvent(1, Range{File: 1, To: 100}), ""},
		{"expire of what is sealed", sealed("api"), expireEvent(1, Range{File: 1, To: 100}), "cursor is at 100"},
		{"expire out of order", opened("api"), expireEvent(2, Range{File: 1, To: 100}), "want expire/1"},
		{"expire of a class that is not erased", opened("off"), expireEvent(1, Range{File: 1, To: 100}), "not erased"},
		{"expire without a policy", unknown(opened("new")...), expireEvent(1, Range{File: 1, To: 100}), "no policy"},
		{"lost before the cursor", sealed("api"), lostEvent(0, 100), "not what is unread"},
		{"lost backwards", sealed("api"), lostEvent(100, 90), "not what is unread"},
		{"lost", opened("api"), lostEvent(0, 100), ""},
		{"close with bytes unread", opened("api"), closeEvent("gone"), "not accounted for"},
		{"close as unlinked with raw bytes", shipped("api"), closeEvent("unlinked"), "100 raw bytes"},
		{"close of what others removed", shipped("api"), closeEvent("gone"), ""},
		{"close as unlinked when all is erased", append(shipped("api"), eraseEvent(ReasonShipped, "api", 1), erasedEvent("api", 1)), closeEvent("unlinked"), ""},
		{"close twice", append(shipped("api"), closeEvent("gone")), closeEvent("gone"), "unknown file"},
		{"open with another number", opened("api"), openEvent(3, "api", 0), "want number 2"},
		{"open without a class", opened("api"), openEvent(2, "", 0), "class"},
		{"open in the class of what expired", opened("api"), openEvent(2, ExpireClass, 0), "class"},
		{"open of less than nothing", opened("api"), openEvent(2, "api", -1), "size -1"},
		{"seen of an unknown file", opened("api"), seenEvent(2, 5, 0), "unknown file"},
	}
}

// Invariant 2, and what else cannot have happened.
func TestIllegalEventsAreRefused(t *testing.T) {
	for _, tt := range append(illegalErasing(), illegalOthers()...) {
		t.Run(tt.name, func(t *testing.T) {
			state := newState()
			for _, e := range tt.before {
				at := e.At
				stamp(state, &e, time.Second)
				e.At = later(e.At, at)
				if err := state.apply(&e, "sum"); err != nil {
					t.Fatalf("%s: %v", e.Kind, err)
				}
			}
			before := toJSON(t, state)
			e := tt.event
			stamp(state, &e, 0)
			err := state.apply(&e, "sum")
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("error %v, want %q", err, tt.want)
			case err != nil && toJSON(t, state) != before:
				t.Fatal("the state changed")
			}
			balanced(t, state)
		})
	}
}

func TestSettledBatchesAndKeysAreForgotten(t *testing.T) {
	seal := sealEvent("api", 1, lines(1, 0, 100))
	seal.Seal.Ranges[0].Tail = []Mark{{Off: 36, Len: 64, Day: "2026-11-22"}}
	state := after(t, startEvent(), openEvent(1, "api", 100), seal)
	if used := state.KeysInUse(); !used["2026-11-23"] || !used["2026-11-22"] {
		t.Errorf("keys in use: %v", used)
	}
	for _, e := range []Event{shipEvent("api", 1), eraseEvent(ReasonShipped, "api", 1), erasedEvent("api", 1)} {
		if len(state.Batches) != 1 {
			t.Errorf("before %+v: the batch is forgotten", e)
		}
		stamp(state, &e, time.Second)
		if err := state.apply(&e, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(state.Batches) != 0 || len(state.KeysInUse()) != 0 {
		t.Errorf("batches %v, keys %v", state.Batches, state.KeysInUse())
	}
}

func TestSkippedBytesCountAsRemoved(t *testing.T) {
	state := after(t, startEvent(), openEvent(1, "api", 100), sealEvent("api", 1, lines(1, 0, 100)), shipEvent("api", 1), eraseEvent(ReasonShipped, "api", 1),
		Event{Erased: &Erased{Refs: []Ref{{Batch: BatchID{"api", 1}}}, Skipped: []Span{{File: 1, From: 90, To: 500}, {File: 2, From: 0, To: 50}}}})
	if a := state.Account("api"); a.Erased != 90 || a.Removed != 10 || a.Present != 0 {
		t.Errorf("%+v", a)
	}
	balanced(t, state)
}

// A stop that came since batches failed is no orderly end, and says since when
// they do, until one is sealed.
func TestAStopTellsWhoseBatchesFailed(t *testing.T) {
	s := NewState()
	at := time.Unix(1_800_000_000, 0)
	stop := func(classes ...string) error {
		at = at.Add(time.Minute)
		return s.Apply(Event{Stop: &Stop{Why: "a test says so", Unsealed: classes}}, at)
	}
	if err := s.Apply(Event{Start: &Start{Policies: map[string]Retention{"api": {}, "web": {}}}}, at); err != nil {
		t.Fatal(err)
	}
	if err := stop("api", "other"); err == nil || s.Classes["api"].Unsealed != 0 {
		t.Errorf("a class that nobody knows: %v, and %+v", err, s.Classes["api"])
	}
	first := at.Add(time.Minute).Unix()
	if err := errors.Join(stop("api"), stop("api")); err != nil {
		t.Fatal(err)
	}
	if api, web := s.Classes["api"].Unsealed, s.Classes["web"].Unsealed; api != first || web != 0 || s.Stopped {
		t.Errorf("failing since %d and %d, want since %d and not at all; stopped in order: %v", api, web, first, s.Stopped)
	}
	if err := stop(); err != nil || !s.Stopped || s.Classes["api"].Unsealed != first {
		t.Errorf("an orderly end: %v, %v, since %d", err, s.Stopped, s.Classes["api"].Unsealed)
	}
}
