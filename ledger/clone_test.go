package ledger

import (
	"reflect"
	"testing"
)

// What a reader keeps of a file is not changed by the events that follow: a copy
// shares no memory with the state, whatever a file may get to hold.
func TestAFilesCloneSharesNothing(t *testing.T) {
	f := &File{}
	fill(t, reflect.ValueOf(f).Elem())
	c := f.Clone()
	if !reflect.DeepEqual(f, c) {
		t.Fatalf("not a copy: %+v, of %+v", c, f)
	}
	apart(t, "File", reflect.ValueOf(f).Elem(), reflect.ValueOf(c).Elem())
}

// fill gives each pointer and each slice something to point to.
func fill(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Map, reflect.Chan, reflect.Interface:
		t.Fatalf("a %s: this test does not know how to look at it", v.Type())
	}
}

// apart fails where two values lead to the same memory.
func apart(t *testing.T, name string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			apart(t, name+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Pointer:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", name)
		}
		apart(t, name, a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", name)
		}
		for i := range a.Len() {
			apart(t, name, a.Index(i), b.Index(i))
		}
	}
}
