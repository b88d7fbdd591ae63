package ship

import (
	"os"
	"testing"

	"pgregory.net/rapid"
)

// spoolModel drives a spool in any order of calls and crashes.
type spoolModel struct {
	dir    string
	spool  *Spool
	drafts map[ID]*Draft
}

// Whatever the order of calls and crashes, Used is what is on disk, and every
// sealed batch has both of its files.
func TestUsedIsWhatIsOnDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "swab-spool-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &spoolModel{dir: dir, drafts: map[ID]*Draft{}}
		if m.spool, err = OpenSpool(dir); err != nil {
			t.Fatal(err)
		}
		defer func() { m.spool.Close() }()
		t.Repeat(rapid.StateMachineActions(m))
	})
}

func (m *spoolModel) Check(t *rapid.T) {
	if used, disk := m.spool.Used(), onDisk(t, m.dir); used != disk {
		t.Fatalf("%d bytes used, %d on disk", used, disk)
	}
}

func (m *spoolModel) Create(t *rapid.T) {
	id := pickID(t)
	if m.drafts[id] != nil {
		t.Skip("is open")
	}
	d, err := m.spool.Create(id, Codec{Name: rapid.SampledFrom([]string{CodecNone, CodecZstd}).Draw(t, "codec")})
	noError(t, err)
	m.drafts[id] = d
}

func (m *spoolModel) Write(t *rapid.T) {
	d := m.drafts[pickID(t)]
	if d == nil {
		t.Skip("is not open")
	}
	_, err := d.Write(noise(rapid.IntRange(0, 200_000).Draw(t, "size"), 1))
	noError(t, err)
	_, err = d.WriteSums(noise(rapid.IntRange(0, 100_000).Draw(t, "sums"), 2))
	noError(t, err)
}

func (m *spoolModel) Seal(t *rapid.T) {
	id := pickID(t)
	if m.drafts[id] == nil {
		t.Skip("is not open")
	}
	_, err := m.drafts[id].Seal()
	noError(t, err)
	delete(m.drafts, id)
	for _, open := range []func(ID) (*os.File, error){m.spool.Body, m.spool.Sums} {
		f, err := open(id)
		noError(t, err)
		noError(t, f.Close())
	}
}

func (m *spoolModel) Discard(t *rapid.T) {
	id := pickID(t)
	if m.drafts[id] == nil {
		t.Skip("is not open")
	}
	noError(t, m.drafts[id].Discard())
	delete(m.drafts, id)
}

func (m *spoolModel) Remove(t *rapid.T) {
	id := pickID(t)
	noError(t, m.spool.RemoveBody(id, rapid.Bool().Draw(t, "overwrite")))
	noError(t, m.spool.RemoveSums(id))
}

func (m *spoolModel) Crash(t *rapid.T) {
	clear(m.drafts)
	noError(t, m.spool.Close())
	var err error
	m.spool, err = OpenSpool(m.dir)
	noError(t, err)
	if rapid.Bool().Draw(t, "sweep") {
		_, err := m.spool.Sweep(func(id ID) (bool, bool) { return id.Number > 1, id.Number > 2 })
		noError(t, err)
	}
}

func pickID(t *rapid.T) ID {
	return ID{"api", rapid.Uint64Range(1, 3).Draw(t, "number")}
}

func noError(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
