package inspect

import (
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
)

func TestAside(t *testing.T) {
	var a Aside[int]
	at := func(id uint64, stream uint32, dir flow.Direction) *int {
		return a.Of(&Context{Flow: &flow.Flow{ID: id}, Dir: dir, Shown: &field.Message{Stream: stream}})
	}
	n := 0
	for id := range uint64(8) {
		for stream := range uint32(8) {
			for dir := range flow.Direction(2) {
				n++
				if p := at(id, stream+1, dir); *p != 0 {
					t.Fatalf("%d %d %v is %d at first", id, stream, dir, *p)
				} else {
					*p = n
				}
			}
		}
	}
	n = 0
	for id := range uint64(8) {
		for stream := range uint32(8) {
			for dir := range flow.Direction(2) {
				if n++; *at(id, stream+1, dir) != n {
					t.Fatalf("%d %d %v is %d, want %d", id, stream, dir, *at(id, stream+1, dir), n)
				}
			}
		}
	}
	// Who is asked for stays, however many others come.
	for i := range uint64(100 * asideSets * asideWays) {
		at(1000+i, 1, 0)
		if p := at(3, 3, 1); *p == 0 {
			t.Fatalf("it has given way to the %d-th", i)
		}
	}
	if *at(5, 5, 1) != 0 {
		t.Error("nobody has given way")
	}
}
