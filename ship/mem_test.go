package ship

import "testing"

func TestMemStore(t *testing.T) {
	testStore(t, func(*testing.T) Store { return NewMem() })
}

func TestMemListsItsKeysSorted(t *testing.T) {
	m := NewMem()
	for _, key := range []string{"b", "a/2", "a/1"} {
		mustPut(t, m, object(key, nil))
	}
	got := m.Keys()
	if len(got) != 3 || got[0] != "a/1" || got[1] != "a/2" || got[2] != "b" {
		t.Errorf("keys %q", got)
	}
}
