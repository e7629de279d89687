package journal

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"unsafe"
)

func clone(b []byte) []byte {
	words := make([]uint64, len(b)/8)
	c := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(b))
	copy(c, b)
	return c
}

// TestTornPut stops a writer at every byte of a record that replaces another, in every order of the
// bytes' halves: until the commit word stands the former record is read, afterwards the new one.
func TestTornPut(t *testing.T) {
	c := Config{Slots: 4, Value: 100}
	before := memory(c)
	s := mustOpen(t, before).Shard(0)
	s.Put([]byte("other"), []byte("stays"))
	s.Put([]byte("key"), []byte("old"))
	after := clone(before)
	mustOpen(t, after).Shard(0).Put([]byte("key"), []byte("new and longer"))

	words := pageSize
	dataFrom := words + c.wordBytes()
	var changed []int // data first, as Put writes it, then words: commit, then release
	for i := dataFrom; i < len(before); i++ {
		if before[i] != after[i] {
			changed = append(changed, i)
		}
	}
	if len(changed) < 10 {
		t.Fatalf("only %d bytes differ", len(changed))
	}
	check := func(b []byte, what, want string) {
		t.Helper()
		s := mustOpen(t, b).Shard(0)
		if got := contents(s); !maps.Equal(got, map[string]string{"other": "stays", "key": want}) {
			t.Errorf("%s: %q", what, got)
		}
		for i := range 10 { // and it works on
			if !s.Put([]byte("key"), fmt.Append(nil, i)) || !s.Put([]byte("more"), fmt.Append(nil, i)) {
				t.Fatalf("%s: put %d: %+v", what, i, s.Stats())
			}
		}
	}
	b := clone(before)
	for n, i := range changed {
		check(clone(b), fmt.Sprintf("stopped before byte %d", n), "old")
		b[i] = after[i]
	}
	check(clone(b), "stopped before the commit", "old")
	var commit, release int
	for i := words; i < dataFrom; i += 8 {
		if native64(before[i:]) != native64(after[i:]) {
			if native64(before[i:]) == 0 {
				commit = i
			} else {
				release = i
			}
		}
	}
	copy(b[commit:commit+8], after[commit:])
	check(clone(b), "stopped before the release", "new and longer")
	if st := mustOpen(t, clone(b)).Shard(0).Stats(); st.Stale != 1 || st.Torn != 0 || st.Found != 2 {
		t.Errorf("both records of a key: %+v", st)
	}
	copy(b[release:release+8], after[release:])
	check(clone(b), "at the end", "new and longer")

	// A commit without its data, as no kill leaves it but a machine might.
	b = clone(before)
	copy(b[commit:commit+8], after[commit:])
	check(b, "commit without data", "old")
}

// FuzzOpen makes a whole shard of hostile bytes: opening ends, nothing is read outside, and what is
// left works.
func FuzzOpen(f *testing.F) {
	c := Config{Slots: 4, Value: 40}
	b := memory(c)
	s, err := open(b)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		s.Shard(0).Put(fmt.Append(nil, "key", i), []byte("value"))
	}
	f.Add(bytes.Clone(b[pageSize:pageSize+64]), bytes.Clone(b[pageSize+c.wordBytes():]))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}, []byte{0, 0, 0, 0, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, words, data []byte) {
		b := memory(c)
		copy(b[pageSize:pageSize+c.wordBytes()], words)
		copy(b[pageSize+c.wordBytes():], data)
		s := mustOpen(t, b).Shard(0)
		st := s.Stats()
		found := contents(s)
		if st.Found != len(found) || st.Found > c.Slots+1 {
			t.Fatalf("%+v, and %d listed", st, len(found))
		}
		for k, v := range found {
			if got, ok := s.Get([]byte(k)); !ok || string(got) != v || len(k) > MaxKey || len(v) > c.Value {
				t.Fatalf("key %q: %q, %v, listed %q", k, got, ok, v)
			}
			s.Delete([]byte(k))
		}
		for i := range c.Slots {
			if !s.Put(fmt.Append(nil, i), []byte("x")) {
				t.Fatalf("no room after all was deleted: %+v", s.Stats())
			}
		}
		if again := mustOpen(t, b).Shard(0); again.Stats().Found != c.Slots || again.Stats().Torn != 0 {
			t.Fatalf("opened again: %+v", again.Stats())
		}
	})
}
