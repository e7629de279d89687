package proto

import (
	"bytes"
	"testing"
)

func TestPoolKeepsItsCeiling(t *testing.T) {
	var p Pool[int]
	a, b := p.Take(2), p.Take(2)
	if a == nil || b == nil || p.Take(2) != nil || p.Used() != 2 {
		t.Fatalf("%v, %v, %d in use", a, b, p.Used())
	}
	*a = 7
	p.Put(a)
	if again := p.Take(2); again != a || *again != 7 || p.Used() != 2 || p.Made() != 2 {
		t.Errorf("%v is not what was put back", again)
	}
}

// TestTextsAreKeptApart: each in a buffer of its own, which is free once nothing is kept in it.
func TestTextsAreKeptApart(t *testing.T) {
	texts := Texts{Size: 8, Most: 2}
	one := texts.Keep(nil, []byte("one"))
	two := texts.Keep(nil, []byte("another"))
	if !bytes.Equal(one, []byte("one")) || !bytes.Equal(two, []byte("another")) || texts.Has(nil) || !texts.Has(one) || texts.Used() != 2 {
		t.Fatalf("%q, %q, %d in use", one, two, texts.Used())
	}
	if two = texts.Keep(two, two[2:]); string(two) != "other" {
		t.Errorf("the end of what was kept is %q", two)
	}
	if one = texts.Keep(one, nil); one != nil || texts.Used() != 1 || !texts.Has(nil) {
		t.Errorf("%q, %d in use", one, texts.Used())
	}
	if n := testing.AllocsPerRun(10, func() { one = texts.Keep(texts.Keep(one, []byte("again")), nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
