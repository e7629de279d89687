package inspect

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/weir-project/weir/flow"
)

// State declares that its inspector keeps one T per flow. The engine owns that memory,
// counts it against the flow table's ceiling, and zeroes it when a flow begins. T must
// hold no pointers, so that a flow table costs the garbage collector nothing.
//
//	type Police struct{ bucket inspect.State[tokens] }
//	func (q *Police) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&q.bucket} }
//	… q.bucket.Of(cx.Flow).left -= n
type State[T any] struct{ word int }

// A StateSlot is a State of any type, as the chain sees it.
type StateSlot interface {
	place(word int) (words int, err error)
}

// place puts the state at the given 8-byte word of a flow's memory and returns its size.
func (s *State[T]) place(word int) (int, error) {
	t := reflect.TypeFor[T]()
	if hasPointers(t) {
		return 0, fmt.Errorf("inspect: per-flow state %v holds pointers", t)
	}
	s.word = word
	return max(1, int(t.Size()+7)/8), nil
}

// Of returns f's T. It is valid as long as the flow lives.
func (s *State[T]) Of(f *flow.Flow) *T {
	return (*T)(unsafe.Pointer(&f.Memory[s.word]))
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}
