package ship

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// twisted is a Mem whose answers a test changes.
type twisted struct {
	*Mem
	calls []string
	put   func(Receipt, error) (Receipt, error)
	head  func(Info, error) (Info, error)
	// forgetful overwrites taken keys, like a store that ignores the condition.
	forgetful bool
}

func (s *twisted) Put(ctx context.Context, o Object) (Receipt, error) {
	s.calls = append(s.calls, "put")
	if s.forgetful {
		delete(s.objects, o.Key)
	}
	r, err := s.Mem.Put(ctx, o)
	if s.put != nil {
		r, err = s.put(r, err)
	}
	return r, err
}

func (s *twisted) Head(ctx context.Context, key string) (Info, error) {
	s.calls = append(s.calls, "head")
	info, err := s.Mem.Head(ctx, key)
	if s.head != nil {
		info, err = s.head(info, err)
	}
	return info, err
}

func unchecked(r Receipt, err error) (Receipt, error) { r.Checked = false; return r, err }

func withoutSum(i Info, err error) (Info, error) {
	i.HasSHA256, i.SHA256 = false, [32]byte{}
	return i, err
}

func TestShipAsksNoMoreThanItNeeds(t *testing.T) {
	for _, test := range []struct {
		name        string
		verify      Verify
		conditional bool
		put         func(Receipt, error) (Receipt, error)
		first       string // calls of the first ship
		second      string // of the same object again
	}{
		{"checked put", VerifyPut, true, nil, "put", "put"},
		{"unchecked put", VerifyPut, true, unchecked, "put head", "put"},
		{"verify head", VerifyHead, true, nil, "put head", "put head"},
		{"no condition", VerifyPut, false, nil, "head put", "head"},
		{"no condition, verify head", VerifyHead, false, nil, "head put head", "head"},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := &twisted{Mem: NewMem(), put: test.put}
			u := &Uploader{Store: st, Verify: test.verify, Conditional: test.conditional}
			for i, want := range []string{test.first, test.second} {
				st.calls = nil
				r, err := u.Ship(t.Context(), object("k", []byte("x")))
				if err != nil || r.Outcome != []Outcome{Stored, AlreadyThere}[i] {
					t.Errorf("ship %d: %+v, %v", i+1, r, err)
				}
				if got := strings.Join(st.calls, " "); got != want {
					t.Errorf("ship %d: calls %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestShipNeverTakesAMismatchForSuccess(t *testing.T) {
	change := func(f func(*Info)) func(Info, error) (Info, error) {
		return func(i Info, err error) (Info, error) {
			i.Metadata = maps.Clone(i.Metadata)
			f(&i)
			return i, err
		}
	}
	for _, test := range []struct {
		name string
		head func(Info, error) (Info, error)
		code string // empty for success
	}{
		{"all as it should be", nil, ""},
		{"cut short", change(func(i *Info) { i.Size-- }), CodeMismatch},
		{"other sum", change(func(i *Info) { i.SHA256[31] ^= 1 }), CodeMismatch},
		{"no sum, the same metadata", withoutSum, ""},
		{"no sum, other metadata", change(func(i *Info) { i.HasSHA256 = false; i.Metadata[metaSHA256] = "00" }), CodeMismatch},
		{"no sum, no metadata", change(func(i *Info) { i.HasSHA256 = false; i.Metadata = nil }), CodeUnverified},
	} {
		for _, u := range []*Uploader{
			{Verify: VerifyHead, Conditional: true},
			{Verify: VerifyPut, Conditional: true}, // with a put that is not checked
		} {
			st := &twisted{Mem: NewMem(), put: unchecked, head: test.head}
			u.Store = st
			_, err := u.Ship(t.Context(), object("k", []byte("some bytes")))
			if test.code == "" && err != nil || test.code != "" && !codeIs(err, test.code) {
				t.Errorf("%s, verify %s: %v, want %q", test.name, u.Verify, err, test.code)
			}
		}
	}
}

func TestShipFindsOtherBytesUnderATakenKey(t *testing.T) {
	for _, u := range []*Uploader{{Verify: VerifyHead, Conditional: true}, {Conditional: false}} {
		m := NewMem()
		mustPut(t, m, object("k", []byte("other")))
		u.Store = m
		if r, err := u.Ship(t.Context(), object("k", []byte("these"))); !codeIs(err, CodeMismatch) {
			t.Errorf("conditional %v: %+v, %v, want %s", u.Conditional, r, err, CodeMismatch)
		}
		if got := content(t, m, "k"); string(got) != "other" {
			t.Errorf("conditional %v: overwritten with %q", u.Conditional, got)
		}
	}
}

func TestShipPassesErrorsOn(t *testing.T) {
	broken := &Error{Op: opHead, Key: "k", Code: "SlowDown", RetryAfter: time.Second}
	fail := func(Info, error) (Info, error) { return Info{}, broken }
	for _, u := range []*Uploader{{Verify: VerifyHead, Conditional: true}, {Conditional: false}} {
		u.Store = &twisted{Mem: NewMem(), head: fail}
		if _, err := u.Ship(t.Context(), object("k", nil)); !errors.Is(err, broken) {
			t.Errorf("conditional %v: %v, want %v", u.Conditional, err, broken)
		}
	}
}

func TestShippedObjectCarriesItsSum(t *testing.T) {
	m := NewMem()
	o := object("k", []byte("x"))
	o.Metadata = map[string]string{"lines": "1"}
	if _, err := (&Uploader{Store: m, Conditional: true}).Ship(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	info, err := m.Head(t.Context(), "k")
	if err != nil || info.Metadata["sha256"] != hex.EncodeToString(o.SHA256[:]) || info.Metadata["lines"] != "1" {
		t.Errorf("metadata %v, %v", info.Metadata, err)
	}
	if len(o.Metadata) != 1 {
		t.Errorf("the caller's map was changed: %v", o.Metadata)
	}
}

func TestProbeTellsAStoreThatIgnoresTheCondition(t *testing.T) {
	for _, test := range []struct {
		name      string
		forgetful bool
		calls     []string // the number of puts at each probe
		want      bool
	}{
		{"heeds", false, []string{"put put", "put"}, true},
		{"ignores", true, []string{"put put", "put put"}, false},
	} {
		st := &twisted{Mem: NewMem(), forgetful: test.forgetful}
		for i, calls := range test.calls {
			st.calls = nil
			r, err := Probe(t.Context(), st, "p")
			if err != nil || r.Conditional != test.want || r.Date.IsZero() {
				t.Errorf("%s, probe %d: %+v, %v", test.name, i+1, r, err)
			}
			if got := strings.Join(st.calls, " "); got != calls {
				t.Errorf("%s, probe %d: %q, want %q", test.name, i+1, got, calls)
			}
		}
	}
}

func TestProbePassesErrorsOn(t *testing.T) {
	denied := &Error{Op: opPut, Key: "k", Code: CodeAccessDenied}
	st := &twisted{Mem: NewMem(), put: func(Receipt, error) (Receipt, error) { return Receipt{}, denied }}
	if r, err := Probe(t.Context(), st, ""); !errors.Is(err, denied) || !Permanent(err) || r.Conditional {
		t.Errorf("%+v, %v, want %v", r, err, denied)
	}
}

func TestVerifyIsReadAsItIsWritten(t *testing.T) {
	for _, v := range []Verify{VerifyPut, VerifyHead} {
		if got, err := ParseVerify(v.String()); err != nil || got != v {
			t.Errorf("%s: %v, %v", v, got, err)
		}
	}
	if _, err := ParseVerify("maybe"); err == nil {
		t.Error("maybe was taken")
	}
}

func TestRateHoldsAllBodiesTogetherToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := NewRate(1 << 20)
		body := noise(1<<20, 1)
		began := time.Now()
		done := make(chan time.Duration)
		for range 3 {
			go func() {
				r, waited := rate.pace(t.Context(), bytes.NewReader(body))
				got, err := io.ReadAll(io.NewSectionReader(r, 0, int64(len(body))))
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				done <- waited()
			}()
		}
		for range 3 {
			if waited := <-done; waited < 2*time.Second || waited > 3*time.Second {
				t.Errorf("a body was held for %v of 3s", waited)
			}
		}
		// The last piece is let through before it is paid for.
		if took := time.Since(began); took < 2900*time.Millisecond || took > 3*time.Second {
			t.Errorf("3 MiB at 1 MiB/s took %v", took)
		}
	})
}

func TestRateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, _ := NewRate(1).pace(ctx, bytes.NewReader(noise(ratePiece*2, 1)))
		_, err := r.ReadAt(make([]byte, ratePiece*2), 0)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestRateLimitedShipStoresTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMem()
		o := object("k", noise(500_000, 1))
		u := &Uploader{Store: m, Conditional: true, Rate: NewRate(100_000)}
		began := time.Now()
		if _, err := u.Ship(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 4*time.Second {
			t.Errorf("500 kB at 100 kB/s took %v", took)
		}
	})
}
